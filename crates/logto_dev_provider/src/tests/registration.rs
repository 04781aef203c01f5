//! Clients that register themselves.

use serde_json::json;

use super::third_parties::{NATIVE, asks};
use super::*;

async fn open() -> World {
    World::with(|settings| settings.dynamic_registration = true).await
}

pub(super) fn metadata() -> Value {
    json!({
        "client_name": "Example MCP Client",
        "redirect_uris": ["http://127.0.0.1/callback", "cursor://example/callback"],
        "grant_types": ["authorization_code", "refresh_token", "urn:example:other"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
        "application_type": "native",
        "client_uri": "https://client.example/",
    })
}

fn with(changes: Value) -> Value {
    let mut metadata = metadata();
    for (name, value) in changes.as_object().unwrap() {
        metadata[name] = value.clone();
    }
    metadata
}

#[tokio::test]
async fn nobody_registers_unless_that_is_asked_for() {
    let world = World::new().await;
    assert_eq!(world.register(&metadata()).await.status, 404);
    let metadata = world.get("/oidc/.well-known/openid-configuration").await;
    assert_eq!(metadata.json().get("registration_endpoint"), None);
}

#[tokio::test]
async fn a_public_client_registers_and_signs_in() {
    let world = open().await;
    let answer = world.register(&metadata()).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    assert_eq!(answer.header("cache-control"), "no-store");
    let client = answer.json();
    let id = client["client_id"].as_str().unwrap();
    assert!(client["client_id_issued_at"].is_u64());
    for name in ["client_name", "redirect_uris", "application_type"] {
        assert_eq!(client[name], metadata()[name], "{name}");
    }
    assert_eq!(client["token_endpoint_auth_method"], "none");
    assert_eq!(
        client["grant_types"],
        json!(["authorization_code", "refresh_token"])
    );
    assert_eq!(client.get("client_secret"), None);
    let (page, cookie) = world.consent_page("alice", &asks(id, &[])).await;
    assert!(
        page.text.contains("A client that calls itself"),
        "{}",
        page.text
    );
    assert!(page.text.contains("may use any name"), "{}", page.text);
    let answer = world.answer_consent(&page, &cookie, "allow").await;
    let code = &answer.location_params()["code"];
    let tokens = world.redeem(id, code, &[("resource", SHOPPING)]).await;
    assert_eq!(tokens.json()["scope"], "read write", "{}", tokens.text);
    // A program that has claimed a scheme.
    let uri = [("redirect_uri", "cursor://example/callback")];
    let (page, cookie) = world.consent_page("alice", &asks(id, &uri)).await;
    let policy = page.header("content-security-policy");
    assert!(policy.contains("form-action 'self' cursor:"), "{policy}");
    assert!(
        page.text
            .contains("<b>cursor:</b>, a program on this machine"),
        "{}",
        page.text
    );
    let answer = world.answer_consent(&page, &cookie, "allow").await;
    assert!(
        answer
            .header("location")
            .starts_with("cursor://example/callback?code=")
    );
}

#[tokio::test]
async fn a_confidential_client_gets_a_secret() {
    let world = open().await;
    for (method, expected) in [
        (Value::Null, "client_secret_basic"),
        (json!("client_secret_basic"), "client_secret_basic"),
        (json!("client_secret_post"), "client_secret_post"),
    ] {
        let client = world
            .register(&with(json!({ "token_endpoint_auth_method": method })))
            .await;
        let client = client.json();
        assert_eq!(
            client["token_endpoint_auth_method"], expected,
            "RFC 7591, section 2"
        );
        assert_eq!(client["client_secret_expires_at"], 0);
        let id = client["client_id"].as_str().unwrap();
        let secret = client["client_secret"].as_str().unwrap();
        let code = world.allowed("alice", &asks(id, &[])).await;
        for (sent, error) in [("", "invalid_client"), ("wrong", "invalid_client")] {
            let refused = world.redeem(id, &code, &[("client_secret", sent)]).await;
            assert_eq!(refused.json()["error"], error, "{sent}");
        }
        let tokens = world.redeem(id, &code, &[("client_secret", secret)]).await;
        assert_eq!(tokens.status, 200, "{}", tokens.text);
        // PKCE is not only for public clients (OAuth 2.1, section 7.5.1).
        let without = [("code_challenge", ""), ("code_challenge_method", "")];
        let refused = world.get(&world.auth_path(&asks(id, &without))).await;
        assert_eq!(refused.location_params()["error"], "invalid_request");
    }
}

#[tokio::test]
async fn wrong_metadata_are_refused_by_name() {
    let world = open().await;
    let redirect = "invalid_redirect_uri";
    let other = "invalid_client_metadata";
    for (changes, error, why) in [
        (json!({ "redirect_uris": null }), redirect, "redirect_uris"),
        (json!({ "redirect_uris": [] }), redirect, "at least one"),
        (json!({ "redirect_uris": "x" }), redirect, "list of strings"),
        (
            json!({ "redirect_uris": ["/callback"] }),
            redirect,
            "no absolute URI",
        ),
        (
            json!({ "redirect_uris": ["http://client.example/"] }),
            redirect,
            "is http",
        ),
        (
            json!({ "redirect_uris": ["https://client.example/#x"] }),
            redirect,
            "fragment",
        ),
        (
            json!({ "redirect_uris": ["javascript:alert(1)"] }),
            redirect,
            "scheme",
        ),
        (
            json!({ "redirect_uris": [NATIVE], "application_type": "web" }),
            redirect,
            "native",
        ),
        (
            json!({ "redirect_uris": vec![NATIVE; 21] }),
            redirect,
            "more than 20",
        ),
        (
            json!({ "post_logout_redirect_uris": ["data:,x"] }),
            redirect,
            "post_logout",
        ),
        (
            json!({ "application_type": "phone" }),
            other,
            "application_type",
        ),
        (
            json!({ "response_types": ["token"] }),
            other,
            "response_types",
        ),
        (json!({ "grant_types": ["implicit"] }), other, "grant_types"),
        (
            json!({ "grant_types": "authorization_code" }),
            other,
            "list of strings",
        ),
        (
            json!({ "token_endpoint_auth_method": "tls_client_auth" }),
            other,
            "auth_method",
        ),
        (
            json!({ "token_endpoint_auth_method": "private_key_jwt" }),
            other,
            "jwks",
        ),
        (
            json!({ "token_endpoint_auth_method": "private_key_jwt", "jwks_uri": "https://x.example/" }),
            other,
            "not fetched",
        ),
        (
            json!({ "jwks": { "keys": [{ "kty": "oct", "k": "x" }] } }),
            other,
            "symmetric",
        ),
        (json!({ "jwks": [] }), other, "set of keys"),
        (json!({ "scope": ["read"] }), other, "scope"),
        (json!({ "more": "x".repeat(6000) }), other, "larger than"),
    ] {
        let refused = world.register(&with(changes.clone())).await;
        assert_eq!(refused.status, 400, "{changes}: {}", refused.text);
        let body = refused.json();
        assert_eq!(body["error"], error, "{changes}: {body}");
        let description = body["error_description"].as_str().unwrap();
        assert!(description.contains(why), "{changes}: {description}");
    }
    for body in [json!([]), json!("x")] {
        assert_eq!(world.register(&body).await.json()["error"], other);
    }
    // A form of another site's page cannot say that it is JSON.
    let url = format!("{}/oidc/register", world.provider.endpoint());
    let request = world.http.post(url).body(metadata().to_string());
    let refused = world
        .send(request.header("content-type", "text/plain"))
        .await;
    assert_eq!(
        (refused.status, &refused.json()["error"]),
        (400, &json!(other))
    );
}

#[tokio::test]
async fn the_newest_hundred_are_known() {
    let world = open().await;
    let mut ids = Vec::new();
    for _ in 0..101 {
        let client = world.register(&metadata()).await.json();
        ids.push(client["client_id"].as_str().unwrap().to_owned());
    }
    let begin = async |id: &str| world.get(&world.auth_path(&asks(id, &[]))).await;
    assert_eq!(begin(&ids[0]).await.json()["error"], "invalid_client");
    assert_eq!(begin(&ids[1]).await.status, 200);
    assert_eq!(begin(&ids[100]).await.status, 200);
}

#[tokio::test]
async fn a_client_asks_for_what_it_has_declared() {
    let world = open().await;
    let client = world
        .register(&with(json!({ "scope": "email read" })))
        .await
        .json();
    assert_eq!(client["scope"], "email read");
    let id = client["client_id"].as_str().unwrap();
    let ask = async |scope: &str| {
        world
            .get(&world.auth_path(&asks(id, &[("scope", scope)])))
            .await
    };
    assert_eq!(ask("openid offline_access email read").await.status, 200);
    let refused = ask("openid profile email offline_access")
        .await
        .location_params();
    let recorded = recorded("e-auth-third-party-scope-not-allowed");
    let recorded = Url::parse(recorded["headers"]["location"].as_str().unwrap()).unwrap();
    let recorded: HashMap<String, String> = recorded.query_pairs().into_owned().collect();
    for name in ["error", "error_description", "scope"] {
        assert_eq!(refused[name], recorded[name], "{name}");
    }
    assert_eq!(ask("read write").await.location_params()["scope"], "write");
}

#[tokio::test]
async fn a_client_without_the_grant_gets_no_refresh_token() {
    let world = open().await;
    let client = world
        .register(&with(json!({ "grant_types": ["authorization_code"] })))
        .await;
    let client = client.json();
    let id = client["client_id"].as_str().unwrap();
    let changes = asks(
        id,
        &[
            ("scope", "openid offline_access read"),
            ("prompt", "consent"),
        ],
    );
    let code = world.allowed("alice", &changes).await;
    let tokens = world.redeem(id, &code, &[]).await.json();
    assert_eq!(
        (&tokens["scope"], tokens.get("refresh_token")),
        (&json!("openid"), None)
    );
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", id),
        ("refresh_token", "x"),
    ];
    let refused = world.post("/oidc/token", &form).await.json();
    assert_eq!(
        refused["error_description"],
        "requested grant type is not allowed for this client"
    );
}

