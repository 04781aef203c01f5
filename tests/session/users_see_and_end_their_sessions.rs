//! With a shared store users see their sessions and end them, and nobody else's; an operator
//! ends those of a user, whatever keeps them.

use logto_dev_provider::Endpoint;
use rocket::figment::value::Dict;
use rocket_logto::{Logto, MemoryStore};
use serde_json::Value as Body;

use crate::support::app::{ALICE, BOB, TestApp};
use crate::support::browser::Browser;
use crate::support::clock::clock;
use crate::support::eventually::asked;
use crate::support::log::lines_with;
use crate::support::session_pair::{SessionPair, begin, rocket, sessions, signed_in_with};
use crate::support::sessions::{signed_in, who};

const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
const CHROME: &str = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) \
                      Chrome/141.0.0.0 Mobile Safari/537.36";
const CANARY: &str = "canary-5e55/1.0 (of no browser)";

fn of<'a>(list: &'a [Body], browser: &str) -> &'a Body {
    let mut found = list.iter().filter(|one| one["browser"] == browser);
    let one = found
        .next()
        .unwrap_or_else(|| panic!("no {browser} in {list:#?}"));
    assert!(found.next().is_none(), "two {browser}");
    one
}

fn handle(session: &Body) -> &str {
    session["handle"].as_str().expect("a handle")
}

async fn post(browser: &Browser, app: &TestApp, path: &str, fields: &[(&str, &str)]) -> String {
    let answer = browser.post_form(app.url(path), fields).await;
    assert_eq!(answer.status(), 200, "{path}: {}", answer.text());
    answer.text()
}

async fn is(browser: &Browser, app: &TestApp, user: Option<&str>) {
    assert_eq!(who(browser, app.url("/protected")).await.as_deref(), user);
}

#[rocket::async_test]
async fn a_user_sees_all_and_ends_one_the_others_or_all() {
    let pair = SessionPair::start().await;
    let app = &pair.app;
    let firefox = signed_in_with(app, ALICE, FIREFOX).await;
    let chrome = signed_in_with(app, ALICE, CHROME).await;
    let unknown = signed_in_with(app, ALICE, CANARY).await;
    let bob = signed_in_with(app, BOB, FIREFOX).await;

    let list = sessions(&firefox, app).await;
    assert_eq!(list.len(), 3, "{list:#?}");
    let mine = of(&list, "Firefox on Linux");
    assert_eq!(mine["current"], true);
    let phone = of(&list, "Chrome on Android");
    assert_eq!(phone["current"], false);
    assert_eq!(
        list.iter().filter(|one| one["browser"].is_null()).count(),
        1
    );
    // The other instance says the same, and only there another one is the current one.
    let there = chrome
        .fetch_json(pair.at_second(&app.url("/sessions")))
        .await;
    let there: Vec<Body> = there.json();
    assert_eq!(handle(of(&there, "Firefox on Linux")), handle(mine));
    assert_eq!(of(&there, "Chrome on Android")["current"], true);
    // Nothing of it is a name under which a session could be found.
    let dump = pair.redis.dump();
    for one in &list {
        assert_eq!(handle(one).len(), 22);
        assert!(!dump.contains(handle(one)), "{dump}");
    }
    for secret in ["Firefox", "canary", ALICE] {
        assert!(!dump.contains(secret), "{secret}: {dump}");
    }

    // Bob has the handle of a session of Alice's, and ends nothing with it.
    for wrong in [handle(phone), "", "*", "a.b", &"x".repeat(22)] {
        let ended = post(&bob, app, "/sessions/end", &[("handle", wrong)]).await;
        assert_eq!(ended, "false", "{wrong:?}");
    }
    assert_eq!(sessions(&firefox, app).await.len(), 3);
    assert_eq!(sessions(&bob, app).await.len(), 1);
    is(&chrome, app, Some(ALICE)).await;

    app.provider.clear_requests();
    let ended = post(&firefox, app, "/sessions/end", &[("handle", handle(phone))]).await;
    assert_eq!(ended, "true");
    is(&chrome, app, None).await;
    let there = who(&chrome, pair.at_second(&app.url("/protected"))).await;
    assert_eq!(there, None);
    asked(&app.provider, Endpoint::Revocation, 1).await;
    let again = post(&firefox, app, "/sessions/end", &[("handle", handle(phone))]).await;
    assert_eq!(again, "false", "it has ended");
    assert_eq!(sessions(&firefox, app).await.len(), 2);

    let chrome = signed_in_with(app, ALICE, CHROME).await;
    app.provider.clear_requests();
    assert_eq!(post(&firefox, app, "/sessions/end-others", &[]).await, "2");
    for other in [&chrome, &unknown] {
        is(other, app, None).await;
    }
    assert_eq!(sessions(&firefox, app).await.len(), 1);
    asked(&app.provider, Endpoint::Revocation, 2).await;
    // The one that is left has its refresh token, and Bob has his.
    for (browser, user) in [(&firefox, ALICE), (&bob, BOB)] {
        assert_eq!(post(browser, app, "/refresh", &[]).await, user);
    }

    let chrome = signed_in_with(app, ALICE, CHROME).await;
    app.provider.clear_requests();
    post(&chrome, app, "/sessions/end-all", &[]).await;
    for other in [&chrome, &firefox] {
        is(other, app, None).await;
    }
    asked(&app.provider, Endpoint::Revocation, 2).await;
    is(&bob, app, Some(BOB)).await;
    assert_eq!(pair.sessions(), 1);
    // Signing in again is what it was.
    is(&signed_in_with(app, ALICE, CHROME).await, app, Some(ALICE)).await;
}

