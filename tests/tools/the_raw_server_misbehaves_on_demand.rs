//! The byte-level server is slow, cuts off, hangs and resets when it is told to,
//! and counts what comes in.

use std::time::{Duration, Instant};

use rocket::tokio::io::{AsyncReadExt, AsyncWriteExt};
use rocket::tokio::net::TcpStream;
use serde_json::json;

use crate::support::browser::{Browser, Response};
use crate::support::raw_server::{RawServer, Step, json_response};

async fn bare_get(url: String) -> Result<Response, reqwest::Error> {
    Browser::new()
        .request(reqwest::Method::GET, url)
        .try_send()
        .await
}

/// Everything the error says, its causes too.
fn causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}

#[rocket::async_test]
async fn it_misbehaves_on_demand() {
    let whole = json_response("200 OK", &json!({ "a": 1 }));
    let cut = whole[..whole.len() - 2].to_vec();
    let endless = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    let pause = Duration::from_millis(2);
    let server = RawServer::start(move |request| match request.path() {
        "/trickle" => vec![Step::Trickle {
            bytes: whole.clone(),
            pause,
        }],
        "/late" => vec![
            Step::Pause(Duration::from_millis(300)),
            Step::Send(whole.clone()),
        ],
        "/cut" => vec![Step::Send(cut.clone())],
        "/half-close" => vec![Step::Send(cut.clone()), Step::HalfClose],
        "/reset" => vec![Step::Reset],
        "/reset-in-body" => vec![
            Step::Send(cut.clone()),
            Step::Pause(pause * 20),
            Step::Reset,
        ],
        "/endless" => vec![
            Step::Send(endless.clone()),
            Step::SendForever(b"1\r\nx\r\n".to_vec()),
        ],
        "/silent" => vec![],
        _ => vec![Step::Hang],
    })
    .await;

    let trickled = bare_get(server.url("/trickle")).await.unwrap();
    assert_eq!(trickled.json::<serde_json::Value>(), json!({ "a": 1 }));
    let start = Instant::now();
    bare_get(server.url("/late")).await.unwrap();
    assert!(start.elapsed() >= Duration::from_millis(300));

    let table = [
        ("/cut", "end of file before message length reached"),
        ("/half-close", "end of file before message length reached"),
        ("/reset", "reset by peer"),
        ("/reset-in-body", "reset by peer"),
        ("/silent", "connection closed before message completed"),
    ];
    for (path, expected) in table {
        let error = causes(&bare_get(server.url(path)).await.unwrap_err());
        assert!(error.contains(expected), "{path}: {error}");
    }
    for path in ["/endless", "/hang"] {
        let limit = Duration::from_millis(300);
        let answer = rocket::tokio::time::timeout(limit, bare_get(server.url(path))).await;
        assert!(answer.is_err(), "{path} ended");
    }
    assert_eq!(server.connections(), 9);
    assert_eq!(server.request_lines()[0], "GET /trickle HTTP/1.1");
    assert_eq!(server.count("/cut"), 1);
}

#[rocket::async_test]
async fn it_need_not_listen() {
    let deaf = RawServer::on_connect(vec![Step::Reset]).await;
    assert!(bare_get(deaf.url("/")).await.is_err());
    assert!(deaf.connections() > 0);
    assert_eq!(deaf.requests().len(), 0);
}

#[rocket::async_test]
async fn it_keeps_connections_when_told() {
    let kept = RawServer::start(|_| {
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        vec![Step::text(head), Step::KeepAlive]
    })
    .await;
    // By hand: an HTTP client may open a second connection before the first one
    // is back in its pool.
    let mut stream = TcpStream::connect(("127.0.0.1", kept.port()))
        .await
        .unwrap();
    for _ in 0..3 {
        let request = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
        stream.write_all(request).await.unwrap();
        let mut answer = [0; "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".len()];
        stream.read_exact(&mut answer).await.unwrap();
        assert!(answer.ends_with(b"\r\n\r\nok"));
    }
    assert_eq!((kept.connections(), kept.requests().len()), (1, 3));
}
