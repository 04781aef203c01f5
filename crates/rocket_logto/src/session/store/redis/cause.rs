//! Why Redis could not do what it was asked, for the log: what it said by its code,
//! what that means, and what to look at. Never a value of the command, a URL or a
//! password.

use redis::{ErrorKind, RedisError};

use crate::session::store::StoreError;

/// The codes that Redis gives, and what they mean to whoever runs it.
const CODES: &[(&str, &str)] = &[
    (
        "NOAUTH",
        "it asks for a password, and none is in session.store",
    ),
    (
        "WRONGPASS",
        "it does not let in the user and the password of session.store",
    ),
    (
        "NOPERM",
        "its user may not do what sessions need, see the ACL in the guide to production",
    ),
    ("OOM", "its memory is full, see its maxmemory"),
    (
        "READONLY",
        "it is a replica, and only its master can be written to",
    ),
    (
        "MOVED",
        "it is a Redis Cluster: write session.store = { redis_cluster = [\"redis://…\"] }",
    ),
    ("ASK", "a part of the cluster is moving to another server"),
    (
        "CROSSSLOT",
        "it is a Redis Cluster: write session.store = { redis_cluster = [\"redis://…\"] }",
    ),
    (
        "TRYAGAIN",
        "a part of the cluster is moving to another server",
    ),
    (
        "CLUSTERDOWN",
        "the cluster has no master for some of its slots",
    ),
    ("LOADING", "it has been started and still reads its data"),
    (
        "MASTERDOWN",
        "it is a replica whose master cannot be reached",
    ),
    (
        "NOREPLICAS",
        "too few replicas are there, see its min-replicas-to-write",
    ),
    ("MISCONF", "it cannot save to its disk, see its own log"),
    ("BUSY", "it is busy with somebody's script"),
    ("WRONGTYPE", "a key of ours holds something else"),
    ("NOPROTO", "it is too old"),
    ("DENIED", "its protected mode lets nobody in from elsewhere"),
];

/// What Redis says without a code of its own, by a part of it.
const TEXTS: &[(&str, &str)] = &[
    (
        // Of a script, before Redis 7.2, which gives the code and the command.
        "can't run this command",
        "NOPERM, its user may not do what sessions need, see the ACL in the guide to production",
    ),
    (
        "can't access at least one of the keys",
        "NOPERM, its user may not use our keys, see the ACL in the guide to production",
    ),
    (
        "max number of clients",
        "MAXCLIENTS, it has as many connections as its maxclients allows",
    ),
    (
        "DB index is out of range",
        "it has no database of the number in the URL",
    ),
    (
        "SELECT is not allowed in cluster mode",
        "it is a Redis Cluster, which has database 0 only",
    ),
    (
        "cluster support disabled",
        "it is no Redis Cluster: write session.store = { redis = \"redis://…\" }",
    ),
    (
        "No such master with that name",
        "the Sentinels do not know the service of session.store",
    ),
    (
        "unknown command",
        "it does not know a command: is it a Redis, and not one of its Sentinels?",
    ),
    (
        "without any password configured",
        "it has no password, and session.store has one",
    ),
];