#[rocket::async_test]
async fn a_session_in_use_is_written_once_a_minute() {
    let clock = clock!();
    let store = MemoryStore::new(100);
    let fairing = Logto::fairing().with_clock(clock.read).session_store(store);
    let app = TestApp::with_fairing(Dict::new(), fairing, rocket()).await;
    let begun = clock.now();
    let (alice, other) = (signed_in(&app, ALICE).await, signed_in(&app, ALICE).await);
    let seen = async || {
        let mut seen: Vec<_> = sessions(&alice, &app)
            .await
            .iter()
            .map(|one| {
                assert_eq!(one["begun_at"], begun);
                one["last_seen_at"].as_i64().expect("seconds") - begun
            })
            .collect();
        seen.sort_unstable();
        seen
    };
    assert_eq!(seen().await, [0, 0]);
    clock.advance(&app.provider, 59);
    assert_eq!(seen().await, [0, 0]);
    clock.advance(&app.provider, 1);
    assert_eq!(seen().await, [0, 60]);
    is(&other, &app, Some(ALICE)).await;
    assert_eq!(seen().await, [60, 60]);
    // One that has not been used for a day is over, and not listed.
    for _ in 0..2 {
        clock.advance(&app.provider, 43_200);
        is(&alice, &app, Some(ALICE)).await;
    }
    assert_eq!(seen().await, [86_460]);
    is(&other, &app, None).await;
}

/// The same user, at two apps or two tenants whose sessions are in one store.
#[rocket::async_test]
async fn sessions_of_another_registration_are_not_listed() {
    let pair = SessionPair::start().await;
    let alice = signed_in(&pair.app, ALICE).await;
    let listed = sessions(&alice, &pair.app).await;
    assert_eq!(listed.len(), 1);
    // The same Redis and prefix, another issuer: its users have the same names.
    let other = TestApp::with(pair.redis.table(), rocket()).await;
    let there = signed_in(&other, ALICE).await;
    assert_eq!(sessions(&there, &other).await.len(), 1);
    let handle = handle(&listed[0]);
    let ended = post(&there, &other, "/sessions/end", &[("handle", handle)]).await;
    assert_eq!(ended, "false");
    is(&alice, &pair.app, Some(ALICE)).await;
}

#[rocket::async_test]
async fn without_a_store_it_says_which_key_to_set() {
    let app = TestApp::start(rocket()).await;
    let alice = signed_in_with(&app, ALICE, FIREFOX).await;
    // Nor is kept what only a list would show: a cookie has to be small.
    let unknown = signed_in_with(&app, ALICE, CANARY).await;
    let length = |browser: &Browser| browser.cookie("logto_session").map(|it| it.value.len());
    assert_eq!(length(&alice), length(&unknown));
    let before = lines_with("reason=sessions_are_in_cookies").len();
    for answer in [
        alice.fetch_json(app.url("/sessions")).await,
        alice
            .post_form(app.url("/sessions/end"), &[("handle", "x")])
            .await,
        alice.post_form(app.url("/sessions/end-others"), &[]).await,
        alice.post_form(app.url("/sessions/end-all"), &[]).await,
    ] {
        assert_eq!(answer.status(), 500, "{}", answer.text());
    }
    let said = lines_with("reason=sessions_are_in_cookies").split_off(before);
    assert_eq!(said.len(), 4, "{said:#?}");
    for line in said {
        assert!(line.starts_with("ERROR logto: Misconfigured"), "{line}");
        assert!(line.contains("set logto.session.store"), "{line}");
    }
    is(&alice, &app, Some(ALICE)).await;
}

#[rocket::async_test]
async fn an_operator_ends_the_sessions_of_one_user() {
    let redis = crate::support::redis::Redis::start().await;
    for (kept, table, memory) in [
        ("cookies", Dict::new(), None),
        ("memory", Dict::new(), Some(MemoryStore::new(100))),
        ("Redis", redis.table(), None),
    ] {
        let clock = clock!();
        let mut fairing = Logto::fairing().with_clock(clock.read);
        if let Some(memory) = memory {
            fairing = fairing.session_store(memory);
        }
        let app = TestApp::with_fairing(table, fairing, rocket()).await;
        let first = signed_in(&app, ALICE).await;
        let second = signed_in(&app, ALICE).await;
        let bob = signed_in(&app, BOB).await;
        // A sign-in that was begun before, and finishes after.
        let tab = Browser::new();
        app.provider.hooks().sign_in_as(Some(ALICE));
        let callback = begin(&app, &tab).await;
        app.provider.clear_requests();
        // Nobody of that name, and names that look like hers.
        for other in ["nobody", "ALICE4hy6kz2", "alice", "*"] {
            post(&Browser::new(), &app, &format!("/operator/{other}"), &[]).await;
        }
        is(&first, &app, Some(ALICE)).await;
        post(&Browser::new(), &app, &format!("/operator/{ALICE}"), &[]).await;
        for ended in [&first, &second] {
            is(ended, &app, None).await;
        }
        is(&bob, &app, Some(BOB)).await;
        if kept != "cookies" {
            asked(&app.provider, Endpoint::Revocation, 2).await;
        }
        clock.advance(&app.provider, 1);
        tab.navigate(callback).await;
        is(&tab, &app, Some(ALICE)).await;
        assert_eq!(post(&bob, &app, "/refresh", &[]).await, BOB, "{kept}");
        assert_eq!(post(&tab, &app, "/refresh", &[]).await, ALICE, "{kept}");
    }
}
