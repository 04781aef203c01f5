//! Requests that find an ended token share one refresh; what it changed, a
//! rotated refresh token above all, reaches the browser. The provider kills the
//! grant of a refresh token that is used again three seconds after its rotation.

use std::collections::HashSet;
use std::time::Duration;

use logto_dev_provider::Endpoint;
use rocket::figment::value::Value;
use rocket::futures::future::{join, join_all};
use rocket::tokio::time::sleep;

use crate::support::app::ALICE;
use crate::support::browser::Browser;
use crate::support::clock::{Clock, clock};
use crate::support::eventually::{asked, eventually};
use crate::support::targets::{ACME, GLOBEX};
use crate::support::token_app::{TokenApp, cookies_of};

const PARALLEL: usize = 50;
/// Longer than a rotated refresh token may still be used.
const REUSE_WINDOW: u32 = 4;
/// For what may happen without anybody waiting for it.
const A_WHILE: Duration = Duration::from_millis(200);

/// With a provider that gives a new refresh token at every refresh.
async fn rotating(clock: Clock) -> (TokenApp, Browser) {
    rotating_with(clock, []).await
}

/// The same, of an app with these keys.
async fn rotating_with<const N: usize>(
    clock: Clock,
    keys: [(&str, Value); N],
) -> (TokenApp, Browser) {
    let app = TokenApp::with(clock, keys).await;
    app.at.provider.hooks().rotate_refresh_tokens(true);
    let alice = app.alice().await;
    (app, alice)
}

impl TokenApp {
    /// The refresh tokens that were used, in order.
    fn used(&self) -> Vec<String> {
        let requests = self.refreshes().into_iter();
        requests
            .map(|request| request.form_value("refresh_token").unwrap().to_owned())
            .collect()
    }

    /// A process that knows nothing but the cookie goes on with the chain, at a
    /// time when the token before it would break it.
    async fn assert_the_browser_has_the_new_one(self, alice: &Browser) {
        self.clock.advance(&self.at.provider, REUSE_WINDOW);
        let app = self.restart().await;
        assert_eq!(app.fetch(alice, "/shopping").await.status(), 200);
        app.assert_none_used_twice();
    }

    /// Each of them once: none was sent after it had been replaced.
    fn assert_none_used_twice(&self) {
        let used = self.used();
        let different: HashSet<_> = used.iter().collect();
        assert_eq!(
            different.len(),
            used.len(),
            "a refresh token was used twice"
        );
    }
}

#[rocket::async_test]
async fn fifty_requests_at_the_end_of_a_token_make_one_call() {
    let (app, alice) = rotating(clock!()).await;
    let first = app.json(&alice, "/shopping").await;
    app.let_tokens_end();
    app.at.provider.clear_requests();
    // All of them arrive before the answer.
    let delay = Duration::from_millis(300);
    app.at.provider.hooks().delay(Endpoint::Token, delay);

    let mut secrets = HashSet::new();
    for answer in app.at_once(&alice, "/shopping", PARALLEL).await {
        assert_eq!(answer.status(), 200, "{}", answer.text());
        let token: serde_json::Value = answer.json();
        assert_eq!(token["claims"]["sub"], ALICE);
        secrets.insert(token["secret"].to_string());
    }
    assert_eq!(app.refreshes().len(), 1);
    assert_eq!(secrets.len(), 1);
    assert!(!secrets.contains(&first["secret"].to_string()));
    assert_eq!(alice.violations(), []);
}

#[rocket::async_test]
async fn different_tokens_at_once_queue_for_the_one_refresh_token() {
    let (app, alice) = rotating(clock!()).await;
    let paths = [
        "/shopping".to_owned(),
        "/orders".to_owned(),
        format!("/organizations/{ACME}"),
        format!("/organizations/{GLOBEX}"),
        format!("/organizations/{ACME}/orders"),
    ];
    let requests = paths.iter().cycle().take(PARALLEL);
    let answers = join_all(requests.map(|path| app.fetch(&alice, path))).await;
    for answer in answers {
        assert_eq!(answer.status(), 200, "{}: {}", answer.url(), answer.text());
    }
    assert_eq!(app.refreshes().len(), paths.len());
    app.assert_none_used_twice();

    // The grant is alive: the chain was never broken.
    app.clock.advance(&app.at.provider, REUSE_WINDOW);
    assert_eq!(app.post(&alice, "/refresh").await.status(), 200);
    app.assert_none_used_twice();
}

