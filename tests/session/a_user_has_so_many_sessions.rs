//! `session.max_per_user`: a sign-in beyond it ends the oldest session of that user.

use logto_dev_provider::Endpoint;
use rocket::figment::value::Dict;
use rocket::futures::future::{join, join_all};
use rocket_logto::{Logto, MemoryStore};

use crate::support::app::{ALICE, BOB, TestApp};
use crate::support::browser::Browser;
use crate::support::clock::clock;
use crate::support::eventually::asked;
use crate::support::launch::Launch;
use crate::support::session_pair::{
    SessionPair, begin, rocket, sends_session, sessions, with_session_keys,
};
use crate::support::sessions::{signed_in, who};

#[rocket::async_test]
async fn the_oldest_ends_and_nobody_elses() {
    let clock = clock!();
    let table = with_session_keys(Dict::new(), [("max_per_user", 2.into())]);
    let fairing = Logto::fairing().with_clock(clock.read);
    let fairing = fairing.session_store(MemoryStore::new(100));
    let app = TestApp::with_fairing(table, fairing, rocket()).await;
    let bob = signed_in(&app, BOB).await;
    let mut browsers = Vec::new();
    for count in 1..=5 {
        clock.advance(&app.provider, 1);
        app.provider.clear_requests();
        browsers.push(signed_in(&app, ALICE).await);
        let mut live = Vec::new();
        for browser in &browsers {
            live.push(who(browser, app.url("/protected")).await.is_some());
        }
        let expected: Vec<_> = (1..=count).map(|one| one + 2 > count).collect();
        assert_eq!(live, expected, "after {count}");
        if count > 2 {
            // With its refresh token.
            asked(&app.provider, Endpoint::Revocation, 1).await;
        }
    }
    assert_eq!(who(&bob, app.url("/protected")).await.as_deref(), Some(BOB));
    // To sign in again in a browser takes nobody's place.
    let last = browsers.pop().expect("a browser");
    let before = browsers.pop().expect("another");
    app.provider.hooks().sign_in_as(Some(ALICE));
    let callback = begin(&app, &last).await;
    assert!(sends_session(&last.navigate(callback).await));
    assert_eq!(
        who(&before, app.url("/protected")).await.as_deref(),
        Some(ALICE)
    );
}

#[rocket::async_test]
async fn many_at_once_at_two_instances_leave_no_more() {
    let pair = SessionPair::with([("max_per_user", 3.into())]).await;
    let app = &pair.app;
    app.provider.hooks().sign_in_as(Some(ALICE));
    let browsers: Vec<_> = (0..8).map(|_| Browser::new()).collect();
    let mut callbacks = Vec::new();
    for (number, browser) in browsers.iter().enumerate() {
        let callback = begin(app, browser).await;
        callbacks.push(match number % 2 {
            0 => callback,
            _ => pair.at_second(&callback),
        });
    }
    app.provider.clear_requests();
    let held = app.provider.hooks().hold(Endpoint::Token);
    let release = async {
        asked(&app.provider, Endpoint::Token, 8).await;
        drop(held);
    };
    let answers = browsers.iter().zip(&callbacks);
    let answers = answers.map(|(browser, callback)| browser.navigate(callback));
    join(join_all(answers), release).await;
    assert_eq!(pair.sessions(), 3);
    let mut live = Vec::new();
    for browser in &browsers {
        if who(browser, app.url("/protected")).await.is_some() {
            live.push(browser);
        }
    }
    assert_eq!(live.len(), 3);
    assert_eq!(sessions(live[0], app).await.len(), 3);
}

#[rocket::async_test]
async fn without_a_shared_store_the_launch_ends() {
    for (name, keys, told) in [
        (
            "max_per_user_in_cookies",
            "max_per_user = 2",
            &["logto.session.max_per_user", "logto.session.store"][..],
        ),
        (
            "max_per_user_is_none",
            "max_per_user = 0",
            &["session.max_per_user", "at least 1"],
        ),
        (
            "max_per_user_is_large",
            "max_per_user = 101\nstore = { redis = \"redis://127.0.0.1:1\" }",
            &["session.max_per_user", "from 1 to 100"],
        ),
    ] {
        let toml = format!(
            "[default.logto]\nendpoint = \"https://tenant.logto.app\"\napp_id = \"app\"\n\
             [default.logto.session]\n{keys}\n"
        );
        let launch = Launch {
            toml,
            env: Vec::new(),
        };
        let output = launch.fails(name, keys).await;
        for part in told {
            assert!(output.contains(part), "{keys}: {output}");
        }
    }
}
