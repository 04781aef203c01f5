//! A Redis Cluster: the client knows which node has which slot, follows a slot that
//! moves and a replica that takes over.

use std::num::NonZeroUsize;
use std::time::Duration;

use redis::cluster::{ClusterClient, ClusterClientBuilder};
use redis::cluster_async::ClusterConnection;
use redis::{Client, Cmd, RedisError, Value};

use super::TIMEOUT;
use super::cause::{Failure, unavailable};
use super::servers::{certificates_for, client, infos, tcp, within};
use super::slot::{Slot, Source};
use crate::config::RedisServers;
use crate::session::store::StoreError;

/// For a command with all its redirections: a replica that takes over needs longer
/// than anybody should wait.
const OVERALL: Duration = Duration::from_millis(1500);
/// A slot that moves costs two redirections, and a lost connection another attempt.
const RETRIES: u32 = 5;

pub(super) struct Cluster {
    client: ClusterClient,
    /// The nodes of the configuration, to ask them what is wrong.
    nodes: Vec<Client>,
    slot: Slot<ClusterConnection>,
}

impl Cluster {
    pub(super) fn new(servers: &RedisServers) -> Result<Cluster, RedisError> {
        let infos = infos(servers)?;
        let mut builder = ClusterClientBuilder::new(infos.clone())
            .connection_timeout(TIMEOUT)
            .response_timeout(TIMEOUT)
            .overall_response_timeout(Some(OVERALL))
            .retries(RETRIES)
            .min_retry_wait(20)
            .max_retry_wait(300)
            .max_connection_attempts(NonZeroUsize::MIN)
            .tcp_settings(tcp());
        if let Some(certificates) = certificates_for(servers, &infos) {
            builder = builder.certs(certificates);
        }
        let nodes = infos.into_iter().map(|info| client(servers, info));
        Ok(Cluster {
            client: builder.build()?,
            nodes: nodes.collect::<Result<_, _>>()?,
            slot: Slot::new(),
        })
    }

    pub(super) async fn send(&self, command: &Cmd) -> Result<(Value, Source), Failure> {
        let made = self.slot.get(|| {
            let (client, nodes) = (self.client.clone(), self.nodes.clone());
            async move { connect(client, nodes).await }
        });
        let (mut connection, source) = made.await.map_err(Failure::Connecting)?;
        match command.query_async(&mut connection).await {
            Ok(value) => Ok((value, source)),
            Err(error) => {
                // A node that hangs keeps its connection, and the client its map of the
                // slots: whoever has taken over is found by asking anew.
                if error.is_timeout() {
                    self.slot.forget(source);
                }
                Err(Failure::Command(error))
            }
        }
    }
}

async fn connect(
    client: ClusterClient,
    nodes: Vec<Client>,
) -> Result<ClusterConnection, StoreError> {
    let connecting = client.get_async_connection();
    let made = rocket::tokio::time::timeout(OVERALL, connecting).await;
    let error = match made {
        Ok(Ok(connection)) => return Ok(connection),
        Ok(Err(error)) => unavailable(error),
        Err(_) => StoreError::Unavailable("Redis: timed out".into()),
    };
    // The client of a cluster says only that no node will do. One of them says why.
    let mut why = error;
    for node in nodes {
        let config = within(TIMEOUT);
        let asked = async {
            let mut node = node
                .get_multiplexed_async_connection_with_config(&config)
                .await?;
            redis::cmd("CLUSTER")
                .arg("SLOTS")
                .exec_async(&mut node)
                .await
        };
        match asked.await {
            Ok(()) => continue,
            Err(error) => why = unavailable(error),
        }
        break;
    }
    Err(why)
}
