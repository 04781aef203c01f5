//! Who has a port of this machine already, for the log: whoever starts a second app, or
//! its tests beside `cargo run`, has to know which program that is.

use std::fs;
use std::time::Duration;

use rocket::tokio::io::{AsyncReadExt, AsyncWriteExt};
use rocket::tokio::net::TcpStream;
use rocket::tokio::task::spawn_blocking;
use rocket::tokio::time::timeout;

/// It answers at once, or it is no provider.
const PATIENCE: Duration = Duration::from_millis(500);
/// So much of an answer is looked at.
const ENOUGH: u64 = 64 * 1024;

/// Who listens at a port, as far as can be told.
pub(super) struct Owner {
    /// In words.
    pub name: String,
    /// It is an OpenID provider at Logto's path that is not a development provider: what
    /// the app is looking for, perhaps.
    pub is_a_logto: bool,
}

pub(super) async fn owner(port: u16) -> Owner {
    let answer = timeout(PATIENCE, metadata(port)).await;
    let answer = answer.ok().flatten().unwrap_or_default();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
    let head = head.to_ascii_lowercase();
    let is_ours = head.contains("\r\nserver: logto_dev_provider");
    let is_a_logto = !is_ours && body.contains("\"authorization_endpoint\"");
    let process = spawn_blocking(move || process(port)).await;
    let process = process.ok().flatten();
    let what = match (is_ours, is_a_logto) {
        (true, _) => Some("the development provider of another app or test"),
        (_, true) => Some("an OpenID provider"),
        _ => None,
    };
    let name = match (what, process) {
        (Some(what), Some(process)) => format!("{what}, {process}"),
        (Some(what), None) => what.to_owned(),
        (None, Some(process)) => process,
        (None, None) => "another program".to_owned(),
    };
    Owner { name, is_a_logto }
}

/// The answer to a request for the metadata at Logto's path.
async fn metadata(port: u16) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
    let request = format!(
        "GET /oidc/.well-known/openid-configuration HTTP/1.1\r\n\
         Host: localhost:{port}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = Vec::new();
    let mut stream = stream.take(ENOUGH);
    stream.read_to_end(&mut answer).await.ok()?;
    Some(String::from_utf8_lossy(&answer).into_owned())
}

/// The process that listens there, if this is Linux and the process is one that this user
/// may look at: `node (process 4711)`.
fn process(port: u16) -> Option<String> {
    let sockets = listeners(port);
    let processes = fs::read_dir("/proc").ok()?.flatten();
    for process in processes {
        let name = process.file_name();
        let Some(id) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let Ok(files) = fs::read_dir(process.path().join("fd")) else {
            continue;
        };
        let mut targets = files
            .flatten()
            .filter_map(|file| file.path().read_link().ok());
        if targets.any(|target| {
            target
                .to_str()
                .is_some_and(|it| sockets.iter().any(|s| s == it))
        }) {
            let name = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
            let name: String = name.chars().filter(|c| !c.is_control()).collect();
            return Some(format!("{name} (process {id})"));
        }
    }
    None
}

/// The sockets that listen there, as links in `/proc` name them.
fn listeners(port: u16) -> Vec<String> {
    const LISTENS: &str = "0A";
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"];
    let tables = tables.map(|table| fs::read_to_string(table).unwrap_or_default());
    let lines = tables.iter().flat_map(|table| table.lines().skip(1));
    let sockets = lines.filter_map(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let [_, local, _, state, _, _, _, _, _, inode, ..] = columns[..] else {
            return None;
        };
        let (_, its_port) = local.rsplit_once(':')?;
        let is_it = u16::from_str_radix(its_port, 16) == Ok(port) && state == LISTENS;
        is_it.then(|| format!("socket:[{inode}]"))
    });
    sockets.collect()
}
