//! A master, its replica and three Sentinels that watch them, on free ports.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use rocket_logto::RedisServers;

use super::eventually::eventually;
use super::redis::Redis;
use super::serve::{Process, free_port};

pub const SERVICE: &str = "mymaster";

/// Ends with the value.
pub struct RedisSentinels {
    /// First the master at the start, then its replica.
    pub nodes: [Redis; 2],
    sentinels: Vec<(u16, Option<Process>)>,
    directory: PathBuf,
}

impl RedisSentinels {
    pub async fn start() -> RedisSentinels {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("sentinels-{}-{number}", std::process::id());
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&directory).expect("a directory");
        let master = Redis::start_with(&["--repl-diskless-sync-delay", "0"]).await;
        let replica = Redis::start_with(&["--repl-diskless-sync-delay", "0"]).await;
        replica.command(&["REPLICAOF", "127.0.0.1", &master.port().to_string()]);
        let mut this = RedisSentinels {
            nodes: [master, replica],
            sentinels: Vec::new(),
            directory,
        };
        eventually("the replica follows", async || {
            let info = this.nodes[1].command(&["INFO", "replication"]);
            info.contains("master_link_status:up")
        })
        .await;
        for number in 0..3 {
            this.sentinels.push((free_port(), None));
            this.start_sentinel(number).await;
        }
        eventually("the Sentinels know all", async || {
            (0..3).all(|number| {
                let said = this.ask(number, &["SENTINEL", "MASTER", SERVICE]);
                let word = |name: &str, value: &str| {
                    let mut lines = said.lines().skip_while(|line| *line != name).skip(2);
                    lines.next() == Some(value)
                };
                word("num-slaves", "1") && word("num-other-sentinels", "2")
            })
        })
        .await;
        this
    }

    async fn start_sentinel(&mut self, number: usize) {
        let port = self.sentinels[number].0;
        let file = self.directory.join(format!("sentinel-{number}.conf"));
        if !file.exists() {
            let master = self.nodes[0].port();
            // A master that is away for a second is down.
            let text = format!(
                "port {port}\nbind 127.0.0.1\ndir {}\n\
                 sentinel monitor {SERVICE} 127.0.0.1 {master} 2\n\
                 sentinel down-after-milliseconds {SERVICE} 1000\n\
                 sentinel failover-timeout {SERVICE} 6000\n",
                self.directory.display()
            );
            std::fs::write(&file, text).expect("a configuration");
        }
        let mut command = Command::new("redis-server");
        command.arg(&file).arg("--sentinel");
        let mut process = Process::spawn(&mut command);
        process.wait_for_port(port).await;
        self.sentinels[number].1 = Some(process);
    }

    /// Ends one of the Sentinels.
    pub fn stop_sentinel(&mut self, number: usize) {
        self.sentinels[number].1 = None;
    }

    pub fn urls(&self) -> Vec<String> {
        let url = |(port, _): &(u16, _)| format!("redis://127.0.0.1:{port}");
        self.sentinels.iter().map(url).collect()
    }

    pub fn servers(&self) -> RedisServers {
        RedisServers::sentinel(self.urls(), SERVICE)
    }

    /// What a Sentinel answers (RESP).
    pub fn ask(&self, number: usize, words: &[&str]) -> String {
        let sentinel = Redis::at(self.sentinels[number].0);
        sentinel.try_command(words).expect("a Sentinel answers")
    }

    /// Which of the nodes a Sentinel names.
    pub fn master(&self) -> Option<usize> {
        let said = self.ask(0, &["SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE]);
        let named = |node: &Redis| {
            let port = node.port().to_string();
            said.lines().any(|line| line == port)
        };
        self.nodes.iter().position(named)
    }

    /// Waits until the Sentinels have made another node master.
    pub async fn is_master(&self, node: usize) {
        eventually("another master", async || {
            let info = self.nodes[node].try_command(&["INFO", "replication"]);
            self.master() == Some(node) && info.is_ok_and(|info| info.contains("role:master"))
        })
        .await;
    }
}

impl Drop for RedisSentinels {
    fn drop(&mut self) {
        self.sentinels.clear();
        // What is left lies under target/.
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}
