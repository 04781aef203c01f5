//! Nothing waits for the end of a body, nothing is larger than allowed, and what breaks off is
//! not taken for whole.

use std::time::{Duration, Instant};

use reqwest::Method;
use rocket::figment::value::Dict;
use rocket::tokio::io::{AsyncReadExt, AsyncWriteExt};
use rocket::tokio::net::{TcpListener, TcpStream};
use rocket::tokio::time::timeout;
use serde_json::Value;

use crate::support::clock::clock;
use crate::support::eventually::eventually;
use crate::support::log::lines_with;
use crate::support::proxy_app::{ProxyApp, answer, fine, proxy_keys};
use crate::support::raw_server::{RawRequest, Step};

const PATIENCE: Duration = Duration::from_secs(20);
/// Before it does anything else, Rocket 0.5 looks at so much of a body, for forms.
const SEEN_BY_ROCKET: &str = "fourteen bytes";
const SECOND: &[(&str, &str)] = &[("timeout", "1s"), ("idle", "1s")];

/// As `EventSource` would have it, if it could send a header: `fetch()` reads it, too.
#[rocket::async_test]
async fn an_event_arrives_before_the_next_is_sent() {
    let script = |_: &RawRequest| {
        vec![
            Step::text(
                "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n\
                 f\r\ndata: first\n\nxyz\r\n",
            ),
            Step::Hang,
        ]
    };
    let app = ProxyApp::start(clock!(), script).await;
    let mut wire = app.wire().await;
    wire.send(app.head("GET", "/api/shop/events", "")).await;
    // The upstream never sends another byte.
    let read = wire.until("data: first").await;
    assert!(read.starts_with("HTTP/1.1 200"), "{read}");
    drop(wire);
    // Nor does it wait for one who has left.
    eventually("the upstream is left", async || {
        app.upstream.connections() == 1
    })
    .await;
}

/// Of another kind, and slow from the start.
#[rocket::async_test]
async fn a_slow_answer_flows_as_well() {
    let script = |_: &RawRequest| {
        vec![
            Step::text(
                "HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n",
            ),
            Step::Hang,
        ]
    };
    let app = ProxyApp::start(clock!(), script).await;
    let mut wire = app.wire().await;
    wire.send(app.head("GET", "/api/shop/report", "")).await;
    wire.until("first").await;
}

#[rocket::async_test]
async fn an_upload_arrives_before_its_end_is_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("its address").port();
    let keys = proxy_keys(&format!("http://localhost:{port}/v1"), &[]);
    let app = ProxyApp::with(clock!(), &[], keys, fine).await;
    let mut wire = app.wire().await;
    wire.send(app.head("POST", "/api/shop/upload", "Transfer-Encoding: chunked\r\n"))
        .await;
    wire.send(format!("e\r\n{SEEN_BY_ROCKET}\r\n")).await;
    let upstream = timeout(PATIENCE, listener.accept()).await;
    let (mut upstream, _) = upstream.expect("in time").expect("a connection");
    let mut read = Vec::new();
    arrives(&mut upstream, &mut read, SEEN_BY_ROCKET).await;
    let head = String::from_utf8_lossy(&read).to_lowercase();
    assert!(head.contains("transfer-encoding: chunked"), "{head}");
    assert!(!head.contains("content-length"), "{head}");
    // The answer may begin before the body has ended, and the body still arrives.
    let answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nbefore\r\n";
    upstream
        .write_all(answer.as_bytes())
        .await
        .expect("it is read");
    wire.until("before").await;
    wire.send("4\r\nlast\r\n0\r\n\r\n").await;
    arrives(&mut upstream, &mut read, "last\r\n0\r\n\r\n").await;
    upstream
        .write_all(b"5\r\nafter\r\n0\r\n\r\n")
        .await
        .expect("it is read");
    wire.until("after").await;
}

/// Reads until `text` has come.
async fn arrives(upstream: &mut TcpStream, read: &mut Vec<u8>, text: &str) {
    while !String::from_utf8_lossy(read).contains(text) {
        let more = timeout(PATIENCE, upstream.read_buf(read)).await;
        let more = more.unwrap_or_else(|_| panic!("{text:?} does not come"));
        assert!(more.expect("bytes") > 0, "it ends without {text:?}");
    }
}

