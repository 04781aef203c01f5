//! What Redis says when it is asked.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::Outcome;

/// What it says to a command, undecoded.
pub fn ask(port: u16, command: &str) -> Outcome<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream.write_all(format!("{command}\r\nQUIT\r\n").as_bytes())?;
    let mut said = String::new();
    stream.read_to_string(&mut said)?;
    Ok(said)
}

/// A number of its command `INFO`, such as `used_memory` of `memory`.
pub fn info(port: u16, section: &str, name: &str) -> Outcome<u64> {
    let said = ask(port, &format!("INFO {section}"))?;
    let number = said
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    Ok(number.ok_or("INFO")?.trim().parse()?)
}
