//! What each thing costs, in time: `cargo bench --all-features --bench costs`.
//! For ratios under load see `load.sh`, for counts that do not depend on the
//! machine's mood `instructions`.

#![forbid(unsafe_code)]

mod support;

use std::hint::black_box;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use rocket_logto::IdTokenClaims;

use support::{Bench, expected};

fn guards(criterion: &mut Criterion) {
    let bench = Bench::start();
    let mut group = criterion.benchmark_group("guard");
    for (name, path) in [
        ("none", "/"),
        ("User", "/user"),
        ("User of a type of the app's own", "/person"),
        ("AccessToken", "/token"),
        ("OrgToken", "/organization"),
    ] {
        group.bench_function(name, |run| run.iter(|| bench.page(path)));
    }
    let mut number = 0;
    let mut next = || {
        number += 1;
        number
    };
    group.bench_function("User, session never seen", |run| {
        let session = || bench.another_session(next());
        run.iter_batched(
            session,
            |session| bench.get("/user", "Cookie", &session),
            BatchSize::SmallInput,
        );
    });
    let token = bench.access_token(0);
    group.bench_function("Bearer", |run| run.iter(|| bench.with_bearer(&token)));
    group.bench_function("Bearer, token never seen", |run| {
        let token = || bench.access_token(next());
        run.iter_batched(
            token,
            |token| bench.with_bearer(&token),
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

fn tokens(criterion: &mut Criterion) {
    let bench = Bench::start();
    let (keys, issuer) = (bench.keys(), bench.issuer());
    let expected = expected(&issuer);
    let mut group = criterion.benchmark_group("verify");
    let token = bench.id_token();
    group.bench_function("ID token", |run| {
        run.iter(|| keys.id_token(&token, expected).expect("a good token"));
    });
    let token = bench.logout_token();
    group.bench_function("logout token", |run| {
        run.iter(|| keys.logout_token(&token, expected).expect("a good token"));
    });
    let token = bench.access_token(0);
    group.bench_function("access token", |run| {
        run.iter(|| keys.access_token(&token, expected).expect("a good token"));
    });
    group.finish();
}

fn claims(criterion: &mut Criterion) {
    let bench = Bench::start();
    let json = payload(&bench.id_token());
    let read = || serde_json::from_slice::<IdTokenClaims>(black_box(&json)).expect("claims");
    let mut group = criterion.benchmark_group("claims");
    group.bench_function("read", |run| run.iter(read));
    let claims = read();
    group.bench_function("write", |run| {
        run.iter(|| serde_json::to_string(black_box(&claims)).expect("JSON"));
    });
    group.finish();
}

/// The claims of a token, as the provider has sent them.
fn payload(token: &str) -> Vec<u8> {
    let payload = token.split('.').nth(1).expect("a JWT");
    URL_SAFE_NO_PAD.decode(payload).expect("base64")
}

criterion_group!(benches, guards, tokens, claims);
criterion_main!(benches);
