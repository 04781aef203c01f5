//! Debian's `redis-server`, on a free port and with nothing on disk.

use redis::Client;

use crate::Outcome;
use crate::process::{Process, free_port, on_one_processor};

pub struct Redis {
    pub port: u16,
    client: Client,
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
        let client = Client::open(format!("redis://127.0.0.1:{port}"))?;
        for _ in 0..1000 {
            if client.get_multiplexed_async_connection().await.is_ok() {
                return Ok(Redis {
                    port,
                    client,
                    _process: process,
                });
            }
            rocket::tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        Err("redis-server does not answer".into())
    }

    /// How many commands it has been sent, this one included.
    pub async fn commands(&self) -> Outcome<u64> {
        let mut connection = self.client.get_multiplexed_async_connection().await?;
        let info: String = redis::cmd("INFO")
            .arg("stats")
            .query_async(&mut connection)
            .await?;
        let line = info
            .lines()
            .find_map(|line| line.strip_prefix("total_commands_processed:"));
        Ok(line.ok_or("INFO")?.trim().parse()?)
    }
}