#[tokio::test]
async fn a_client_signs_out_to_where_it_has_named() {
    let world = open().await;
    let uris = json!({ "post_logout_redirect_uris": ["https://client.example/bye"] });
    let client = world.register(&with(uris)).await.json();
    let end = |uri: &str| {
        let id = client["client_id"].as_str().unwrap();
        format!("/oidc/session/end?client_id={id}&post_logout_redirect_uri={uri}")
    };
    let answer = world.get(&end("https://client.example/bye")).await;
    assert_eq!(answer.header("location"), "https://client.example/bye");
    assert_eq!(world.get(&end("http://localhost:3000/")).await.status, 400);
}

#[tokio::test]
async fn registered_clients_survive_a_restart_with_their_tokens() {
    let folder = std::env::temp_dir().join(format!("registered-{}", crate::crypto::random_id()));
    std::fs::create_dir(&folder).unwrap();
    let at = || {
        World::with(|settings| {
            settings.dynamic_registration = true;
            settings.state_file = Some(folder.join("state.json"));
        })
    };
    let world = at().await;
    let client = world.register(&metadata()).await.json();
    let id = client["client_id"].as_str().unwrap();
    let changes = asks(
        id,
        &[
            ("scope", "openid offline_access read"),
            ("prompt", "consent"),
        ],
    );
    let code = world.allowed("alice", &changes).await;
    let tokens = world.redeem(id, &code, &[]).await.json();
    world.provider.stop().await;
    let world = at().await;
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", id),
        ("refresh_token", tokens["refresh_token"].as_str().unwrap()),
        ("resource", SHOPPING),
    ];
    let tokens = world.post("/oidc/token", &form).await;
    assert_eq!(tokens.json()["scope"], "read", "{}", tokens.text);
    world.provider.stop().await;
    std::fs::remove_dir_all(folder).unwrap();
}
