//! An access token that has expired is renewed by the client: the server says that it is no
//! longer good, and neither the user nor the session notices.

use std::time::Duration;

use logto_dev_provider::Endpoint;
use rocket::figment::value::Dict;

use crate::support::app::{ALICE, keys};
use crate::support::browser::Browser;
use crate::support::mcp::McpServer;

#[rocket::async_test]
async fn in_the_middle_of_a_session() {
    let server = McpServer::start(false, keys([("clock_tolerance", "0s".into())])).await;
    server
        .provider
        .hooks()
        .token_lifetime(Duration::from_secs(2));
    let document = server.document();
    let environment = [("CLIENT_ID", document.as_str()), ("OFFLINE", "1")];
    let steps = [
        "call:list_notes:{}",
        "wait:3500",
        "call:list_notes:{}",
        "end",
    ];
    let mut client = server.client(&environment, &steps);
    let asks = client.next_of(["discovered", "authorize"]).await;
    server.allow(&Browser::new(), &asks, ALICE).await;
    let tokens = client
        .next_of(["came back", "discovered", "client", "tokens"])
        .await;
    assert_eq!(tokens["refreshable"], true);
    let connected = client.next("connected").await;
    client.next("result").await;
    // Nobody is asked.
    let tokens = client.next_of(["discovered", "tokens"]).await;
    assert_eq!(tokens["scope"], "notes:read");
    assert_eq!(client.next("result").await["text"], "[]");
    client.next_of(["ended", "done"]).await;

    let grants: Vec<_> = server
        .provider
        .requests_to(Endpoint::Token)
        .iter()
        .map(|request| {
            assert_eq!(request.form_value("client_id"), Some(document.as_str()));
            assert_eq!(request.form_value("resource"), Some(server.url().as_str()));
            request.form_value("grant_type").map(str::to_owned)
        })
        .collect();
    let grants: Vec<_> = grants.iter().map(Option::as_deref).collect();
    assert_eq!(grants, [Some("authorization_code"), Some("refresh_token")]);

    let exchanges = server.exchanges();
    let session = connected["session"].as_str();
    let refused: Vec<_> = exchanges
        .iter()
        .filter(|exchange| exchange.session.is_some() && exchange.status == 401)
        .collect();
    let [refused] = refused[..] else {
        panic!("one refusal within the session: {exchanges:#?}");
    };
    assert_eq!(refused.session.as_deref(), session);
    let challenge = refused.challenge.as_deref().expect("a challenge");
    assert!(challenge.contains("error=\"invalid_token\""), "{challenge}");
}

/// With a refresh token this client looks for more scopes by a refresh first, which brings the
/// old ones, and gives up: the guide says so.
#[rocket::async_test]
async fn but_more_scopes_do_not_come_that_way() {
    let server = McpServer::start(false, Dict::new()).await;
    let document = server.document();
    let environment = [("CLIENT_ID", document.as_str()), ("OFFLINE", "1")];
    let mut client = server.client(&environment, &[r#"call:add_note:{"text":"x"}"#]);
    let asks = client.next_of(["discovered", "authorize"]).await;
    server.allow(&Browser::new(), &asks, ALICE).await;
    let events = ["came back", "discovered", "client", "tokens", "connected"];
    client.next_of(events).await;
    let tokens = client.next_of(["discovered", "tokens"]).await;
    assert_eq!(tokens["scope"], "notes:read");
    let failed = client.next("failed").await;
    assert_eq!(failed["status"], 403, "{failed}");
    let message = failed["message"].as_str().expect("a text");
    assert!(message.contains("after trying upscoping"), "{message}");
}
