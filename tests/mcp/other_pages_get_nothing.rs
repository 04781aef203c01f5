//! DNS rebinding: a page whose host name has come to lead to this machine reaches the server,
//! and its browser says whose page it is.

use reqwest::Method;
use rocket::figment::value::Dict;
use serde_json::{Map, json};

use crate::support::app::ALICE;
use crate::support::browser::{Browser, Response};
use crate::support::mcp::McpServer;

async fn initialize(server: &McpServer, header: (&str, &str)) -> Response {
    let browser = Browser::new();
    let message = json!({
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": { "protocolVersion": "2025-11-25" },
    });
    let request = browser.request(Method::POST, server.url());
    // Which a page that rebinds does not have: it is not the token that saves the server.
    let token = (server.provider).access_token(ALICE, &server.url(), "notes:read", Map::new());
    let request = request
        .body("application/json", message.to_string())
        .header("authorization", format!("Bearer {token}"));
    let (name, value) = header;
    request.header(name, value).send().await
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
