//! Debian's `redis-server`, on a free port and with nothing on disk.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use rocket::tokio::time::sleep;

use crate::Outcome;
use crate::process::{Process, free_port, on_one_processor};

pub struct Redis {
    pub port: u16,
    _process: Process,
}

impl Redis {
    pub async fn start() -> Outcome<Redis> {
        let port = free_port()?;
        let mut command = on_one_processor("redis-server");
        command
            .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
            .args(["--save", "", "--appendonly", "no"])
            .current_dir(std::env::temp_dir());
        let process = Process::spawn(&mut command)?;
        let redis = Redis {
            port,
            _process: process,
        };
        for _ in 0..1000 {
            if redis.ask("PING").is_ok() {
                return Ok(redis);
            }
            sleep(Duration::from_millis(5)).await;
        }
        Err("redis-server does not answer".into())
    }

    /// How many commands it has been sent. This one makes two.
    pub fn commands(&self) -> Outcome<u64> {
        let info = self.ask("INFO stats")?;
        let line = info
            .lines()
            .find_map(|line| line.strip_prefix("total_commands_processed:"));
        Ok(line.ok_or("INFO")?.trim().parse()?)
    }

    /// What it says to a command, undecoded.
    fn ask(&self, command: &str) -> Outcome<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(format!("{command}\r\nQUIT\r\n").as_bytes())?;
        let mut said = String::new();
        stream.read_to_string(&mut said)?;
        Ok(said)
    }
}