/// What the connection came to, by a part of what the system or TLS says.
const CONNECTIONS: &[(&str, &str)] = &[
    (
        "failed to lookup address",
        "DNS, the name of its host cannot be resolved",
    ),
    (
        "UnknownIssuer",
        "TLS, its certificate is signed by nobody who is trusted, see ca_file",
    ),
    (
        // By one with the same name as somebody who is.
        "BadSignature",
        "TLS, its certificate is signed by nobody who is trusted, see ca_file",
    ),
    (
        "UnsupportedSignatureAlgorithm",
        "TLS, its certificate is signed by nobody who is trusted, see ca_file",
    ),
    (
        "CaUsedAsEndEntity",
        "TLS, its certificate is one of an authority, not of a server",
    ),
    (
        "NotValidForName",
        "TLS, its certificate is for another name",
    ),
    (
        "not valid for name",
        "TLS, its certificate is for another name",
    ),
    ("Expired", "TLS, its certificate has expired"),
    ("expired", "TLS, its certificate has expired"),
    ("NotValidYet", "TLS, its certificate is not valid yet"),
    (
        "CertificateRequired",
        "TLS, it asks for a client certificate, see client_cert_file",
    ),
    (
        "InvalidContentType",
        "TLS, it does not speak TLS at this port: write redis://",
    ),
    (
        "corrupt message",
        "TLS, it does not speak TLS at this port: write redis://",
    ),
    (
        "received fatal alert",
        "TLS, it has refused this client, perhaps its certificate",
    ),
    (
        "Unable to build client with TLS",
        "TLS, client_cert_file and client_key_file do not belong together",
    ),
    (
        "PEM",
        "TLS, a file of session.store is no certificate or key in PEM",
    ),
    (
        "trust anchors",
        "TLS, the certificates in ca_file are none of an authority",
    ),
];

/// What a command came to.
pub(super) enum Failure {
    Connecting(StoreError),
    Command(RedisError),
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> StoreError {
        match failure {
            Failure::Connecting(error) => error,
            Failure::Command(error) => unavailable(error),
        }
    }
}

/// What went wrong, in words for the log.
pub(super) fn unavailable(error: RedisError) -> StoreError {
    StoreError::Unavailable(format!("Redis: {}", cause(&error)))
}

fn cause(error: &RedisError) -> String {
    // Of several commands in one message, what the first of them came to.
    if error.code().is_none()
        && let Some(errors) = error.clone().into_server_errors()
        && let Some((_, first)) = errors.first()
    {
        return cause(&RedisError::from(first.clone()));
    }
    let text = error.to_string();
    let by_text = |table: &[(&str, &'static str)]| {
        let mut found = table.iter().filter(|(part, _)| text.contains(part));
        found.next().map(|(_, meaning)| *meaning)
    };
    if let Some(code) = error.code().filter(|code| is_code(code)) {
        let known = CODES.iter().find(|(known, _)| *known == code);
        if let Some((_, meaning)) = known {
            return match refused_command(&text) {
                Some(command) if code == "NOPERM" => format!("{code} ({command}), {meaning}"),
                _ => format!("{code}, {meaning}"),
            };
        }
        return match by_text(TEXTS) {
            Some(meaning) => meaning.to_owned(),
            None => code.to_owned(),
        };
    }
    if let Some(meaning) = by_text(TEXTS) {
        return meaning.to_owned();
    }
    if error.kind() == ErrorKind::AuthenticationFailed {
        // The client keeps to itself what Redis has said.
        return "WRONGPASS, it does not let in the user and the password of session.store".into();
    }
    if error.is_connection_refusal() {
        return "connection refused".into();
    }
    if error.is_timeout() {
        return "timed out".into();
    }
    if let Some(meaning) = by_text(CONNECTIONS) {
        return meaning.to_owned();
    }
    if let Some((_, why)) = text.split_once("invalid peer certificate: ") {
        let why: String = why
            .chars()
            .take_while(char::is_ascii_alphanumeric)
            .collect();
        return format!("TLS, its certificate cannot be accepted: {why}");
    }
    if error.is_connection_dropped() {
        return "connection lost".into();
    }
    // What else the client says may hold what it has sent, unless it ends here.
    let kind = format!("{:?}", error.kind());
    let words = text.strip_suffix(&format!(" - {kind}"));
    match words.filter(|_| error.detail().is_none()) {
        Some(words) => format!("{kind}, {words}"),
        None => kind,
    }
}

/// The code is the first word of what Redis says, which is a text of its own
/// where a script raises the error.
fn is_code(code: &str) -> bool {
    code.len() <= 20 && code.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// The command in "… has no permissions to run the 'hset' command".
fn refused_command(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("run the '")?;
    let (command, _) = rest.split_once('\'')?;
    let is_command = |byte: u8| byte.is_ascii_alphabetic() || byte == b'|';
    (command.len() <= 30 && command.bytes().all(is_command)).then_some(command)
}
