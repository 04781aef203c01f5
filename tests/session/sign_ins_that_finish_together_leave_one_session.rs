//! Two tabs of one browser, both begun before either has finished: whatever the order in
//! which their callbacks go on, one session is left, and the browser has its cookie.

use logto_dev_provider::Endpoint;
use rocket::figment::value::Dict;
use rocket::futures::future::{join, join_all};
use rocket_logto::Logto;

use crate::support::app::{ALICE, BOB, TestApp};
use crate::support::browser::{Browser, Response};
use crate::support::clock::clock;
use crate::support::eventually::asked;
use crate::support::redis::Redis;
use crate::support::session_pair::{SessionPair, begin, rocket, sends_session};
use crate::support::sessions::who;

/// Begins a sign-in as each of `users`, in a tab of its own.
async fn begin_as(app: &TestApp, browser: &Browser, users: &[&str]) -> Vec<String> {
    let mut callbacks = Vec::new();
    for user in users {
        app.provider.hooks().sign_in_as(Some(user));
        callbacks.push(begin(app, browser).await);
    }
    callbacks
}

/// Lets all callbacks go on at the same moment, when all wait for the provider.
async fn together(app: &TestApp, browser: &Browser, callbacks: &[String]) -> Vec<Response> {
    app.provider.clear_requests();
    let held = app.provider.hooks().hold(Endpoint::Token);
    let release = async {
        asked(&app.provider, Endpoint::Token, callbacks.len()).await;
        app.provider.hooks().behave(Endpoint::Token);
        drop(held);
    };
    let callbacks = callbacks.iter().map(|callback| browser.navigate(callback));
    join(join_all(callbacks), release).await.0
}

/// Of `responses` one has sent a session, and it is the one that the browser is in.
async fn one_counts(
    app: &TestApp,
    browser: &Browser,
    responses: &[Response],
    case: &str,
) -> String {
    for response in responses {
        assert_eq!(response.status(), 303, "{case}: {}", response.text());
        assert_eq!(response.header("location"), Some("/protected"), "{case}");
    }
    let sent = responses.iter().filter(|response| sends_session(response));
    assert_eq!(sent.count(), 1, "{case}");
    let user = who(browser, app.url("/protected")).await;
    user.unwrap_or_else(|| panic!("{case}: nobody is signed in"))
}

#[rocket::async_test]
async fn whichever_comes_first_in_cookies() {
    let app = TestApp::start(rocket()).await;
    for round in 0..15 {
        let users = [[ALICE, ALICE], [ALICE, BOB], [BOB, ALICE]][round % 3];
        let browser = Browser::new();
        // Every other time somebody is signed in already.
        let mut before = None;
        if round % 2 == 1 {
            let first = begin_as(&app, &browser, &[BOB]).await;
            browser.navigate(&first[0]).await;
            before = Some(browser.clone());
        }
        let callbacks = begin_as(&app, &browser, &users).await;
        let responses = together(&app, &browser, &callbacks).await;
        let case = format!("round {round}");
        let user = one_counts(&app, &browser, &responses, &case).await;
        assert!(users.contains(&&*user), "{case}: {user}");
        if let Some(before) = before {
            assert_eq!(who(&before, app.url("/protected")).await, None, "{case}");
        }
    }
}

#[rocket::async_test]
async fn whichever_comes_first_at_two_instances() {
    let pair = SessionPair::start().await;
    let app = &pair.app;
    for round in 0..15 {
        pair.redis.command(&["FLUSHALL"]);
        let users = [
            vec![ALICE, ALICE],
            vec![ALICE, BOB],
            vec![ALICE, BOB, ALICE, BOB],
        ][round % 3]
            .clone();
        let browser = Browser::new();
        if round % 2 == 1 {
            let first = begin_as(app, &browser, &[BOB]).await;
            browser.navigate(&first[0]).await;
        }
        let mut callbacks = begin_as(app, &browser, &users).await;
        for callback in callbacks.iter_mut().skip(1).step_by(2) {
            *callback = pair.at_second(callback);
        }
        let responses = together(app, &browser, &callbacks).await;
        let case = format!("round {round}, {} tabs", users.len());
        one_counts(app, &browser, &responses, &case).await;
        assert_eq!(pair.sessions(), 1, "{case}");
    }
}

/// One has finished before the other's code is redeemed, but not before it came.
#[rocket::async_test]
async fn the_slow_one_yields_to_the_one_that_has_finished() {
    let pair = SessionPair::start().await;
    let in_cookies = TestApp::start(rocket()).await;
    for (app, second) in [(&pair.app, true), (&pair.app, false), (&in_cookies, false)] {
        let browser = Browser::new();
        let mut callbacks = begin_as(app, &browser, &[ALICE, BOB]).await;
        if second {
            callbacks[1] = pair.at_second(&callbacks[1]);
        }
        app.provider.clear_requests();
        let held = app.provider.hooks().hold(Endpoint::Token);
        let fast = async {
            asked(&app.provider, Endpoint::Token, 1).await;
            app.provider.hooks().behave(Endpoint::Token);
            let fast = browser.navigate(&callbacks[1]).await;
            assert_eq!(
                who(&browser, app.url("/protected")).await.as_deref(),
                Some(BOB)
            );
            drop(held);
            fast
        };
        let (slow, fast) = join(browser.navigate(&callbacks[0]), fast).await;
        assert!(sends_session(&fast) && !sends_session(&slow));
        let user = one_counts(app, &browser, &[fast, slow], "slow").await;
        assert_eq!(user, BOB);
    }
    assert_eq!(pair.sessions(), 2, "one of each browser");
}

