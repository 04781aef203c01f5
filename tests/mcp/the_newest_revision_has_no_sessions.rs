//! A client of revision 2026-07-28: no `initialize` and no session, the same sign-in, the same
//! refusals, and the same tools.

use rocket::figment::value::Dict;
use serde_json::{Value, json};

use crate::support::app::ALICE;
use crate::support::browser::Browser;
use crate::support::mcp::McpServer;

const VERSION: &str = "2026-07-28";
const SCOPES: [&str; 3] = [
    "notes:read",
    "notes:read notes:write",
    "notes:read notes:write notes:delete",
];

#[rocket::async_test]
async fn each_request_stands_alone() {
    let server = McpServer::start(false, Dict::new()).await;
    let document = server.document();
    let mut client = server.client(
        &[("MODERN", "1"), ("CLIENT_ID", document.as_str())],
        &[
            "tools",
            r#"call:add_note:{"text":"Buy milk"}"#,
            r#"call:delete_note:{"id":1}"#,
            "call:list_notes:{}",
        ],
    );
    let browser = Browser::new();

    let asks = client.next_of(["discovered", "authorize"]).await;
    server.allow(&browser, &asks, ALICE).await;
    let tokens = client.next_of(["came back", "tokens"]).await;
    assert_eq!(tokens["scope"], SCOPES[0]);
    let connected = client.next("connected").await;
    assert_eq!(connected["version"], VERSION, "no fallback");
    assert_eq!(connected.get("session"), None);
    let tools = client.next("tools").await;
    assert_eq!(
        tools["names"],
        json!(["list_notes", "add_note", "delete_note"])
    );
    for scope in &SCOPES[1..] {
        let asks = client.next("authorize").await;
        server.allow(&browser, &asks, ALICE).await;
        let tokens = client.next_of(["came back", "tokens"]).await;
        assert_eq!(tokens["scope"], *scope);
        assert_eq!(client.next("result").await["error"], false, "{scope}");
    }
    assert_eq!(client.next("result").await["text"], "[]");
    client.next("done").await;

    let exchanges = server.exchanges();
    assert!(exchanges.iter().all(|exchange| exchange.session.is_none()));
    let requests = exchanges
        .iter()
        .filter(|exchange| exchange.request.ends_with(" /mcp"));
    let statuses: Vec<_> = requests.map(|exchange| exchange.status).collect();
    // Two refusals that ask for more, and nothing that was not understood.
    assert_eq!(
        statuses,
        [401, 200, 200, 403, 200, 403, 200, 200],
        "{exchanges:#?}"
    );
}

/// A proxy in front that lets through what the headers name would let through what the body does.
#[rocket::async_test]
async fn headers_and_body_are_one_request() {
    let server = McpServer::start(false, Dict::new()).await;
    let call = |tool: &str, arguments: Value| {
        let meta = json!({
            "io.modelcontextprotocol/protocolVersion": VERSION,
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        let params = json!({ "_meta": meta, "name": tool, "arguments": arguments });
        json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params })
    };
    let add = call("add_note", json!({ "text": "Buy milk" }));
    let [version, method, tool] = ["mcp-protocol-version", "mcp-method", "mcp-name"];
    for headers in [
        &[
            (version, VERSION),
            (method, "tools/call"),
            (tool, "list_notes"),
        ][..],
        &[(version, VERSION), (method, "tools/call")],
        &[
            (version, VERSION),
            (method, "tools/list"),
            (tool, "add_note"),
        ],
        &[(version, VERSION), (tool, "add_note")],
        &[
            (version, "2025-11-25"),
            (method, "tools/call"),
            (tool, "add_note"),
        ],
        &[(method, "tools/call"), (tool, "add_note")],
    ] {
        let answer = server.post(SCOPES[1], headers, &add).await;
        assert_eq!(answer.status(), 400, "{headers:?}: {}", answer.text());
        let error = &answer.json::<Value>()["error"];
        assert_eq!(error["code"], -32020, "{headers:?}: {error}");
    }
    let list = call("list_notes", json!({}));
    let headers = [
        (version, VERSION),
        (method, "tools/call"),
        (tool, "list_notes"),
    ];
    let answer = server.post(SCOPES[1], &headers, &list).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let notes = &answer.json::<Value>()["result"]["content"][0]["text"];
    assert_eq!(notes, "[]", "nothing was added");
}