/// A page of a hundred pictures: the last requests carry the cookie of before.
#[rocket::async_test]
async fn a_request_with_the_old_cookie_makes_no_further_call() {
    let (app, alice) = rotating(clock!()).await;
    let old = cookies_of(&app, &alice);
    let token = app.json(&alice, "/shopping").await;
    assert_ne!(cookies_of(&app, &alice), old, "the browser has a new one");

    for seconds in [0, REUSE_WINDOW, 59 - REUSE_WINDOW] {
        app.clock.advance(&app.at.provider, seconds);
        for path in ["/shopping", "/default"] {
            let request = Browser::new();
            let request = request.request(reqwest::Method::GET, app.at.url(path));
            let late = request.cookie_header_override(&old).fetch().send().await;
            assert_eq!(late.status(), 200, "{path}: {}", late.text());
            if path == "/shopping" {
                assert_eq!(late.json::<serde_json::Value>(), token);
            }
        }
    }
    assert_eq!(app.refreshes().len(), 1);

    // One that comes when the token has ended uses the new refresh token.
    app.let_tokens_end();
    let request = Browser::new();
    let request = request.request(reqwest::Method::GET, app.at.url("/shopping"));
    let late = request.cookie_header_override(&old).fetch().send().await;
    assert_eq!(late.status(), 200, "{}", late.text());
    app.assert_none_used_twice();
}

/// That the cookie holds it shows when the process knows nothing else.
#[rocket::async_test]
async fn a_rotated_refresh_token_reaches_the_browser_whatever_the_handler_answers() {
    let (mut app, alice) = rotating(clock!()).await;
    for code in [200, 404, 409, 500, 503] {
        let answer = app.fetch(&alice, &format!("/shopping-and/{code}")).await;
        assert_eq!(answer.status(), code);
        assert_eq!(answer.set_cookies().len(), 1, "with {code}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{code}");

        app.clock.advance(&app.at.provider, REUSE_WINDOW);
        app = app.restart().await;
        assert_eq!(app.json(&alice, "/me").await["name"], "Alice Example");
        let token = app.fetch(&alice, "/shopping").await;
        assert_eq!(token.status(), 200, "after {code}: {}", token.text());
        app.clock.advance(&app.at.provider, REUSE_WINDOW);
        app = app.restart().await;
    }
    app.assert_none_used_twice();
    assert_eq!(alice.violations(), []);
}

/// The guard ran, but the route did not match: no handler, and a refresh all the same.
#[rocket::async_test]
async fn a_rotated_refresh_token_survives_a_parameter_that_does_not_fit() {
    let (app, alice) = rotating(clock!()).await;
    let answer = app.fetch(&alice, "/shopping-and/not-a-number").await;
    assert_eq!(answer.status(), 422, "{}", answer.text());
    assert_eq!(app.refreshes().len(), 1);
    app.assert_the_browser_has_the_new_one(&alice).await;
}

#[rocket::async_test]
async fn a_browser_that_leaves_during_the_refresh_loses_nothing() {
    let (app, alice) = rotating(clock!()).await;
    let before = cookies_of(&app, &alice);
    let held = app.at.provider.hooks().hold(Endpoint::Token);
    // It leaves when the refresh is under way.
    rocket::tokio::select! {
        early = app.fetch(&alice, "/shopping") => panic!("{}", early.text()),
        () = asked(&app.at.provider, Endpoint::Token, 1) => {}
    }
    assert_eq!(cookies_of(&app, &alice), before, "it was given nothing");
    sleep(A_WHILE).await;
    drop(held);
    sleep(A_WHILE).await;

    // Nobody calls again for what has come since, and the browser is told.
    let next = app.fetch(&alice, "/shopping").await;
    assert_eq!(next.status(), 200, "{}", next.text());
    assert_eq!(app.refreshes().len(), 1);
    app.assert_the_browser_has_the_new_one(&alice).await;
}

/// A handler may give up waiting; Rocket itself never ends one.
#[rocket::async_test]
async fn a_handler_that_gives_up_loses_nothing() {
    let (app, alice) = rotating(clock!()).await;
    let held = app.at.provider.hooks().hold(Endpoint::Token);
    assert_eq!(app.fetch(&alice, "/impatient").await.text(), "gave up");
    asked(&app.at.provider, Endpoint::Token, 1).await;
    drop(held);
    sleep(A_WHILE).await;
    assert_eq!(app.fetch(&alice, "/shopping").await.status(), 200);
    assert_eq!(app.refreshes().len(), 1);
}

/// The answer came with a new refresh token and an ID token that cannot be
/// verified just now: the one must not be lost over the other.
#[rocket::async_test]
async fn a_rotated_refresh_token_survives_an_id_token_that_is_no_good() {
    let (app, alice) = rotating(clock!()).await;
    let hooks = app.at.provider.hooks();
    hooks.sign_id_tokens(logto_dev_provider::Signing::Corrupt);
    let answer = app.fetch(&alice, "/shopping").await;
    assert_eq!(answer.status(), 502, "{}", answer.text());
    app.at.provider.hooks().reset();
    app.at.provider.hooks().rotate_refresh_tokens(true);

    app.assert_the_browser_has_the_new_one(&alice).await;
}

