//! A message that Logto has not signed, or not now, does nothing, and who has sent it is
//! told nothing. The log says what was wrong, and which key it is about.

use reqwest::Method;
use rocket::figment::value::Dict;
use rocket::time::OffsetDateTime;
use rocket_logto::Logto;
use serde_json::json;

use crate::support::app::{ALICE, TestApp, keys};
use crate::support::browser::Browser;
use crate::support::log::lines_with;
use crate::support::serve::free_port;
use crate::support::sessions::{rocket, session_table, signed_in, who};
use crate::support::webhooks::{
    KEY, PATH, PREVIOUS, message, message_at, post, sign, suspension, table, tell,
};

fn now() -> i64 {
    OffsetDateTime::now_utc().unix_timestamp()
}

#[rocket::async_test]
async fn a_message_without_the_right_signature_does_nothing() {
    let app = TestApp::with(table(), rocket()).await;
    let url = app.url(PATH);
    let alice = signed_in(&app, ALICE).await;
    let body = suspension(ALICE);
    let bytes = body.as_bytes();
    let (good, stranger) = (sign(KEY, bytes), sign("a key of somebody else's", bytes));
    let (empty, changed) = (sign("", bytes), sign(KEY, &bytes[1..]));
    let upper = good.to_uppercase();
    let cases: [(&str, &[&str]); 9] = [
        ("none", &[]),
        ("an empty one", &[""]),
        ("with the key of somebody else", &[&stranger]),
        ("with no key", &[&empty]),
        ("of another body", &[&changed]),
        ("twice", &[&good, &good]),
        ("a good one behind a bad one", &[&stranger, &good]),
        ("cut", &[&good[..62]]),
        ("in upper case", &[&upper]),
    ];
    for (case, signatures) in cases {
        assert_eq!(post(&url, signatures, bytes).await.status, 401, "{case}");
        let still = who(&alice, app.url("/protected")).await;
        assert_eq!(still.as_deref(), Some(ALICE), "{case}");
    }
    for line in [
        "it has no logto-signature-sha-256: it is not from Logto",
        "no key of logto.webhook.signing_keys has signed it",
    ] {
        assert!(!lines_with(line).is_empty(), "{line}");
    }
    assert_eq!(lines_with(&good), [""; 0]);
    // It was a good one all the time.
    assert_eq!(post(&url, &[&good], bytes).await.status, 200);
    assert_eq!(who(&alice, app.url("/protected")).await, None);
}

#[rocket::async_test]
async fn two_keys_count_while_one_is_being_changed() {
    let app = TestApp::with(table(), rocket()).await;
    for key in [KEY, PREVIOUS] {
        for prefix in ["", "sha256="] {
            let alice = signed_in(&app, ALICE).await;
            let body = suspension(ALICE);
            let signature = format!("{prefix}{}", sign(key, body.as_bytes()));
            let answer = post(&app.url(PATH), &[&signature], body).await;
            assert_eq!(answer.status, 200, "{key} {prefix}");
            assert_eq!(
                who(&alice, app.url("/protected")).await,
                None,
                "{key} {prefix}"
            );
        }
    }
}

#[rocket::async_test]
async fn what_is_signed_and_no_webhook_of_now_does_nothing() {
    let app = TestApp::with(table(), rocket()).await;
    let url = app.url(PATH);
    let alice = signed_in(&app, ALICE).await;
    let deleted = |at| message_at(at, "User.Deleted", json!({ "data": { "id": ALICE } }));
    let hours = 3600;
    for (case, body) in [
        ("of an hour ago", deleted(now() - hours)),
        ("of six minutes ago", deleted(now() - 361)),
        ("from the future", deleted(now() + 90)),
        ("no JSON", "event=User.Deleted".to_owned()),
        ("nothing", String::new()),
        (
            "JSON without an event",
            json!({ "data": { "id": ALICE } }).to_string(),
        ),
        ("a list", "[]".to_owned()),
    ] {
        assert_eq!(tell(&url, &body).await, 400, "{case}");
        let still = who(&alice, app.url("/protected")).await;
        assert_eq!(still.as_deref(), Some(ALICE), "{case}");
    }
    for line in [
        "was made more than five minutes ago",
        "differ by more than logto.clock_tolerance",
        "it is no JSON, at line 1 column",
    ] {
        assert!(!lines_with(line).is_empty(), "{line}");
    }
    // Late, but not too late: proxies have queues.
    assert_eq!(tell(&url, &deleted(now() - 280)).await, 200);
}

