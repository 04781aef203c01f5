//! A Redis Cluster of three masters and three replicas, on free ports and with
//! nothing on disk but what each node knows of the others.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use rocket_logto::RedisServers;

use super::eventually::eventually;
use super::redis::Redis;
use super::serve::free_port;

const SLOTS: u16 = 16_384;

/// Three masters, and behind each of them a replica. Ends with the value.
pub struct RedisCluster {
    /// The masters first, as they were at the start.
    pub nodes: Vec<Redis>,
    ids: Vec<String>,
    directory: PathBuf,
}

impl RedisCluster {
    /// With more of the configuration of each node.
    pub async fn start() -> RedisCluster {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("cluster-{}-{number}", std::process::id());
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&directory).expect("a directory");
        let mut buses = Vec::new();
        let mut nodes = Vec::new();
        for node in 0..6 {
            let bus = free_port();
            let file = directory.join(format!("nodes-{node}.conf"));
            let arguments = [
                "--cluster-enabled",
                "yes",
                "--cluster-node-timeout",
                "2000",
                "--cluster-port",
                &bus.to_string(),
                "--cluster-config-file",
                &file.display().to_string(),
                "--repl-diskless-sync-delay",
                "0",
            ];
            nodes.push(Redis::start_with(&arguments).await);
            buses.push(bus);
        }
        let ids = nodes
            .iter()
            .map(|node| text(&node.command(&["CLUSTER", "MYID"])));
        let ids: Vec<_> = ids.collect();
        for (number, node) in nodes[..3].iter().enumerate() {
            let first = SLOTS / 3 * number as u16;
            let last = match number {
                2 => SLOTS - 1,
                _ => first + SLOTS / 3 - 1,
            };
            let (first, last) = (first.to_string(), last.to_string());
            node.command(&["CLUSTER", "ADDSLOTSRANGE", &first, &last]);
            // Otherwise they agree on it later, by chance.
            let epoch = (number + 1).to_string();
            node.command(&["CLUSTER", "SET-CONFIG-EPOCH", &epoch]);
        }
        for (node, bus) in nodes.iter().zip(&buses).skip(1) {
            let (port, bus) = (node.port().to_string(), bus.to_string());
            nodes[0].command(&["CLUSTER", "MEET", "127.0.0.1", &port, &bus]);
        }
        let cluster = RedisCluster {
            nodes,
            ids,
            directory,
        };
        eventually("all nodes know each other", async || {
            cluster.nodes.iter().all(|node| {
                let known = node.command(&["CLUSTER", "NODES"]);
                cluster.ids.iter().all(|id| known.contains(id)) && !known.contains("handshake")
            })
        })
        .await;
        for (replica, master) in (3..6).zip(&cluster.ids) {
            cluster.nodes[replica].command(&["CLUSTER", "REPLICATE", master]);
        }
        cluster.is_whole().await;
        cluster
    }

    pub fn servers(&self) -> RedisServers {
        RedisServers::cluster(self.urls())
    }

    pub fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(Redis::url).collect()
    }

    /// Waits until all nodes that answer see all slots, and all replicas follow.
    pub async fn is_whole(&self) {
        eventually("the cluster is whole", async || {
            self.nodes.iter().all(|node| {
                let info = node.try_command(&["CLUSTER", "INFO"]);
                let replication = node.try_command(&["INFO", "replication"]);
                let (Ok(info), Ok(replication)) = (info, replication) else {
                    return true;
                };
                info.contains("cluster_state:ok")
                    && !replication.contains("master_link_status:down")
                    && !replication.contains("master_sync_in_progress:1")
            })
        })
        .await;
    }

    /// The node that has a key's slot, by what a node says.
    pub fn master_of(&self, key: &str) -> usize {
        let slot: u16 = number(&self.nodes[0].command(&["CLUSTER", "KEYSLOT", key]));
        let is_there = |node: &Redis| {
            let answer = node.try_command(&["CLUSTER", "COUNTKEYSINSLOT", &slot.to_string()]);
            let role = node.try_command(&["INFO", "replication"]);
            let (Ok(answer), Ok(role)) = (answer, role) else {
                return false;
            };
            number::<u32>(&answer) > 0 && role.contains("role:master")
        };
        let found = self.nodes.iter().position(is_there);
        found.expect("a master with the key")
    }

    /// Moves a slot with its keys from one node to another, as `redis-cli --cluster
    /// reshard` does, in small steps.
    pub fn move_slot(&self, slot: u16, from: usize, to: usize) {
        let (number, ids) = (slot.to_string(), &self.ids);
        let set = |node: usize, state: &str, other: usize| {
            self.nodes[node].command(&["CLUSTER", "SETSLOT", &number, state, &ids[other]]);
        };
        set(to, "IMPORTING", from);
        set(from, "MIGRATING", to);
        let port = self.nodes[to].port().to_string();
        loop {
            let keys = self.nodes[from].command(&["CLUSTER", "GETKEYSINSLOT", &number, "1"]);
            let Some(key) = keys.lines().nth(2) else {
                break;
            };
            self.nodes[from].command(&["MIGRATE", "127.0.0.1", &port, key, "0", "5000"]);
        }
        for node in [to, from] {
            set(node, "NODE", to);
        }
    }

    /// The slots of a master in which there are keys.
    pub fn slots_in_use(&self, node: usize) -> Vec<u16> {
        let keys = self.nodes[node].keys();
        let slot = |key: &String| number(&self.nodes[node].command(&["CLUSTER", "KEYSLOT", key]));
        let mut slots: Vec<u16> = keys.iter().map(slot).collect();
        slots.sort_unstable();
        slots.dedup();
        slots
    }
}

impl Drop for RedisCluster {
    fn drop(&mut self) {
        self.nodes.clear();
        // What is left lies under target/.
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// The text of a bulk string.
fn text(answer: &str) -> String {
    answer.lines().nth(1).unwrap_or_default().to_owned()
}

fn number<T: std::str::FromStr>(answer: &str) -> T {
    let number = answer.trim().trim_start_matches(':').parse();
    number.unwrap_or_else(|_| panic!("no number: {answer}"))
}
