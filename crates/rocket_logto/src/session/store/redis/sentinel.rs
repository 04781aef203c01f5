//! The master of a service, wherever its Sentinels say that it is.
//!
//! What must not happen is that a server which is not the master any more, or has
//! lost its data, says "no such session": that would sign a user out. So
//!
//! - a connection is made to the server that the Sentinels name, of several answers
//!   to the one of the latest failover, and only if that server calls itself master,
//!   too;
//! - once a second the Sentinels are asked whether it still is, and every error that
//!   may mean a failover ends the connection;
//! - "no such session" counts only after most of the Sentinels have confirmed that the
//!   server which says so is the master, and that it holds the data it held before;
//! - so does "it is written" of what must not be lost, like a new session: a master that
//!   is about to be replaced still takes what its successor will never see.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::{Client, Cmd, ConnectionInfo, Pipeline, RedisError, Value};
use rocket::futures::future::join_all;
use rocket::tokio::time::{sleep, timeout};

use super::TIMEOUT;
use super::cause::{Failure, unavailable};
use super::servers::{client, infos, moved_to, named_by_sentinels, within};
use super::slot::{Slot, Source};
use crate::config::RedisServers;
use crate::session::store::StoreError;
use crate::session::store::joint_check::JointCheck;

/// How long the Sentinels have for an answer. One that is gone without a word makes a
/// connection take so long.
const PATIENCE: Duration = Duration::from_millis(500);
/// How long one of them has to connect, or to answer.
const ANSWER: Duration = Duration::from_millis(300);
/// How often they are asked whether the master is still the same.
const WATCH: Duration = Duration::from_secs(1);
/// How long a master without the data of the one before counts as a mistake: Sentinels
/// that notice put another one into its place. After that the data is lost.
const MISTAKE: Duration = Duration::from_secs(10);

pub(super) struct Sentinel {
    servers: RedisServers,
    service: String,
    sentinels: Vec<Arc<Watcher>>,
    /// The master, but for its address.
    node: ConnectionInfo,
    slot: Slot<Node>,
    data: Mutex<Data>,
    /// A key that stands for the data: it is written once and never expires.
    mark: String,
    confirmed: JointCheck<Source, Result<(), StoreError>>,
    is_watched: AtomicBool,
    this: Weak<Sentinel>,
}

#[derive(Clone)]
struct Node {
    connection: MultiplexedConnection,
    address: Address,
}

type Address = (String, u16);

/// The data that the master was seen to hold.
#[derive(Default)]
struct Data {
    mark: Option<String>,
    /// Since when masters have been without it.
    missing: Option<Instant>,
}

