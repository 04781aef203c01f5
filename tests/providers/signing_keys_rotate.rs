//! Keys at the provider come and go: people who sign in notice nothing, and
//! made-up keys cost the provider next to nothing.

use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use logto_dev_provider::{DevProvider, Endpoint, Signing, SigningAlg};
use rocket::figment::value::Dict;
use rocket::futures::future::join_all;
use rocket::serde::json::serde_json::{Value, json};
use rocket::tokio::io::{AsyncReadExt, AsyncWriteExt};
use rocket::tokio::net::TcpStream;
use rocket::{get, routes};
use rocket_logto::Bearer;

use crate::support::app::{ALICE, TestApp, settings};
use crate::support::refusal::{Refusal, Trial, app, app_at, rocket};
use crate::support::signer::Signer;
use crate::support::targets::Read;

fn fetches(app: &TestApp) -> usize {
    app.provider.requests_to(Endpoint::Jwks).len()
}

#[rocket::async_test]
async fn a_new_key_signs_in_right_after_a_fetch() {
    let app = app().await;
    Trial::new(&app, "the first key").accepts(ALICE).await;
    assert_eq!(fetches(&app), 1);
    for rotation in 1..=3 {
        app.provider.hooks().rotate_keys();
        app.provider.hooks().drop_previous_keys();
        let case = format!("rotation {rotation}");
        Trial::new(&app, &*case).accepts(ALICE).await;
        Trial::new(&app, &*case).accepts(ALICE).await;
        assert_eq!(fetches(&app), 1 + rotation, "{case}");
    }
}

#[rocket::async_test]
async fn many_who_sign_in_after_a_rotation_wait_for_one_fetch() {
    let app = app().await;
    Trial::new(&app, "the first key").accepts(ALICE).await;
    app.provider.hooks().rotate_keys();
    let trials: Vec<_> = (0..10)
        .map(|n| Trial::new(&app, format!("number {n}")))
        .collect();
    join_all(trials.iter().map(|trial| trial.accepts(ALICE))).await;
    assert_eq!(fetches(&app), 2);
}

#[rocket::async_test]
async fn unknown_keys_cost_no_more_than_the_bucket_holds() {
    let app = app().await;
    let stranger = Signer::start(SigningAlg::Es384).await;
    app.provider
        .hooks()
        .sign_id_tokens(stranger.signing(|_, _| {}));
    for n in 0..12 {
        let refusal = Refusal::after_exchange("id_token_unknown_key");
        Trial::new(&app, format!("unknown key {n}"))
            .refuses(refusal)
            .await;
    }
    assert_eq!(fetches(&app), 1 + 3);
    // Known keys need no fetch.
    app.provider.hooks().sign_id_tokens(Signing::Key);
    Trial::new(&app, "a known key").accepts(ALICE).await;
    assert_eq!(fetches(&app), 1 + 3);
}

/// OpenID Connect Core section 10.1: `kid` may be missing.
#[rocket::async_test]
async fn keys_without_names_are_tried_in_turn() {
    let app = app().await;
    app.provider.hooks().hide_kid(true);
    Trial::new(&app, "one key").accepts(ALICE).await;
    app.provider.hooks().rotate_keys();
    Trial::new(&app, "two keys, the new one signs")
        .accepts(ALICE)
        .await;
    app.provider.hooks().rotate_keys();
    Trial::new(&app, "and once more").accepts(ALICE).await;

    app.provider.hooks().sign_id_tokens(Signing::UnpublishedKey);
    let refusal = Refusal::after_exchange("id_token_unknown_key");
    Trial::new(&app, "none of them").refuses(refusal).await;
}

#[rocket::async_test]
async fn a_token_without_kid_finds_the_named_key() {
    let app = app().await;
    let hooks = app.provider.hooks();
    hooks.rotate_keys();
    hooks.id_token(|header, _| {
        header.remove("kid");
    });
    Trial::new(&app, "two named keys").accepts(ALICE).await;
    hooks.drop_previous_keys();
    Trial::new(&app, "one named key").accepts(ALICE).await;
}

#[rocket::async_test]
async fn keys_nobody_understands_do_not_spoil_the_others() {
    let provider = DevProvider::start(settings()).await.expect("a provider");
    provider.hooks().publish(vec![
        json!({ "kty": "AKP", "alg": "ML-DSA-44", "pub": "AA", "kid": "future" }),
        json!({ "kty": "EC", "crv": "P-384", "x": "AA", "y": "!", "kid": "broken" }),
        json!({ "kty": "oct", "k": "c2VjcmV0", "kid": "secret" }),
        json!(null),
        json!("key"),
    ]);
    let app = app_at(provider).await;
    Trial::new(&app, "odd keys first").accepts(ALICE).await;
    assert_eq!(fetches(&app), 1);
}

