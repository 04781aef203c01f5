//! Debian's `redis-server`, one or a cluster of three masters, and what it has done.

use std::path::PathBuf;
use std::time::Duration;

use rocket::futures::StreamExt;
use rocket::futures::stream;
use rocket::tokio::time::sleep;
use rocket_logto::{RedisServers, RedisStore, SessionStore, StoreError};

use crate::Outcome;
use crate::mint::{Age, Template};
use crate::process::{Process, free_port, on_one_processor};
use crate::provider::CLIENT;
use crate::redis_cli::{ask, info};

const SLOTS: u32 = 16_384;

/// All of it ends with the value.
pub struct Servers {
    nodes: Vec<(u16, Process)>,
    folder: PathBuf,
    is_cluster: bool,
}

/// What all nodes together have done since they were started.
#[derive(Clone, Copy, Default)]
pub struct Done {
    /// Commands, those that scripts give among them.
    pub commands: u64,
    pub cpu: Duration,
    /// Bytes that came in, and went out.
    pub received: u64,
    pub sent: u64,
}

impl Servers {
    pub async fn one() -> Outcome<Servers> {
        Servers::start(1, false).await
    }

    pub async fn cluster() -> Outcome<Servers> {
        Servers::start(3, true).await
    }

    async fn start(count: u32, is_cluster: bool) -> Outcome<Servers> {
        let name = format!("scale-{}-{count}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder)?;
        let mut servers = Servers {
            nodes: Vec::new(),
            folder,
            is_cluster,
        };
        let mut buses = Vec::new();
        for _ in 0..count {
            let (port, bus) = (free_port()?, free_port()?);
            let mut command = on_one_processor("redis-server");
            command
                .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
                .args(["--save", "", "--appendonly", "no"])
                .current_dir(&servers.folder);
            if is_cluster {
                command
                    .args(["--cluster-enabled", "yes"])
                    .args(["--cluster-port", &bus.to_string()])
                    .args(["--cluster-config-file", &format!("nodes-{port}.conf")]);
            }
            servers.nodes.push((port, Process::spawn(&mut command)?));
            buses.push(bus);
        }
        for (port, _) in &servers.nodes {
            until("redis-server answers", || ask(*port, "PING").is_ok()).await?;
        }
        if is_cluster {
            servers.join(&buses).await?;
        }
        Ok(servers)
    }

    async fn join(&self, buses: &[u16]) -> Outcome {
        let share = SLOTS / 3;
        let firsts = [0, share, 2 * share];
        let lasts = [share - 1, 2 * share - 1, SLOTS - 1];
        for (number, (port, _)) in self.nodes.iter().enumerate() {
            let (first, last) = (firsts[number], lasts[number]);
            ask(*port, &format!("CLUSTER ADDSLOTSRANGE {first} {last}"))?;
            ask(*port, &format!("CLUSTER SET-CONFIG-EPOCH {}", number + 1))?;
        }
        let first = self.nodes[0].0;
        for ((port, _), bus) in self.nodes.iter().zip(buses).skip(1) {
            ask(first, &format!("CLUSTER MEET 127.0.0.1 {port} {bus}"))?;
        }
        let is_whole = |port: u16| {
            let said = ask(port, "CLUSTER INFO").unwrap_or_default();
            said.contains("cluster_state:ok") && said.contains("cluster_known_nodes:3")
        };
        until("the cluster is whole", || {
            self.nodes.iter().all(|(port, _)| is_whole(*port))
        })
        .await
    }

    fn urls(&self) -> Vec<String> {
        let url = |(port, _): &(u16, Process)| format!("redis://127.0.0.1:{port}");
        self.nodes.iter().map(url).collect()
    }

    /// What `session.store` is.
    pub fn store(&self) -> String {
        match (self.is_cluster, &self.urls()[..]) {
            (false, [url]) => format!(r#"{{redis="{url}"}}"#),
            (_, urls) => format!(r#"{{redis_cluster=["{}"]}}"#, urls.join(r#"",""#)),
        }
    }

    /// Keeps so many sessions more there, by the library's own store.
    pub async fn fill(
        &self,
        template: &Template,
        numbers: std::ops::Range<usize>,
        age: Age,
    ) -> Outcome {
        let servers = match self.is_cluster {
            true => RedisServers::cluster(self.urls()),
            false => RedisServers::one(&self.urls()[0]),
        };
        let store = &RedisStore::at(&servers, CLIENT.0)?;
        let created = stream::iter(numbers).map(async |number| {
            match store.create(&template.record(number, age)).await {
                Err(StoreError::Collision) => Ok(()),
                created => created,
            }
        });
        let mut created = created.buffer_unordered(64);
        while let Some(created) = created.next().await {
            created?;
        }
        Ok(())
    }

    pub fn done(&self) -> Outcome<Done> {
        let mut done = Done::default();
        for (port, process) in &self.nodes {
            done.commands += info(*port, "stats", "total_commands_processed")?;
            done.received += info(*port, "stats", "total_net_input_bytes")?;
            done.sent += info(*port, "stats", "total_net_output_bytes")?;
            done.cpu += process.cpu()?;
        }
        Ok(done)
    }

    /// Memory that all nodes together have in use, in bytes.
    pub fn memory(&self) -> Outcome<u64> {
        let used = |(port, _): &(u16, Process)| info(*port, "memory", "used_memory");
        self.nodes.iter().map(used).sum()
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        self.nodes.clear();
        // What is left is in the folder of temporary files.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

async fn until(what: &str, is_so: impl Fn() -> bool) -> Outcome {
    for _ in 0..2000 {
        if is_so() {
            return Ok(());
        }
        sleep(Duration::from_millis(10)).await;
    }
    Err(format!("never: {what}").into())
}
