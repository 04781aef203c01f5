//! While the provider misbehaves, the app's memory stays as it was and pages that
//! need no provider are served; when it is back, so is signing in. The app is a
//! process of its own.

use std::sync::Arc;
use std::time::{Duration, Instant};

use logto_dev_provider::{DevProvider, Endpoint};
use rocket::tokio::task::JoinSet;
use rocket::tokio::time::sleep;
use serde_json::json;

use crate::support::app::{ALICE, TestApp, keys, settings};
use crate::support::beside::Beside;
use crate::support::browser::{Browser, Response};
use crate::support::eventually::{asked, eventually};
use crate::support::pages::{NOBODY, pages};
use crate::support::raw_server::Step;
use crate::support::serve::free_port;

const MIB: usize = 1024 * 1024;

#[rocket::async_test]
async fn memory_stays_flat() {
    let app = Beside::start("5s").await;
    let head = |more: &str| Step::text(format!("HTTP/1.1 200 OK\r\n{more}\r\n"));
    let json = "Content-Type: application/json\r\n";
    let chunk = [b"10000\r\n".to_vec(), vec![b' '; 65_536], b"\r\n".to_vec()].concat();
    let endless = [
        vec![
            head(&format!("{json}Content-Length: 1073741824\r\n")),
            Step::SendForever(vec![b' '; 65_536]),
        ],
        vec![
            head(&format!("{json}Transfer-Encoding: chunked\r\n")),
            Step::SendForever(chunk),
        ],
        vec![
            Step::text("HTTP/1.1 200 OK\r\n"),
            Step::SendForever(b"X-More: of them\r\n".repeat(1000)),
        ],
    ];
    let mut before = 0;
    for round in 0..5 {
        for steps in &endless {
            app.answers(steps.clone());
            assert_eq!(app.userinfo(16).await, [502; 16], "round {round}");
        }
        if round == 0 {
            // What the allocator keeps for later is in it.
            before = app.resident();
        }
    }
    let after = app.resident();
    assert!(app.hostile.requests().len() >= 5 * 3 * 16);
    println!("{} MiB, then {} MiB", before / MIB, after / MIB);
    assert!(
        after < before + 32 * MIB,
        "{} MiB at first, {} MiB after 240 answers without end",
        before / MIB,
        after / MIB
    );
}

#[rocket::async_test]
async fn others_are_served_while_it_hangs() {
    let app = Arc::new(Beside::start("15s").await);
    app.answers(vec![Step::Hang]);
    let alone = app.home(50).await;
    let mut waiting = JoinSet::new();
    for _ in 0..50 {
        let app = app.clone();
        waiting.spawn(async move { app.userinfo(1).await[0] });
    }
    eventually("50 that wait", async || app.hostile.requests().len() >= 50).await;
    // A sanity check: `home` allows each page 5 s, a third of what the others
    // wait. What it costs is measured on an idle machine.
    let beside = app.home(50).await;
    println!("p99 of / alone {:?}, beside {:?}", alone[48], beside[48]);
    let signed_in = app.browser.navigate(app.url("/protected")).await;
    assert_eq!(signed_in.status(), 200);
    assert!(waiting.try_join_next().is_none(), "all of them still wait");
    while let Some(status) = waiting.join_next().await {
        assert_eq!(status.expect("no panic"), 504);
    }
    // And nothing is left of it.
    let body = json!({ "sub": ALICE }).to_string();
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    app.answers(vec![Step::text(answer)]);
    assert_eq!(app.userinfo(1).await, [200]);
}

