//! Debian's `redis-server`, one for each test, on a free port and with nothing
//! on disk.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rocket::figment::value::{Dict, Value};

use super::serve::{Process, free_port};

/// A server that ends, by its own process id, when it is dropped.
pub struct Redis {
    port: u16,
    /// More of its configuration.
    arguments: Vec<String>,
    process: Option<Process>,
}

impl Redis {
    pub async fn start() -> Redis {
        let mut redis = Redis::nobody();
        redis.restart().await;
        redis
    }

    /// A port where no server listens yet: [`Redis::restart`] starts one.
    pub fn nobody() -> Redis {
        Redis {
            port: free_port(),
            arguments: Vec::new(),
            process: None,
        }
    }

    /// What listens there already, to talk to it.
    pub fn at(port: u16) -> Redis {
        Redis {
            port,
            arguments: Vec::new(),
            process: None,
        }
    }

    /// With more of its configuration, as its command line has it.
    pub async fn start_with(arguments: &[&str]) -> Redis {
        let mut redis = Redis::nobody();
        redis.arguments = arguments.iter().map(|word| (*word).to_owned()).collect();
        redis.restart().await;
        redis
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// The `logto` table of an app that keeps sessions here.
    pub fn table(&self) -> Dict {
        let store = Dict::from([("redis".to_owned(), Value::from(self.url()))]);
        let session = Dict::from([("store".to_owned(), Value::from(store))]);
        Dict::from([("session".to_owned(), Value::from(session))])
    }

    fn directory(&self) -> PathBuf {
        let name = format!("redis-{}-{}", std::process::id(), self.port);
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
    }

    /// Ends it: connections are refused from now on.
    pub fn stop(&mut self) {
        if self.process.take().is_some() {
            // What is left lies under target/.
            let _ = std::fs::remove_dir_all(self.directory());
        }
    }

    /// Starts it, empty, at the same port.
    pub async fn restart(&mut self) {
        self.stop();
        // What a replica was sent lies there, and would be read again.
        let directory = self.directory();
        std::fs::create_dir_all(&directory).expect("a directory");
        let mut command = Command::new("redis-server");
        command
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no"])
            .args(&self.arguments)
            .current_dir(&directory);
        let mut process = Process::spawn(&mut command);
        process.wait_for_output("Ready to accept connections").await;
        self.process = Some(process);
    }

    /// Connections stay open but nothing is answered.
    pub fn pause(&self) {
        self.signal("STOP");
    }

    pub fn resume(&self) {
        self.signal("CONT");
    }

    fn signal(&self, signal: &str) {
        let process = self.process.as_ref().expect("a running Redis");
        process.signal(signal);
    }

    /// Sends one command and gives the raw answer (RESP). An error is none.
    pub fn command(&self, words: &[&str]) -> String {
        let answer = self.try_command(words).expect("Redis answers");
        assert!(!answer.starts_with('-'), "{words:?}: {answer}");
        answer
    }

    /// As [`Redis::command`], of one that may be away or say no.
    pub fn try_command(&self, words: &[&str]) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        let patience = Some(Duration::from_secs(10));
        stream.set_read_timeout(patience)?;
        let mut request = format!("*{}\r\n", words.len());
        for word in words {
            request += &format!("${}\r\n{word}\r\n", word.len());
        }
        stream.write_all(request.as_bytes())?;
        let mut answer = String::new();
        read_answer(&mut BufReader::new(stream), &mut answer)?;
        Ok(answer)
    }

    /// Whether all its replicas have what this master has.
    pub fn is_replicated(&self) -> bool {
        let info = self.command(&["INFO", "replication"]);
        let number = |text: &str| {
            text.split(|c: char| !c.is_ascii_digit())
                .next()?
                .parse()
                .ok()
        };
        let all =
            |name: &str| -> Vec<u64> { info.split(name).skip(1).filter_map(number).collect() };
        let (own, replicas) = (all("master_repl_offset:"), all(",offset="));
        !replicas.is_empty() && replicas.iter().all(|offset| own.first() <= Some(offset))
    }

    /// Ends it without a word, as a loss of power does.
    pub fn kill(&mut self) {
        self.stop();
    }

    /// The names of all keys.
    pub fn keys(&self) -> Vec<String> {
        let answer = self.command(&["KEYS", "*"]);
        let lines = answer.lines().skip(1);
        lines
            .filter(|line| !line.starts_with('$'))
            .map(str::to_owned)
            .collect()
    }

    /// The one key that holds `part`; panics when there are more or none.
    pub fn key(&self, part: &str) -> String {
        let mut keys = self.keys();
        keys.retain(|key| key.contains(part));
        assert_eq!(keys.len(), 1, "{part}: {keys:?}");
        keys.remove(0)
    }

    /// Everything it holds, names and values, as one text.
    pub fn dump(&self) -> String {
        let mut all = String::new();
        for key in self.keys() {
            let read: &[&str] = match self.command(&["TYPE", &key]).trim() {
                "+hash" => &["HGETALL"],
                "+set" => &["SMEMBERS"],
                "+zset" => &["ZRANGE", "0", "-1"],
                "+string" => &["GET"],
                other => panic!("{key} is {other}"),
            };
            let words: Vec<_> = [read[0], &key]
                .into_iter()
                .chain(read[1..].iter().copied())
                .collect();
            all += &format!("{key}\n{}\n", self.command(&words));
        }
        all
    }

    /// How long a key still lives, in milliseconds.
    pub fn ttl(&self, key: &str) -> i64 {
        let answer = self.command(&["PTTL", key]);
        let number = answer.trim().trim_start_matches(':');
        number.parse().expect("a number of milliseconds")
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // A stopped process cannot be waited for, but it can be killed.
        self.stop();
    }
}

/// One answer with all that is in it (RESP 2).
fn read_answer(stream: &mut BufReader<TcpStream>, answer: &mut String) -> std::io::Result<()> {
    let start = answer.len();
    if stream.read_line(answer)? == 0 {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    let line = answer[start..].trim_end().to_owned();
    let count: i64 = line
        .get(1..)
        .and_then(|text| text.parse().ok())
        .unwrap_or(-1);
    match line.chars().next() {
        Some('$') if count >= 0 => {
            let mut bytes = vec![0; count as usize + 2];
            stream.read_exact(&mut bytes)?;
            *answer += &String::from_utf8_lossy(&bytes);
        }
        Some('*') => {
            for _ in 0..count {
                read_answer(stream, answer)?;
            }
        }
        _ => {}
    }
    Ok(())
}
