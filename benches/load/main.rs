//! What the guards cost under load. `benches/load.sh` builds and runs this:
//! `load` starts the development provider, then itself as `load serve`, the app
//! of [`app`], in a process of its own, and drives it with `wrk`.

#![forbid(unsafe_code)]

mod app;
mod driver;
mod memory;
mod mint;
mod peers;
mod process;
mod provider;
mod redis;
mod redis_cli;
mod rounds;
mod routes;
mod table;
#[path = "../../tests/support/targets.rs"]
mod targets;
mod wrk;

type Failure = Box<dyn std::error::Error + Send + Sync>;
type Outcome<T = ()> = Result<T, Failure>;

#[rocket::main]
async fn main() -> Outcome {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.first().map(String::as_str) {
        Some("serve") => app::serve().await,
        _ => driver::run(&words).await,
    }
}
