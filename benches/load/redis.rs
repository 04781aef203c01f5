//! Debian's `redis-server`, on a free port and with nothing on disk.

use std::time::Duration;

use rocket::tokio::time::sleep;

use crate::Outcome;
use crate::process::{Process, free_port, on_one_processor};
use crate::redis_cli::{ask, info};

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
            if ask(port, "PING").is_ok() {
                return Ok(redis);
            }
            sleep(Duration::from_millis(5)).await;
        }
        Err("redis-server does not answer".into())
    }

    /// What `session.store` is, to keep sessions here.
    pub fn store(&self) -> String {
        format!(r#"{{redis="redis://127.0.0.1:{}"}}"#, self.port)
    }

    /// How many commands it has been sent. This one makes two.
    pub fn commands(&self) -> Outcome<u64> {
        info(self.port, "stats", "total_commands_processed")
    }
}