#[rocket::async_test]
async fn bodies_of_all_lengths_arrive_whole() {
    let app = ProxyApp::start(clock!(), fine).await;
    for length in [1, 64 * 1024, 64 * 1024 + 1, 1024 * 1024] {
        let body: Vec<u8> = (0..length).map(|at| b'a' + (at % 26) as u8).collect();
        let request = app.call(Method::POST, "/api/shop/upload");
        let answer = request.body("text/plain", body.clone()).send().await;
        assert_eq!(answer.status(), 200, "{length}");
        let request = app.upstream.requests().pop().expect("a request");
        assert!(request.body == body, "{length}");
        assert_eq!(request.header("content-length"), Some(&*length.to_string()));
        assert_eq!(request.header("transfer-encoding"), None);
    }
    let answer = app.exchange(
        "PUT",
        "/api/shop/upload",
        "Transfer-Encoding: chunked\r\n",
        "0\r\n\r\n",
    );
    assert!(answer.await.starts_with("HTTP/1.1 200"));
    let request = app.upstream.requests().pop().expect("a request");
    assert!(request.body.is_empty() && request.header("transfer-encoding").is_none());
}

/// Rocket's `limits.proxy`, which is 1 MiB here.
#[rocket::async_test]
async fn a_body_that_is_too_large_goes_no_further() {
    let app = ProxyApp::start(clock!(), fine).await;
    let length = 1024 * 1024 + 1;
    let more = format!("Content-Length: {length}\r\n");
    let mut wire = app.wire().await;
    // It need not be sent to be refused.
    let beginning = app.head("POST", "/api/shop/upload", &more) + SEEN_BY_ROCKET;
    wire.send(beginning).await;
    let read = wire.until("reference").await;
    assert!(read.starts_with("HTTP/1.1 413"), "{read}");
    assert!(read.contains("Body too large"), "{read}");
    assert!(app.upstream.requests().is_empty());

    // Of one that does not say how long it is, the upstream gets no end.
    let mut wire = app.wire().await;
    wire.send(app.head("POST", "/api/shop/upload", "Transfer-Encoding: chunked\r\n"))
        .await;
    let piece = format!("10000\r\n{}\r\n", "a".repeat(0x10000));
    for _ in 0..16 {
        wire.send(&piece).await;
    }
    wire.send("1\r\na\r\n").await;
    let read = wire.until("reference").await;
    assert!(read.starts_with("HTTP/1.1 413"), "{read}");
    let whole = |request: RawRequest| request.body.ends_with(b"0\r\n\r\n");
    assert!(!app.upstream.requests().into_iter().any(whole));
}

/// A browser that goes away in the middle has not sent a shorter body.
#[rocket::async_test]
async fn an_upload_that_breaks_off_does_not_look_whole() {
    let app = ProxyApp::start(clock!(), fine).await;
    for more in [
        "Transfer-Encoding: chunked\r\n",
        "Content-Length: 200000\r\n",
    ] {
        let before = app.upstream.requests().len();
        let mut wire = app.wire().await;
        wire.send(app.head("POST", "/api/shop/upload", more)).await;
        wire.send(format!("186a0\r\n{}", "a".repeat(100_000))).await;
        let connections = app.upstream.connections();
        eventually("it is under way", async || {
            app.upstream.connections() >= connections.max(1)
        })
        .await;
        drop(wire);
        eventually("the upstream is told", async || {
            app.upstream.requests().len() > before
        })
        .await;
        let request = app.upstream.requests().pop().expect("a request");
        assert!(!request.body.ends_with(b"0\r\n\r\n"), "{more}");
        assert!(request.body.len() < 200_000, "{more}");
    }
}

