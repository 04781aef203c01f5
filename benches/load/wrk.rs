//! `wrk`, and what it says.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use url::{Position, Url};

use crate::Outcome;
use crate::process::on_one_processor;

/// What each request brings along.
pub enum Headers {
    /// The same lines with every request.
    Same(Vec<String>),
    /// One header whose values come in turn, from a file.
    InTurn(&'static str, PathBuf),
}

/// One run.
pub struct Run {
    pub requests: u64,
    pub per_second: f64,
    pub p50: Duration,
    pub p99: Duration,
}

impl Headers {
    pub fn in_turn(name: &'static str, values: &[String]) -> Outcome<Headers> {
        let file = std::env::temp_dir().join(format!("load-{}-{name}", std::process::id()));
        fs::write(&file, values.join("\n") + "\n")?;
        Ok(Headers::InTurn(name, file))
    }

    /// The lines of the first request.
    fn first(&self) -> Outcome<Vec<String>> {
        Ok(match self {
            Headers::Same(lines) => lines.clone(),
            Headers::InTurn(name, values) => {
                let mut value = String::new();
                BufReader::new(File::open(values)?).read_line(&mut value)?;
                vec![format!("{name}: {}", value.trim_end())]
            }
        })
    }
}

/// Whether the first request is answered with 200. `wrk` takes a redirect, to the sign-in say,
/// for a success.
fn is_answered(url: &str, headers: &Headers) -> Outcome {
    let url = Url::parse(url)?;
    let authority = &url[Position::BeforeHost..Position::AfterPort];
    let mut stream = TcpStream::connect(authority)?;
    let lines = headers.first()?.join("\r\n");
    let path = &url[Position::BeforePath..];
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n{lines}\r\n\r\n"
    )?;
    let mut status = String::new();
    BufReader::new(stream).read_line(&mut status)?;
    match status.starts_with("HTTP/1.1 200 ") {
        true => Ok(()),
        false => Err(format!("{url}: {}", status.trim_end()).into()),
    }
}

/// Sixteen connections from one thread. Any answer but success is a failure.
pub fn run(url: &str, headers: &Headers, duration: Duration) -> Outcome<Run> {
    is_answered(url, headers)?;
    let mut script = String::new();
    if let Headers::InTurn(name, values) = headers {
        let values = values.display();
        writeln!(script, "local values = assert(io.open('{values}'))")?;
        script += "function request()\n  local value = values:read('*l')\n";
        script += "  if not value then values:seek('set'); value = values:read('*l') end\n";
        writeln!(
            script,
            "  return wrk.format('GET', nil, {{ ['{name}'] = value }})\nend"
        )?;
    }
    script += "function done(summary, latency)\n  local e = summary.errors\n";
    script += "  print(string.format('= %d %d %d %d %d', summary.requests, summary.duration, \
               latency:percentile(50), latency:percentile(99), \
               e.connect + e.read + e.write + e.status + e.timeout))\nend\n";
    // Of its own: several may run at once.
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("load-{}-{number}.lua", std::process::id());
    let file = std::env::temp_dir().join(name);
    fs::write(&file, script)?;
    let mut command = on_one_processor("wrk");
    command
        .args(["-t1", "-c16", &format!("-d{}s", duration.as_secs()), "-s"])
        .arg(&file);
    if let Headers::Same(lines) = headers {
        lines.iter().for_each(|line| {
            command.args(["-H", line]);
        });
    }
    let output = command.arg(url).output()?;
    fs::remove_file(&file)?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("= "))
        .ok_or_else(|| text.clone())?;
    let figures: Result<Vec<u64>, _> = line.split(' ').map(str::parse).collect();
    let [requests, microseconds, p50, p99, errors] = figures?[..] else {
        return Err(text.into());
    };
    if errors > 0 || requests == 0 {
        return Err(format!("{url}: {text}").into());
    }
    Ok(Run {
        requests,
        per_second: requests as f64 * 1e6 / microseconds as f64,
        p50: Duration::from_micros(p50),
        p99: Duration::from_micros(p99),
    })
}
