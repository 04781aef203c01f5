//! A session of the protocol is no key: its id opens nothing for another user.

use rocket::figment::value::Dict;
use serde_json::Value;

use crate::support::app::{ALICE, BOB};
use crate::support::browser::Browser;
use crate::support::mcp::McpServer;

/// `user` signs in with a client of their own, which goes on in this session; what comes of it.
async fn goes_on(server: &McpServer, session: &str, user: &str, step: &str, ends: &str) -> Value {
    let document = server.document();
    let environment = [("CLIENT_ID", document.as_str()), ("SESSION_ID", session)];
    let mut client = server.client(&environment, &[step]);
    let asks = client
        .next_of(["connected", "discovered", "authorize"])
        .await;
    server.allow(&Browser::new(), &asks, user).await;
    client
        .next_of(["came back", "discovered", "client", "tokens"])
        .await;
    client.next(ends).await
}

#[rocket::async_test]
async fn another_users_token_finds_no_such_session() {
    let server = McpServer::start(false, Dict::new()).await;
    let document = server.document();
    let mut client = server.client(&[("CLIENT_ID", &document)], &["tools"]);
    let asks = client.next_of(["discovered", "authorize"]).await;
    server.allow(&Browser::new(), &asks, ALICE).await;
    let events = ["came back", "discovered", "client", "tokens", "connected"];
    let connected = client.next_of(events).await;
    client.next_of(["tools", "done"]).await;
    let session = connected["session"].as_str().expect("a session");

    // Bob's token is as good as hers, for notes of his own.
    for step in ["tools", "call:list_notes:{}"] {
        let failed = goes_on(&server, session, BOB, step, "failed").await;
        assert_eq!(failed["status"], 404, "{step}: {failed}");
    }
    let tools = goes_on(&server, session, ALICE, "tools", "tools").await;
    assert_eq!(tools["names"][0], "list_notes", "it is hers still");
    let exchanges = server.exchanges();
    let mut statuses = exchanges
        .iter()
        .filter(|exchange| exchange.session.is_some());
    assert!(statuses.any(|exchange| exchange.status == 404));
}
