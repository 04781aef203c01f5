//! Canaille with `issuer`, `app_id` and `app_secret`, and no other key.

use rocket::figment::value::Dict;
use serde_json::Value as Json;

use crate::support::app::keys;
use crate::support::browser::{Browser, Response};
use crate::support::canaille::{ALICE, Canaille};
use crate::support::peer_app::{PeerApp, is_refused};

async fn start(keys: Dict) -> (PeerApp, Canaille) {
    let mut canaille = None;
    let app = PeerApp::start(keys, async |port| {
        let canaille = canaille.insert(Canaille::start(port).await);
        canaille.registration()
    });
    (app.await, canaille.expect("a provider"))
}

async fn sign_in(app: &PeerApp, canaille: &Canaille, browser: &Browser) -> Response {
    let start = app.to_provider(browser, "/protected").await;
    let back = canaille.walk(browser, &start).await;
    app.arrive(browser, back).await
}

/// Its `auth_time` has a fraction of a second.
#[rocket::async_test]
async fn signs_in_refreshes_and_signs_out_there() {
    let (app, canaille) = start(Dict::new()).await;
    let browser = Browser::new();
    let page = sign_in(&app, &canaille, &browser).await;
    let there = (page.status(), page.url().path());
    assert_eq!(there, (200, "/protected"), "{}", page.text());
    let claims: Json = page.json();
    assert_eq!(claims["iss"], canaille.issuer());
    assert_eq!(claims["sub"], ALICE);
    assert_eq!(
        app.json(&browser, "/userinfo").await["name"],
        "Alice Example"
    );

    let before = app.json(&browser, "/token").await;
    let refreshed = browser.post_form(app.url("/refresh"), &[]).await;
    assert_eq!(refreshed.status(), 200, "{}", refreshed.text());
    let after = app.json(&browser, "/token").await;
    assert_ne!(before["secret"], after["secret"]);

    let out = app.sign_out(&browser).await;
    let there = out.location().expect("a redirect");
    assert!(there.as_str().starts_with(&canaille.issuer()), "{there}");
    let back = canaille.walk(&browser, &out).await;
    let last = browser.follow_all(back, 5).await.pop().expect("a page");
    assert_eq!((last.url().path(), last.text().as_str()), ("/", "nobody"));
    assert_eq!(browser.violations(), []);
}

#[rocket::async_test]
async fn a_wrong_secret_is_told() {
    let wrong = keys([("app_secret", "not this one".into())]);
    let (app, canaille) = start(wrong).await;
    let page = sign_in(&app, &canaille, &Browser::new()).await;
    is_refused(&page, 500, "token_endpoint_invalid_client");
}
