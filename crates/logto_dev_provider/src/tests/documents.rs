//! Clients whose id is the address of a document.

use serde_json::json;

use super::third_parties::{Host, NATIVE, asks};
use super::*;

/// The reason in the page that refuses a request of this client.
async fn reason(world: &World, id: &str) -> String {
    let page = world.refusal(&asks(id, &[])).await;
    assert_eq!(page.status, 400, "{}", page.text);
    html::check(&page.text);
    let json = world.get(&world.auth_path(&asks(id, &[]))).await.json();
    assert_eq!(json["error"], "invalid_client", "{json}");
    let reason = json["error_description"].as_str().unwrap().to_owned();
    assert!(page.text.contains("invalid_client"), "{}", page.text);
    assert!(page.text.contains("redirect_uris"), "it says what to write");
    assert!(!page.text.contains("Rocket.toml"), "that is for the app");
    reason
}

#[tokio::test]
async fn a_document_makes_a_client() {
    let (world, host) = (World::new().await, Host::start().await);
    host.describes(json!({}));
    let id = host.id();
    let (page, cookie) = world.consent_page("alice", &asks(&id, &[])).await;
    let place = host.origin.strip_prefix("http://").unwrap();
    for words in [
        "<bdi>Example MCP Client</bdi>",
        &format!("<b>{place}</b>"),
        "Alice Example",
        "A program on this machine says so",
        "<code>read</code> <code>write</code>",
        "shopping.your-app.com",
        "<b>http:&#x2F;&#x2F;127.0.0.1:51234</b>, a program on this machine",
    ] {
        assert!(page.text.contains(words), "{words}: {}", page.text);
    }
    let policy = page.header("content-security-policy");
    assert!(
        policy.contains("form-action 'self' http://127.0.0.1:51234"),
        "{policy}"
    );
    let answer = world.answer_consent(&page, &cookie, "allow").await;
    assert!(answer.header("location").starts_with(NATIVE));
    let params = answer.location_params();
    assert_eq!(params["iss"], world.provider.issuer());
    let tokens = world
        .redeem(&id, &params["code"], &[("resource", SHOPPING)])
        .await;
    assert_eq!(tokens.status, 200, "{}", tokens.text);
    let tokens = tokens.json();
    assert_eq!(tokens["scope"], "read write");
    assert_eq!(
        (tokens.get("id_token"), tokens.get("refresh_token")),
        (None, None)
    );
    let (header, claims) = decoded(tokens["access_token"].as_str().unwrap());
    assert_eq!(header["typ"], "at+jwt");
    assert_eq!(claims["aud"], SHOPPING);
    assert_eq!(claims["client_id"], id);
    assert_eq!(claims["sub"], "alice4hy6kz2");
    assert!(
        host.last_request()
            .to_lowercase()
            .contains("accept: application/json")
    );
}

#[tokio::test]
async fn with_openid_there_is_an_id_token_for_it() {
    let (world, host) = (World::new().await, Host::start().await);
    host.describes(json!({}));
    let id = host.id();
    let changes = asks(&id, &[("scope", "openid profile read"), ("nonce", "n")]);
    let code = world.allowed("alice", &changes).await;
    let tokens = world.redeem(&id, &code, &[]).await.json();
    let (_, claims) = decoded(tokens["id_token"].as_str().unwrap());
    assert_eq!(
        (&claims["aud"], &claims["nonce"]),
        (&json!(id), &json!("n"))
    );
    let userinfo = world
        .userinfo(tokens["access_token"].as_str().unwrap())
        .await;
    assert_eq!(userinfo.json()["name"], "Alice Example");
    // It signs out with the hint, and to nowhere that it has not named.
    let hint = tokens["id_token"].as_str().unwrap();
    let end = format!("/oidc/session/end?id_token_hint={hint}");
    assert_eq!(world.get(&end).await.status, 200);
    let of_app = format!("{end}&post_logout_redirect_uri=http://localhost:3000/");
    assert_eq!(world.get(&of_app).await.status, 400);
}

