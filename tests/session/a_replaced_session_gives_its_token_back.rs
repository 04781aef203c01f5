//! The refresh token of a session that another one has replaced is revoked at the provider,
//! unless the new session may live by the same grant: npm `oidc-provider`, which Logto is
//! built on, gives a sign-in within a session of its own the grant that is there, and ends it
//! with any of its refresh tokens.

use logto_dev_provider::Endpoint;
use rocket::figment::value::Dict;
use rocket::{get, post, routes};
use rocket_logto::{Error, Logto, SignIn, User};

use crate::support::app::{ALICE, BOB, TestApp};
use crate::support::browser::{Browser, Response};
use crate::support::eventually::{asked, eventually};
use crate::support::npm_provider::{CLIENT_SECRET, NpmProvider, Settings, provider_of_app_at};
use crate::support::pages::who_is_signed_in;
use crate::support::redis::Redis;
use crate::support::serve::{Served, free_port};
use crate::support::session_pair::{begin, rocket};
use crate::support::sessions::who;

#[get("/again")]
fn again() -> SignIn {
    SignIn::new().return_to("/protected")
}

#[post("/refresh")]
async fn refresh(user: User) -> Result<String, Error> {
    Ok(user.refresh().await?.sub().to_owned())
}

async fn app_at_npm_provider(redis: Option<&Redis>) -> (Served, NpmProvider) {
    let port = free_port();
    let (provider, figment) = provider_of_app_at(port, Settings::default()).await;
    let mut figment = figment.merge(("logto.app_secret", CLIENT_SECRET));
    if let Some(redis) = redis {
        figment = figment.merge(("logto", redis.table()));
    }
    let rocket = rocket::custom(figment)
        .attach(Logto::fairing())
        .mount("/", who_is_signed_in())
        .mount("/", routes![again, refresh]);
    (Served::start_on(port, rocket).await, provider)
}

async fn sign_in(app: &Served, provider: &NpmProvider, browser: &Browser, login: &str) {
    let start = browser.navigate(app.url("/again")).await;
    let back = provider.sign_in(browser, &start, login).await;
    let page = browser.follow_all(back, 5).await.pop().expect("a page");
    assert_eq!(page.text(), login, "{}", page.url());
}

async fn refreshed(app: &Served, browser: &Browser) -> Response {
    browser.post_form(app.url("/refresh"), &[]).await
}

#[rocket::async_test]
async fn one_grant_serves_who_signs_in_again() {
    let redis = Redis::start().await;
    for redis in [None, Some(&redis)] {
        let (app, provider) = app_at_npm_provider(redis).await;
        let browser = Browser::new();
        for _ in 0..2 {
            sign_in(&app, &provider, &browser, "alice").await;
            let copy = browser.clone();
            sign_in(&app, &provider, &browser, "alice").await;
            assert_eq!(
                who(&copy, app.url("/protected")).await,
                None,
                "it is replaced"
            );
            // A revocation that should not be would have come by now, or comes soon.
            for _ in 0..5 {
                let answer = refreshed(&app, &browser).await;
                assert_eq!(answer.text(), "alice", "{}", provider.output());
                rocket::tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        }
    }
}

/// Somebody else, or another session at the provider, never shares a grant.
#[rocket::async_test]
async fn a_token_of_another_grant_is_revoked() {
    let redis = Redis::start().await;
    for table in [Dict::new(), redis.table()] {
        let app = TestApp::with(table.clone(), rocket()).await;
        let hooks = app.provider.hooks();
        let browser = Browser::new();
        let again = async |user| {
            hooks.sign_in_as(Some(user));
            let callback = begin(&app, &browser).await;
            assert_eq!(browser.navigate(callback).await.status(), 303);
        };
        again(ALICE).await;
        // The same user, and no `sid`: nobody can tell.
        again(ALICE).await;
        assert_eq!(app.provider.requests_to(Endpoint::Revocation).len(), 0);
        again(BOB).await;
        asked(&app.provider, Endpoint::Revocation, 1).await;
        let revoked = app.provider.requests_to(Endpoint::Revocation).remove(0);
        assert_eq!(revoked.form_value("token_type_hint"), Some("refresh_token"));
        // It was hers, not his.
        let answer = browser.post_form(app.url("/refresh"), &[]).await;
        assert_eq!(answer.text(), BOB);

        // With a `sid`: another one is another session at the provider.
        let sid = |sid: &'static str| {
            hooks.id_token(move |_, claims| {
                claims.insert("sid".into(), sid.into());
            });
        };
        app.provider.clear_requests();
        sid("one");
        again(ALICE).await;
        asked(&app.provider, Endpoint::Revocation, 1).await;
        again(ALICE).await;
        sid("two");
        again(ALICE).await;
        asked(&app.provider, Endpoint::Revocation, 2).await;
        let answer = browser.post_form(app.url("/refresh"), &[]).await;
        assert_eq!(answer.text(), ALICE);
        let count = app.provider.requests_to(Endpoint::Revocation).len();
        assert_eq!(count, 2, "none for the same sid");
    }
}

/// Two sessions here that belong to one session at the provider may live by one grant.
#[rocket::async_test]
async fn the_token_of_an_ended_session_is_left_where_another_lives_by_its_grant() {
    let redis = Redis::start().await;
    let app = TestApp::with(redis.table(), rocket()).await;
    let hooks = app.provider.hooks();
    let in_session = async |sid: &'static str| {
        hooks.id_token(move |_, claims| {
            claims.insert("sid".into(), sid.into());
        });
        hooks.sign_in_as(Some(ALICE));
        let browser = Browser::new();
        let callback = begin(&app, &browser).await;
        browser.navigate(callback).await;
        browser
    };
    let alice = in_session("one").await;
    let (same, other) = (in_session("one").await, in_session("two").await);
    let ended = alice.post_form(app.url("/sessions/end-others"), &[]).await;
    assert_eq!(ended.text(), "2");
    for browser in [&same, &other] {
        assert_eq!(who(browser, app.url("/protected")).await, None);
    }
    asked(&app.provider, Endpoint::Revocation, 1).await;
    // With nobody left to share it, it is revoked.
    alice.post_form(app.url("/sessions/end-all"), &[]).await;
    asked(&app.provider, Endpoint::Revocation, 2).await;
    assert_eq!(app.provider.requests_to(Endpoint::Revocation).len(), 2);
}

/// The user waits neither for a slow provider nor for one that fails.
#[rocket::async_test]
async fn nobody_waits_for_the_revocation() {
    let app = TestApp::start(rocket()).await;
    let hooks = app.provider.hooks();
    let browser = Browser::new();
    for user in [ALICE, BOB] {
        hooks.sign_in_as(Some(user));
        let callback = begin(&app, &browser).await;
        let _held = hooks.hold(Endpoint::Revocation);
        // It would never be answered.
        assert_eq!(browser.navigate(callback).await.status(), 303);
        assert_eq!(
            who(&browser, app.url("/protected")).await.as_deref(),
            Some(user)
        );
        hooks.behave(Endpoint::Revocation);
    }
    hooks.respond(Endpoint::Revocation, |_, reply| reply.status = 500);
    hooks.sign_in_as(Some(ALICE));
    let callback = begin(&app, &browser).await;
    browser.navigate(callback).await;
    assert_eq!(
        who(&browser, app.url("/protected")).await.as_deref(),
        Some(ALICE)
    );
    eventually("the failure is in the log", async || {
        let told = "refresh token of a session that has ended could not be revoked";
        !crate::support::log::lines_with(told).is_empty()
    })
    .await;
}