/// RFC 7517 sections 4.2, 4.4: a key says what it is for.
#[rocket::async_test]
async fn a_key_for_something_else_does_not_verify() {
    type Edit = fn(&mut Value);
    let cases: [(&str, Edit, bool); 5] = [
        ("use enc", |key| key["use"] = "enc".into(), false),
        ("alg ES256", |key| key["alg"] = "ES256".into(), false),
        ("alg ECDH-ES", |key| key["alg"] = "ECDH-ES".into(), false),
        (
            "kty oct",
            |key| *key = json!({ "kty": "oct", "k": key["x"], "kid": key["kid"] }),
            false,
        ),
        (
            "neither use nor alg",
            |key| {
                key.as_object_mut()
                    .map(|key| (key.remove("use"), key.remove("alg")));
            },
            true,
        ),
    ];
    for (case, edit, accepted) in cases {
        let provider = DevProvider::start(settings()).await.expect("a provider");
        provider.hooks().respond(Endpoint::Jwks, move |_, reply| {
            reply.edit_json(|document| edit(&mut document["keys"][0]));
        });
        let app = app_at(provider).await;
        let trial = Trial::new(&app, case);
        match accepted {
            true => trial.accepts(ALICE).await,
            false => {
                let refusal = Refusal::after_exchange("id_token_unknown_key");
                trial.refuses(refusal).await;
            }
        }
    }
}

#[rocket::async_test]
async fn the_last_good_keys_stay_when_a_fetch_fails() {
    let app = app().await;
    Trial::new(&app, "at first").accepts(ALICE).await;
    for (case, status) in [
        ("server error", 500),
        ("not found", 404),
        ("a redirect", 302),
    ] {
        app.provider
            .hooks()
            .respond(Endpoint::Jwks, move |_, reply| {
                reply.status = status;
                reply.set_header("location", "/elsewhere");
            });
        app.provider.hooks().sign_id_tokens(Signing::UnpublishedKey);
        let refusal = Refusal::after_exchange("id_token_unknown_key");
        Trial::new(&app, case).refuses(refusal).await;
        app.provider.hooks().sign_id_tokens(Signing::Key);
        Trial::new(&app, case).accepts(ALICE).await;
    }
    assert_eq!(app.provider.requests_to(Endpoint::Unknown).len(), 0);
}

/// Without a network in between an attacker sends as many as this in seconds;
/// none of them needs to be signed.
#[rocket::async_test]
async fn ten_thousand_made_up_keys_cost_three_fetches() {
    const CONNECTIONS: usize = 20;
    const TOKENS_EACH: usize = 500;

    let provider = DevProvider::start(settings()).await.expect("a provider");
    provider.hooks().sign_in_as(Some(ALICE));
    let api = rocket().mount("/", routes![cart]);
    let app = TestApp::at(provider, Dict::new(), api).await;
    Trial::new(&app, "the first key").accepts(ALICE).await;
    assert_eq!(fetches(&app), 1);
    let started = Instant::now();
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = part(json!({ "iss": app.provider.issuer(), "sub": ALICE }));
    let floods = (0..CONNECTIONS).map(|connection| {
        let mut flood = String::new();
        for n in 0..TOKENS_EACH {
            let kid = format!("made-up-{connection}-{n}");
            let header = part(json!({ "alg": "ES384", "kid": kid }));
            let token = format!("{header}.{claims}.{}", "A".repeat(128));
            flood.push_str(&match connection % 2 {
                0 => {
                    let form = format!("logout_token={token}");
                    format!(
                        "POST /backchannel-logout HTTP/1.1\r\nHost: localhost\r\nContent-Type: \
                         application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
                        form.len()
                    )
                }
                _ => format!(
                    "GET /api/cart HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \
                     {token}\r\n\r\n"
                ),
            });
        }
        let refusal = if connection % 2 == 0 { "400" } else { "401" };
        refused(app.app.port(), flood, refusal, TOKENS_EACH)
    });
    join_all(floods).await;
    // One more for each half minute.
    let earned = usize::try_from(started.elapsed().as_secs() / 30).expect("a small number");
    let fetched = fetches(&app) - 1;
    assert!((1..=3 + earned).contains(&fetched), "{fetched} fetches");
    // A sign-in with a known key works as before,
    Trial::new(&app, "a known key").accepts(ALICE).await;
    // and so does one after a rotation.
    app.provider.hooks().rotate_keys();
    app.provider.hooks().drop_previous_keys();
    Trial::new(&app, "a new key").accepts(ALICE).await;
}

/// Sends all requests of `flood` on one connection and counts the answers.
async fn refused(port: u16, flood: String, status: &str, count: usize) {
    let connection = TcpStream::connect(("127.0.0.1", port)).await;
    let (mut answers, mut requests) = connection.expect("a connection").into_split();
    let send = async move {
        requests.write_all(flood.as_bytes()).await.expect("sent");
        requests
    };
    let read = async {
        let (line, mut text, mut seen) = (format!("HTTP/1.1 {status} "), Vec::new(), 0);
        while seen < count {
            let read = answers.read_buf(&mut text).await.expect("answers");
            assert!(read > 0, "closed after {seen} answers");
            let whole = String::from_utf8_lossy(&text).into_owned();
            // Up to the last line there is: the rest may be half an answer.
            let end = whole.rfind("\r\n").map_or(0, |end| end + 2);
            seen += whole[..end].matches(&line).count();
            text = whole.as_bytes()[end..].to_vec();
        }
        assert_eq!(seen, count);
    };
    rocket::tokio::join!(send, read);
}

#[get("/api/cart")]
fn cart(caller: Bearer<Read>) -> String {
    caller.sub().to_owned()
}