#[tokio::test]
async fn what_is_no_right_document_makes_none() {
    let (world, host) = (World::new().await, Host::start().await);
    let id = host.id();
    let large = "x".repeat(6000);
    let jwk = json!({ "kty": "EC", "crv": "P-256", "x": "x", "y": "y", "d": "secret" });
    for (changes, why) in [
        (json!({ "client_id": format!("{id}/") }), "its client_id is"),
        (
            json!({ "client_id": id.replace("localhost", "127.0.0.1") }),
            "its client_id is",
        ),
        (json!({ "client_id": null }), "no client_id"),
        (json!({ "redirect_uris": null }), "redirect_uris"),
        (json!({ "redirect_uris": [] }), "redirect_uris"),
        (json!({ "redirect_uris": NATIVE }), "list of strings"),
        (json!({ "redirect_uris": [1] }), "list of strings"),
        (
            json!({ "redirect_uris": ["http://client.example/callback"] }),
            "is http",
        ),
        (
            json!({ "redirect_uris": ["javascript:alert(1)"] }),
            "scheme",
        ),
        (json!({ "client_secret": "s3cret" }), "client_secret"),
        (
            json!({ "client_secret_expires_at": 0 }),
            "client_secret_expires_at",
        ),
        (
            json!({ "token_endpoint_auth_method": "client_secret_basic" }),
            "secret, which cannot",
        ),
        (
            json!({ "token_endpoint_auth_method": "client_secret_post" }),
            "secret, which cannot",
        ),
        (
            json!({ "token_endpoint_auth_method": "client_secret_jwt" }),
            "token_endpoint_auth_method",
        ),
        (
            json!({ "token_endpoint_auth_method": "tls_client_auth" }),
            "token_endpoint_auth_method",
        ),
        (
            json!({ "token_endpoint_auth_method": "private_key_jwt" }),
            "jwks",
        ),
        (json!({ "jwks": { "keys": [jwk] } }), "private or symmetric"),
        (
            json!({ "jwks": { "keys": [] }, "jwks_uri": "https://x.example/" }),
            "exclude",
        ),
        (
            json!({ "grant_types": ["client_credentials"] }),
            "grant_types",
        ),
        (json!({ "response_types": ["token"] }), "response_types"),
        (json!({ "application_type": "web" }), "application_type"),
        (json!({ "client_name": 7 }), "client_name"),
        (json!({ "more": large }), "larger than 5120 bytes"),
    ] {
        host.describes(changes.clone());
        let reason = reason(&world, &id).await;
        assert!(reason.contains(why), "{changes}: {reason}");
    }
    let document = json!({ "client_id": id, "redirect_uris": [NATIVE] }).to_string();
    let is_json = "content-type: application/json\r\n";
    let elsewhere = format!("{is_json}location: {id}\r\n");
    for (status, headers, body, why) in [
        (
            "200 OK",
            "content-type: text/html\r\n",
            &*document,
            "not of the type",
        ),
        ("200 OK", "", &document, "not of the type"),
        ("200 OK", is_json, "[]", "no JSON object"),
        ("200 OK", is_json, "{", "no JSON object"),
        (
            "302 Found",
            &elsewhere,
            &document,
            "redirect (302), which is not followed",
        ),
        (
            "307 Temporary Redirect",
            &elsewhere,
            &document,
            "redirect (307)",
        ),
        ("404 Not Found", is_json, &document, "answers 404"),
        ("201 Created", is_json, &document, "answers 201"),
        (
            "500 Internal Server Error",
            is_json,
            &document,
            "answers 500",
        ),
    ] {
        host.answers(status, headers, body);
        let asked = host.asked();
        let reason = reason(&world, &id).await;
        assert!(reason.contains(why), "{status} {headers} {body}: {reason}");
        assert_eq!(host.asked(), asked + 2, "once for each of the two requests");
    }
    // A body without an end is not read to the end.
    let endless = format!("{{\"client_id\": \"{}", "x".repeat(200_000));
    host.answers("200 OK", is_json, &endless);
    assert!(reason(&world, &id).await.contains("larger than"));
    // It is looked at again once it is mended.
    host.describes(json!({}));
    world.consent_page("alice", &asks(&id, &[])).await;
}

#[tokio::test]
async fn what_is_no_right_address_is_not_asked() {
    let (world, host) = (World::new().await, Host::start().await);
    host.describes(json!({}));
    let origin = &host.origin;
    let own = format!("{}/client.json", world.provider.endpoint());
    let long = format!("{origin}/{}", "x".repeat(500));
    for (id, why) in [
        (origin.clone(), "must have a path"),
        (format!("{origin}?/x"), "must have a path"),
        (format!("{origin}/client.json#x"), "fragment"),
        (format!("{origin}/client.json#"), "fragment"),
        (format!("{origin}/a/../client.json"), ". or .."),
        (format!("{origin}/./client.json"), ". or .."),
        (format!("{origin}/%2e%2e/client.json"), ". or .."),
        (
            origin.replace("http://", "http://me@") + "/client.json",
            "user name",
        ),
        (
            origin.replace("http://", "http://:x@") + "/client.json",
            "password",
        ),
        (format!("{origin}/client .json"), "no URL"),
        (format!("{origin}\\client.json"), "no URL"),
        ("https://".into(), "no URL"),
        (long, "longer than 500"),
        (own, "this provider itself"),
        ("http://client.example/client.json".into(), "not https"),
        ("https://10.0.0.1/client.json".into(), "not public"),
        ("https://169.254.169.254/latest".into(), "not public"),
        ("https://[fd00::1]/client.json".into(), "not public"),
    ] {
        let reason = reason(&world, &id).await;
        assert!(reason.contains(why), "{id}: {reason}");
    }
    assert_eq!(host.asked(), 0);
    let unreachable = reason(&world, "http://localhost:1/client.json").await;
    assert!(unreachable.contains("cannot be reached"), "{unreachable}");
}

