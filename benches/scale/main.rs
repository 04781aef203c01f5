//! What an app costs as it grows: against sessions, organizations and instances, for each kind of
//! store. `benches/scale.sh` builds and runs this: `scale run` measures and writes
//! docs/scale/measured.csv, and `scale draw` makes the curves and the figures of docs/scale.md
//! out of that file.

#![forbid(unsafe_code)]

mod app;
mod chart;
mod curves;
mod document;
mod growth;
mod measured;
mod mint;
mod model;
#[allow(dead_code)]
#[path = "../load/process.rs"]
mod process;
#[allow(dead_code)]
#[path = "../load/provider.rs"]
mod provider;
#[path = "../load/redis_cli.rs"]
mod redis_cli;
#[path = "../load/routes.rs"]
mod routes;
mod servers;
mod simulation;
#[path = "../../tests/support/targets.rs"]
mod targets;
#[allow(dead_code)]
#[path = "../load/wrk.rs"]
mod wrk;

use std::path::Path;

use measured::Measured;

type Failure = Box<dyn std::error::Error + Send + Sync>;
type Outcome<T = ()> = Result<T, Failure>;

#[rocket::main]
async fn main() -> Outcome {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let docs = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/docs"));
    let csv = docs.join("scale/measured.csv");
    match words.first().map(String::as_str) {
        Some("serve") => app::serve().await,
        Some("run") => {
            let about = std::env::var("ABOUT")?;
            let measured = growth::run(&words[1..], about).await?;
            print!("{}", measured.to_csv());
            // A look between two changes is nothing to quote.
            match words.iter().any(|word| word == "--quick") {
                true => Ok(()),
                false => Ok(std::fs::write(csv, measured.to_csv())?),
            }
        }
        Some("draw") => {
            let measured = Measured::parse(&std::fs::read_to_string(csv)?)?;
            for (name, svg) in curves::all(&measured)? {
                std::fs::write(docs.join("scale").join(name), svg)?;
            }
            let file = docs.join("scale.md");
            let text = std::fs::read_to_string(&file)?;
            Ok(std::fs::write(file, document::filled(&text, &measured)?)?)
        }
        _ => Err("scale serve, scale run [--short|--quick] or scale draw".into()),
    }
}
