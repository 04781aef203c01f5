//! Debian's `redis-server`, which writes all it is told to its append-only file, and is
//! there again with it after each restart.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rocket::tokio::time::sleep;

use crate::Outcome;
use crate::process::free_port;

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
            if self.ask("PING").is_ok_and(|said| said.contains("+PONG")) {
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
        let said = self.ask(command)?;
        let digits = said.trim_start_matches([':', '*']).lines().next();
        Ok(digits.ok_or("no answer")?.trim().parse()?)
    }

    /// Bytes that the data takes.
    pub fn memory(&self) -> Outcome<u64> {
        let said = self.ask("INFO memory")?;
        let mut lines = said.lines();
        let bytes = lines.find_map(|line| line.strip_prefix("used_memory:"));
        Ok(bytes.ok_or("INFO")?.trim().parse()?)
    }

    fn ask(&self, command: &str) -> Outcome<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(format!("{command}\r\nQUIT\r\n").as_bytes())?;
        let mut said = String::new();
        stream.read_to_string(&mut said)?;
        Ok(said)
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
