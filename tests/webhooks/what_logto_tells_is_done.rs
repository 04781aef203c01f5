//! What follows from a webhook has happened with the next request: sessions of suspended
//! and deleted users have ended, and claims and tokens are asked for anew where they may
//! have changed. With sessions in cookies, and in a store.

use std::time::Duration;

use logto_dev_provider::Endpoint;
use rocket::figment::value::{Dict, Value};
use rocket::tokio::time::sleep;
use rocket_logto::{Logto, MemoryStore};
use serde_json::{Value as Json, json};

use crate::support::app::{ALICE, BOB, TestApp};
use crate::support::browser::Browser;
use crate::support::clock::{Clock, clock};
use crate::support::sessions::{rocket, signed_in, who};
use crate::support::token_app::TokenApp;
use crate::support::webhooks::{PATH, message, message_at, suspension, table, tell, webhook_table};

#[rocket::async_test]
async fn who_is_suspended_or_deleted_is_out_with_the_next_request() {
    for in_store in [false, true] {
        let fairing = match in_store {
            true => Logto::fairing().session_store(MemoryStore::new(100)),
            false => Logto::fairing(),
        };
        let app = TestApp::with_fairing(table(), fairing, rocket()).await;
        let bob = signed_in(&app, BOB).await;
        let user = json!({ "id": ALICE });
        for body in [
            suspension(ALICE),
            message("User.Deleted", json!({ "data": user })),
            message(
                "User.Deleted",
                json!({ "data": null, "params": { "userId": ALICE } }),
            ),
        ] {
            let browsers = [signed_in(&app, ALICE).await, signed_in(&app, ALICE).await];
            assert_eq!(tell(&app.url(PATH), &body).await, 200);
            for browser in &browsers {
                let who = who(browser, app.url("/protected")).await;
                assert_eq!(who, None, "in a store: {in_store}, {body}");
            }
            let bob = who(&bob, app.url("/protected")).await;
            assert_eq!(bob.as_deref(), Some(BOB), "in a store: {in_store}");
        }
    }
}

/// A session that has begun well after what the message tells is not meant by it.
#[rocket::async_test]
async fn a_late_message_spares_later_sessions() {
    let app = TestApp::with(table(), rocket()).await;
    let alice = signed_in(&app, ALICE).await;
    let long_ago = rocket::time::OffsetDateTime::now_utc().unix_timestamp() - 200;
    let data = json!({ "data": { "id": ALICE, "isSuspended": true } });
    let late = message_at(long_ago, "User.SuspensionStatus.Updated", data);
    assert_eq!(tell(&app.url(PATH), &late).await, 200);
    assert_eq!(
        who(&alice, app.url("/protected")).await.as_deref(),
        Some(ALICE)
    );
}

/// The clock stands still: all of it is within one second.
#[rocket::async_test]
async fn who_signs_in_again_within_the_same_second_is_signed_in() {
    let app = with_webhooks(clock!()).await;
    for round in 0..3 {
        let alice = app.alice().await;
        assert_eq!(tell(&app.at.url(PATH), &suspension(ALICE)).await, 200);
        assert_eq!(app.fetch(&alice, "/me").await.status(), 401, "{round}");
        let again = app.alice().await;
        assert_eq!(app.fetch(&again, "/me").await.status(), 200, "{round}");
        assert_eq!(app.fetch(&alice, "/me").await.status(), 401, "{round}");
    }
}

async fn with_webhooks(clock: Clock) -> TokenApp {
    TokenApp::with(clock, [("webhook", webhook_table())]).await
}

async fn secret(app: &TokenApp, browser: &Browser, path: &str) -> String {
    let shown = app.json(browser, path).await;
    shown["secret"].as_str().expect("a token").to_owned()
}

async fn told(app: &TokenApp, event: &str, rest: Json) {
    let body = message_at(app.clock.now(), event, rest);
    assert_eq!(tell(&app.at.url(PATH), &body).await, 200, "{event}");
}

const SHOPPING: &str = "/shopping";
const ACME: &str = "/organizations/acme5obvzg01";

