//! Tokens that are bound to a key (DPoP, RFC 9449): each condition of a proof is checked, and
//! what is bound is of no use with another key, or without one.

use serde_json::json;

use super::client_keys::Key;
use super::third_parties::{NATIVE, asks};
use super::*;
use crate::dpop::ALGORITHMS;

const TOKEN: &str = "/oidc/token";
const USERINFO: &str = "/oidc/me";

async fn world() -> World {
    World::with(|settings| settings.offers_dpop = true).await
}

/// What is right for a request; with `token` for a call with that.
fn claims(world: &World, method: &str, path: &str, token: Option<&str>) -> Value {
    let mut claims = json!({
        "htm": method, "htu": format!("{}{path}", world.provider.endpoint()),
        "iat": world.provider.provider.now(), "jti": crate::crypto::random_token(),
    });
    if let Some(token) = token {
        claims["ath"] = base64url(sha256(token.as_bytes())).into();
    }
    claims
}

fn header(key: &Key, alg: &str) -> Value {
    json!({ "typ": "dpop+jwt", "alg": alg, "jwk": key.jwk() })
}

/// A good proof for the token endpoint.
fn token_proof(world: &World, key: &Key) -> String {
    key.sign(&header(key, "ES256"), &claims(world, "POST", TOKEN, None))
}

/// Asks the token endpoint, with these proofs: as the application with its secret, or as a
/// client that has none and names itself.
async fn ask(
    world: &World,
    public: Option<&str>,
    form: &[(&str, &str)],
    proofs: &[String],
) -> Answer {
    let mut form = form.to_vec();
    form.extend(public.map(|id| ("client_id", id)));
    let mut request = world.form(TOKEN, &form);
    if public.is_none() {
        request = request.header(AUTHORIZATION, basic("the-app", "s3cret: +%&"));
    }
    for proof in proofs {
        request = request.header("dpop", proof);
    }
    world.send(request).await
}

/// Redeems a code, with these proofs.
async fn redeem(world: &World, changes: &[(&str, &str)], proofs: &[String]) -> Answer {
    let code = world.code("alice", changes).await;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    ask(world, None, &form, proofs).await
}

async fn userinfo(world: &World, scheme: &str, token: &str, proof: Option<String>) -> Answer {
    let url = format!("{}{USERINFO}", world.provider.endpoint());
    let mut request = world.http.get(url);
    request = request.header(AUTHORIZATION, format!("{scheme} {token}"));
    if let Some(proof) = proof {
        request = request.header("dpop", proof);
    }
    world.send(request).await
}

#[tokio::test]
async fn a_token_is_good_with_its_key_only() {
    let world = world().await;
    let metadata = world.get("/oidc/.well-known/openid-configuration").await;
    let announced = &metadata.json()["dpop_signing_alg_values_supported"];
    assert_eq!(*announced, json!(ALGORITHMS));
    for alg in ALGORITHMS {
        let (key, other) = (Key::generate(alg), Key::generate(alg));
        let proof = key.sign(&header(&key, alg), &claims(&world, "POST", TOKEN, None));
        let answer = redeem(&world, &[], &[proof]).await;
        assert_eq!(answer.status, 200, "{alg}: {}", answer.text);
        assert_eq!(answer.json()["token_type"], "DPoP", "{alg}");
        let token = answer.json()["access_token"].as_str().unwrap().to_owned();

        let proof = |key: &Key, token: &str| {
            key.sign(
                &header(key, alg),
                &claims(&world, "GET", USERINFO, Some(token)),
            )
        };
        let good = userinfo(&world, "DPoP", &token, Some(proof(&key, &token))).await;
        assert_eq!(good.status, 200, "{alg}: {}", good.text);
        for (scheme, proof) in [
            ("Bearer", Some(proof(&key, &token))),
            ("Bearer", None),
            ("DPoP", None),
            ("DPoP", Some(proof(&other, &token))),
            ("DPoP", Some(proof(&key, "another token"))),
        ] {
            let refused = userinfo(&world, scheme, &token, proof).await;
            assert_eq!(refused.status, 401, "{alg} {scheme}: {}", refused.text);
            let challenge = refused.header("www-authenticate");
            assert!(challenge.starts_with(scheme), "{challenge}");
        }
    }
}

#[tokio::test]
async fn a_proof_is_for_this_request_and_no_other() {
    let world = world().await;
    let key = Key::generate("ES256");
    let now = world.provider.provider.now();
    let private = {
        let mut jwk = key.jwk();
        jwk["d"] = "secret".into();
        jwk
    };
    let other = Key::generate("ES256").jwk();
    for (part, name, value) in [
        ("header", "typ", json!("JWT")),
        ("header", "typ", Value::Null),
        ("header", "alg", json!("none")),
        ("header", "alg", json!("RS256")),
        ("header", "jwk", Value::Null),
        ("header", "jwk", json!("key")),
        ("header", "jwk", other),
        ("header", "jwk", private),
        ("claims", "htm", json!("GET")),
        ("claims", "htm", json!("post")),
        ("claims", "htu", json!(world.provider.endpoint())),
        (
            "claims",
            "htu",
            json!(format!("https://evil.example{TOKEN}")),
        ),
        ("claims", "iat", json!(now - 120)),
        ("claims", "iat", json!(now + 120)),
        ("claims", "iat", json!("now")),
        ("claims", "jti", json!("")),
        ("claims", "jti", Value::Null),
    ] {
        let mut header = header(&key, "ES256");
        let mut claims = claims(&world, "POST", TOKEN, None);
        let changed = match part {
            "header" => &mut header,
            _ => &mut claims,
        };
        changed[name] = value;
        let answer = redeem(&world, &[], &[key.sign(&header, &claims)]).await;
        let case = format!("{header} {claims}: {}", answer.text);
        assert_eq!(answer.status, 400, "{case}");
        assert_eq!(answer.json()["error"], "invalid_dpop_proof", "{case}");
    }
    let good = || token_proof(&world, &key);
    let mut forged = good();
    forged.truncate(forged.rfind('.').unwrap() + 1);
    let once = good();
    for (proofs, status) in [
        (vec![good(), good()], 400),
        (vec![forged], 400),
        (vec!["no.proof".to_owned()], 400),
        (vec![once.clone()], 200),
        (vec![once], 400),
    ] {
        let answer = redeem(&world, &[], &proofs).await;
        assert_eq!(answer.status, status, "{proofs:?}: {}", answer.text);
    }
}

