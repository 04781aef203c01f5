//! Sessions that are read all the time while something happens to their store,
//! counted before and after.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rocket::futures::future::join_all;
use rocket::tokio::sync::{Mutex, OwnedMutexGuard};
use rocket::tokio::task::JoinHandle;
use rocket::tokio::time::sleep;
use rocket_logto::{Record, RedisServers, RedisStore, SessionStore, StoreError};

use super::eventually::eventually;
use super::redis::Redis;

const HOUR: Duration = Duration::from_secs(3600);

pub fn id(n: u32) -> String {
    format!("session {n}")
}

fn record(n: u32) -> Record {
    Record::new(id(n), format!("user {}", n % 7), format!("data {n}"), HOUR)
        .with_sid(format!("sid {n}"))
}

/// Some sessions, with readers and a writer of new ones that never stop.
pub struct Load {
    store: Arc<RedisStore>,
    stop: Arc<AtomicBool>,
    /// How many sessions were created; the last of them is the newest.
    created: Arc<AtomicU32>,
    /// Who has it may create sessions.
    writing: Arc<Mutex<()>>,
    tasks: Vec<JoinHandle<Seen>>,
}

/// What became of the calls.
#[derive(Debug, Default)]
pub struct Seen {
    pub good: u32,
    /// Errors: a request would have got 503.
    pub unavailable: u32,
    /// "No such session" about one that is there: its user would be signed out.
    pub signed_out: Vec<String>,
    /// The longest time between two good answers of one reader.
    pub longest: Duration,
    pub slowest: Duration,
    pub errors: Vec<String>,
}

impl Load {
    pub async fn start(servers: &RedisServers, sessions: u32) -> Load {
        let store = Arc::new(RedisStore::at(servers, "app").expect("a store"));
        let first = record(0);
        eventually("the store is there", async || {
            store.create(&first).await.is_ok()
        })
        .await;
        for n in 1..sessions {
            store.create(&record(n)).await.expect("a session");
        }
        let mut load = Load {
            store,
            stop: Arc::default(),
            created: Arc::new(AtomicU32::new(sessions)),
            writing: Arc::default(),
            tasks: Vec::new(),
        };
        for reader in 0..4 {
            load.tasks.push(rocket::tokio::spawn(read(
                load.store.clone(),
                load.stop.clone(),
                load.created.clone(),
                reader,
            )));
        }
        load.tasks.push(rocket::tokio::spawn(write(
            load.store.clone(),
            load.stop.clone(),
            load.created.clone(),
            load.writing.clone(),
        )));
        load
    }

    pub fn store(&self) -> &RedisStore {
        &self.store
    }

    /// Creates no sessions as long as the value lives; those that were created are with
    /// the replicas of `master`. Redis answers first and replicates afterwards, so what a
    /// master is told in its last moment may be lost with it.
    pub async fn rest(&self, master: &Redis) -> OwnedMutexGuard<()> {
        let rest = self.writing.clone().lock_owned().await;
        eventually("the replicas have it all", async || master.is_replicated()).await;
        rest
    }

    /// How many sessions there are.
    pub fn created(&self) -> u32 {
        self.created.load(Ordering::SeqCst)
    }

    /// Waits until all is well again, stops, and reads every session once more.
    pub async fn finish(self) -> Seen {
        let before = self.created();
        eventually("sessions can be created again", async || {
            self.created() > before + 3
        })
        .await;
        self.stop.store(true, Ordering::SeqCst);
        let mut all = Seen::default();
        for seen in join_all(self.tasks).await {
            let seen = seen.expect("a task that ends");
            all.good += seen.good;
            all.unavailable += seen.unavailable;
            all.signed_out.extend(seen.signed_out);
            all.longest = all.longest.max(seen.longest);
            all.slowest = all.slowest.max(seen.slowest);
            all.errors.extend(seen.errors);
        }
        all.errors.sort_unstable();
        all.errors.dedup();
        let created = self.created.load(Ordering::SeqCst);
        for n in 0..created {
            let found = self.store.load(&id(n)).await.expect("it is well again");
            if found != Some(format!("data {n}")) {
                all.signed_out.push(format!("{n} of {created} afterwards"));
            }
        }
        println!("{created} sessions, {all:?}");
        all
    }
}

async fn read(
    store: Arc<RedisStore>,
    stop: Arc<AtomicBool>,
    created: Arc<AtomicU32>,
    reader: u32,
) -> Seen {
    let mut seen = Seen::default();
    let mut last = Instant::now();
    let mut n = reader;
    while !stop.load(Ordering::SeqCst) {
        n = (n + 4) % created.load(Ordering::SeqCst);
        let asked = Instant::now();
        let loaded = store.load(&id(n)).await;
        seen.slowest = seen.slowest.max(asked.elapsed());
        match loaded {
            Ok(Some(_)) => {
                seen.good += 1;
                seen.longest = seen.longest.max(last.elapsed());
                last = Instant::now();
            }
            Ok(None) => seen.signed_out.push(format!("{n}")),
            Err(error) => {
                seen.unavailable += 1;
                seen.errors.push(error.to_string());
            }
        }
        sleep(Duration::from_millis(2)).await;
    }
    seen
}

/// One session after the other, each until it is there.
async fn write(
    store: Arc<RedisStore>,
    stop: Arc<AtomicBool>,
    created: Arc<AtomicU32>,
    writing: Arc<Mutex<()>>,
) -> Seen {
    let mut seen = Seen::default();
    let mut attempts = 0;
    while !stop.load(Ordering::SeqCst) {
        let turn = writing.lock().await;
        let n = created.load(Ordering::SeqCst);
        attempts += 1;
        let record = record(n).with_version(attempts);
        let kept = match store.create(&record).await {
            // An attempt before may have come so far without an answer.
            Err(StoreError::Collision) => store.save(&record).await,
            created => created.map(|()| true),
        };
        match kept {
            Ok(true) => {
                seen.good += 1;
                created.store(n + 1, Ordering::SeqCst);
            }
            Ok(false) => {}
            Err(error) => {
                seen.unavailable += 1;
                seen.errors.push(error.to_string());
            }
        }
        drop(turn);
        sleep(Duration::from_millis(5)).await;
    }
    seen
}
