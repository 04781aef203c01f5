//! From the configuration to the clients that can connect: addresses, users, TLS.

use std::time::Duration;

use redis::io::tcp::TcpSettings;
use redis::{
    AsyncConnectionConfig, Client, ClientTlsConfig, ConnectionAddr, ConnectionInfo,
    IntoConnectionInfo, RedisConnectionInfo, RedisError, RedisResult, TlsCertificates,
};

use crate::config::{RedisServers, Topology};

/// A connection over which nothing has been acknowledged for so long is dead.
#[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
const GIVEN_UP: Duration = Duration::from_secs(5);

/// The servers at the URLs.
pub(super) fn infos(servers: &RedisServers) -> RedisResult<Vec<ConnectionInfo>> {
    let is_sentinel = matches!(servers.topology, Topology::Sentinel(_));
    let infos = servers.urls.iter().map(|url| {
        let info = url.as_str().into_connection_info()?;
        let mut settings = info.redis_settings().clone();
        if !matches!(info.addr(), ConnectionAddr::TcpTls { .. }) {
            // With it, the client would not hear that there are too many of them. With
            // TLS, it hears only by it that its certificate is refused.
            settings = settings.set_skip_set_lib_name();
        }
        settings = match is_sentinel {
            // The database is that of the servers, and so are user and password.
            true => settings.set_db(0),
            false => with_credentials(settings, servers),
        };
        Ok(info.set_redis_settings(settings).set_tcp_settings(tcp()))
    });
    infos.collect()
}

/// For the servers that Sentinels name: all but the address.
pub(super) fn named_by_sentinels(servers: &RedisServers) -> RedisResult<ConnectionInfo> {
    let Some(first) = servers.urls.first() else {
        return Err(no_server());
    };
    let first = first.as_str().into_connection_info()?;
    let settings = RedisConnectionInfo::default()
        .set_db(first.redis_settings().db())
        .set_protocol(first.redis_settings().protocol());
    let settings = with_credentials(settings, servers);
    Ok(first.set_redis_settings(settings).set_tcp_settings(tcp()))
}

/// With the user and the password of the servers, in the place of those in a URL.
fn with_credentials(
    mut settings: RedisConnectionInfo,
    servers: &RedisServers,
) -> RedisConnectionInfo {
    if let Some(user) = &servers.user {
        settings = settings.set_username(user);
    }
    if let Some(password) = &servers.password {
        settings = settings.set_password(password);
    }
    settings
}

/// The same server at another address.
pub(super) fn moved_to(info: &ConnectionInfo, host: String, port: u16) -> ConnectionInfo {
    let addr = match info.addr() {
        ConnectionAddr::TcpTls {
            insecure,
            tls_params,
            ..
        } => ConnectionAddr::TcpTls {
            host,
            port,
            insecure: *insecure,
            tls_params: tls_params.clone(),
        },
        _ => ConnectionAddr::Tcp(host, port),
    };
    info.clone().set_addr(addr)
}

pub(super) fn client(servers: &RedisServers, info: ConnectionInfo) -> RedisResult<Client> {
    match info.addr() {
        ConnectionAddr::TcpTls { .. } => {
            provide_cryptography();
            Client::build_with_tls(info, certificates(servers))
        }
        _ => Client::open(info),
    }
}

/// Nothing where the connection is in clear.
pub(super) fn certificates_for(
    servers: &RedisServers,
    infos: &[ConnectionInfo],
) -> Option<TlsCertificates> {
    let is_tls = |info: &ConnectionInfo| matches!(info.addr(), ConnectionAddr::TcpTls { .. });
    infos.iter().any(is_tls).then(|| {
        provide_cryptography();
        certificates(servers)
    })
}

fn certificates(servers: &RedisServers) -> TlsCertificates {
    let client = servers.client_certificate.as_ref();
    TlsCertificates {
        client_tls: client.map(|(certificate, key)| ClientTlsConfig {
            client_cert: certificate.clone(),
            client_key: key.clone(),
        }),
        root_cert: servers.ca_pem.clone(),
    }
}

/// The client of Redis takes what the process uses for TLS, and would panic where
/// nobody has said it: with two to choose from, rustls does not choose.
fn provide_cryptography() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Somebody else was faster, and that is as good.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    }
}

/// A Redis that has vanished, as by a loss of power, says nothing of it: without
/// these, the connection to it is given up after a quarter of an hour.
pub(super) fn tcp() -> TcpSettings {
    let settings = TcpSettings::default().set_nodelay(true);
    #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
    let settings = settings.set_user_timeout(GIVEN_UP);
    settings
}

/// A connection that has so long to be made, and for each answer.
pub(super) fn within(time: Duration) -> AsyncConnectionConfig {
    AsyncConnectionConfig::new()
        .set_connection_timeout(Some(time))
        .set_response_timeout(Some(time))
}

pub(super) fn no_server() -> RedisError {
    RedisError::from((
        redis::ErrorKind::InvalidClientConfig,
        "session.store names no server",
    ))
}
