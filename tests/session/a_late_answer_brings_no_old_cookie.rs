//! While a handler takes its time, the session it was asked with is ended, or
//! refreshed, by another request. Its answer comes last, and must not
//! put back what it began with.

use logto_dev_provider::{Endpoint, Reply};
use rocket::figment::value::Value;
use rocket::futures::future::join;
use serde_json::json;

use crate::support::app::BOB;
use crate::support::browser::{Browser, Response};
use crate::support::clock::{Clock, clock};
use crate::support::eventually::asked;
use crate::support::redis::Redis;
use crate::support::token_app::TokenApp;

fn session(browser: &Browser) -> Option<String> {
    Some(browser.cookie("logto_session")?.value)
}

/// The answer of a handler that waits for userinfo while something else
/// happens, in a session that was not written for a minute.
async fn late(app: &TokenApp, alice: &Browser, meanwhile: impl Future<Output = ()>) -> Response {
    app.clock.advance(&app.at.provider, 61);
    let hooks = app.at.provider.hooks();
    let held = hooks.hold(Endpoint::UserInfo);
    app.at.provider.clear_requests();
    let meanwhile = async {
        asked(&app.at.provider, Endpoint::UserInfo, 1).await;
        hooks.behave(Endpoint::UserInfo);
        meanwhile.await;
        drop(held);
    };
    join(app.fetch(alice, "/userinfo"), meanwhile).await.0
}

async fn in_either_store(clock: Clock, redis: Option<&Redis>) {
    let session_table = redis.map(|redis| redis.table()["session"].clone());
    let app = match session_table {
        Some(table) => TokenApp::with(clock, [("session", table)]).await,
        None => TokenApp::with::<0>(clock, []).await,
    };

    let alice = app.alice().await;
    let before = session(&alice);
    let answer = late(&app, &alice, async {}).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert_eq!(answer.set_cookies().len(), 1, "it is written anew");
    assert_ne!(session(&alice), before);

    let somebody_else = late(&app, &alice, async {
        app.post(&alice, "/sign-out").await;
        app.at.provider.hooks().sign_in_as(Some(BOB));
        alice.navigate_following(app.at.url("/me"), 5).await;
        app.at.provider.hooks().sign_in_as(None);
    });
    assert_eq!(somebody_else.await.set_cookies(), [""; 0]);
    assert_eq!(app.json(&alice, "/me").await["name"], "bob");

    let alice = app.alice().await;
    let named = late(&app, &alice, async {
        let nobody = app.post(&alice, "/sign-out").await;
        assert_eq!(nobody.status(), 303);
    });
    assert_eq!(named.await.set_cookies(), [""; 0]);
    assert_eq!(session(&alice), None);
}

#[rocket::async_test]
async fn of_a_session_in_a_cookie() {
    in_either_store(clock!(), None).await;

    // Nor an older one than the browser has by now.
    let app = TokenApp::start(clock!()).await;
    app.at.provider.hooks().rotate_refresh_tokens(true);
    let alice = app.alice().await;
    let mut refreshed = None;
    let answer = late(&app, &alice, async {
        app.post(&alice, "/refresh").await;
        refreshed = session(&alice);
    });
    let answer = answer.await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert_eq!(answer.set_cookies(), [""; 0]);
    assert!(refreshed.is_some() && session(&alice) == refreshed);
    // A new process knows only what is in it.
    let app = app.restart().await;
    assert_eq!(app.post(&alice, "/refresh").await.status(), 200);
}

#[rocket::async_test]
async fn of_a_session_in_redis() {
    in_either_store(clock!(), Some(&Redis::start().await)).await;

    // Ended, and begun again, at another instance, of which this one knows nothing.
    let redis = Redis::start().await;
    let table: [(&str, Value); 1] = [("session", redis.table()["session"].clone())];
    let app = TokenApp::with(clock!(), table).await;
    let end_it = async |browser: &Browser| {
        redis.command(&["DEL", &redis.key(":session:")]);
        // The provider remembers who it is.
        browser.navigate_following(app.at.url("/me"), 5).await;
    };
    let alice = app.alice().await;
    let answer = late(&app, &alice, end_it(&alice)).await;
    assert_eq!(answer.set_cookies(), [""; 0]);
    assert_eq!(app.fetch(&alice, "/me").await.status(), 200);

    // Nor does a refresh that finds it gone take the new one's cookie away.
    let hooks = app.at.provider.hooks();
    app.at.provider.clear_requests();
    let held = hooks.hold(Endpoint::Token);
    let meanwhile = async {
        asked(&app.at.provider, Endpoint::Token, 1).await;
        hooks.behave(Endpoint::Token);
        end_it(&alice).await;
        drop(held);
    };
    let (answer, ()) = join(app.fetch(&alice, "/shopping"), meanwhile).await;
    assert_eq!(answer.status(), 401, "{}", answer.text());
    assert_eq!(answer.set_cookies(), [""; 0]);
    assert_eq!(app.fetch(&alice, "/me").await.status(), 200);
}

/// Without a refresh token, a refusal of the access token ends the session.
#[rocket::async_test]
async fn nor_takes_it_away_from_another() {
    let prompt = Value::from(vec!["login"]);
    let app = TokenApp::with(clock!(), [("prompt", prompt)]).await;
    let hooks = app.at.provider.hooks();
    let refuse = || {
        hooks.respond(Endpoint::UserInfo, |_, reply| {
            *reply = Reply::json(401, &json!({ "error": "invalid_token" }));
        });
    };
    let alice = app.alice().await;
    let answer = late(&app, &alice, async {
        app.post(&alice, "/sign-out").await;
        hooks.sign_in_as(Some(BOB));
        alice.navigate_following(app.at.url("/me"), 5).await;
        refuse();
    });
    let answer = answer.await;
    assert_eq!(answer.status(), 401, "{}", answer.text());
    assert_eq!(answer.set_cookies(), [""; 0]);
    assert_eq!(app.json(&alice, "/me").await["name"], "bob");

    let answer = late(&app, &alice, async { refuse() }).await;
    assert_eq!(answer.status(), 401, "{}", answer.text());
    assert_eq!(session(&alice), None);
}