#[rocket::async_test]
async fn no_more_than_so_many_wait_for_it() {
    let logto = keys([
        ("max_concurrent_op_calls", 4.into()),
        ("http_timeout", "20s".into()),
    ]);
    let app = TestApp::with(logto, pages()).await;
    let hooks = app.provider.hooks();
    let returning = async || app.on_the_way_back(ALICE).await;
    let (one, other, third) = (returning().await, returning().await, returning().await);
    let held = hooks.hold(Endpoint::Token);
    let meanwhile = async {
        asked(&app.provider, Endpoint::Token, 2).await;
        let (browser, answer) = &third;
        let page = browser.follow(answer).await;
        assert_eq!(page.status(), 503, "{}", page.text());
        assert_eq!(page.header("retry-after"), Some("5"));
        assert_eq!(app.provider.requests_to(Endpoint::Token).len(), 2);
        let home = Browser::new().navigate(app.url("/")).await;
        assert_eq!(home.text(), NOBODY);
        drop(held);
    };
    let finish = async |(browser, answer): &(Browser, Response)| {
        let page = browser.follow(answer).await;
        assert_eq!(page.status(), 303, "{}", page.text());
        assert_eq!(browser.navigate(app.url("/protected")).await.text(), ALICE);
    };
    rocket::tokio::join!(finish(&one), finish(&other), meanwhile);
    let again = third.0.navigate_following(app.url("/protected"), 10).await;
    assert_eq!(again.last().expect("a page").text(), ALICE);
}

/// Anybody can begin a sign-in and come back with a code of their own making.
#[rocket::async_test]
async fn made_up_codes_leave_turns_for_who_is_signed_in() {
    let logto = keys([
        ("max_concurrent_op_calls", 4.into()),
        ("http_timeout", "20s".into()),
    ]);
    let app = TestApp::with(logto, pages()).await;
    let alice = Browser::new();
    app.sign_in(&alice, "/protected", ALICE).await;
    app.provider.clear_requests();
    let held = app.provider.hooks().hold(Endpoint::Token);
    let (url, iss) = (app.url("/callback"), app.provider.issuer());
    let mut flood = JoinSet::new();
    for _ in 0..4 {
        let stranger = Browser::new();
        let start = stranger.navigate(app.url("/sign-in")).await;
        let state = start.location_query("state").expect("a state");
        let url = format!("{url}?code=made-up&state={state}&iss={iss}");
        flood.spawn(async move { stranger.navigate(url).await.status() });
    }
    asked(&app.provider, Endpoint::Token, 2).await;
    let info = alice.navigate(app.url("/userinfo")).await;
    assert_eq!(info.status(), 200, "{}", info.text());
    // Those who wait for a turn have given up by the time it is free.
    for _ in 0..2 {
        let status = flood.join_next().await.expect("a stranger");
        assert_eq!(status.expect("an answer"), 503);
    }
    assert_eq!(app.provider.requests_to(Endpoint::Token).len(), 2);
    drop(held);
    while let Some(status) = flood.join_next().await {
        assert_eq!(status.expect("an answer"), 400);
    }
}

#[rocket::async_test]
async fn signing_in_is_back_soon_after_the_provider() {
    let provider_port = free_port();
    let endpoint = format!("http://localhost:{provider_port}");
    let app = TestApp::serve(free_port(), &endpoint, keys([]), pages()).await;
    // Long enough for the longest pause between attempts, with people who try
    // in between and put the app out of step.
    let end = Instant::now() + Duration::from_secs(9);
    while Instant::now() < end {
        let page = Browser::new().navigate(app.url("/sign-in")).await;
        assert_eq!(page.status(), 503);
        sleep(Duration::from_millis(700)).await;
    }
    let mut settings = settings();
    settings.port = provider_port;
    let _provider = DevProvider::start(settings).await.expect("a provider");
    let back = Instant::now();
    // This asks the app, which asks nobody.
    while Browser::new().get(app.url("/readyz")).await.status() != 200 {
        assert!(
            back.elapsed() < Duration::from_millis(7500),
            "the longest pause is 4 s; the rest is for a busy machine"
        );
        sleep(Duration::from_millis(50)).await;
    }
    println!("ready after {:?}", back.elapsed());
    let start = Browser::new().navigate(app.url("/sign-in")).await;
    assert_eq!(start.status(), 303);
}
