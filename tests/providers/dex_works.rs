//! Dex with `issuer`, `app_id` and `app_secret`, and no other key.

use rocket::figment::value::Dict;
use serde_json::{Value as Json, json};

use crate::support::api_app::call;
use crate::support::app::keys;
use crate::support::browser::{Browser, Response};
use crate::support::dex::{ALICE, APP_ID, Dex};
use crate::support::peer_app::{PeerApp, is_refused};

async fn start() -> (PeerApp, Dex) {
    start_with(Dict::new()).await
}

async fn start_with(keys: Dict) -> (PeerApp, Dex) {
    start_at(keys, |port| port).await
}

/// Dex knows the app by the port that `registered` makes of its own.
async fn start_at(keys: Dict, registered: fn(u16) -> u16) -> (PeerApp, Dex) {
    let mut dex = None;
    let app = PeerApp::start(keys, async |port| {
        let dex = dex.insert(Dex::start(registered(port)).await);
        dex.registration()
    });
    (app.await, dex.expect("a provider"))
}

async fn sign_in(app: &PeerApp, dex: &Dex, browser: &Browser) -> Response {
    let start = app.to_provider(browser, "/protected").await;
    let back = dex.sign_in(browser, &start).await;
    app.arrive(browser, back).await
}

#[rocket::async_test]
async fn signs_in_and_shows_claims_and_userinfo() {
    let (app, dex) = start().await;
    let browser = Browser::new();
    let page = sign_in(&app, &dex, &browser).await;
    let there = (page.status(), page.url().path());
    assert_eq!(there, (200, "/protected"), "{}", page.text());
    let claims: Json = page.json();
    assert_eq!(claims["iss"], dex.issuer());
    assert_eq!(claims["name"], "alice");

    let info = app.json(&browser, "/userinfo").await;
    assert_eq!(info["sub"], claims["sub"]);
    assert_eq!(browser.violations(), []);
}

#[rocket::async_test]
async fn shows_the_e_mail_address_when_its_scope_is_asked_for() {
    let (app, dex) = start_with(keys([("scopes", vec!["email"].into())])).await;
    let browser = Browser::new();
    let claims: Json = sign_in(&app, &dex, &browser).await.json();
    assert_eq!(claims["email"], ALICE);
    assert_eq!(app.json(&browser, "/userinfo").await["email"], ALICE);
}

/// It rotates refresh tokens: the second refresh is made with what the first one gave.
#[rocket::async_test]
async fn refreshes() {
    let (app, dex) = start().await;
    let browser = Browser::new();
    let claims: Json = sign_in(&app, &dex, &browser).await.json();
    let mut before = app.json(&browser, "/token").await;
    for _ in 0..2 {
        let refreshed = browser.post_form(app.url("/refresh"), &[]).await;
        assert_eq!(refreshed.status(), 200, "{}", refreshed.text());
        assert_eq!(refreshed.json::<Json>()["sub"], claims["sub"]);
        let after = app.json(&browser, "/token").await;
        assert_eq!(after["claims"]["iss"], dex.issuer());
        before = after;
    }
    assert_eq!(before["claims"]["sub"], claims["sub"]);
    assert_eq!(app.json(&browser, "/userinfo").await["sub"], claims["sub"]);
}

/// Without an end-session endpoint there is nowhere to go.
#[rocket::async_test]
async fn signs_out_here() {
    let (app, dex) = start().await;
    let browser = Browser::new();
    sign_in(&app, &dex, &browser).await;
    let out = app.sign_out(&browser).await;
    assert_eq!(out.location().expect("a redirect").as_str(), app.url("/"));
    assert_eq!(app.who(&browser).await, "nobody");
}

/// Its access tokens are for the client, say nothing of scopes, and look like ID tokens.
#[rocket::async_test]
async fn an_api_takes_its_tokens_by_audience() {
    let (app, dex) = start_with(keys([("bearer_takes_id_tokens", true.into())])).await;
    let browser = Browser::new();
    let claims: Json = sign_in(&app, &dex, &browser).await.json();
    let token = app.json(&browser, "/token").await;
    assert_eq!(token["claims"]["aud"], APP_ID);
    let secret = token["secret"].as_str().expect("a token");
    let answer = call(&app.url("/api/own"), secret).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let body: Json = answer.json();
    assert_eq!(body, json!({ "sub": claims["sub"], "client_id": null }));
    let other = call(&app.url("/api/cart"), secret).await;
    assert_eq!(other.status(), 401, "another API: {}", other.text());

    let (app, dex) = start().await;
    let browser = Browser::new();
    sign_in(&app, &dex, &browser).await;
    let token = app.json(&browser, "/token").await;
    let secret = token["secret"].as_str().expect("a token");
    let answer = call(&app.url("/api/own"), secret).await;
    assert_eq!(
        answer.status(),
        401,
        "the key is not set: {}",
        answer.text()
    );
}

/// Three mistakes that an operator makes. Of the address Dex tells the browser only.
#[rocket::async_test]
async fn mistakes_are_told_apart() {
    let (app, dex) = start_with(keys([("app_secret", "not this one".into())])).await;
    let page = sign_in(&app, &dex, &Browser::new()).await;
    is_refused(&page, 500, "token_endpoint_invalid_client");

    let (app, dex) = start_with(keys([("scopes", vec!["write:everything"].into())])).await;
    let page = sign_in(&app, &dex, &Browser::new()).await;
    is_refused(&page, 500, "provider_said_invalid_scope");

    let (app, dex) = start_at(Dict::new(), |port| port + 1).await;
    let browser = Browser::new();
    let to_provider = app.to_provider(&browser, "/protected").await;
    let page = dex.sign_in(&browser, &to_provider).await;
    assert_eq!(page.status(), 400);
    assert!(page.text().contains("redirect_uri"), "{}", page.text());
    assert_eq!(app.who(&browser).await, "nobody");
}