#[rocket::async_test]
async fn a_body_over_the_bound_is_not_read() {
    let app = TestApp::with(table(), rocket()).await;
    let url = app.url(PATH);
    let with = |bytes: usize| message("PostSignIn", json!({ "x": "x".repeat(bytes) }));
    assert_eq!(tell(&url, &with(1024 * 1024)).await, 413);
    assert_eq!(tell(&url, &with(1024 * 1024 - 1024)).await, 200);
    assert!(!lines_with("it is longer than limits.webhook").is_empty());

    // As all of Rocket's limits.
    let figment = rocket().figment().clone().merge(("limits.webhook", "2KiB"));
    let app = TestApp::with(table(), rocket().configure(figment)).await;
    assert_eq!(tell(&app.url(PATH), &with(2048)).await, 413);
    assert_eq!(tell(&app.url(PATH), &with(512)).await, 200);
}

#[rocket::async_test]
async fn the_test_button_and_unknown_events_are_answered() {
    let app = TestApp::with(table(), rocket()).await;
    let url = app.url(PATH);
    let alice = signed_in(&app, ALICE).await;
    let test = json!({
        "path": "/fake-path/:id",
        "method": "POST",
        "status": 200,
        "params": { "id": "fake-id" },
        "data": { "result": "success" },
    });
    for event in [
        "PostSignIn",
        "User.Deleted",
        "User.SuspensionStatus.Updated",
        "Organization.Membership.Updated",
        "Role.Scopes.Updated",
        "Grant.LimitExceeded",
        "",
    ] {
        assert_eq!(
            tell(&url, &message(event, test.clone())).await,
            200,
            "{event}"
        );
    }
    let back = json!({ "data": { "id": ALICE, "isSuspended": false } });
    assert_eq!(
        tell(&url, &message("User.SuspensionStatus.Updated", back)).await,
        200
    );
    assert_eq!(
        who(&alice, app.url("/protected")).await.as_deref(),
        Some(ALICE)
    );
}

#[rocket::async_test]
async fn there_is_a_route_for_it_only_with_a_key() {
    let body = suspension(ALICE);
    let signature = sign(KEY, body.as_bytes());
    let status = async |logto: Dict, path: &str| {
        let app = TestApp::with(logto, rocket()).await;
        let request = Browser::new();
        let request = request.request(Method::POST, app.url(path));
        let request = request.header("logto-signature-sha-256", &signature);
        request
            .body("application/json", body.clone())
            .send()
            .await
            .status()
    };
    assert_eq!(status(Dict::new(), PATH).await, 404);
    let mut moved = table();
    moved.extend(keys([(
        "routes",
        keys([("webhooks", "/hooks".into())]).into(),
    )]));
    assert_eq!(status(moved.clone(), PATH).await, 404);
    assert_eq!(status(moved, "/hooks").await, 200);
    let mut off = table();
    off.extend(keys([(
        "routes",
        keys([("webhooks", false.into())]).into(),
    )]));
    assert_eq!(status(off, PATH).await, 404);

    let app = TestApp::with(table(), rocket()).await;
    for method in [Method::GET, Method::HEAD, Method::PUT, Method::DELETE] {
        let browser = Browser::new();
        let request = browser.request(method.clone(), app.url(PATH));
        let request = request.header("logto-signature-sha-256", &signature);
        assert_eq!(request.send().await.status(), 404, "{method}");
    }
}

/// Logto has neither a session nor an `Origin`.
#[rocket::async_test]
async fn a_protected_app_lets_it_in() {
    let fairing = Logto::fairing().protect("/").same_origin_only();
    let app = TestApp::with_fairing(table(), fairing, rocket()).await;
    let alice = signed_in(&app, ALICE).await;
    assert_eq!(tell(&app.url(PATH), &suspension(ALICE)).await, 200);
    assert_eq!(who(&alice, app.url("/protected")).await, None);
    // Without a key the path is one like any other.
    let fairing = Logto::fairing().protect("/");
    let app = TestApp::with_fairing(Dict::new(), fairing, rocket()).await;
    let answer = Browser::new().navigate(app.url(PATH)).await;
    assert_eq!(answer.status(), 303);
}

/// Redis is asked about what Logto has signed, and about nothing else.
#[cfg(feature = "redis")]
#[rocket::async_test]
async fn what_is_not_signed_costs_no_round_trip() {
    let nobody = format!("redis://127.0.0.1:{}", free_port());
    let mut logto = session_table("store", keys([("redis", nobody.into())]));
    logto.extend(table());
    let app = TestApp::with(logto, rocket()).await;
    let url = app.url(PATH);
    let body = suspension(ALICE);
    assert_eq!(post(&url, &[], &*body).await.status, 401);
    let stranger = sign("somebody else's key", body.as_bytes());
    assert_eq!(post(&url, &[&stranger], &*body).await.status, 401);
    let old = message_at(now() - 3600, "User.Deleted", json!({}));
    assert_eq!(tell(&url, &old).await, 400);
    // Logto tries again after this.
    assert_eq!(tell(&url, &body).await, 503);
    assert!(!lines_with("whether it was taken before cannot be told").is_empty());
}
