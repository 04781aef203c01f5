//! Debian's `redis-server`, one for each test, on a free port and with nothing
//! on disk.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use rocket::figment::value::{Dict, Value};

use super::serve::{Process, free_port};

/// A server that ends, by its own process id, when it is dropped.
pub struct Redis {
    port: u16,
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
            process: None,
        }
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

    /// Ends it: connections are refused from now on.
    pub fn stop(&mut self) {
        self.process = None;
    }

    /// Starts it, empty, at the same port.
    pub async fn restart(&mut self) {
        self.stop();
        let mut command = Command::new("redis-server");
        command
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no"])
            .current_dir(std::env::temp_dir());
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

    /// Sends one command and gives the raw answer (RESP).
    pub fn command(&self, words: &[&str]) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("Redis answers");
        let patience = Some(Duration::from_secs(10));
        stream.set_read_timeout(patience).expect("a timeout");
        let mut request = format!("*{}\r\n", words.len());
        for word in words {
            request += &format!("${}\r\n{word}\r\n", word.len());
        }
        // QUIT makes it close the connection, so that the answer has an end.
        request += "*1\r\n$4\r\nQUIT\r\n";
        stream.write_all(request.as_bytes()).expect("a request");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("an answer");
        let answer = String::from_utf8_lossy(&answer).into_owned();
        assert!(!answer.starts_with('-'), "{words:?}: {answer}");
        answer.trim_end_matches("+OK\r\n").to_owned()
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