/// One after the other, each with what the one before has sent, as quickly as may be.
#[rocket::async_test]
async fn a_later_one_replaces_the_one_before() {
    let pair = SessionPair::start().await;
    let in_cookies = TestApp::start(rocket()).await;
    for app in [&pair.app, &in_cookies] {
        let browser = Browser::new();
        let users = [ALICE, BOB, BOB, ALICE];
        let callbacks = begin_as(app, &browser, &users).await;
        let mut copies: Vec<Browser> = Vec::new();
        for (callback, user) in callbacks.iter().zip(users) {
            assert!(sends_session(&browser.navigate(callback).await), "{user}");
            assert_eq!(
                who(&browser, app.url("/protected")).await.as_deref(),
                Some(user)
            );
            for copy in &copies {
                assert_eq!(who(copy, app.url("/protected")).await, None);
            }
            copies.push(browser.clone());
        }
    }
    assert_eq!(pair.sessions(), 1);
}

/// Posted responses never bring the session (`SameSite=Lax`), so what is there is known by
/// the sign-ins only.
#[rocket::async_test]
async fn posted_responses_replace_the_session_they_do_not_bring() {
    const PUBLIC: &str = "https://app.example.com";
    let redis = Redis::start().await;
    let mut table = redis.table();
    table.insert("base_url".to_owned(), PUBLIC.into());
    table.insert("response_mode".to_owned(), "form_post".into());
    let app = TestApp::with(table, rocket()).await;
    app.provider
        .set_redirect_uris([format!("{PUBLIC}/callback")]);
    let browser = Browser::new().behind_proxy(PUBLIC, &app.url("/"));
    let mut forms = Vec::new();
    for user in [ALICE, BOB, ALICE] {
        app.provider.hooks().sign_in_as(Some(user));
        let hops = browser.navigate_following(format!("{PUBLIC}/again"), 5);
        forms.push((user, hops.await.pop().expect("the page with the form")));
    }
    for (user, form) in &forms {
        let answer = browser.submit(form, 0, &[]).await;
        assert!(sends_session(&answer), "{user}: {:?}", answer.headers());
        let here = who(&browser, format!("{PUBLIC}/protected")).await;
        assert_eq!(here.as_deref(), Some(*user));
        let keys = redis.keys();
        let sessions = keys.iter().filter(|key| key.contains(":session:"));
        assert_eq!(sessions.count(), 1, "{user}: {keys:?}");
    }
}

/// A tab that is closed while it loads: its session is there, its cookie never arrives.
#[rocket::async_test]
async fn a_session_whose_cookie_never_arrived_ends_at_the_next_sign_in() {
    let clock = clock!();
    let redis = Redis::start().await;
    for table in [Dict::new(), redis.table()] {
        let fairing = Logto::fairing().with_clock(clock.read);
        let app = TestApp::with_fairing(table, fairing, rocket()).await;
        let browser = Browser::new();
        let callbacks = begin_as(&app, &browser, &[ALICE, BOB]).await;
        let closed = browser.clone();
        assert!(sends_session(&closed.navigate(&callbacks[0]).await));
        assert_eq!(
            who(&closed, app.url("/protected")).await.as_deref(),
            Some(ALICE)
        );
        // Long enough for every response to arrive.
        clock.advance(&app.provider, 4);
        assert!(sends_session(&browser.navigate(&callbacks[1]).await));
        assert_eq!(
            who(&browser, app.url("/protected")).await.as_deref(),
            Some(BOB)
        );
        assert_eq!(who(&closed, app.url("/protected")).await, None);
    }
}

/// The same a moment after, when nobody knows whether the cookie still arrives: the user is
/// sent on without a session, and has one after the next sign-in, not after many.
#[rocket::async_test]
async fn who_closes_a_tab_and_signs_in_again_at_once_is_in_after_one_more_round() {
    let app = TestApp::start(rocket()).await;
    let browser = Browser::new();
    let callbacks = begin_as(&app, &browser, &[ALICE]).await;
    let closed = browser.clone();
    assert!(sends_session(&closed.navigate(&callbacks[0]).await));
    app.provider.clear_requests();
    let hops = browser.navigate_following(app.url("/again"), 8).await;
    let last = hops.last().expect("a page");
    assert_eq!(last.text(), ALICE, "{}", last.url());
    let rounds = app.provider.requests_to(Endpoint::Token).len();
    assert!(rounds <= 2, "{rounds}");
}

/// What is remembered of a sign-in is known by the browser's own cookies: another browser
/// never meets it.
#[rocket::async_test]
async fn other_browsers_are_left_alone() {
    let pair = SessionPair::start().await;
    let app = &pair.app;
    let browsers: Vec<_> = (0..4).map(|_| Browser::new()).collect();
    let mut callbacks = Vec::new();
    for browser in &browsers {
        callbacks.extend(begin_as(app, browser, &[ALICE]).await);
    }
    app.provider.clear_requests();
    let held = app.provider.hooks().hold(Endpoint::Token);
    let release = async {
        asked(&app.provider, Endpoint::Token, 4).await;
        drop(held);
    };
    let answers = browsers.iter().zip(&callbacks);
    let answers = answers.map(|(browser, callback)| browser.navigate(callback));
    let (answers, ()) = join(join_all(answers), release).await;
    assert!(answers.iter().all(sends_session));
    assert_eq!(pair.sessions(), 4);
    // And what is in Redis says nobody's name.
    let dump = pair.redis.dump();
    assert!(!dump.contains(ALICE), "{dump}");
}