#[rocket::async_test]
async fn after_a_change_tokens_are_fetched_anew_and_kept_again() {
    let app = with_webhooks(clock!()).await;
    let (alice, bob) = (app.alice().await, app.signed_in(BOB).await);
    let acme = json!({ "organizationId": "acme5obvzg01" });
    let named = json!({ "organizationId": "acme5obvzg01", "addedUserIds": [ALICE] });
    let user = json!({ "data": { "id": ALICE } });
    for (event, rest, is_bobs) in [
        ("Role.Scopes.Updated", json!({}), true),
        ("Role.Deleted", json!({}), true),
        ("Scope.Data.Updated", json!({}), true),
        ("OrganizationRole.Scopes.Updated", json!({}), true),
        ("OrganizationScope.Deleted", json!({}), true),
        ("Organization.Membership.Updated", acme, true),
        ("Organization.Membership.Updated", named, false),
        ("User.Data.Updated", user, false),
    ] {
        for path in [SHOPPING, ACME] {
            let before = secret(&app, &alice, path).await;
            let of_bob = secret(&app, &bob, path).await;
            assert_eq!(secret(&app, &alice, path).await, before, "{event}: kept");
            told(&app, event, rest.clone()).await;
            let after = secret(&app, &alice, path).await;
            assert_ne!(after, before, "{event} {path}");
            assert_eq!(
                secret(&app, &alice, path).await,
                after,
                "{event} {path}: kept again"
            );
            let of_bob_after = secret(&app, &bob, path).await;
            assert_eq!(of_bob_after != of_bob, is_bobs, "{event} {path}");
        }
    }
    // Twice within a second, with a fetch between them.
    let mut before = secret(&app, &alice, SHOPPING).await;
    for _ in 0..3 {
        told(&app, "Role.Scopes.Updated", json!({})).await;
        let after = secret(&app, &alice, SHOPPING).await;
        assert_ne!(after, before);
        before = after;
    }
    // What concerns nobody's tokens.
    for event in [
        "Role.Created",
        "User.Created",
        "PostSignIn",
        "Something.New",
    ] {
        told(
            &app,
            event,
            json!({ "data": { "id": ALICE }, "userId": ALICE }),
        )
        .await;
        assert_eq!(secret(&app, &alice, SHOPPING).await, before, "{event}");
    }
}

#[rocket::async_test]
async fn after_a_change_claims_are_those_of_now() {
    let app = with_webhooks(clock!()).await;
    let alice = app.alice().await;
    let mut name = app.json(&alice, "/me").await["name"].clone();
    for (event, rest) in [
        ("User.Data.Updated", json!({ "data": { "id": ALICE } })),
        ("Role.Data.Updated", json!({})),
    ] {
        let new = format!("Alice after {event}");
        app.at.provider.edit_seed(|seed| {
            let alice = seed.user_mut(ALICE).expect("a user");
            alice.name = Some(new.clone());
        });
        assert_eq!(app.json(&alice, "/me").await["name"], name, "not told");
        told(&app, event, rest).await;
        name = app.json(&alice, "/me").await["name"].clone();
        assert_eq!(name, *new, "{event}");
    }
    // One refresh is enough.
    let before = app.refreshes().len();
    for _ in 0..3 {
        app.json(&alice, "/me").await;
    }
    assert_eq!(app.refreshes().len(), before);
    // While the provider is away, what is known serves on, as it does otherwise.
    told(
        &app,
        "User.Data.Updated",
        json!({ "data": { "id": ALICE } }),
    )
    .await;
    app.at
        .provider
        .hooks()
        .respond(Endpoint::Token, |_, reply| reply.status = 503);
    assert_eq!(app.json(&alice, "/me").await["name"], name);
}

/// What a refresh brings that was under way may be from before the change.
#[rocket::async_test]
async fn a_refresh_that_was_under_way_is_not_enough() {
    let app = with_webhooks(clock!()).await;
    let alice = app.alice().await;
    let hooks = app.at.provider.hooks();
    hooks.delay(Endpoint::Token, Duration::from_millis(800));
    let (under_way, ()) = rocket::futures::future::join(secret(&app, &alice, SHOPPING), async {
        sleep(Duration::from_millis(300)).await;
        told(&app, "Role.Scopes.Updated", json!({})).await;
    })
    .await;
    hooks.behave(Endpoint::Token);
    assert_ne!(secret(&app, &alice, SHOPPING).await, under_way);
}

/// A hook or a guard that could hear of nothing.
#[rocket::async_test]
async fn a_launch_with_half_of_it_says_what_is_missing() {
    use rocket::config::LogLevel;
    use rocket_logto::{Webhook, WebhookReceived};
    #[rocket::post("/own", data = "<_webhook>")]
    fn own(_webhook: Webhook) {}
    let launch = async |logto: Dict, hears: bool, has_route: bool| {
        let mut fairing = Logto::fairing();
        if hears {
            fairing = fairing.on_webhook(async |_: WebhookReceived<'_>| Ok(()));
        }
        let mut rocket = rocket::build();
        if has_route {
            rocket = rocket.mount("/", rocket::routes![own]);
        }
        let figment = rocket.figment().clone().merge(("log_level", LogLevel::Off));
        let figment =
            crate::support::app::configuration(&figment, 8000, "http://localhost:1", logto);
        match rocket.configure(figment).attach(fairing).ignite().await {
            Ok(_) => true,
            Err(error) => {
                // Or it panics when it is dropped.
                let _ = error.kind();
                false
            }
        }
    };
    assert!(launch(table(), true, true).await);
    assert!(!launch(Dict::new(), true, false).await);
    assert!(!launch(Dict::new(), false, true).await);
    let mut off = table();
    let routes = Dict::from([("webhooks".to_owned(), Value::from(false))]);
    off.insert("routes".into(), routes.into());
    assert!(!launch(off.clone(), true, false).await);
    assert!(launch(off, false, true).await, "its own route is enough");
}
