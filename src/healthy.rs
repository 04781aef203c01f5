//! `--is-healthy`: asks the instance that runs with this configuration, for containers
//! that have no shell and no other program to ask with.

use std::io::{Error, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

use rocket::Config;
use rocket::figment::Figment;

pub const ARGUMENT: &str = "--is-healthy";

const PATIENCE: Duration = Duration::from_secs(3);

pub fn ask(figment: &Figment) -> ExitCode {
    let config: Config = match figment.extract() {
        Ok(config) => config,
        Err(error) => {
            eprintln!("the configuration cannot be read: {error}");
            return ExitCode::FAILURE;
        }
    };
    let path: String = figment
        .extract_inner("logto.routes.healthz")
        .unwrap_or_else(|_| "/healthz".into());
    let address = listens_at(&config);
    if config.tls_enabled() {
        // Whose certificate is for another name than this address.
        return match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(_) => ExitCode::SUCCESS,
            Err(error) => unhealthy(&format!("https://{address}"), &error.to_string()),
        };
    }
    let url = format!("http://{address}{path}");
    match get(address, &path) {
        Ok(answer) if answer.starts_with("HTTP/1.1 200 ") => ExitCode::SUCCESS,
        Ok(answer) => {
            let status = answer.lines().next().unwrap_or_default();
            unhealthy(&url, &format!("{status:?}, not 200"))
        }
        Err(error) => unhealthy(&url, &error.to_string()),
    }
}

fn unhealthy(url: &str, why: &str) -> ExitCode {
    eprintln!("{url}: {why}");
    ExitCode::FAILURE
}

/// Who listens on all addresses is asked on this machine's own.
fn listens_at(config: &Config) -> SocketAddr {
    let mut address = config.address;
    if address.is_unspecified() {
        address = match address.is_ipv4() {
            true => std::net::Ipv4Addr::LOCALHOST.into(),
            false => std::net::Ipv6Addr::LOCALHOST.into(),
        };
    }
    (address, config.port).into()
}

/// The beginning of the answer, which is longer than its first line.
fn get(address: SocketAddr, path: &str) -> Result<String, Error> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = Vec::new();
    stream.take(1024).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
