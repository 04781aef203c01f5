//! The way to Redis, whichever of its forms people run.

use std::sync::Arc;
use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Cmd, FromRedisValue, Pipeline, RedisError, ServerErrorKind, Value};
use rocket::futures::future::join_all;

use super::TIMEOUT;
use super::cause::{Failure, unavailable};
use super::cluster::Cluster;
use super::scripts::Lua;
use super::sentinel::{Message, Sentinel};
use super::servers::{client, infos, no_server};
use super::slot::Source;
use crate::config::{RedisServers, Topology};
use crate::session::store::StoreError;

/// A handle, which may be cloned.
#[derive(Clone)]
pub(super) enum Connection {
    One(ConnectionManager),
    Cluster(Arc<Cluster>),
    Sentinel(Arc<Sentinel>),
}

/// What Redis has said.
pub(super) struct Answer<T> {
    pub(super) value: T,
    source: Source,
}

impl Answer<Value> {
    /// What it is as a value of ours.
    pub(super) fn read<T: FromRedisValue>(self) -> Result<Answer<T>, StoreError> {
        let value = redis::from_redis_value(self.value);
        Ok(Answer {
            value: value.map_err(|error| unavailable(error.into()))?,
            source: self.source,
        })
    }
}

impl Connection {
    pub(super) fn new(servers: &RedisServers, prefix: &str) -> Result<Connection, RedisError> {
        match &servers.topology {
            Topology::One => {
                let info = infos(servers)?.into_iter().next().ok_or_else(no_server)?;
                let config = ConnectionManagerConfig::new()
                    .set_connection_timeout(Some(TIMEOUT))
                    .set_response_timeout(Some(TIMEOUT))
                    .set_number_of_retries(1)
                    .set_min_delay(Duration::from_millis(50))
                    .set_max_delay(Duration::from_millis(500));
                let client = client(servers, info)?;
                let manager = ConnectionManager::new_lazy_with_config(client, config)?;
                Ok(Connection::One(manager))
            }
            Topology::Cluster => Ok(Connection::Cluster(Arc::new(Cluster::new(servers)?))),
            Topology::Sentinel(service) => {
                let sentinel = Sentinel::new(servers, service, prefix)?;
                Ok(Connection::Sentinel(sentinel))
            }
        }
    }

    /// Sends one command.
    pub(super) async fn send<T: FromRedisValue>(
        &self,
        command: &Cmd,
    ) -> Result<Answer<T>, StoreError> {
        self.try_send(command).await?.read()
    }

    /// Runs a script.
    pub(super) async fn run<T: FromRedisValue>(
        &self,
        script: &Lua,
        key: &str,
        arguments: &[&str],
    ) -> Result<Answer<T>, StoreError> {
        let known = self.try_send(&script.known(key, arguments)).await;
        match known {
            Err(Failure::Command(error))
                if error.kind() == redis::ErrorKind::Server(ServerErrorKind::NoScript) =>
            {
                self.send(&script.whole(key, arguments)).await
            }
            answer => answer?.read(),
        }
    }

    async fn try_send(&self, command: &Cmd) -> Result<Answer<Value>, Failure> {
        let (value, source) = match self {
            Connection::One(manager) => {
                let value = command.query_async(&mut manager.clone()).await;
                (value.map_err(Failure::Command)?, Source::ONLY)
            }
            Connection::Cluster(cluster) => cluster.send(command).await?,
            Connection::Sentinel(sentinel) => sentinel.send(&Message::Command(command)).await?,
        };
        Ok(Answer { value, source })
    }

    /// Sends several reads as one message; to a cluster, as one to each node. The
    /// error of one is not that of the others.
    pub(super) async fn read(
        &self,
        reads: &[Cmd],
    ) -> Result<Vec<Result<Answer<Value>, StoreError>>, StoreError> {
        let (values, source) = match self {
            Connection::Cluster(_) => {
                // They go to the task that has the connections, which sends what has
                // come so far.
                let sent: Vec<_> = reads.iter().map(|read| self.try_send(read)).collect();
                let answers = join_all(sent).await.into_iter();
                return Ok(answers.map(|answer| Ok(answer?)).collect());
            }
            Connection::One(manager) => {
                let pipe = pipeline(reads);
                let values = pipe.query_async(&mut manager.clone()).await;
                (values.map_err(unavailable)?, Source::ONLY)
            }
            Connection::Sentinel(sentinel) => {
                let pipe = pipeline(reads);
                let (values, source) = sentinel.send(&Message::Pipeline(&pipe)).await?;
                let Value::Array(values) = values else {
                    return Err(StoreError::Unavailable("Redis: no answers".into()));
                };
                (values, source)
            }
        };
        let values: Vec<Value> = values;
        let answers = values.into_iter().map(|value| {
            let value = value.extract_error().map_err(unavailable)?;
            Ok(Answer { value, source })
        });
        Ok(answers.collect())
    }

    /// `Ok` when what has been said may be believed: that there is no such session, or
    /// that something is written for good. A single server or a cluster is believed.
    pub(super) async fn confirm<T>(&self, answer: &Answer<T>) -> Result<(), StoreError> {
        match self {
            Connection::One(_) | Connection::Cluster(_) => Ok(()),
            Connection::Sentinel(sentinel) => sentinel.confirm(answer.source).await,
        }
    }
}

/// In which the error of one is not that of the others.
fn pipeline(commands: &[Cmd]) -> Pipeline {
    let mut pipe = redis::pipe();
    pipe.ignore_errors();
    for command in commands {
        pipe.add_command(command.clone());
    }
    pipe
}
