//! Keys at the provider come and go: whoever signs in meanwhile notices
//! nothing, and whoever makes keys up costs the provider next to nothing.

use rocket::futures::future::join_all;
use rocket::serde::json::serde_json::{Value, json};
use rocket_logto::dev_provider::{DevProvider, Endpoint, Signing, SigningAlg};

use crate::support::app::{ALICE, TestApp, settings};
use crate::support::refusal::{Refusal, Trial, app, app_at};
use crate::support::signer::Signer;

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
