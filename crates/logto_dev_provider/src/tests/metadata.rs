//! The metadata at all places where clients look for them, and for pages of any origin.

use serde_json::json;

use super::*;

const PLACES: [&str; 4] = [
    "/oidc/.well-known/openid-configuration",
    "/oidc/.well-known/oauth-authorization-server",
    "/.well-known/oauth-authorization-server/oidc",
    "/.well-known/openid-configuration/oidc",
];

#[tokio::test]
async fn they_are_where_each_standard_has_them() {
    let world = World::new().await;
    let expected = world.get(PLACES[0]).await.json();
    assert_eq!(expected["issuer"], world.provider.issuer());
    for place in PLACES {
        let answer = world.get(place).await;
        assert_eq!(answer.status, 200, "{place}");
        assert_eq!(answer.json(), expected, "{place}");
    }
    for elsewhere in [
        "/.well-known/oauth-authorization-server",
        "/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server/",
        "/.well-known/oauth-authorization-server/oidc/",
        "/.well-known/oauth-authorization-server/other",
        "/oidc/oidc/.well-known/openid-configuration",
    ] {
        assert_eq!(world.get(elsewhere).await.status, 404, "{elsewhere}");
    }
    // A slash at the issuer's end is not in the place (RFC 8414, section 3.1).
    for (issuer_path, place) in [
        ("/a/b/", "/.well-known/oauth-authorization-server/a/b"),
        ("/a/b/", "/a/b/.well-known/openid-configuration"),
        ("/", "/.well-known/oauth-authorization-server"),
        ("/", "/.well-known/openid-configuration"),
    ] {
        let world = World::with(|settings| settings.issuer_path = issuer_path.into()).await;
        let answer = world.get(place).await;
        assert_eq!(answer.status, 200, "{issuer_path} {place}");
        assert_eq!(answer.json()["issuer"], world.provider.issuer());
    }
}

#[tokio::test]
async fn they_say_what_other_clients_have_to_know() {
    let world = World::new().await;
    let metadata = world.get(PLACES[2]).await.json();
    assert_eq!(metadata["client_id_metadata_document_supported"], true);
    assert_eq!(
        metadata["code_challenge_methods_supported"],
        json!(["S256"])
    );
    let methods = metadata["token_endpoint_auth_methods_supported"].as_array();
    assert!(methods.unwrap().contains(&json!("none")));
    assert_eq!(metadata.get("registration_endpoint"), None);
    let world = World::with(|settings| settings.dynamic_registration = true).await;
    let metadata = world.get(PLACES[2]).await.json();
    let expected = format!("{}/register", world.provider.issuer());
    assert_eq!(metadata["registration_endpoint"], expected);
    // What cannot fetch anything does not say that it does.
    let mut settings = Settings::new("the-app", "secret");
    settings.public_origin = Some("https://logto.test".into());
    let in_memory = DevProvider::in_memory(settings).unwrap();
    let request = hyper::Request::get(PLACES[0]).body(Vec::new()).unwrap();
    let answer: Value = serde_json::from_slice(in_memory.answer(request).body()).unwrap();
    assert_eq!(answer["issuer"], "https://logto.test/oidc");
    assert_eq!(answer.get("client_id_metadata_document_supported"), None);
}

#[tokio::test]
async fn pages_of_any_origin_may_read_them_and_ask_for_tokens() {
    let world = World::with(|settings| settings.dynamic_registration = true).await;
    let endpoint = world.provider.endpoint();
    let preflight = async |path: &str, method: &str| {
        let request = world
            .http
            .request(reqwest::Method::OPTIONS, format!("{endpoint}{path}"))
            .header("origin", "https://app.example")
            .header("access-control-request-method", method)
            .header(
                "access-control-request-headers",
                "authorization, content-type, mcp-protocol-version",
            );
        world.send(request).await
    };
    for path in [
        "/oidc/token",
        "/oidc/me",
        "/oidc/jwks",
        "/oidc/register",
        "/oidc/token/revocation",
    ]
    .into_iter()
    .chain(PLACES)
    {
        let asked = preflight(path, "POST").await;
        assert_eq!(asked.status, 204, "{path}");
        assert_eq!(asked.header("access-control-allow-origin"), "*", "{path}");
        assert_eq!(
            asked.header("access-control-allow-headers"),
            "*, Authorization"
        );
        assert!(asked.text.is_empty());
    }
    for place in PLACES {
        let answer = world.get(place).await;
        assert_eq!(answer.header("access-control-allow-origin"), "*", "{place}");
    }
    let refused = world.post("/oidc/token", &[]).await;
    assert_eq!(refused.status, 400);
    assert_eq!(refused.header("access-control-allow-origin"), "*");

    // Where a cookie counts, or a page is shown, no other origin reads anything.
    for path in [
        "/",
        "/oidc/auth",
        "/oidc/session/end",
        "/sign-in",
        "/consent",
        "/api/users",
    ] {
        let asked = preflight(path, "GET").await;
        assert_ne!(asked.status, 204, "{path}");
        for answer in [asked, world.get(path).await] {
            let open = answer.headers.get("access-control-allow-origin");
            assert!(open.is_none(), "{path}");
        }
    }
}
