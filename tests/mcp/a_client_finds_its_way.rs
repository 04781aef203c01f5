//! The official client knows nothing but the server's address. It finds out who issues tokens,
//! who it is there, and what to ask for, and comes back for more when a tool needs more.

use logto_dev_provider::Endpoint;
use rocket::figment::value::Dict;
use serde_json::{Value, json};
use url::Url;

use crate::support::app::ALICE;
use crate::support::browser::{Browser, query};
use crate::support::mcp::McpServer;

const READ: &str = "notes:read";
const WRITE: &str = "notes:read notes:write";
const DELETE: &str = "notes:read notes:write notes:delete";

/// A parameter of the authorization request that the client wants to be sent.
fn asked(authorize: &Value, name: &str) -> Option<String> {
    let url = authorize["url"].as_str().expect("an address");
    query(&Url::parse(url).expect("an address"), name)
}

#[rocket::async_test]
async fn with_a_document_at_its_id_and_more_scopes_on_the_way() {
    let server = McpServer::start(false, Dict::new()).await;
    let (url, document) = (server.url(), server.document());
    let mut client = server.client(
        &[("CLIENT_ID", &document)],
        &[
            "tools",
            "call:list_notes:{}",
            r#"call:add_note:{"text":"Buy milk"}"#,
            r#"call:delete_note:{"id":1}"#,
            "call:list_notes:{}",
            "end",
        ],
    );
    let browser = Browser::new();

    let found = client.next("discovered").await;
    let metadata = server
        .url()
        .replace("/mcp", "/.well-known/oauth-protected-resource/mcp");
    assert_eq!(found["metadata"], metadata, "the challenge says where");
    assert_eq!(found["resource"], url);
    assert_eq!(found["issuer"], server.provider.issuer());
    assert_eq!(found["documents"], true);
    assert_eq!(found.get("registration"), None);

    let asks = client.next("authorize").await;
    for (name, value) in [
        ("client_id", document.as_str()),
        ("resource", &url),
        ("scope", READ),
        ("code_challenge_method", "S256"),
    ] {
        assert_eq!(asked(&asks, name).as_deref(), Some(value), "{name}");
    }
    let consent = server.allow(&browser, &asks, ALICE).await;
    assert!(consent.contains("<code>notes:read</code>"), "{consent}");
    assert!(!consent.contains("notes:write"), "{consent}");

    let back = client.next("came back").await;
    assert_eq!(back["issuer"], server.provider.issuer(), "RFC 9207");
    let known = client.next_of(["discovered", "client"]).await;
    assert_eq!(
        known,
        json!({ "event": "client", "id": document, "registered": false })
    );
    let tokens = client.next("tokens").await;
    assert_eq!(
        tokens,
        json!({ "event": "tokens", "scope": READ, "refreshable": false })
    );
    let connected = client.next("connected").await;
    assert_eq!(connected["version"], "2025-11-25");
    let tools = client.next("tools").await;
    assert_eq!(
        tools["names"],
        json!(["list_notes", "add_note", "delete_note"])
    );
    assert_eq!(client.next("result").await["text"], "[]");

    for (scope, text) in [
        (WRITE, r#"{"id":1,"text":"Buy milk"}"#),
        (DELETE, "deleted"),
    ] {
        let asks = client.next_of(["discovered", "authorize"]).await;
        assert_eq!(asked(&asks, "scope").as_deref(), Some(scope));
        let consent = server.allow(&browser, &asks, ALICE).await;
        for scope in scope.split(' ') {
            assert!(
                consent.contains(&format!("<code>{scope}</code>")),
                "{consent}"
            );
        }
        let tokens = client.next_of(["came back", "discovered", "tokens"]).await;
        assert_eq!(tokens["scope"], scope);
        let result = client.next("result").await;
        assert_eq!(
            (&result["text"], &result["error"]),
            (&json!(text), &json!(false))
        );
    }
    assert_eq!(client.next("result").await["text"], "[]");
    client.next_of(["ended", "done"]).await;

    // What the provider has had: no registration, and codes with PKCE, for this server.
    let requests = |endpoint| server.provider.requests_to(endpoint);
    assert!(requests(Endpoint::Registration).is_empty());
    let discovery = requests(Endpoint::Discovery);
    let place = "/.well-known/oauth-authorization-server/oidc";
    assert!(discovery.iter().any(|request| request.path == place));
    let tokens = requests(Endpoint::Token);
    assert_eq!(tokens.len(), 3);
    for request in tokens {
        assert_eq!(request.form_value("grant_type"), Some("authorization_code"));
        assert_eq!(request.form_value("client_id"), Some(document.as_str()));
        assert_eq!(request.form_value("resource"), Some(url.as_str()));
        assert!(request.form_value("code_verifier").is_some());
        assert_eq!(request.header("authorization"), None);
    }

    // And the server: a refusal for each time that the user was asked, and one session.
    let exchanges = server.exchanges();
    let first = &exchanges[0];
    assert_eq!((first.request.as_str(), first.status), ("POST /mcp", 401));
    let refusals = exchanges.iter().filter(|exchange| exchange.status == 403);
    let refusals: Vec<_> = refusals.map(|refusal| refusal.challenge.clone()).collect();
    assert_eq!(refusals.len(), 2, "{exchanges:#?}");
    for (refusal, scope) in refusals.iter().zip([WRITE, DELETE]) {
        let challenge = refusal.as_deref().expect("a challenge");
        assert!(
            challenge.contains("error=\"insufficient_scope\""),
            "{challenge}"
        );
        assert!(
            challenge.contains(&format!("scope=\"{scope}\"")),
            "{challenge}"
        );
    }
    let session = connected["session"].as_str().expect("a session");
    let in_session = exchanges
        .iter()
        .filter_map(|exchange| exchange.session.as_deref());
    let in_session: Vec<_> = in_session.collect();
    assert!(in_session.len() > 6 && in_session.iter().all(|id| *id == session));
    let last = exchanges.last().expect("an exchange");
    assert_eq!((last.request.as_str(), last.status), ("DELETE /mcp", 204));
}

/// It registers for the scopes that it has been told of until then, and the provider holds it to
/// that: it gets no more on the way.
#[rocket::async_test]
async fn by_registering_itself() {
    let server = McpServer::start(true, Dict::new()).await;
    let steps = [
        "tools",
        "call:list_notes:{}",
        r#"call:add_note:{"text":"x"}"#,
    ];
    let (mut client, browser) = (server.client(&[], &steps), Browser::new());
    let found = client.next("discovered").await;
    let registration = format!("{}/register", server.provider.issuer());
    assert_eq!(found["registration"], registration);
    let registered = client.next("client").await;
    assert_eq!(registered["registered"], true);
    let asks = client.next("authorize").await;
    assert_eq!(
        asked(&asks, "client_id").as_deref(),
        registered["id"].as_str()
    );
    assert_eq!(asked(&asks, "scope").as_deref(), Some(READ));
    let consent = server.allow(&browser, &asks, ALICE).await;
    assert!(consent.contains("registered itself"), "{consent}");
    let events = ["came back", "discovered", "tokens", "connected", "tools"];
    client.next_of(events).await;
    assert_eq!(client.next("result").await["text"], "[]");

    let more = client.next_of(["discovered", "authorize"]).await;
    assert_eq!(asked(&more, "scope").as_deref(), Some(WRITE));
    let url = more["url"].as_str().expect("an address");
    let hops = browser.navigate_following(url, 10).await;
    assert_eq!(hops.last().expect("a page").url().path(), "/callback");
    let failed = client.next_of(["came back", "failed"]).await;
    assert_eq!(failed["message"], "invalid_scope");

    let registrations = server.provider.requests_to(Endpoint::Registration);
    let [request] = &registrations[..] else {
        panic!("one registration: {registrations:#?}");
    };
    let sent: Value = serde_json::from_slice(&request.body).expect("JSON");
    assert_eq!(sent["token_endpoint_auth_method"], "none");
    assert_eq!(sent["scope"], READ);
    assert_eq!(sent["redirect_uris"], json!([asked(&asks, "redirect_uri")]));
}

/// Without either it is nobody, and says so before a browser is opened.
#[rocket::async_test]
async fn a_client_that_is_nobody_gets_nowhere() {
    let server = McpServer::start(false, Dict::new()).await;
    let mut client = server.client(&[], &["tools"]);
    let failed = client.next_of(["discovered", "failed"]).await;
    let message = failed["message"].as_str().expect("a text");
    assert!(message.contains("dynamic client registration"), "{message}");
    assert!(server.provider.requests_to(Endpoint::Auth).is_empty());
}
