//! How many instructions the hot paths take, counted by Valgrind: a figure that
//! does not depend on what else the machine does. `benches/instructions.sh` runs
//! this, and fails when one has grown by more than a tenth.
//!
//! A figure that has changed for a good reason is written down anew below.

#![forbid(unsafe_code)]

#[path = "../support/mod.rs"]
mod support;

use std::hint::black_box;
use std::thread::sleep;
use std::time::Duration;

use gungraun::prelude::*;
use gungraun::{Callgrind, EventKind, LibraryBenchmarkConfig};
use metrics_exporter_prometheus::PrometheusBuilder;

use rocket_logto::internals::Keys;
use support::{Bench, expected};

/// The accepted counts.
mod accepted {
    pub const NO_GUARD: u64 = 29_500;
    pub const USER: u64 = 42_600;
    pub const USER_NEVER_SEEN: u64 = 120_200;
    pub const ACCESS_TOKEN: u64 = 46_500;
    pub const BEARER: u64 = 59_800;
    pub const ID_TOKEN: u64 = 2_595_000;
    pub const LOGOUT_TOKEN: u64 = 2_562_000;
}

fn at_most(accepted: u64) -> LibraryBenchmarkConfig {
    let limit = accepted + accepted / 10;
    let callgrind = Callgrind::with_args(["--cache-sim=no"]);
    let mut config = LibraryBenchmarkConfig::default();
    config.tool({ callgrind }.hard_limits([(EventKind::Ir, limit)]));
    config
}

/// The caches tidy themselves with the first request after 0.3 s, which is a tenth of what it
/// takes: not in the one that is counted.
fn tidied(ask: impl Fn() -> Vec<u8>) {
    sleep(Duration::from_millis(350));
    ask();
}

/// Everything on the way has been used before.
fn warm(path: &'static str) -> (Bench, &'static str) {
    let bench = Bench::start();
    for _ in 0..20 {
        bench.page(path);
    }
    tidied(|| bench.page(path));
    (bench, path)
}

#[library_benchmark(config = at_most(accepted::NO_GUARD))]
#[bench::warm(args = ("/"), setup = warm)]
fn no_guard((bench, path): (Bench, &'static str)) -> (Bench, Vec<u8>) {
    let page = black_box(bench.page(path));
    (bench, page)
}

#[library_benchmark(config = at_most(accepted::USER))]
#[bench::warm(args = ("/user"), setup = warm)]
fn user((bench, path): (Bench, &'static str)) -> (Bench, Vec<u8>) {
    let page = black_box(bench.page(path));
    (bench, page)
}

#[library_benchmark(config = at_most(accepted::ACCESS_TOKEN))]
#[bench::warm(args = ("/token"), setup = warm)]
fn access_token((bench, path): (Bench, &'static str)) -> (Bench, Vec<u8>) {
    let page = black_box(bench.page(path));
    (bench, page)
}

/// The same, with metrics that go to a recorder.
fn counted(path: &'static str) -> (Bench, &'static str) {
    record();
    warm(path)
}

/// Each benchmark has a process of its own.
fn record() {
    let recorder = PrometheusBuilder::new().install_recorder();
    recorder.expect("the first one of the process");
}

#[library_benchmark(config = at_most(accepted::USER))]
#[bench::warm(args = ("/user"), setup = counted)]
fn user_counted((bench, path): (Bench, &'static str)) -> (Bench, Vec<u8>) {
    let page = black_box(bench.page(path));
    (bench, page)
}

#[library_benchmark(config = at_most(accepted::ACCESS_TOKEN))]
#[bench::warm(args = ("/token"), setup = counted)]
fn access_token_counted((bench, path): (Bench, &'static str)) -> (Bench, Vec<u8>) {
    let page = black_box(bench.page(path));
    (bench, page)
}

fn never_seen() -> (Bench, String) {
    let (bench, _) = warm("/user");
    let session = bench.another_session(1);
    tidied(|| bench.get("/user", "Cookie", &bench.another_session(2)));
    (bench, session)
}

#[library_benchmark(config = at_most(accepted::USER_NEVER_SEEN))]
#[bench::cold(setup = never_seen)]
fn user_never_seen((bench, session): (Bench, String)) -> (Bench, Vec<u8>) {
    let page = black_box(bench.get("/user", "Cookie", &session));
    (bench, page)
}

fn with_token() -> (Bench, String) {
    let bench = Bench::start();
    let token = bench.access_token(0);
    for _ in 0..20 {
        bench.with_bearer(&token);
    }
    tidied(|| bench.with_bearer(&token));
    (bench, token)
}

#[library_benchmark(config = at_most(accepted::BEARER))]
#[bench::warm(setup = with_token)]
fn bearer((bench, token): (Bench, String)) -> (Bench, Vec<u8>) {
    let page = black_box(bench.with_bearer(&token));
    (bench, page)
}

fn counted_with_token() -> (Bench, String) {
    record();
    with_token()
}

#[library_benchmark(config = at_most(accepted::BEARER))]
#[bench::warm(setup = counted_with_token)]
fn bearer_counted((bench, token): (Bench, String)) -> (Bench, Vec<u8>) {
    let page = black_box(bench.with_bearer(&token));
    (bench, page)
}

fn signed_id_token() -> (Keys, String, String) {
    let bench = Bench::start();
    (bench.keys(), bench.issuer(), bench.id_token())
}

fn signed_logout_token() -> (Keys, String, String) {
    let bench = Bench::start();
    (bench.keys(), bench.issuer(), bench.logout_token())
}

#[library_benchmark(config = at_most(accepted::ID_TOKEN))]
#[bench::es384(setup = signed_id_token)]
fn id_token((keys, issuer, token): (Keys, String, String)) -> Keys {
    let claims = keys.id_token(&token, expected(&issuer));
    black_box(claims).expect("a good token");
    keys
}

#[library_benchmark(config = at_most(accepted::LOGOUT_TOKEN))]
#[bench::es384(setup = signed_logout_token)]
fn logout_token((keys, issuer, token): (Keys, String, String)) -> Keys {
    let named = keys.logout_token(&token, expected(&issuer));
    black_box(named).expect("a good token");
    keys
}

library_benchmark_group!(
    name = hot,
    benchmarks = [
        no_guard,
        user,
        user_counted,
        access_token,
        access_token_counted,
        user_never_seen,
        bearer,
        bearer_counted,
        id_token,
        logout_token
    ]
);
main!(library_benchmark_groups = hot);
