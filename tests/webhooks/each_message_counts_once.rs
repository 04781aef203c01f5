//! A message has its effect once, however often it comes; and one whose effect has failed
//! may come again, because Logto then sends it again. That holds for the route of the
//! library, for the app's hook there, and for routes of the app's own.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rocket::http::Status;
use rocket::serde::Deserialize;
use rocket::tokio::time::sleep;
use rocket::{Build, Request, Rocket, State, catch, catchers, post, routes};
use rocket_logto::{
    HookResult, Logto, Webhook, WebhookError, WebhookErrorKind, WebhookEvent, WebhookReceived,
};
use serde_json::json;

use crate::support::app::{ALICE, TestApp, keys};
use crate::support::log::lines_with;
use crate::support::sessions::{rocket, signed_in, who};
use crate::support::webhooks::{KEY, PATH, message, post, sign, suspension, table, tell};

#[derive(Default)]
struct Calls(AtomicUsize);

impl Calls {
    fn again(&self) -> usize {
        self.0.fetch_add(1, Ordering::SeqCst) + 1
    }

    fn so_far(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

#[derive(Deserialize)]
#[serde(crate = "rocket::serde")]
struct Changed {
    data: Data,
}

#[derive(Deserialize)]
#[serde(crate = "rocket::serde", rename_all = "camelCase")]
struct Data {
    id: String,
    primary_email: Option<String>,
}

/// Fails the first time, in the way that the data says.
#[post("/own", data = "<webhook>")]
fn own(webhook: Webhook<Changed>, calls: &State<Arc<Calls>>) -> Status {
    let data = &webhook.event().data;
    assert_eq!(webhook.hook_id(), "nwR6fp1gLKs0Rjj8Qr5ry");
    match (calls.again(), data.primary_email.as_deref()) {
        (1, Some("fails")) => Status::InternalServerError,
        (1, Some("panics")) => panic!("on purpose"),
        _ if data.id == ALICE => Status::NoContent,
        _ => Status::NotFound,
    }
}

#[post("/result", data = "<webhook>")]
fn result(webhook: Result<Webhook, WebhookError>) -> Result<Status, WebhookError> {
    match webhook {
        Ok(webhook) if webhook.name() == "PostSignIn" => Ok(Status::Accepted),
        Ok(_) => Ok(Status::NoContent),
        Err(error) if *error.kind() == WebhookErrorKind::Unsigned => Ok(Status::ImATeapot),
        Err(error) => Err(error),
    }
}

#[catch(default)]
fn page(status: Status, _: &Request<'_>) -> String {
    format!("A page of the app's own about {status}")
}

fn app(calls: &Arc<Calls>) -> Rocket<Build> {
    rocket()
        .manage(calls.clone())
        .mount("/", routes![own, result])
        .register("/", catchers![page])
}

fn changed(address: &str) -> String {
    let data = json!({ "data": { "id": ALICE, "primaryEmail": address } });
    message("User.Data.Updated", data)
}

/// Somebody on the way has kept it, or an answer was lost.
#[rocket::async_test]
async fn a_second_time_it_is_answered_and_does_nothing() {
    let app = TestApp::with(table(), rocket()).await;
    let body = suspension(ALICE);
    assert_eq!(tell(&app.url(PATH), &body).await, 200);
    // She is back, and has signed in again.
    let alice = signed_in(&app, ALICE).await;
    for _ in 0..3 {
        assert_eq!(tell(&app.url(PATH), &body).await, 200);
        let still = who(&alice, app.url("/protected")).await;
        assert_eq!(still.as_deref(), Some(ALICE));
    }
    assert!(!lines_with("it was taken before, and has no effect a second time").is_empty());
    // The same in another message is another one.
    assert_eq!(tell(&app.url(PATH), &suspension(ALICE)).await, 200);
    assert_eq!(who(&alice, app.url("/protected")).await, None);
}

#[rocket::async_test]
async fn a_route_of_the_apps_own_is_called_once() {
    for (how, first) in [("works", 204), ("fails", 500), ("panics", 500)] {
        let calls = Arc::<Calls>::default();
        let at = TestApp::with(table(), app(&calls)).await;
        let (url, body) = (at.url("/own"), changed(how));
        let signature = sign(KEY, body.as_bytes());
        // A handler's own answers may have a body.
        let send = async || {
            let request = reqwest::Client::new().post(&url);
            let request = request.header("logto-signature-sha-256", &signature);
            let answer = request.body(body.clone()).send().await.expect("an answer");
            answer.status().as_u16()
        };
        assert_eq!(send().await, first, "{how}");
        if first == 500 {
            assert_eq!(send().await, 204, "{how}: Logto tries again");
        }
        let before = calls.so_far();
        assert_eq!(post(&url, &[&signature], &*body).await.status, 200, "{how}");
        assert_eq!(calls.so_far(), before, "{how}");
    }
}

#[rocket::async_test]
async fn a_route_of_the_apps_own_tells_nothing_either() {
    let calls = Arc::<Calls>::default();
    let at = TestApp::with(table(), app(&calls)).await;
    let url = at.url("/own");
    let body = changed("works");
    // No page of the app's catcher, as `post` sees.
    assert_eq!(post(&url, &[], &*body).await.status, 401);
    assert_eq!(post(&url, &[&"0".repeat(64)], &*body).await.status, 401);
    let misfit = message("User.Data.Updated", json!({ "data": { "id": 7 } }));
    assert_eq!(tell(&url, &misfit).await, 400);
    assert!(!lines_with("it does not fit the type it is read into, at line 1").is_empty());
    assert_eq!(calls.so_far(), 0);
    // What a handler makes of it is its own affair.
    let url = at.url("/result");
    let answer = reqwest::Client::new().post(&url).body(body).send().await;
    assert_eq!(answer.expect("an answer").status().as_u16(), 418);
    assert_eq!(post(&url, &[&"0".repeat(64)], "{}").await.status, 401);
}

/// Fails, panics or takes too long once, as the message says.
async fn hook(webhook: WebhookReceived<'_>) -> HookResult {
    let calls = webhook.state::<Arc<Calls>>()?.again();
    let WebhookEvent::UserSuspensionStatusUpdated(user) = webhook.event() else {
        return Ok(());
    };
    assert!(webhook.request().uri().path() == PATH);
    match (calls, user.data["how"].as_str()) {
        (1, Some("fails")) => Err("no row for canary@example.com".into()),
        (1, Some("panics")) => panic!("on purpose"),
        (1, Some("is late")) => {
            sleep(Duration::from_secs(60)).await;
            Ok(())
        }
        _ => Ok(()),
    }
}

#[rocket::async_test]
async fn a_hook_that_fails_hears_of_it_again() {
    for (how, line) in [
        ("works", ""),
        ("fails", "reason=on_webhook_failed"),
        ("panics", "reason=on_webhook_panicked"),
        ("is late", "reason=on_webhook_late"),
    ] {
        let mut logto = table();
        logto.extend(keys([("hook_timeout", "1s".into())]));
        let fairing = Logto::fairing().on_webhook(hook);
        let calls = Arc::<Calls>::default();
        let app = TestApp::with_fairing(logto, fairing, rocket().manage(calls.clone())).await;
        let alice = signed_in(&app, ALICE).await;
        let data = json!({ "data": { "id": ALICE, "isSuspended": true, "how": how } });
        let body = message("User.SuspensionStatus.Updated", data);
        let url = app.url(PATH);
        if !line.is_empty() {
            assert_eq!(tell(&url, &body).await, 500, "{how}");
            assert!(!lines_with(line).is_empty(), "{how}");
            // What the library does does not wait for it.
            assert_eq!(who(&alice, app.url("/protected")).await, None, "{how}");
        }
        assert_eq!(tell(&url, &body).await, 200, "{how}");
        let heard = calls.so_far();
        assert_eq!(heard, if line.is_empty() { 1 } else { 2 }, "{how}");
        assert_eq!(tell(&url, &body).await, 200, "{how}");
        assert_eq!(calls.so_far(), heard, "{how}: it has heard of it");
        assert_eq!(who(&alice, app.url("/protected")).await, None, "{how}");
    }
}

/// A hook for one kind of message is not told of others, and they are no failure.
#[rocket::async_test]
async fn a_hook_with_a_type_of_its_own_hears_what_fits_it() {
    let fairing = Logto::fairing().on_webhook(async |webhook: WebhookReceived<'_, Changed>| {
        assert_eq!(webhook.event().data.id, ALICE);
        webhook.state::<Arc<Calls>>()?.again();
        Ok(())
    });
    let calls = Arc::<Calls>::default();
    let app = TestApp::with_fairing(table(), fairing, rocket().manage(calls.clone())).await;
    let role = message("Role.Data.Updated", json!({ "data": [] }));
    for body in [changed("new@example.com"), role] {
        assert_eq!(tell(&app.url(PATH), &body).await, 200);
    }
    assert_eq!(calls.so_far(), 1);
}
