//! Debian's `redis-server`, which writes all it is told to its append-only file, and is
//! there again with it after each restart.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rocket::tokio::time::sleep;

use crate::Outcome;
use crate::process::free_port;
use crate::redis_cli::{ask, info};

pub struct Redis {
    pub port: u16,
    folder: PathBuf,
    process: Child,
}

impl Redis {
    pub async fn start() -> Outcome<Redis> {
        let port = free_port()?;
        let folder = std::env::temp_dir().join(format!("soak-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        let process = spawn(port, &folder)?;
        let redis = Redis {
            port,
            folder,
            process,
        };
        redis.wait().await?;
        Ok(redis)
    }

    /// Asks it to end (`TERM`), or ends it in the middle of whatever it does (`KILL`).
    pub fn stop(&mut self, signal: &str) -> Outcome {
        let id = self.process.id().to_string();
        Command::new("kill").args(["-s", signal, &id]).status()?;
        self.process.wait()?;
        Ok(())
    }

    pub async fn start_again(&mut self) -> Outcome {
        self.process = spawn(self.port, &self.folder)?;
        self.wait().await
    }

    /// Until it has read its file.
    async fn wait(&self) -> Outcome {
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(30) {
            if ask(self.port, "PING").is_ok_and(|said| said.contains("+PONG")) {
                return Ok(());
            }
            sleep(Duration::from_millis(5)).await;
        }
        Err("redis-server does not answer".into())
    }

    /// How many keys there are.
    pub fn keys(&self) -> Outcome<usize> {
        self.number("DBSIZE")
    }

    pub fn sessions(&self) -> Outcome<usize> {
        self.number("KEYS *:session:*")
    }

    /// What it says, or how many names it says.
    fn number(&self, command: &str) -> Outcome<usize> {
        let said = ask(self.port, command)?;
        let digits = said.trim_start_matches([':', '*']).lines().next();
        Ok(digits.ok_or("no answer")?.trim().parse()?)
    }

    /// Bytes that the data takes.
    pub fn memory(&self) -> Outcome<u64> {
        info(self.port, "memory", "used_memory")
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // All fail only when it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn spawn(port: u16, folder: &PathBuf) -> Outcome<Child> {
    let mut command = Command::new("redis-server");
    command
        .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
        .args(["--save", "", "--appendonly", "yes"])
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    Ok(command.spawn()?)
}
