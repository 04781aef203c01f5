//! A server that speaks bytes, not HTTP: it stands in for an OpenID provider
//! that answers slowly, never, too much, or hangs up.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use rocket::tokio::io::{AsyncReadExt, AsyncWriteExt};
use rocket::tokio::net::{TcpListener, TcpStream};
use rocket::tokio::{task, time};

/// What the server does next on a connection. After the last step it closes.
#[derive(Debug, Clone)]
pub enum Step {
    Send(Vec<u8>),
    /// One byte at a time.
    Trickle {
        bytes: Vec<u8>,
        pause: Duration,
    },
    Pause(Duration),
    /// Sends the chunk over and over until the client leaves.
    SendForever(Vec<u8>),
    /// Says nothing more and waits until the client leaves.
    Hang,
    /// RST instead of FIN.
    Reset,
    /// No more bytes come (FIN); the connection stays until the client closes it.
    HalfClose,
    /// Reads the next request on this connection and starts over.
    KeepAlive,
}

impl Step {
    pub fn text(bytes: impl Into<Vec<u8>>) -> Step {
        Step::Send(bytes.into())
    }
}

/// A request as it came in.
#[derive(Debug, Clone, Default)]
pub struct RawRequest {
    /// `GET /path HTTP/1.1`, or empty when the client sent none.
    pub line: String,
    /// As sent, names lower-cased.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl RawRequest {
    pub fn path(&self) -> &str {
        self.line.split(' ').nth(1).unwrap_or_default()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let named = self.headers.iter().find(|(known, _)| known == name);
        named.map(|(_, value)| value.as_str())
    }
}

#[derive(Default)]
struct Seen {
    connections: usize,
    requests: Vec<RawRequest>,
}

/// Answers every request as its script says, and keeps what it was asked.
pub struct RawServer {
    port: u16,
    seen: Arc<Mutex<Seen>>,
    accepting: task::JoinHandle<()>,
}

impl RawServer {
    /// Reads a request, then does the steps that `script` gives for it.
    pub async fn start(
        script: impl Fn(&RawRequest) -> Vec<Step> + Send + Sync + 'static,
    ) -> RawServer {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a loopback port");
        RawServer::start_with(listener, true, script).await
    }

    /// Does the steps as soon as a client connects and reads nothing.
    pub async fn on_connect(steps: Vec<Step>) -> RawServer {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a loopback port");
        RawServer::start_with(listener, false, move |_| steps.clone()).await
    }

    /// As [`RawServer::start`] on a port chosen before.
    pub async fn start_on(
        port: u16,
        script: impl Fn(&RawRequest) -> Vec<Step> + Send + Sync + 'static,
    ) -> RawServer {
        let listener = TcpListener::bind(("127.0.0.1", port))
            .await
            .expect("the port is free");
        RawServer::start_with(listener, true, script).await
    }

    async fn start_with(
        listener: TcpListener,
        reads: bool,
        script: impl Fn(&RawRequest) -> Vec<Step> + Send + Sync + 'static,
    ) -> RawServer {
        let port = listener.local_addr().expect("its address").port();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let script = Arc::new(script);
        let accepting = task::spawn({
            let seen = Arc::clone(&seen);
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    seen.lock().expect("the record").connections += 1;
                    let (seen, script) = (Arc::clone(&seen), Arc::clone(&script));
                    // An error means that the client has left: the end of the script.
                    task::spawn(async move { converse(stream, reads, &seen, &*script).await.ok() });
                }
            }
        });
        RawServer {
            port,
            seen,
            accepting,
        }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// `http://localhost:<port>` followed by `path`.
    pub fn url(&self, path: &str) -> String {
        format!("http://localhost:{}{path}", self.port)
    }

    pub fn connections(&self) -> usize {
        self.seen.lock().expect("the record").connections
    }

    pub fn requests(&self) -> Vec<RawRequest> {
        self.seen.lock().expect("the record").requests.clone()
    }

    pub fn request_lines(&self) -> Vec<String> {
        self.requests()
            .into_iter()
            .map(|request| request.line)
            .collect()
    }

    /// How many requests asked for this path, the query not counted.
    pub fn count(&self, path: &str) -> usize {
        let asks = |request: &&RawRequest| request.path().split('?').next() == Some(path);
        self.requests().iter().filter(asks).count()
    }
}

impl Drop for RawServer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn converse(
    mut stream: TcpStream,
    reads: bool,
    seen: &Mutex<Seen>,
    script: &(impl Fn(&RawRequest) -> Vec<Step> + Send + Sync),
) -> std::io::Result<()> {
    loop {
        let mut request = RawRequest::default();
        if reads {
            let Some(read) = read_request(&mut stream).await? else {
                return Ok(());
            };
            seen.lock().expect("the record").requests.push(read.clone());
            request = read;
        }
        let steps = script(&request);
        let keeps_alive = steps.iter().any(|step| matches!(step, Step::KeepAlive));
        for step in steps {
            if let Step::Reset = step {
                // With lingering off, closing discards what is unsent and answers RST.
                return stream.set_zero_linger();
            }
            perform(&mut stream, step).await?;
        }
        if !(reads && keeps_alive) {
            return stream.shutdown().await;
        }
    }
}

async fn perform(stream: &mut TcpStream, step: Step) -> std::io::Result<()> {
    match step {
        Step::Send(bytes) => stream.write_all(&bytes).await,
        Step::Trickle { bytes, pause } => {
            for byte in bytes {
                stream.write_all(&[byte]).await?;
                stream.flush().await?;
                time::sleep(pause).await;
            }
            Ok(())
        }
        Step::Pause(pause) => {
            time::sleep(pause).await;
            Ok(())
        }
        Step::SendForever(chunk) => loop {
            stream.write_all(&chunk).await?;
            task::yield_now().await;
        },
        Step::Hang => wait_for_close(stream).await,
        Step::HalfClose => {
            stream.shutdown().await?;
            wait_for_close(stream).await
        }
        Step::Reset | Step::KeepAlive => Ok(()),
    }
}

async fn wait_for_close(stream: &mut TcpStream) -> std::io::Result<()> {
    let mut buffer = [0; 1024];
    while stream.read(&mut buffer).await? > 0 {}
    Ok(())
}

/// `None` when the client closed without asking anything.
async fn read_request(stream: &mut TcpStream) -> std::io::Result<Option<RawRequest>> {
    let mut received = Vec::new();
    let head_end = loop {
        if let Some(end) = received.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(&mut received).await? == 0 {
            return Ok(None);
        }
    };
    let head = String::from_utf8_lossy(&received[..head_end]).into_owned();
    let mut lines = head.split("\r\n");
    let mut request = RawRequest {
        line: lines.next().unwrap_or_default().to_owned(),
        headers: lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect(),
        body: received.split_off(head_end + 4),
    };
    let length = request
        .header("content-length")
        .and_then(|length| length.parse().ok());
    while request.body.len() < length.unwrap_or(0) {
        if stream.read_buf(&mut request.body).await? == 0 {
            break;
        }
    }
    if request.header("transfer-encoding") == Some("chunked") {
        // As it came, with the lengths.
        while !request.body.ends_with(b"0\r\n\r\n") {
            if stream.read_buf(&mut request.body).await? == 0 {
                break;
            }
        }
    }
    Ok(Some(request))
}

/// A whole, well-formed JSON answer that ends the connection.
pub fn json_response(status: &str, body: &serde_json::Value) -> Vec<u8> {
    response(status, "application/json", body.to_string().as_bytes())
}

/// A whole, well-formed answer that ends the connection.
pub fn response(status: &str, content_type: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}