/// RFC 9449, section 8.
#[tokio::test]
async fn a_nonce_is_demanded_and_handed_out() {
    let world = world().await;
    world.provider.hooks().demand_dpop_nonce("fresh");
    let key = Key::generate("ES256");
    let sign = |nonce: Option<&str>| {
        let mut claims = claims(&world, "POST", TOKEN, None);
        if let Some(nonce) = nonce {
            claims["nonce"] = nonce.into();
        }
        key.sign(&header(&key, "ES256"), &claims)
    };
    for nonce in [None, Some("stale")] {
        let answer = redeem(&world, &[], &[sign(nonce)]).await;
        assert_eq!(answer.status, 400, "{}", answer.text);
        assert_eq!(answer.json()["error"], "use_dpop_nonce");
        assert_eq!(answer.header("dpop-nonce"), "fresh");
    }
    let answer = redeem(&world, &[], &[sign(Some("fresh"))]).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

/// Section 10.
#[tokio::test]
async fn a_code_may_be_for_one_key() {
    let world = world().await;
    let (key, other) = (Key::generate("ES256"), Key::generate("ES256"));
    let jwk = key.jwk();
    let member = |name: &str| jwk[name].as_str().unwrap();
    let canonical = format!(
        r#"{{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}}"#,
        member("x"),
        member("y")
    );
    let thumbprint = base64url(sha256(canonical.as_bytes()));
    for (proofs, status) in [
        (vec![], 400),
        (vec![token_proof(&world, &other)], 400),
        (vec![token_proof(&world, &key)], 200),
    ] {
        let answer = redeem(&world, &[("dpop_jkt", &thumbprint)], &proofs).await;
        assert_eq!(answer.status, status, "{}", answer.text);
        if status == 400 {
            assert_eq!(answer.json()["error"], "invalid_grant");
        }
    }
}

/// Section 5: of a client that does not authenticate, the refresh token is bound as well.
#[tokio::test]
async fn a_public_clients_refresh_token_is_bound() {
    for (main_is_public, is_third_party) in [(true, false), (false, false), (false, true)] {
        let world = World::with(|settings| {
            settings.offers_dpop = true;
            settings.dynamic_registration = true;
            if main_is_public {
                settings.client_secret = None;
            }
        })
        .await;
        let (key, other) = (Key::generate("ES256"), Key::generate("ES256"));
        let (public, code, redirect_uri) = match is_third_party {
            true => {
                let client = world.register(&registration::metadata()).await.json();
                let id = client["client_id"].as_str().unwrap().to_owned();
                let changes = [("scope", "offline_access read"), ("prompt", "consent")];
                let code = world.allowed("alice", &asks(&id, &changes)).await;
                (Some(id), code, NATIVE)
            }
            false => {
                let public = main_is_public.then(|| "the-app".to_owned());
                (public, world.code("alice", &[]).await, CALLBACK)
            }
        };
        let public = public.as_deref();
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("redirect_uri", redirect_uri),
            ("code_verifier", VERIFIER),
        ];
        let answer = ask(&world, public, &form, &[token_proof(&world, &key)]).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let mut token = answer.json()["refresh_token"].as_str().unwrap().to_owned();
        for (proofs, is_its_own) in [
            (vec![], false),
            (vec![token_proof(&world, &other)], false),
            (vec![token_proof(&world, &key)], true),
        ] {
            let form = [
                ("grant_type", "refresh_token"),
                ("refresh_token", token.as_str()),
            ];
            let answer = ask(&world, public, &form, &proofs).await;
            let is_good = is_its_own || public.is_none();
            let expected = if is_good { 200 } else { 400 };
            let case = format!("{public:?} {is_its_own}: {}", answer.text);
            assert_eq!(answer.status, expected, "{case}");
            if let Some(rotated) = answer.json()["refresh_token"].as_str() {
                token = rotated.to_owned();
            }
        }
    }
}

/// As at Logto, which has no DPoP: a proof is not looked at.
#[tokio::test]
async fn without_it_tokens_are_plain() {
    let world = World::new().await;
    let metadata = world.get("/oidc/.well-known/openid-configuration").await;
    let announced = metadata
        .json()
        .get("dpop_signing_alg_values_supported")
        .cloned();
    assert_eq!(announced, None);
    let answer = redeem(&world, &[], &["no.proof".to_owned()]).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.json()["token_type"], "Bearer");
}
