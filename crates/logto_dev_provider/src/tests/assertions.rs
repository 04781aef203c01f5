//! Clients that prove themselves by a JWT they have signed (`private_key_jwt`, RFC
//! 7523): each condition of the assertion is checked, and at each endpoint.

use serde_json::json;

use super::client_keys::Key;
use super::*;
use crate::client_assertion::{ALGORITHMS, TYPE};

/// What is right of the machine `robot`.
fn claims(world: &World) -> Value {
    let now = world.provider.provider.now();
    json!({
        "iss": "robot", "sub": "robot", "aud": world.provider.issuer(),
        "jti": crate::crypto::random_token(), "iat": now, "exp": now + 60,
    })
}

/// A provider that knows the machine `robot` by this key, and no secret of it.
async fn world(key: &Key) -> World {
    let mut jwk = key.jwk();
    jwk["kid"] = "k1".into();
    World::with(|settings| {
        let mut robot = SeedMachine::new("robot", "");
        robot.jwks = vec![jwk];
        settings.seed.machines.push(robot);
    })
    .await
}

async fn send(world: &World, path: &str, assertion: &str, more: &[(&str, &str)]) -> Answer {
    let form = [
        ("client_assertion_type", TYPE),
        ("client_assertion", assertion),
        ("grant_type", "client_credentials"),
        ("resource", SHOPPING),
        ("token", "unknown"),
    ];
    let kept = form
        .iter()
        .filter(|(name, _)| more.iter().all(|(other, _)| name != other));
    let form: Vec<_> = kept.chain(more).copied().collect();
    world.post(path, &form).await
}

#[tokio::test]
async fn every_algorithm_opens_every_endpoint() {
    for alg in ALGORITHMS {
        let key = Key::generate(alg);
        let world = world(&key).await;
        let header = json!({ "alg": alg, "kid": "k1" });
        for path in [
            "/oidc/token",
            "/oidc/token/revocation",
            "/oidc/token/introspection",
        ] {
            for audience in [
                world.provider.issuer(),
                format!("{}/oidc/token", world.provider.endpoint()),
                format!("{}{path}", world.provider.endpoint()),
            ] {
                let mut claims = claims(&world);
                claims["aud"] = json!([audience]);
                let answer = send(&world, path, &key.sign(&header, &claims), &[]).await;
                assert_eq!(answer.status, 200, "{alg} {path}: {}", answer.text);
            }
        }
    }
}

#[tokio::test]
async fn what_is_wrong_with_an_assertion_is_told() {
    let key = Key::generate("ES256");
    let world = world(&key).await;
    let now = world.provider.provider.now();
    let header = json!({ "alg": "ES256", "kid": "k1" });
    for (name, value, why) in [
        ("iss", json!("dev-machine"), "iss and sub must be"),
        ("iss", json!(null), "iss and sub must be"),
        ("aud", json!("https://other.example"), "aud must be"),
        ("aud", json!(["https://other.example"]), "aud must be"),
        ("aud", json!(null), "aud must be"),
        ("exp", json!(now - 15), "exp has passed"),
        ("exp", json!(null), "exp is missing"),
        ("exp", json!("soon"), "exp is missing"),
        ("nbf", json!(now + 60), "nbf is yet to come"),
        ("iat", json!(now + 60), "iat is yet to come"),
        ("jti", json!(null), "jti is missing"),
        ("jti", json!(""), "jti is missing"),
    ] {
        let mut claims = claims(&world);
        claims[name] = value.clone();
        let answer = send(&world, "/oidc/token", &key.sign(&header, &claims), &[]).await;
        let body = answer.json();
        assert_eq!(
            (answer.status, &body["error"]),
            (401, &json!("invalid_client"))
        );
        let said = body["error_description"].as_str().unwrap();
        assert!(said.contains(why), "{name} {value}: {said}");
    }
    let good = || claims(&world);
    let stranger = Key::generate("ES256");
    let mut of_somebody_else = good();
    of_somebody_else["sub"] = "dev-machine".into();
    of_somebody_else["iss"] = "dev-machine".into();
    for (assertion, why) in [
        (stranger.sign(&header, &good()), "the signature is not"),
        (
            key.sign(&json!({ "alg": "ES256", "kid": "k2" }), &good()),
            "no registered key",
        ),
        (
            key.sign(&json!({ "alg": "ES384", "kid": "k1" }), &good()),
            "the signature is not",
        ),
        (key.sign(&json!({ "alg": "none" }), &good()), "alg must be"),
        (key.sign(&json!({ "alg": "HS256" }), &good()), "alg must be"),
        // A machine without keys.
        (key.sign(&header, &of_somebody_else), "no registered key"),
        ("garbage".into(), "no JWT"),
    ] {
        let answer = send(&world, "/oidc/token", &assertion, &[]).await;
        assert_eq!(answer.status, 401, "{why}: {}", answer.text);
        assert!(answer.text.contains(why), "{why}: {}", answer.text);
    }
    // Once.
    let once = key.sign(&header, &good());
    assert_eq!(send(&world, "/oidc/token", &once, &[]).await.status, 200);
    for path in ["/oidc/token", "/oidc/token/introspection"] {
        let again = send(&world, path, &once, &[]).await;
        assert_eq!(again.status, 401, "{}", again.text);
        assert!(again.text.contains("jti was used before"), "{}", again.text);
    }
}

