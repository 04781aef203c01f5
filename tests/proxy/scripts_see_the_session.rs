//! `routes.session`: who is signed in, and until when. Never a token, never for another origin,
//! and a page that polls does not keep a session alive.

use reqwest::Method;
use rocket::figment::value::{Dict, Value as Key};
use rocket_logto::Logto;
use serde_json::{Value, json};

use crate::support::app::{ALICE, TestApp, keys};
use crate::support::browser::{Browser, CROSS_SITE, Response};
use crate::support::clock::{Clock, clock};
use crate::support::pages::pages;

const PATH: &str = "/session.json";
const DAY: i64 = 24 * 3600;

async fn start(clock: Clock, more: Dict) -> TestApp {
    let routes = Dict::from([("session".to_owned(), Key::from(PATH))]);
    let mut logto = keys([("routes", routes.into())]);
    logto.extend(more);
    let fairing = Logto::fairing().with_clock(clock.read);
    TestApp::with_fairing(logto, fairing, pages()).await
}

async fn alice(app: &TestApp) -> Browser {
    let alice = Browser::new();
    app.sign_in(&alice, "/protected", ALICE).await;
    app.provider.clear_requests();
    alice
}

async fn ask(app: &TestApp, browser: &Browser, query: &str) -> Response {
    browser.fetch_json(app.url(&format!("{PATH}{query}"))).await
}

#[rocket::async_test]
async fn they_learn_who_is_signed_in() {
    let clock = clock!();
    let app = start(clock, Dict::new()).await;
    let nobody = ask(&app, &Browser::new(), "").await;
    assert_eq!(nobody.status(), 200);
    assert_eq!(
        nobody.json::<Value>(),
        json!({
            "signed_in": false,
            "sign_in": "/sign-in",
            "sign_out": "/sign-out",
            "header": { "name": "X-CSRF", "value": "1" },
        })
    );
    let alice = alice(&app).await;
    let answer = ask(&app, &alice, "").await;
    let body: Value = answer.json();
    let now = clock.now();
    assert_eq!(body["signed_in"], true);
    assert_eq!(body["claims"]["sub"], ALICE);
    assert_eq!(body["claims"]["name"], "Alice Example");
    // Those that are shown, and no others.
    for claim in body["claims"].as_object().expect("claims").keys() {
        assert!(
            ["sub", "name", "username", "picture"].contains(&&**claim),
            "{claim}"
        );
    }
    assert_eq!(
        body["ends"],
        json!({
            "idle": { "in": DAY, "at": now + DAY },
            "absolute": { "in": 14 * DAY, "at": now + 14 * DAY },
        })
    );
    assert_eq!(body["header"]["name"], "X-CSRF");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(
        answer.header("cross-origin-resource-policy"),
        Some("same-origin")
    );
    assert_eq!(answer.header("access-control-allow-origin"), None);
    let text = answer.text();
    assert!(!text.contains("eyJ") && !text.contains("token"), "{text}");
    // Asking costs no call.
    assert!(app.provider.requests().is_empty());
}

#[rocket::async_test]
async fn which_claims_is_the_operators_choice() {
    let session = Dict::from([(
        "shown_claims".to_owned(),
        Key::from(vec!["email", "no-such-claim"]),
    )]);
    let mut more = keys([("session", session.into())]);
    more.insert("scopes".into(), vec!["email"].into());
    let app = start(clock!(), more).await;
    let alice = alice(&app).await;
    let body: Value = ask(&app, &alice, "").await.json();
    let claims = body["claims"].as_object().expect("claims");
    assert_eq!(claims.keys().collect::<Vec<_>>(), ["email"]);
}

#[rocket::async_test]
async fn no_other_origin_learns_it() {
    let app = start(clock!(), Dict::new()).await;
    let alice = alice(&app).await;
    let port = app.app.port();
    for page in [
        CROSS_SITE.to_owned(),
        format!("http://other.localhost:{port}/"),
        "http://localhost:1/".to_owned(),
    ] {
        let request = alice.request(Method::GET, app.url(PATH)).fetch();
        let answer = request.initiator(&page).send().await;
        assert_eq!(answer.status(), 403, "{page}");
        assert_eq!(answer.json::<Value>()["error"], "Cross-site request");
    }
    // Who does not say where they come from shows that they could set a header.
    let bare = || alice.request(Method::GET, app.url(PATH));
    assert_eq!(bare().send().await.status(), 403);
    let answer = bare().header("X-CSRF", "1").send().await;
    assert_eq!(answer.json::<Value>()["signed_in"], true);
    // A developer looks at it.
    assert_eq!(alice.navigate(app.url(PATH)).await.status(), 200);
}

/// A page that asks every minute, with nobody at the keyboard.
#[rocket::async_test]
async fn polling_keeps_no_session_alive() {
    let clock = clock!();
    let session = Dict::from([("idle".to_owned(), Key::from("10m"))]);
    let app = start(clock, keys([("session", session.into())])).await;
    let alice = alice(&app).await;
    for minute in 1..10 {
        clock.advance(&app.provider, 60);
        let answer = ask(&app, &alice, "?slide=false").await;
        let body: Value = answer.json();
        assert_eq!(body["ends"]["idle"]["in"], 600 - 60 * minute, "{body}");
        assert_eq!(answer.set_cookies(), [""; 0]);
    }
    clock.advance(&app.provider, 60);
    let body: Value = ask(&app, &alice, "?slide=false").await.json();
    assert_eq!(body["signed_in"], false);
    assert!(app.provider.requests().is_empty());
}

/// Without being told otherwise, to ask is to use.
#[rocket::async_test]
async fn asking_counts_as_use() {
    let clock = clock!();
    let session = Dict::from([("idle".to_owned(), Key::from("10m"))]);
    let app = start(clock, keys([("session", session.into())])).await;
    let alice = alice(&app).await;
    for _ in 0..4 {
        clock.advance(&app.provider, 300);
        let body: Value = ask(&app, &alice, "?slide=true").await.json();
        assert_eq!(body["ends"]["idle"]["in"], 600, "{body}");
    }
}

#[rocket::async_test]
async fn a_user_whom_the_provider_refuses_is_not_signed_in() {
    let clock = clock!();
    let app = start(clock, Dict::new()).await;
    let alice = alice(&app).await;
    clock.advance(&app.provider, 3700);
    app.provider.suspend("alice", true);
    // Who only looks asks nobody.
    let body: Value = ask(&app, &alice, "?slide=false").await.json();
    assert_eq!(body["signed_in"], true);
    let answer = ask(&app, &alice, "").await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.json::<Value>()["signed_in"], false);
}

/// It is off unless it is wanted.
#[rocket::async_test]
async fn nothing_is_there_by_default() {
    let app = TestApp::start(pages()).await;
    assert_eq!(Browser::new().fetch_json(app.url(PATH)).await.status(), 404);
}