#[tokio::test]
async fn addresses_on_this_machine_are_for_this_machine() {
    let host = Host::start().await;
    host.describes(json!({}));
    let id = host.id();
    // Something in front of it makes it reachable from elsewhere.
    let world = World::with(|settings| {
        settings.public_origin = Some("https://id.example".into());
    })
    .await;
    let at = format!("http://localhost:{}", world.provider.port());
    let path = world.auth_path(&asks(&id, &[]));
    let refused = world
        .send(world.http.get(format!("{at}{path}")))
        .await
        .json();
    let reason = refused["error_description"].as_str().unwrap();
    assert!(reason.contains("on this machine"), "{reason}");
    // A page of another site has sent the browser here.
    let world = World::new().await;
    let url = format!("{}{path}", world.provider.endpoint());
    let request = |site: &str| world.http.get(&url).header("sec-fetch-site", site);
    let refused = world.send(request("cross-site")).await;
    assert!(refused.text.contains("on this machine"), "{}", refused.text);
    assert_eq!(host.asked(), 0);
    for site in ["none", "same-site"] {
        assert_eq!(world.send(request(site)).await.status, 200, "{site}");
    }
    assert_eq!(host.asked(), 1);
}

#[tokio::test]
async fn only_sign_ins_make_it_ask() {
    let (world, host) = (World::new().await, Host::start().await);
    host.describes_with("cache-control: no-store\r\n", json!({}));
    let id = host.id();
    // Any page may read what these answer.
    for path in [
        "/oidc/token",
        "/oidc/token/revocation",
        "/oidc/token/introspection",
    ] {
        let form = [
            ("grant_type", "authorization_code"),
            ("client_id", &*id),
            ("code", "x"),
        ];
        let refused = world.post(path, &form).await;
        assert_eq!(refused.json()["error"], "invalid_client", "{path}");
    }
    let end = format!("/oidc/session/end?client_id={id}");
    assert_eq!(world.get(&end).await.status, 400);
    assert_eq!(host.asked(), 0);
    // One that has a code was seen.
    let code = world.allowed("alice", &asks(&id, &[])).await;
    assert_eq!(host.asked(), 1);
    assert_eq!(world.redeem(&id, &code, &[]).await.status, 200);
    assert_eq!(
        host.asked(),
        2,
        "and its document, which is not to be kept, is fetched anew"
    );
}

#[tokio::test]
async fn documents_are_kept_as_long_as_they_say() {
    let (world, host) = (World::new().await, Host::start().await);
    let id = host.id();
    let begin = async || world.get(&world.auth_path(&asks(&id, &[]))).await.status;
    let later = |seconds| world.provider.advance_clock(Duration::from_secs(seconds));
    host.describes_with("cache-control: max-age=600\r\n", json!({}));
    assert_eq!((begin().await, begin().await, host.asked()), (200, 200, 1));
    later(500);
    // Not seen yet.
    host.describes(json!({ "redirect_uris": ["https://client.example/other"] }));
    assert_eq!((begin().await, host.asked()), (200, 1));
    later(200);
    assert_eq!((begin().await, host.asked()), (400, 2));
    // A minute where nothing is said, and never a failure.
    host.describes(json!({}));
    later(61);
    assert_eq!((begin().await, begin().await, host.asked()), (200, 200, 3));
    later(61);
    host.answers("503 Service Unavailable", "", "");
    assert_eq!((begin().await, begin().await, host.asked()), (400, 400, 5));
    // An hour at most.
    host.describes_with("cache-control: max-age=999999\r\n", json!({}));
    assert_eq!((begin().await, host.asked()), (200, 6));
    later(3601);
    assert_eq!((begin().await, host.asked()), (200, 7));
}