/// What is sent at once.
pub(super) enum Message<'a> {
    Command(&'a Cmd),
    /// Answered by an array of answers.
    Pipeline(&'a Pipeline),
}

/// One of the Sentinels.
struct Watcher {
    client: Client,
    slot: Slot<MultiplexedConnection>,
}

/// What a Sentinel says.
struct Master {
    address: Address,
    /// Counts the failovers.
    epoch: u64,
    flags: String,
}

impl Master {
    fn is(&self, flag: &str) -> bool {
        self.flags.split(',').any(|other| other == flag)
    }
}

/// What the Sentinels say together.
struct Word {
    address: Address,
    /// How many have answered.
    answers: usize,
    /// One of them is putting another server into the master's place.
    is_failing_over: bool,
}

impl Sentinel {
    pub(super) fn new(
        servers: &RedisServers,
        service: &str,
        prefix: &str,
    ) -> Result<Arc<Sentinel>, RedisError> {
        let sentinels = infos(servers)?.into_iter().map(|info| {
            Ok(Arc::new(Watcher {
                client: client(servers, info)?,
                slot: Slot::new(),
            }))
        });
        let sentinels = sentinels.collect::<Result<Vec<_>, RedisError>>()?;
        let node = named_by_sentinels(servers)?;
        // What is wrong with certificates is told at launch.
        client(servers, node.clone())?;
        Ok(Arc::new_cyclic(|this| Sentinel {
            servers: servers.clone(),
            service: service.to_owned(),
            sentinels,
            node,
            slot: Slot::new(),
            data: Mutex::default(),
            mark: format!("{prefix}data"),
            confirmed: JointCheck::default(),
            is_watched: AtomicBool::new(false),
            this: this.clone(),
        }))
    }

    /// Sends commands to the master, and once more where that is found not to be the
    /// master any more.
    pub(super) async fn send(&self, message: &Message<'_>) -> Result<(Value, Source), Failure> {
        let mut again = true;
        loop {
            let (mut node, source) = self.node().await.map_err(Failure::Connecting)?;
            let answer = match message {
                Message::Command(command) => command.query_async(&mut node.connection).await,
                Message::Pipeline(pipe) => {
                    let answers = pipe.query_async(&mut node.connection).await;
                    answers.map(Value::Array)
                }
            };
            let error = match answer {
                Ok(value) => return Ok((value, source)),
                Err(error) => error,
            };
            let (is_stale, is_over) = verdict(&error);
            if is_stale {
                self.slot.forget(source);
            }
            if !(is_over && again) {
                return Err(Failure::Command(error));
            }
            again = false;
        }
    }

    /// `Ok` when what `source` has said until now is the word of the master.
    pub(super) async fn confirm(&self, source: Source) -> Result<(), StoreError> {
        let confirm = async |_| {
            let result = self.is_master(source).await;
            if result.is_err() {
                self.slot.forget(source);
            }
            result
        };
        self.confirmed.get(source, confirm).await
    }

    async fn is_master(&self, source: Source) -> Result<(), StoreError> {
        let (mut node, current) = self.node().await?;
        let word = self.word().await?;
        if current != source || word.address != node.address {
            return Err(doubtful("the master has changed"));
        }
        if word.is_failing_over {
            return Err(doubtful("another server takes the place of the master"));
        }
        if word.answers * 2 <= self.sentinels.len() {
            return Err(doubtful("most of the Sentinels do not answer"));
        }
        self.check(&mut node.connection).await
    }

    async fn node(&self) -> Result<(Node, Source), StoreError> {
        let made = self.slot.get(|| {
            let this = self.this.clone();
            async move {
                match this.upgrade() {
                    Some(this) => this.connect().await,
                    None => Err(doubtful("the store is gone")),
                }
            }
        });
        made.await
    }

    async fn connect(&self) -> Result<Node, StoreError> {
        let Word { address, .. } = self.word().await?;
        let (host, port) = address.clone();
        let info = moved_to(&self.node, host, port);
        let client = client(&self.servers, info).map_err(unavailable)?;
        let config = within(TIMEOUT);
        let connection = client.get_multiplexed_async_connection_with_config(&config);
        let mut connection = connection.await.map_err(unavailable)?;
        self.check(&mut connection).await?;
        if !self.is_watched.swap(true, Ordering::Relaxed) {
            rocket::tokio::spawn(watch(self.this.clone()));
        }
        Ok(Node {
            connection,
            address,
        })
    }

    /// Where the master is. A Sentinel that was away during a failover may still name
    /// the master before it.
    async fn word(&self) -> Result<Word, StoreError> {
        let asked = self.sentinels.iter().map(|sentinel| {
            let (sentinel, service) = (sentinel.clone(), self.service.clone());
            timeout(PATIENCE, ask(sentinel, service))
        });
        let late = |_| Err(doubtful("a Sentinel does not answer in time"));
        let (mut masters, mut why) = (Vec::new(), None);
        for answer in join_all(asked).await {
            match answer.unwrap_or_else(late) {
                Ok(master) => masters.push(master),
                Err(error) => why = why.or(Some(error)),
            }
        }
        let Some(latest) = masters.iter().max_by_key(|master| master.epoch) else {
            return Err(why.unwrap_or_else(|| doubtful("there are no Sentinels")));
        };
        if latest.is("o_down") || latest.is("master_reboot") {
            return Err(doubtful(
                "the Sentinels say that the master is down, and have no other one yet",
            ));
        }
        Ok(Word {
            address: latest.address.clone(),
            answers: masters.len(),
            is_failing_over: masters.iter().any(|one| one.is("failover_in_progress")),
        })
    }

    /// Whether the server calls itself master, and holds the data that was seen before.
    async fn check(&self, connection: &mut MultiplexedConnection) -> Result<(), StoreError> {
        let mut pipe = redis::pipe();
        pipe.cmd("ROLE").cmd("GET").arg(&self.mark);
        let asked: Result<(Vec<Value>, Option<String>), _> = pipe.query_async(connection).await;
        let (role, mark) = asked.map_err(unavailable)?;
        let role = role.into_iter().next().map(redis::from_redis_value);
        let role: Option<Result<String, _>> = role;
        if !matches!(&role, Some(Ok(role)) if role == "master") {
            return Err(doubtful(
                "the server that the Sentinels name is no master yet, or no longer",
            ));
        }
        let lost = {
            let mut data = self.data.lock().unwrap_or_else(PoisonError::into_inner);
            match &data.mark {
                Some(seen) if Some(seen) != mark.as_ref() => {
                    let missing = *data.missing.get_or_insert_with(Instant::now);
                    if missing.elapsed() < MISTAKE {
                        return Err(doubtful(
                            "the master does not hold the data of the one before it",
                        ));
                    }
                    true
                }
                _ => {
                    data.missing = None;
                    false
                }
            }
        };
        let mark = match mark {
            Some(mark) => mark,
            None => self.write_mark(connection).await?,
        };
        if lost {
            log::error!(
                "logto: Redis: the sessions are lost, everybody has to sign in again: the master \
                 has been without the data of the one before it for {MISTAKE:?}"
            );
        }
        let mut data = self.data.lock().unwrap_or_else(PoisonError::into_inner);
        data.mark = Some(mark);
        data.missing = None;
        Ok(())
    }

    async fn write_mark(
        &self,
        connection: &mut MultiplexedConnection,
    ) -> Result<String, StoreError> {
        let mark = super::nonce()?;
        let mut pipe = redis::pipe();
        pipe.cmd("SET").arg(&self.mark).arg(mark).arg("NX").ignore();
        pipe.cmd("GET").arg(&self.mark);
        let held: Result<(String,), _> = pipe.query_async(connection).await;
        held.map(|(mark,)| mark).map_err(unavailable)
    }
}

/// Asks the Sentinels as long as the store is there, and leaves a master that is none
/// any more before somebody asks it for a session.
async fn watch(sentinel: Weak<Sentinel>) {
    loop {
        sleep(WATCH).await;
        let Some(sentinel) = sentinel.upgrade() else {
            return;
        };
        let Some((node, source)) = sentinel.slot.peek() else {
            continue;
        };
        if let Ok(Word { address, .. }) = sentinel.word().await
            && address != node.address
        {
            let (host, port) = &address;
            log::warn!("logto: Redis: the master is at {host}:{port} now");
            sentinel.slot.forget(source);
        }
    }
}

/// Whether the connection is of no use after this, and whether another one may be
/// better at once.
fn verdict(error: &RedisError) -> (bool, bool) {
    use redis::{ErrorKind, ServerErrorKind};
    let is_over = error.is_connection_dropped()
        || error.kind() == ErrorKind::Server(ServerErrorKind::ReadOnly);
    let is_late = matches!(
        error.kind(),
        ErrorKind::Server(ServerErrorKind::MasterDown | ServerErrorKind::BusyLoading)
    );
    let is_stale = is_over || is_late || error.is_timeout() || error.is_unrecoverable_error();
    (is_stale, is_over)
}

async fn ask(sentinel: Arc<Watcher>, service: String) -> Result<Master, StoreError> {
    let mut command = redis::cmd("SENTINEL");
    command.arg("MASTER").arg(service);
    let mut again = true;
    let answer = loop {
        let made = sentinel.slot.get(|| {
            let client = sentinel.client.clone();
            async move {
                let config = within(ANSWER);
                let made = client.get_multiplexed_async_connection_with_config(&config);
                made.await.map_err(unavailable)
            }
        });
        let (mut connection, source) = made.await?;
        let answer = connection.req_packed_command(&command).await;
        match answer.and_then(Value::extract_error) {
            Ok(answer) => break answer,
            Err(error) => {
                sentinel.slot.forget(source);
                if !(again && error.is_connection_dropped()) {
                    return Err(unavailable(error));
                }
                again = false;
            }
        }
    };
    let words: std::collections::HashMap<String, String> =
        redis::from_redis_value(answer).map_err(|error| unavailable(error.into()))?;
    let word = |name: &str| words.get(name).map(String::as_str).unwrap_or_default();
    match (word("ip"), word("port").parse()) {
        (host, Ok(port)) if !host.is_empty() => Ok(Master {
            address: (host.to_owned(), port),
            epoch: word("config-epoch").parse().unwrap_or(0),
            flags: word("flags").to_owned(),
        }),
        _ => Err(doubtful("a Sentinel does not say where the master is")),
    }
}

fn doubtful(why: &str) -> StoreError {
    StoreError::Unavailable(format!("Redis: {why}"))
}