#[tokio::test]
async fn an_assertion_stands_alone() {
    let key = Key::generate("EdDSA");
    let world = world(&key).await;
    let header = json!({ "alg": "EdDSA" });
    let good = || key.sign(&header, &claims(&world));
    for more in [
        ("client_secret", "x"),
        ("client_id", "dev-machine"),
        ("client_assertion_type", "urn:other"),
    ] {
        let answer = send(&world, "/oidc/token", &good(), &[more]).await;
        assert_eq!(answer.status, 400, "{more:?}: {}", answer.text);
    }
    let with_id = send(&world, "/oidc/token", &good(), &[("client_id", "robot")]).await;
    assert_eq!(with_id.status, 200, "{}", with_id.text);
    // Without it, and with an empty secret, the machine is nobody.
    let form = [
        ("grant_type", "client_credentials"),
        ("resource", SHOPPING),
        ("client_id", "robot"),
    ];
    assert_eq!(world.post("/oidc/token", &form).await.status, 401);
    let empty = [&form[..], &[("client_secret", "")]].concat();
    assert_eq!(world.post("/oidc/token", &empty).await.status, 401);
}

/// The app itself: it is no public client, and pushes its requests with assertions.
#[tokio::test]
async fn an_app_with_a_key_is_no_public_client() {
    let key = Key::generate("ES384");
    let jwk = key.jwk();
    let world = World::with(|settings| {
        settings.client_secret = None;
        settings.client_jwks = vec![jwk];
    })
    .await;
    let assertion = || {
        let mut claims = claims(&world);
        (claims["iss"], claims["sub"]) = ("the-app".into(), "the-app".into());
        key.sign(&json!({ "alg": "ES384" }), &claims)
    };
    let code = world.code("alice", &[]).await;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    let public = [&form[..], &[("client_id", "the-app")]].concat();
    assert_eq!(world.post("/oidc/token", &public).await.status, 401);
    let assertion_of_code = assertion();
    let proven = [
        &form[..],
        &[
            ("client_assertion_type", TYPE),
            ("client_assertion", &assertion_of_code),
        ],
    ]
    .concat();
    let tokens = world.post("/oidc/token", &proven).await;
    assert_eq!(tokens.status, 200, "{}", tokens.text);

    let request = world.auth_path(&[]);
    let request = Url::parse(&format!("http://x{request}")).unwrap();
    let request: Vec<(String, String)> = request.query_pairs().into_owned().collect();
    let pushed = assertion();
    let mut pairs: Vec<(&str, &str)> = request.iter().map(|(n, v)| (&**n, &**v)).collect();
    pairs.extend([
        ("client_assertion_type", TYPE),
        ("client_assertion", &pushed),
    ]);
    let answer = world.post("/oidc/request", &pairs).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
}
