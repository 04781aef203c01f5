//! A soak: two instances behind one Redis that is restarted again and again, and
//! people. `benches/soak.sh` builds and runs this: `soak <seconds>` starts the
//! development provider, Redis, and twice itself as `soak serve`, the app of
//! `benches/load`, and ends with a failure when something was wrong.

#![forbid(unsafe_code)]

#[path = "../load/app.rs"]
mod app;
mod ledger;
mod people;
#[allow(dead_code)]
#[path = "../load/process.rs"]
mod process;
mod redis;
#[path = "../load/redis_cli.rs"]
mod redis_cli;
mod report;
#[path = "../load/routes.rs"]
mod routes;
#[path = "../../tests/support/targets.rs"]
mod targets;
mod world;

use std::process::ExitCode;
use std::time::Duration;

type Failure = Box<dyn std::error::Error + Send + Sync>;
type Outcome<T = ()> = Result<T, Failure>;

#[rocket::main]
async fn main() -> ExitCode {
    let word = std::env::args().nth(1).unwrap_or_default();
    let done = match word.as_str() {
        "serve" => app::serve().await.map(|()| true),
        seconds => match seconds.parse() {
            Ok(seconds) => report::run(Duration::from_secs(seconds)).await,
            Err(_) => Err(format!("{seconds:?} is no number of seconds").into()),
        },
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("soak: {error}");
            ExitCode::FAILURE
        }
    }
}