#[tokio::test]
async fn redirect_uris_are_those_of_the_document() {
    let (world, host) = (World::new().await, Host::start().await);
    host.describes(json!({}));
    let id = host.id();
    for uri in [
        "http://127.0.0.1/callback",
        "http://127.0.0.1:1/callback",
        "http://127.0.0.1:65535/callback",
        "https://client.example/callback",
    ] {
        let page = world
            .get(&world.auth_path(&asks(&id, &[("redirect_uri", uri)])))
            .await;
        assert_eq!(page.status, 200, "{uri}: {}", page.text);
    }
    for uri in [
        "http://127.0.0.1:51234/other",
        "http://127.0.0.1:51234/callback/",
        "http://127.0.0.1:51234/callback?x",
        "http://127.0.0.1:51234/callback#x",
        "http://localhost:51234/callback",
        "http://[::1]:51234/callback",
        "https://127.0.0.1:51234/callback",
        "http://127.0.0.1:99999/callback",
        "https://client.example:8443/callback",
        "https://client.example/callback/",
        "https://client.example.evil.example/callback",
        // That of the application.
        CALLBACK,
    ] {
        let changes = asks(&id, &[("redirect_uri", uri)]);
        let refused = world.get(&world.auth_path(&changes)).await;
        assert_eq!(refused.status, 400, "{uri}");
        assert_eq!(refused.json()["error"], "invalid_redirect_uri", "{uri}");
        let page = world.refusal(&changes).await.text;
        assert!(
            page.contains("https:&#x2F;&#x2F;client.example&#x2F;callback"),
            "{page}"
        );
        assert!(page.contains("any port is taken"), "{page}");
    }
    // Nor may the application go where the client may.
    let refused = world
        .get(&world.auth_path(&[("redirect_uri", NATIVE)]))
        .await;
    assert_eq!(refused.json()["error"], "invalid_redirect_uri");
    // The exchange names the very address, port and all.
    let code = world.allowed("alice", &asks(&id, &[])).await;
    let other_port = [("redirect_uri", "http://127.0.0.1:51235/callback")];
    let refused = world.redeem(&id, &code, &other_port).await;
    assert_eq!(refused.json()["error"], "invalid_grant");
}

#[tokio::test]
async fn a_client_may_sign_with_a_key_of_its_document() {
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
    let (world, host) = (World::new().await, Host::start().await);
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let point = key.public_key().as_ref();
    let jwk = json!({
        "kty": "EC", "crv": "P-256", "x": base64url(&point[1..33]), "y": base64url(&point[33..]),
    });
    let by_key = "private_key_jwt";
    host.describes(json!({ "token_endpoint_auth_method": by_key, "jwks": { "keys": [jwk] } }));
    let id = host.id();
    let now = world.provider.provider.now();
    let assertion = |sub: &str| {
        let claims = json!({
            "iss": sub, "sub": sub, "aud": world.provider.issuer(), "exp": now + 60,
            "jti": crate::crypto::random_token(),
        });
        let header = base64url(json!({ "alg": "ES256" }).to_string());
        let message = format!("{header}.{}", base64url(claims.to_string()));
        let signed = key.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
        format!("{message}.{}", base64url(signed))
    };
    let code = world.allowed("alice", &asks(&id, &[])).await;
    let refused = world.redeem(&id, &code, &[]).await;
    assert_eq!(
        refused.json()["error"],
        "invalid_client",
        "nothing is proven"
    );
    let signed = assertion(&id);
    let proof = [
        ("client_assertion_type", crate::client_assertion::TYPE),
        ("client_assertion", &*signed),
        ("client_id", ""),
    ];
    let tokens = world.redeem(&id, &code, &proof).await;
    assert_eq!(tokens.status, 200, "{}", tokens.text);
    // Keys may be elsewhere; none at all would let everybody through.
    host.describes(json!({
        "token_endpoint_auth_method": by_key, "jwks_uri": host.id(), "keys": [jwk],
    }));
    world.provider.advance_clock(Duration::from_secs(61));
    world.consent_page("alice", &asks(&id, &[])).await;
    host.describes(json!({
        "token_endpoint_auth_method": by_key, "jwks_uri": host.id(), "keys": [],
    }));
    world.provider.advance_clock(Duration::from_secs(61));
    assert!(reason(&world, &id).await.contains("has no keys"));
}

#[tokio::test]
async fn a_name_is_only_a_name() {
    let (world, host) = (World::new().await, Host::start().await);
    let id = host.id();
    let name = format!("<b>Bank</b>\u{7}\n{}", "x".repeat(100));
    host.describes(json!({ "client_name": name }));
    let (page, _) = world.consent_page("alice", &asks(&id, &[])).await;
    assert!(
        page.text.contains("<bdi>&lt;b&gt;Bank&lt;&#x2F;b&gt;xxx"),
        "{}",
        page.text
    );
    assert!(!page.text.contains(&"x".repeat(60)));
    host.describes(json!({ "client_name": null }));
    world.provider.advance_clock(Duration::from_secs(61));
    let (page, _) = world.consent_page("alice", &asks(&id, &[])).await;
    assert!(
        page.text.contains("A client of <b>localhost:"),
        "{}",
        page.text
    );
}
