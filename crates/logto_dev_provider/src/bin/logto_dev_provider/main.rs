//! The development provider as a program of its own, for apps in any language.
//! See `--help`.

#![forbid(unsafe_code)]

mod announce;
mod options;

use std::io::{self, ErrorKind};
use std::path::Path;
use std::process::ExitCode;

use logto_dev_provider::{DevProvider, Seed, Settings, StartError};
use options::{Command, HELP};

/// Why it ends early.
enum Failure {
    /// It was called in a wrong way.
    Usage(String),
    /// It was called in the right way, and cannot start.
    Start(String),
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Start(why)) => {
            eprintln!("logto_dev_provider: {why}");
            ExitCode::FAILURE
        }
        Err(Failure::Usage(why)) => {
            eprintln!("logto_dev_provider: {why}\nTry `logto_dev_provider --help`.");
            ExitCode::from(2)
        }
    }
}

async fn run() -> Result<(), Failure> {
    let (mut settings, seed) = match options::parse(lexopt::Parser::from_env())? {
        Command::Help => return print(HELP),
        Command::Version => return print(concat!(env!("CARGO_PKG_VERSION"), "\n")),
        Command::PrintSeed => return print(Seed::built_in_toml()),
        Command::Serve { settings, seed } => (settings, seed),
    };
    if let Some(path) = &seed {
        settings.seed = read_seed(path)?;
    }
    log_requests();
    let provider = start(&settings).await?;
    print(&announce::text(&provider, &settings))?;
    stop_signal().await;
    provider.stop().await;
    print("Stopped.\n")
}

async fn start(settings: &Settings) -> Result<DevProvider, Failure> {
    let started = DevProvider::start(settings.clone()).await;
    started.map_err(|error| {
        Failure::Start(match error {
            StartError::Bind { port, source, .. } if source.kind() == ErrorKind::AddrInUse => {
                format!(
                    "another program listens on port {port} already. Stop it, or choose another \
                     port with --port, for example --port {}; --port 0 takes any free one.",
                    port.checked_add(1).unwrap_or(3001)
                )
            }
            error @ StartError::Bind { .. } => {
                format!("{error}. Choose another port with --port.")
            }
            error => error.to_string(),
        })
    })
}

fn read_seed(path: &Path) -> Result<Seed, Failure> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::Start(format!(
            "cannot read the seed {shown}: {error}. `logto_dev_provider --print-seed > {shown}` \
             writes one to start from."
        ))
    })?;
    Seed::from_toml(&text).map_err(|error| {
        Failure::Start(format!(
            "the seed {shown} is not right: {error}\n`logto_dev_provider --print-seed` shows one \
             that is."
        ))
    })
}

/// Writes to standard output. A reader that has gone away is no failure.
fn print(text: &str) -> Result<(), Failure> {
    use io::Write;
    let mut stdout = io::stdout().lock();
    match stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
    {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::Start(format!("cannot write: {error}")))
        }
        _ => Ok(()),
    }
}

/// Ctrl-C, or what a service manager sends.
async fn stop_signal() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}

/// Writes a line per request, and what else the provider has to say, to
/// standard error.
fn log_requests() {
    struct StandardError;

    impl log::Log for StandardError {
        fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
            let own = metadata.target().starts_with("logto_dev_provider");
            own || metadata.level() <= log::Level::Warn
        }

        fn log(&self, record: &log::Record<'_>) {
            if self.enabled(record.metadata()) {
                eprintln!("{}", record.args());
            }
        }

        fn flush(&self) {}
    }

    if log::set_logger(&StandardError).is_ok() {
        log::set_max_level(log::LevelFilter::Debug);
    }
}