#[rocket::async_test]
async fn an_answer_that_breaks_off_is_told() {
    let script = |request: &RawRequest| match request.path() {
        "/v1/whole" => answer("200 OK", "", "whole"),
        "/v1/length" => vec![
            Step::text("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"a\":"),
            Step::Pause(Duration::from_millis(200)),
        ],
        "/v1/chunked" => vec![Step::text(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"a\":\r\n",
        )],
        "/v1/head" => vec![Step::text("HTTP/1.1 200 OK\r\nContent-")],
        "/v1/nonsense" => vec![Step::text("hello\r\n\r\n")],
        "/v1/switch" => vec![Step::text(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        )],
        _ => vec![Step::Reset],
    };
    let app = ProxyApp::start(clock!(), script).await;
    // The browser sees that there should have been more.
    let broken = app.call(Method::GET, "/api/shop/length").try_send().await;
    assert!(broken.is_err(), "{broken:?}");
    let line = lines_with("breaks off its answer").concat();
    assert!(line.contains("Proxy reason=unusable reference="), "{line}");
    for path in ["chunked", "head", "nonsense", "switch", "reset"] {
        let answer = app
            .call(Method::GET, &format!("/api/shop/{path}"))
            .send()
            .await;
        assert_eq!(answer.status(), 502, "{path}");
        let body: Value = answer.json();
        assert_eq!(body["error"], "Bad answer from the upstream", "{path}");
        let reference = body["reference"].as_str().expect("a reference");
        assert_eq!(lines_with(reference).len(), 1, "{path}");
    }
    // And it is over with the next request.
    let answer = app.call(Method::GET, "/api/shop/whole").send().await;
    assert_eq!(answer.text(), "whole");
}

#[rocket::async_test]
async fn an_upstream_that_says_nothing_is_given_up() {
    let script = |request: &RawRequest| match request.path() {
        "/v1/never" => vec![Step::Hang],
        _ => vec![
            Step::text("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nfirst"),
            Step::Hang,
        ],
    };
    let app = ProxyApp::with(clock!(), SECOND, Dict::new(), script).await;
    let began = Instant::now();
    for method in [Method::GET, Method::POST] {
        let answer = app.call(method, "/api/shop/never").send().await;
        assert_eq!(answer.status(), 504);
        assert!(answer.header("retry-after").is_some());
        let body: Value = answer.json();
        assert_eq!(body["error"], "Upstream timeout");
        let line = lines_with(body["reference"].as_str().expect("a reference")).concat();
        assert!(line.contains("logto.proxy.timeout"), "{line}");
    }
    // In the middle of its answer, as well.
    let broken = app.call(Method::GET, "/api/shop/half").try_send().await;
    assert!(broken.is_err(), "{broken:?}");
    assert!(began.elapsed() < Duration::from_secs(15));
    assert!(!lines_with("logto.proxy.idle").is_empty());
}

/// Each piece that the upstream takes starts the time anew.
#[rocket::async_test]
async fn an_upload_may_take_longer_than_an_answer() {
    let app = ProxyApp::with(clock!(), SECOND, Dict::new(), fine).await;
    let mut wire = app.wire().await;
    wire.send(app.head("POST", "/api/shop/upload", "Transfer-Encoding: chunked\r\n"))
        .await;
    for _ in 0..4 {
        wire.send(format!("e\r\n{SEEN_BY_ROCKET}\r\n")).await;
        rocket::tokio::time::sleep(Duration::from_millis(500)).await;
    }
    wire.send("0\r\n\r\n").await;
    let read = wire.until("\r\n\r\n").await;
    assert!(read.starts_with("HTTP/1.1 200"), "{read}");
}

#[rocket::async_test]
async fn an_upstream_that_is_down_is_told() {
    let app = ProxyApp::start(clock!(), fine).await;
    let ProxyApp {
        at,
        upstream,
        alice,
        ..
    } = app;
    drop(upstream);
    let request = alice.request(Method::GET, at.url("/api/shop/cart"));
    let request = request.fetch().initiator(at.url("/"));
    let answer = request.header("X-CSRF", "1").send().await;
    assert_eq!(answer.status(), 502);
    let body: Value = answer.json();
    assert_eq!(body["error"], "Upstream unreachable");
    let line = lines_with(body["reference"].as_str().expect("a reference")).concat();
    assert!(line.contains("cannot be reached"), "{line}");
    assert!(line.contains("logto.proxy.upstreams.shop"), "{line}");
    assert!(!line.contains("cart"), "{line}");
}
