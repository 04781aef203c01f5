//! Hooks: what a test can make the provider do wrong.

use aws_lc_rs::hmac;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, jwk::Jwk};

use super::*;

/// Whether a token passes a real verifier with the key set as published.
async fn verifies(world: &World, token: &str, algorithm: Algorithm) -> bool {
    let header = jsonwebtoken::decode_header(token).unwrap();
    let keys = world.get("/oidc/jwks").await.json();
    let keys = keys["keys"].as_array().unwrap();
    let Some(key) = keys
        .iter()
        .find(|key| key["kid"].as_str() == header.kid.as_deref())
    else {
        return false;
    };
    let key: Jwk = serde_json::from_value(key.clone()).unwrap();
    let mut validation = Validation::new(algorithm);
    validation.set_audience(&["the-app"]);
    let key = DecodingKey::from_jwk(&key).unwrap();
    jsonwebtoken::decode::<Value>(token, &key, &validation).is_ok()
}

async fn id_token(world: &World) -> String {
    world.provider.hooks().sign_in_as(Some("alice"));
    let answer = world.get(&world.auth_path(&[])).await;
    let tokens = world
        .exchange(&answer.location_params()["code"])
        .await
        .json();
    tokens["id_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn every_algorithm_signs_what_a_verifier_accepts() {
    let world = World::new().await;
    for (ours, theirs) in [
        (SigningAlg::Es384, Algorithm::ES384),
        (SigningAlg::Es256, Algorithm::ES256),
        (SigningAlg::Rs256, Algorithm::RS256),
    ] {
        // Logto's RSA keys might sign in two ways, and it says so.
        let announced = match ours {
            SigningAlg::Rs256 => vec!["PS256", "RS256"],
            ours => vec![ours.name()],
        };
        world.provider.hooks().signing_alg(ours);
        let token = id_token(&world).await;
        assert!(verifies(&world, &token, theirs).await, "{ours:?}");
        let metadata = world
            .get("/oidc/.well-known/openid-configuration")
            .await
            .json();
        assert_eq!(
            metadata["id_token_signing_alg_values_supported"],
            serde_json::json!(announced)
        );
        let (_, claims) = decoded(&token);
        let length = if ours == SigningAlg::Es384 { 32 } else { 22 };
        assert_eq!(
            claims["at_hash"].as_str().unwrap().len(),
            length,
            "{ours:?}"
        );
    }
    let world = World::with(|settings| settings.signing_alg = SigningAlg::Rs256).await;
    assert!(verifies(&world, &id_token(&world).await, Algorithm::RS256).await);
}

#[tokio::test]
async fn at_hash_matches_the_access_token() {
    let world = World::new().await;
    let recorded = recorded("07-refresh-response-confidential");
    let (_, claims) = decoded(recorded["body"]["id_token"].as_str().unwrap());
    let access_token = recorded["body"]["access_token"].as_str().unwrap();
    assert_eq!(
        claims["at_hash"],
        SigningAlg::Es384.at_hash(access_token),
        "Logto's own"
    );
    let tokens = world.tokens("alice").await;
    let (_, claims) = decoded(tokens["id_token"].as_str().unwrap());
    let access_token = tokens["access_token"].as_str().unwrap();
    assert_eq!(claims["at_hash"], SigningAlg::Es384.at_hash(access_token));
}

#[tokio::test]
async fn tokens_can_be_missigned() {
    let world = World::new().await;
    let hooks = world.provider.hooks();
    hooks.sign_id_tokens(Signing::None);
    assert!(id_token(&world).await.ends_with('.'));

    let pem = hooks.public_key_pem(SigningAlg::Es384).into_bytes();
    hooks.sign_id_tokens(Signing::Hmac(pem.clone()));
    let token = id_token(&world).await;
    let (input, signed) = token.rsplit_once('.').unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, &pem);
    let signed = URL_SAFE_NO_PAD.decode(signed).unwrap();
    hmac::verify(&key, input.as_bytes(), &signed).unwrap();
    assert_eq!(decoded(&token).0["alg"], "HS256");

    hooks.sign_id_tokens(Signing::Alg(SigningAlg::Rs256));
    assert!(verifies(&world, &id_token(&world).await, Algorithm::RS256).await);
    hooks.sign_id_tokens(Signing::Corrupt);
    assert!(!verifies(&world, &id_token(&world).await, Algorithm::ES384).await);
    hooks.sign_id_tokens(Signing::UnpublishedKey);
    let token = id_token(&world).await;
    assert!(
        !world
            .get("/oidc/jwks")
            .await
            .text
            .contains(decoded(&token).0["kid"].as_str().unwrap())
    );
    hooks.sign_id_tokens(Signing::raw(|header, claims| format!("{header}|{claims}")));
    assert!(id_token(&world).await.starts_with(r#"{"alg":"ES384""#));
    hooks.reset();
    assert!(verifies(&world, &id_token(&world).await, Algorithm::ES384).await);
}

#[tokio::test]
async fn keys_rotate_and_hide() {
    let world = World::new().await;
    let hooks = world.provider.hooks();
    let count = async || {
        world.get("/oidc/jwks").await.json()["keys"]
            .as_array()
            .unwrap()
            .len()
    };
    let old = id_token(&world).await;
    let old_kid = hooks.kid();
    hooks.rotate_keys();
    assert_ne!(hooks.kid(), old_kid);
    assert_eq!(count().await, 2);
    assert!(verifies(&world, &old, Algorithm::ES384).await);
    assert!(verifies(&world, &id_token(&world).await, Algorithm::ES384).await);
    hooks.rotate_keys();
    assert_eq!(count().await, 2);
    assert!(!verifies(&world, &old, Algorithm::ES384).await);
    hooks.publish_alg(SigningAlg::Rs256);
    assert_eq!(count().await, 3);
    hooks.drop_previous_keys();
    assert_eq!(count().await, 2);
    assert!(verifies(&world, &id_token(&world).await, Algorithm::ES384).await);
    hooks.publish(vec![serde_json::json!({ "kty": "odd" })]);
    hooks.hide_kid(true);
    let keys = world.get("/oidc/jwks").await.json();
    assert_eq!(keys["keys"][0]["kty"], "odd");
    assert!(!keys.to_string().contains("\"kid\""));
    assert!(decoded(&id_token(&world).await).0.get("kid").is_none());
    for alg in [SigningAlg::Es384, SigningAlg::Rs256] {
        assert!(hooks.public_key_der(alg).len() > 90);
        let pem = hooks.public_key_pem(alg);
        assert!(
            pem.starts_with("-----BEGIN PUBLIC KEY-----\n") && pem.lines().all(|l| l.len() <= 64)
        );
    }
}

#[tokio::test]
async fn tokens_answers_and_responses_can_be_edited() {
    let world = World::with(|settings| settings.sid = true).await;
    let hooks = world.provider.hooks();
    hooks.id_token(|header, claims| {
        header.insert("crit".into(), serde_json::json!(["x"]));
        claims.remove("sub");
    });
    hooks.token_lifetime(Duration::from_secs(5));
    let (header, claims) = decoded(&id_token(&world).await);
    assert!(header["crit"].is_array() && claims.get("sub").is_none() && claims["sid"].is_string());
    assert_eq!(
        claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(),
        5
    );

    hooks.access_token(|_, claims| {
        claims.insert("iss".into(), "x".into());
    });
    let tokens = world.tokens_for("alice", &[("resource", SHOPPING), ("prompt", "consent")]);
    hooks.sign_in_as(None);
    let token = tokens.await["refresh_token"].clone();
    let jwt = world
        .refresh(&token, &[("resource", SHOPPING)])
        .await
        .json();
    assert_eq!(decoded(jwt["access_token"].as_str().unwrap()).1["iss"], "x");

    hooks.sign_in_as(Some("bob"));
    hooks.authorization_response(|params| params.retain(|(name, _)| name != "iss"));
    assert!(
        !world
            .get(&world.auth_path(&[]))
            .await
            .location_params()
            .contains_key("iss")
    );

    hooks.respond(Endpoint::Jwks, |request, reply| {
        assert_eq!(request.method, "GET");
        reply.status = 302;
        reply.set_header("location", "http://evil.example");
        reply.edit_json(|body| body["keys"] = Value::Null);
    });
    let jwks = world.get("/oidc/jwks").await;
    assert_eq!(
        (jwks.status, jwks.header("location")),
        (302, "http://evil.example")
    );
    assert_eq!(jwks.json()["keys"], Value::Null);
    hooks.delay(Endpoint::Discovery, Duration::from_millis(200));
    let before = std::time::Instant::now();
    world.get("/oidc/.well-known/openid-configuration").await;
    assert!(before.elapsed() >= Duration::from_millis(200));
    hooks.reset();
    assert_eq!(world.get("/oidc/jwks").await.status, 200);
    assert!(decoded(&{ id_token(&world).await }).1["sub"].is_string());
}

#[tokio::test]
async fn requests_can_be_held_while_later_ones_are_answered() {
    let world = World::new().await;
    let (hooks, answered) = (world.provider.hooks(), std::cell::Cell::new(false));
    let held = hooks.hold(Endpoint::Jwks);
    let first = async {
        let answer = world.get("/oidc/jwks").await;
        answered.set(true);
        answer
    };
    let meanwhile = async {
        while world.provider.requests_to(Endpoint::Jwks).is_empty() {
            tokio::task::yield_now().await;
        }
        hooks.behave(Endpoint::Jwks);
        assert_eq!(world.get("/oidc/jwks").await.status, 200);
        assert!(!answered.get());
        drop(held);
    };
    let (first, ()) = tokio::join!(first, meanwhile);
    assert_eq!(first.status, 200);
}

#[tokio::test]
async fn opaque_tokens_can_be_odd() {
    let world = World::new().await;
    world.provider.hooks().token_prefix("a b/~+=&%\"<");
    let tokens = world.tokens("alice").await;
    let access_token = tokens["access_token"].as_str().unwrap();
    assert!(access_token.starts_with("a b/~+=&%\"<"));
    assert_eq!(world.userinfo(access_token).await.status, 200);
    assert_eq!(
        world.refresh(&tokens["refresh_token"], &[]).await.status,
        200
    );
}

#[tokio::test]
async fn logout_tokens_have_the_claims_logto_sends() {
    for (fixture, place) in [
        ("37-backchannel-logout-request", "/decoded/logout_token"),
        ("19-backchannel-logout-request", "/logout_token_decoded"),
    ] {
        let world = World::new().await;
        let recording = recording(fixture);
        let logto = recording.pointer(place).expect(place);
        let hooks = world.provider.hooks();
        if fixture.starts_with("19") {
            hooks.logout_tokens_without_exp();
        }
        let claims = world
            .provider
            .logout_claims(Some("alice4hy6kz2"), Some("a-sid"));
        let token = hooks.forge(&Signing::Key, "logout+jwt", claims, |_, _| {});
        let (header, claims) = decoded(&token);
        assert_eq!(header["typ"], logto["header"]["typ"]);
        assert_eq!(shape(&claims), shape(&logto["payload"]), "{fixture}");
        assert_eq!(claims["events"], logto["payload"]["events"]);
        let lifetime = |claims: &Value| Some(claims["exp"].as_u64()? - claims["iat"].as_u64()?);
        assert_eq!(lifetime(&claims), lifetime(&logto["payload"]), "{fixture}");
    }
}

#[tokio::test]
async fn any_token_can_be_forged() {
    let world = World::new().await;
    let claims = serde_json::json!({ "aud": "the-app", "exp": 9_999_999_999_u64, "sub": "x" });
    let claims = claims.as_object().unwrap().clone();
    let hooks = world.provider.hooks();
    let token = hooks.forge(&Signing::Key, "logout+jwt", claims, |header, claims| {
        header.insert("x".into(), 1.into());
        claims.insert("iss".into(), world.provider.issuer().into());
    });
    assert!(verifies(&world, &token, Algorithm::ES384).await);
    let (header, claims) = decoded(&token);
    assert_eq!(
        (&header["typ"], &header["x"]),
        (&"logout+jwt".into(), &1.into())
    );
    assert_eq!(claims["iss"], world.provider.issuer());
    let input = token.rsplit_once('.').unwrap().0;
    assert_eq!(hooks.sign(input.as_bytes()).len(), 96);
}

#[tokio::test]
async fn a_taken_port_and_a_wrong_seed_are_told() {
    let world = World::new().await;
    let port = world.provider.port();
    let mut settings = Settings::new("a", "b");
    settings.port = port;
    let error = DevProvider::start(settings).await.unwrap_err();
    assert!(matches!(error, StartError::Bind { port: p, .. } if p == port));
    assert!(
        error.to_string().contains(&format!("127.0.0.1:{port}")),
        "{error}"
    );

    let mut settings = Settings::new("a", "b");
    settings.seed.organizations[0]
        .members
        .insert("nobody".into(), vec![]);
    let error = DevProvider::start(settings).await.unwrap_err();
    assert!(error.to_string().contains("nobody"), "{error}");
}

#[tokio::test]
async fn it_stops_at_once_and_frees_its_port() {
    let world = World::new().await;
    world.get("/").await;
    let port = world.provider.port();
    let before = std::time::Instant::now();
    world.provider.stop().await;
    assert!(
        before.elapsed() < Duration::from_secs(15),
        "{:?}",
        before.elapsed()
    );
    let mut settings = Settings::new("a", "b");
    settings.port = port;
    let provider = DevProvider::start(settings).await.unwrap();
    provider.shutdown();
    provider.stop().await;
    let mut settings = Settings::new("a", "b");
    settings.port = port;
    drop(DevProvider::start(settings).await.unwrap());
}

#[tokio::test]
async fn unexpected_calls_are_recorded() {
    let world = World::new().await;
    let url = format!("{}/oidc/token?x=1", world.provider.endpoint());
    world
        .send(world.http.put(url).header("x-y", "z").body("hello"))
        .await;
    let requests = world.provider.requests_to(Endpoint::Unknown);
    assert_eq!(requests.len(), 1);
    assert_eq!(
        (requests[0].method.as_str(), requests[0].path.as_str()),
        ("PUT", "/oidc/token")
    );
    assert_eq!(requests[0].query_value("x"), Some("1"));
    assert_eq!(
        (requests[0].header("X-Y"), requests[0].body.as_slice()),
        (Some("z"), &b"hello"[..])
    );
    world.provider.clear_requests();
    assert!(world.provider.requests().is_empty());
}

#[tokio::test]
async fn a_hook_that_panics_costs_one_answer() {
    let world = World::new().await;
    let hooks = world.provider.hooks();
    hooks.respond(Endpoint::Jwks, |_, _| panic!("a test's assertion"));
    assert_eq!(world.get("/oidc/jwks").await.status, 500);
    hooks.behave(Endpoint::Jwks);
    assert_eq!(world.get("/oidc/jwks").await.status, 200);
}
