//! DNS rebinding: a page whose host name has come to lead to this machine reaches the server,
//! and its browser says whose page it is.

use rocket::figment::value::Dict;
use serde_json::json;

use crate::support::browser::Response;
use crate::support::mcp::McpServer;

/// With a token, which a page that rebinds does not have: it is not that what saves the server.
async fn initialize(server: &McpServer, header: (&str, &str)) -> Response {
    let message = json!({
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": { "protocolVersion": "2025-11-25" },
    });
    server.post("notes:read", &[header], &message).await
}

#[rocket::async_test]
async fn whoever_they_say_they_are() {
    let server = McpServer::start(false, Dict::new()).await;
    let url = server.url();
    let origin = url.strip_suffix("/mcp").expect("the path");
    let host = origin.strip_prefix("http://").expect("http");
    // Programs, and pages of the server's own.
    for header in [
        ("accept", "application/json"),
        ("origin", origin),
        ("host", host),
    ] {
        let answer = initialize(&server, header).await;
        assert_eq!(answer.status(), 200, "{header:?}: {}", answer.text());
    }
    let rebound = url
        .replace("localhost", "rebound.example")
        .replace("/mcp", "");
    for header in [
        ("origin", "https://evil.example"),
        ("origin", &rebound),
        ("origin", "null"),
        ("origin", "http://localhost"),
        ("host", "evil.example"),
        ("host", rebound.strip_prefix("http://").expect("http")),
        ("host", "localhost"),
    ] {
        let answer = initialize(&server, header).await;
        assert_eq!(answer.status(), 403, "{header:?}: {}", answer.text());
        assert_eq!(answer.header("mcp-session-id"), None, "{header:?}");
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
}
