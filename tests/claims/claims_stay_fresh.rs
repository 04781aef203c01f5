//! `claims_max_age`: what the provider no longer says of a user does not last,
//! and a user it no longer knows is out. A provider that is down throws nobody
//! out, and is not asked by every request.

use std::time::Duration;

use logto_dev_provider::{Endpoint, Reply};
use rocket::figment::value::Value;

use crate::support::app::{absent, keys};
use crate::support::browser::Browser;
use crate::support::clock::{Clock, clock};
use crate::support::token_app::TokenApp;

const MAX_AGE: u32 = 600;

async fn start(clock: Clock) -> (TokenApp, Browser) {
    let keys = [("claims_max_age", MAX_AGE.into())];
    let app = TokenApp::with(clock, keys).await;
    app.at.provider.hooks().rotate_refresh_tokens(true);
    let alice = app.alice().await;
    (app, alice)
}

impl TokenApp {
    fn rename(&self, name: &str) {
        self.at.provider.edit_seed(|seed| {
            seed.user_mut("alice").unwrap().name = Some(name.to_owned());
        });
    }

    fn let_claims_age(&self) {
        self.clock.advance(&self.at.provider, MAX_AGE);
    }

    async fn name(&self, browser: &Browser) -> String {
        self.json(browser, "/me").await["name"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    fn down(&self) {
        let unavailable = |_: &_, reply: &mut Reply| reply.status = 500;
        self.at
            .provider
            .hooks()
            .respond(Endpoint::Token, unavailable);
    }
}

#[rocket::async_test]
async fn a_new_name_shows_when_the_claims_are_old_enough() {
    let (app, alice) = start(clock!()).await;
    app.rename("Alice Renamed");
    app.clock.advance(&app.at.provider, MAX_AGE - 1);
    assert_eq!(app.name(&alice).await, "Alice Example");
    assert_eq!(app.calls(), 0, "no network while they are fresh");

    app.clock.advance(&app.at.provider, 1);
    let me = app.json(&alice, "/me").await;
    assert_eq!(me["name"], "Alice Renamed");
    assert_eq!(me["refreshed_at"], app.clock.now());
    assert_eq!(app.refreshes().len(), 1);
    assert_eq!(app.name(&alice).await, "Alice Renamed");
    assert_eq!(app.refreshes().len(), 1, "they are fresh again");

    // And it is in the cookie, not in this process only.
    let app = app.restart().await;
    assert_eq!(app.name(&alice).await, "Alice Renamed");
    assert_eq!(app.refreshes().len(), 1);
}

#[rocket::async_test]
async fn fifty_requests_with_old_claims_make_one_refresh() {
    let (app, alice) = start(clock!()).await;
    app.rename("Alice Renamed");
    app.let_claims_age();
    let delay = Duration::from_millis(200);
    app.at.provider.hooks().delay(Endpoint::Token, delay);
    for answer in app.at_once(&alice, "/me", 50).await {
        assert_eq!(answer.status(), 200, "{}", answer.text());
        assert!(answer.text().contains("Alice Renamed"), "{}", answer.text());
    }
    assert_eq!(app.refreshes().len(), 1);
}

/// Each asks for the user and for a token: one call for either.
#[rocket::async_test]
async fn fifty_requests_that_want_a_token_too_make_two() {
    let (app, alice) = start(clock!()).await;
    app.json(&alice, "/both").await;
    app.let_claims_age();
    app.at.provider.clear_requests();
    for answer in app.at_once(&alice, "/both", 50).await {
        assert_eq!(answer.status(), 200, "{}", answer.text());
    }
    assert_eq!(app.refreshes().len(), 2);
}

#[rocket::async_test]
async fn a_suspended_or_deleted_user_is_out_at_that_moment() {
    for how in ["suspended", "deleted"] {
        let (app, alice) = start(clock!()).await;
        app.at.provider.edit_seed(|seed| match how {
            "suspended" => seed.user_mut("alice").unwrap().suspended = true,
            _ => seed.users.retain(|user| !user.is("alice")),
        });
        assert_eq!(app.name(&alice).await, "Alice Example", "{how}: not yet");
        let copy = alice.clone();

        app.let_claims_age();
        let page = app.navigate(&alice, "/me").await;
        assert_eq!(page.status(), 303, "{how}: {}", page.text());
        assert_eq!(page.location().unwrap().path(), "/sign-in", "{how}");
        assert!(alice.cookie("logto_session").is_none(), "{how}");
        assert_eq!(app.fetch(&copy, "/me").await.status(), 401, "{how}: a copy");
        assert_eq!(app.navigate(&alice, "/").await.text(), "nobody", "{how}");
        assert_eq!(app.refreshes().len(), 1, "{how}");
        app.at.provider.clear_requests();
    }
}

/// A page open to everybody shows them as nobody, too.
#[rocket::async_test]
async fn a_page_for_everybody_notices_as_well() {
    let (app, alice) = start(clock!()).await;
    assert_eq!(app.navigate(&alice, "/").await.text(), "Alice Example");
    app.at.provider.suspend("alice", true);
    app.let_claims_age();
    let page = app.navigate(&alice, "/").await;
    assert_eq!((page.status(), page.text().as_str()), (200, "nobody"));
    assert!(alice.cookie("logto_session").is_none());
}

#[rocket::async_test]
async fn while_the_provider_is_down_the_old_claims_serve_and_few_requests_ask() {
    let (app, alice) = start(clock!()).await;
    // The spoilt answers would be rotations that never arrived.
    app.at.provider.hooks().rotate_refresh_tokens(false);
    app.rename("Alice Renamed");
    app.let_claims_age();
    app.down();

    for answer in app.at_once(&alice, "/me", 50).await {
        assert_eq!(answer.status(), 200, "{}", answer.text());
        assert!(answer.text().contains("Alice Example"), "{}", answer.text());
    }
    assert_eq!(app.refreshes().len(), 1, "50 at once share the failure");
    for _ in 0..20 {
        assert_eq!(app.name(&alice).await, "Alice Example");
    }
    assert_eq!(app.refreshes().len(), 1, "and those after them do not ask");

    // In a minute of one request a second: six, not sixty.
    for _ in 0..60 {
        app.clock.advance(&app.at.provider, 1);
        assert_eq!(app.name(&alice).await, "Alice Example");
    }
    assert_eq!(app.refreshes().len(), 1 + 6);

    app.at.provider.hooks().behave(Endpoint::Token);
    app.clock.advance(&app.at.provider, 10);
    assert_eq!(app.name(&alice).await, "Alice Renamed", "it is back");
    assert_eq!(app.refreshes().len(), 1 + 6 + 1);
}

#[rocket::async_test]
async fn a_provider_that_does_not_answer_makes_one_request_wait_and_not_all() {
    let keys = [
        ("claims_max_age", MAX_AGE.into()),
        ("http_timeout", 1.into()),
    ];
    let app = TokenApp::with(clock!(), keys).await;
    let alice = app.alice().await;
    app.let_claims_age();
    let delay = Duration::from_secs(3);
    app.at.provider.hooks().delay(Endpoint::Token, delay);
    for answer in app.at_once(&alice, "/me", 20).await {
        assert_eq!(answer.status(), 200, "{}", answer.text());
    }
    assert_eq!(app.name(&alice).await, "Alice Example");
    assert_eq!(app.refreshes().len(), 1);
}

/// The session's own limits hold, whether or not the provider can be asked.
#[rocket::async_test]
async fn the_old_claims_serve_until_the_session_ends() {
    let (app, alice) = start(clock!()).await;
    app.down();
    app.clock.advance(&app.at.provider, 86_400 - 1);
    assert_eq!(app.name(&alice).await, "Alice Example");
    app.clock.advance(&app.at.provider, 86_400);
    assert_eq!(app.fetch(&alice, "/me").await.status(), 401);
}

/// Used all the time, refreshed all the time: the last use counts.
#[rocket::async_test]
async fn a_refresh_does_not_make_a_session_look_unused() {
    let (app, alice) = start(clock!()).await;
    app.clock.advance(&app.at.provider, 86_400 - 10);
    app.name(&alice).await;
    assert_eq!(app.refreshes().len(), 1);
    app.clock.advance(&app.at.provider, 20);
    assert_eq!(app.fetch(&alice, "/me").await.status(), 200);
    let app = app.restart().await;
    app.clock.advance(&app.at.provider, 20);
    assert_eq!(app.fetch(&alice, "/me").await.status(), 200);
}

#[rocket::async_test]
async fn a_provider_that_sends_no_id_token_at_refresh_vouches_all_the_same() {
    let (app, alice) = start(clock!()).await;
    app.at
        .provider
        .hooks()
        .respond(Endpoint::Token, |_, reply| {
            reply.edit_json(|body| {
                body.as_object_mut().unwrap().remove("id_token");
            });
        });
    app.let_claims_age();
    assert_eq!(app.name(&alice).await, "Alice Example");
    assert_eq!(app.name(&alice).await, "Alice Example");
    assert_eq!(app.refreshes().len(), 1, "asked once, and answered");
    assert_eq!(
        app.json(&alice, "/shopping").await["claims"]["scope"],
        "read write"
    );
}

/// How long a provider that is down may keep a suspended user in is up to a key. Then
/// the app says that it is down, and nobody is signed out.
#[rocket::async_test]
async fn the_old_claims_serve_for_a_bounded_time() {
    for (staleness, seconds) in [(Some("10m"), 600), (Some("0s"), 0), (None, 86_400)] {
        let case = format!("{staleness:?}");
        let keys = [
            ("claims_max_age", MAX_AGE.into()),
            (
                "claims_max_staleness",
                staleness.map_or(absent(), Into::into),
            ),
            ("session", Value::from(keys([("idle", "7d".into())]))),
        ];
        let mut app = TokenApp::with(clock!(), keys).await;
        app.at.provider.hooks().rotate_refresh_tokens(false);
        let alice = app.alice().await;
        app.down();
        app.clock.advance(&app.at.provider, MAX_AGE);
        if seconds > 0 {
            app.clock.advance(&app.at.provider, seconds - 1);
            assert_eq!(app.name(&alice).await, "Alice Example", "{case}");
            app.clock.advance(&app.at.provider, 1);
        }
        let asked = app.refreshes().len();
        for _ in 0..5 {
            let program = app.fetch(&alice, "/me").await;
            assert_eq!(program.status(), 502, "{case}: {}", program.text());
            let page = app.navigate(&alice, "/me").await;
            assert_eq!(page.status(), 502, "{case}: {}", page.text());
            assert!(!page.text().contains("Alice"), "{case}: {}", page.text());
        }
        assert!(
            app.refreshes().len() <= asked + 1,
            "{case}: not each request asks"
        );
        // Who can do without a user does.
        let home = app.navigate(&alice, "/").await;
        assert_eq!(
            (home.status(), home.text().as_str()),
            (200, "nobody"),
            "{case}"
        );
        // In the cookie, not in the process.
        app = app.restart().await;
        assert_eq!(app.fetch(&alice, "/me").await.status(), 502, "{case}");
        app.at.provider.hooks().behave(Endpoint::Token);
        app.clock.advance(&app.at.provider, 10);
        assert_eq!(
            app.name(&alice).await,
            "Alice Example",
            "{case}: it is back"
        );
    }
}

/// However it is out of order, the answer is that of an app whose provider is.
#[rocket::async_test]
async fn after_that_time_the_answer_says_how_the_provider_fails() {
    let answers: [(&str, fn(&mut Reply), u16); 4] = [
        ("500", |reply| reply.status = 500, 502),
        ("429", |reply| reply.status = 429, 503),
        ("HTML", |reply| reply.body = b"<p>Soon".to_vec(), 502),
        (
            "no access token",
            |reply| {
                reply.edit_json(|body| drop(body.as_object_mut().unwrap().remove("access_token")));
            },
            502,
        ),
    ];
    let keys = [
        ("claims_max_age", MAX_AGE.into()),
        ("claims_max_staleness", 60.into()),
    ];
    let app = TokenApp::with(clock!(), keys).await;
    app.at.provider.hooks().rotate_refresh_tokens(false);
    for (case, spoil, status) in answers {
        let alice = app.alice().await;
        app.let_claims_age();
        let hooks = app.at.provider.hooks();
        hooks.respond(Endpoint::Token, move |_, reply| spoil(reply));
        assert_eq!(app.name(&alice).await, "Alice Example", "{case}");
        app.clock.advance(&app.at.provider, 60);
        assert_eq!(app.fetch(&alice, "/me").await.status(), status, "{case}");
        hooks.behave(Endpoint::Token);
        app.clock.advance(&app.at.provider, 10);
        assert_eq!(app.name(&alice).await, "Alice Example", "{case}");
    }
    // The provider says no: that is another matter.
    let alice = app.alice().await;
    app.let_claims_age();
    let hooks = app.at.provider.hooks();
    hooks.respond(Endpoint::Token, |_, reply| {
        *reply = Reply::json(400, &serde_json::json!({ "error": "invalid_grant" }));
    });
    assert_eq!(app.fetch(&alice, "/me").await.status(), 401);
}