/// Gives the `Authorization` header that is refused from now on.
async fn revoke_the_token_for_userinfo(app: &TokenApp, alice: &Browser) -> String {
    let token = app.json(alice, "/default").await["secret"].clone();
    let revoked = format!("Bearer {}", token.as_str().unwrap());
    let refused = revoked.clone();
    let hooks = app.at.provider.hooks();
    hooks.respond(Endpoint::UserInfo, move |request, reply| {
        if request.header("authorization") == Some(&refused) {
            reply.status = 401;
        }
    });
    revoked
}

#[rocket::async_test]
async fn fifty_calls_for_userinfo_with_a_revoked_token_make_one_refresh() {
    let (app, alice) = rotating(clock!()).await;
    revoke_the_token_for_userinfo(&app, &alice).await;
    for answer in app.at_once(&alice, "/userinfo", PARALLEL).await {
        assert_eq!(answer.status(), 200, "{}", answer.text());
    }
    assert_eq!(app.refreshes().len(), 1);
}

/// Two sessions of one person are two: each has its own refresh token.
#[rocket::async_test]
async fn sessions_do_not_wait_for_each_other() {
    let app = TokenApp::start(clock!()).await;
    let (one, other) = (app.alice().await, app.alice().await);
    app.at.provider.clear_requests();
    let held = app.at.provider.hooks().hold(Endpoint::Token);
    let both = join_all([app.fetch(&one, "/shopping"), app.fetch(&other, "/shopping")]);
    let meanwhile = async {
        // Both calls are under way, and neither has its answer.
        asked(&app.at.provider, Endpoint::Token, 2).await;
        drop(held);
    };
    // One after the other, the first would have been a time-out.
    let (answers, ()) = join(both, meanwhile).await;
    for answer in answers {
        assert_eq!(answer.status(), 200, "{}", answer.text());
    }
}

/// What an old session has under way must not touch the cookie of the new one.
#[rocket::async_test]
async fn a_refresh_that_ends_after_its_session_changes_nothing() {
    for how in ["signed out and in again", "signed in again in another tab"] {
        let (app, alice) = rotating_with(clock!(), [("http_timeout", 20.into())]).await;
        // The other tab began before.
        let stranger = Browser::new();
        let page = stranger
            .navigate_following(app.at.url("/sign-in"), 5)
            .await
            .pop();
        let page = page.expect("the provider's page");
        for cookie in stranger.cookies() {
            let line = format!(
                "{}={}; Path=/; HttpOnly; SameSite=Lax",
                cookie.name, cookie.value
            );
            alice.set_cookie_raw(page.url(), line).expect("a cookie");
        }

        let hooks = app.at.provider.hooks();
        let held = hooks.hold(Endpoint::Token);
        let late = app.fetch(&alice, "/shopping");
        let meanwhile = async {
            eventually("a refresh", async || !app.refreshes().is_empty()).await;
            hooks.behave(Endpoint::Token);
            if how == "signed out and in again" {
                app.post(&alice, "/sign-out").await;
                // The provider remembers who it is.
                let hops = alice.navigate_following(app.at.url("/me"), 10).await;
                assert_eq!(hops.last().expect("a page").status(), 200);
            } else {
                let back = alice.submit(&page, ALICE, &[]).await;
                alice.follow_all(back, 5).await;
            }
            drop(held);
            cookies_of(&app, &alice)
        };
        let (late, cookies) = join(late, meanwhile).await;
        assert_eq!(late.status(), 401, "{how}: {}", late.text());
        assert_eq!(late.set_cookies(), Vec::<String>::new(), "{how}");
        assert_eq!(cookies_of(&app, &alice), cookies, "{how}");
        assert_eq!(app.fetch(&alice, "/shopping").await.status(), 200, "{how}");
    }
}

/// The one refused is forgotten, not the one that has taken its place.
#[rocket::async_test]
async fn a_late_refusal_of_the_old_token_leaves_the_new_one() {
    let (app, alice) = rotating(clock!()).await;
    let revoked = revoke_the_token_for_userinfo(&app, &alice).await;
    let hooks = app.at.provider.hooks();
    let held = hooks.hold(Endpoint::UserInfo);
    let late = app.fetch(&alice, "/userinfo");
    let meanwhile = async {
        asked(&app.at.provider, Endpoint::UserInfo, 1).await;
        // The others need not wait.
        drop(hooks.hold(Endpoint::UserInfo));
        let info = app.fetch(&alice, "/userinfo").await;
        assert_eq!(info.status(), 200, "{}", info.text());
        assert_eq!(app.refreshes().len(), 1);
        drop(held);
    };
    let (late, ()) = join(late, meanwhile).await;
    assert_eq!(late.status(), 200, "{}", late.text());
    assert_eq!(app.refreshes().len(), 1);
    let token = app.json(&alice, "/default").await["secret"].to_string();
    assert!(!revoked.contains(token.trim_matches('"')));
}
