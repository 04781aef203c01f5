//! A session ends when it is unused, when it is old, when somebody signs out
//! and when the key is changed; what is no session is nobody, never a fault.

use std::sync::atomic::Ordering;

use reqwest::Method;
use rocket::figment::value::{Dict, Value};
use rocket::{Build, Rocket};
use rocket_logto::Logto;

use crate::support::app::{ALICE, TestApp, keys};
use crate::support::browser::{Browser, Response};
use crate::support::clock::clock;
use crate::support::pages::{NOBODY, pages};

fn limits(idle: &str, absolute: &str) -> Dict {
    let session = keys([("idle", idle.into()), ("absolute", absolute.into())]);
    keys([("session", Value::from(session))])
}

/// An app with a clock that stands still; Alice is signed in at its time.
async fn app(clock: fn() -> i64, limits: Dict) -> (TestApp, Browser) {
    let mut app = TestApp::start(pages()).await;
    let port = app.app.port();
    app.app.halt().await;
    let fairing = Logto::fairing().with_clock(clock);
    let endpoint = app.provider.endpoint();
    app.app = TestApp::serve_with(fairing, port, &endpoint, limits, pages()).await;
    let browser = Browser::new();
    let page = app.sign_in(&browser, "/protected", ALICE).await;
    assert_eq!(page.text(), ALICE);
    (app, browser)
}

fn max_age(answer: &Response) -> Option<i64> {
    let lines = answer.set_cookies();
    assert!(lines.len() <= 1, "{lines:?}");
    let (_, rest) = lines.first()?.split_once("Max-Age=")?;
    rest.split(';').next()?.parse().ok()
}

async fn is_signed_in(app: &TestApp, browser: &Browser) -> bool {
    // What the browser gets back must not change what is asked next.
    let browser = browser.clone();
    let home = browser.navigate(app.url("/")).await;
    let page = browser.navigate(app.url("/protected")).await;
    let program = browser.fetch_json(app.url("/protected")).await;
    let signed_in = home.text() == ALICE;
    let statuses = (home.status(), page.status(), program.status());
    let expected = if signed_in {
        (200, 200, 200)
    } else {
        (200, 303, 401)
    };
    assert_eq!(statuses, expected, "the pages agree");
    signed_in
}

#[rocket::async_test]
async fn unused_it_ends_after_idle_to_the_second() {
    let clock = clock!();
    let start = clock.now();
    let (app, browser) = app(clock.read, limits("100s", "1000s")).await;
    for (after, alive) in [
        (0, true),
        (99, true),
        (100, false),
        (101, false),
        (5000, false),
    ] {
        clock.now.store(start + after, Ordering::SeqCst);
        assert_eq!(is_signed_in(&app, &browser).await, alive, "after {after} s");
    }
    // The clock was put back: a little is forgiven, much is not.
    for (before, alive) in [(59, true), (61, false)] {
        clock.now.store(start - before, Ordering::SeqCst);
        assert_eq!(
            is_signed_in(&app, &browser).await,
            alive,
            "{before} s before"
        );
    }
}

#[rocket::async_test]
async fn used_it_is_written_once_a_minute_and_ends_at_absolute() {
    let clock = clock!();
    let start = clock.now();
    let (app, browser) = app(clock.read, limits("400s", "1600s")).await;
    let first = browser.cookie("logto_session").expect("a session");
    assert_eq!(first.lifetime().map(|life| life.whole_seconds()), Some(400));
    // When the page is asked for, and the Max-Age of the cookie that comes back.
    let steps = [
        (0, None),
        (59, None),
        (60, Some(400)),
        (60, None),
        (119, None),
        (120, Some(400)),
        (519, Some(400)),
        (900, Some(400)),
        (1160, Some(400)),
        (1219, None),
        (1400, Some(200)),
        (1550, Some(50)),
        (1599, None),
    ];
    for (at, expected) in steps {
        clock.now.store(start + at, Ordering::SeqCst);
        let page = browser.navigate(app.url("/protected")).await;
        assert_eq!(
            (page.status(), page.text()),
            (200, ALICE.into()),
            "at {at} s"
        );
        assert_eq!(max_age(&page), expected, "at {at} s");
    }
    let copy = browser.clone();
    for at in [1600, 1601] {
        clock.now.store(start + at, Ordering::SeqCst);
        assert!(!is_signed_in(&app, &copy).await, "at {at} s");
    }
    // The first cookie is no way around: it was not used since.
    clock.now.store(start + 1599, Ordering::SeqCst);
    let header = format!("{}={}", first.name, first.value);
    let request = browser.request(Method::GET, app.url("/"));
    let answer = request.cookie_header_override(header).send().await;
    assert_eq!(answer.text(), NOBODY);
}

/// Also where `idle` is shorter than the minute between two writings.
#[rocket::async_test]
async fn somebody_who_is_there_stays_signed_in_however_short_idle_is() {
    let clock = clock!();
    let start = clock.now();
    let (app, browser) = app(clock.read, limits("30s", "400s")).await;
    for at in (0..390).step_by(22) {
        clock.now.store(start + at, Ordering::SeqCst);
        let page = browser.navigate(app.url("/protected")).await;
        assert_eq!(page.text(), ALICE, "at {at} s");
    }
    clock.now.fetch_add(30, Ordering::SeqCst);
    assert!(!is_signed_in(&app, &browser).await);
}

/// The callback may come to an instance whose clock is behind.
#[rocket::async_test]
async fn a_sign_in_from_the_near_future_is_finished() {
    let clock = clock!();
    let start = clock.now();
    let (app, _) = app(clock.read, limits("400s", "400s")).await;
    for (behind, finished) in [(30, true), (61, false)] {
        clock.now.store(start, Ordering::SeqCst);
        let (browser, back) = app.on_the_way_back(ALICE).await;
        clock.now.store(start - behind, Ordering::SeqCst);
        let page = browser.follow(&back).await;
        // Otherwise it is not known, and another one begins.
        let to = page.location().expect("a Location");
        let at_home = to.path() == "/protected";
        assert_eq!(at_home, finished, "{behind}: {to}");
    }
}

#[rocket::async_test]
async fn a_copy_from_before_the_sign_out_is_refused() {
    let app = TestApp::start(pages()).await;
    let browser = Browser::new();
    app.sign_in(&browser, "/protected", ALICE).await;
    let elsewhere = Browser::new();
    app.sign_in(&elsewhere, "/protected", ALICE).await;
    let copy = browser.clone();
    assert!(is_signed_in(&app, &copy).await);
    browser.post_form(app.url("/sign-out"), &[]).await;
    assert!(!is_signed_in(&app, &copy).await);
    assert!(!is_signed_in(&app, &browser).await);
    assert!(is_signed_in(&app, &elsewhere).await, "another session");
}

fn with_key(byte: u8) -> Rocket<Build> {
    let figment = rocket::Config::figment().merge(("secret_key", vec![byte; 64]));
    pages().configure(figment)
}

#[rocket::async_test]
async fn another_secret_key_signs_everybody_out_in_peace() {
    let mut app = TestApp::start(with_key(1)).await;
    let browser = Browser::new();
    app.sign_in(&browser, "/protected", ALICE).await;
    browser.clone().navigate(app.url("/sign-in")).await;

    app.restart(Dict::new(), with_key(1)).await;
    assert!(is_signed_in(&app, &browser).await, "the same key");
    app.restart(Dict::new(), with_key(2)).await;
    assert!(!is_signed_in(&app, &browser).await, "another key");
    // The provider still knows who it is.
    let url = app.url("/protected");
    let page = browser.navigate_following(url, 9).await.pop().unwrap();
    assert_eq!(page.text(), ALICE, "and in again");
    assert_eq!(browser.violations(), []);
}

#[rocket::async_test]
async fn what_is_no_session_is_nobody() {
    let app = TestApp::start(pages()).await;
    let browser = Browser::new();
    app.sign_in(&browser, "/protected", ALICE).await;
    let value = browser.cookie("logto_session").expect("a session").value;
    let mut flipped = value.clone().into_bytes();
    flipped[value.len() / 2] ^= 1;
    let long = "a".repeat(6000);
    let other: String = value.chars().rev().collect();
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("empty", b"logto_session=".to_vec()),
        ("no value", b"logto_session".to_vec()),
        ("text", b"logto_session=true".to_vec()),
        ("JSON", br#"logto_session={"sub":"alice4hy6kz2"}"#.to_vec()),
        ("quoted", format!("logto_session=\"{value}\"").into()),
        ("reversed", format!("logto_session={other}").into()),
        (
            "cut",
            format!("logto_session={}", &value[..value.len() - 4]).into(),
        ),
        (
            "cut short",
            format!("logto_session={}", &value[..16]).into(),
        ),
        ("longer", format!("logto_session={value}AAAA").into()),
        ("one bit", [b"logto_session=".to_vec(), flipped].concat()),
        ("6000 bytes", format!("logto_session={long}").into()),
        ("not UTF-8", b"logto_session=\xff\xfe\x80".to_vec()),
        ("percent", b"logto_session=%00%ff%zz".to_vec()),
        (
            "twice",
            format!("logto_session={value}; logto_session={value}").into(),
        ),
        (
            "tossed",
            format!("logto_session={value}; logto_session=x").into(),
        ),
        ("other case", format!("Logto_Session={value}").into()),
        ("encoded name", format!("%6Cogto_session={value}").into()),
        ("many", "a=b; ".repeat(900).into_bytes()),
        (
            "a transaction's name",
            format!("logto_session_txn_AAAA={value}").into(),
        ),
    ];
    for (case, header) in cases {
        for (path, status) in [("/", 200), ("/protected", 303), ("/userinfo", 303)] {
            let request = browser.request(Method::GET, app.url(path)).navigation();
            let answer = request.cookie_header_override(&header).send().await;
            assert_eq!(answer.status(), status, "{case} {path}");
            if status == 200 {
                assert_eq!(answer.text(), NOBODY, "{case}");
            }
        }
        let request = browser.request(Method::GET, app.url("/sign-in"));
        let answer = request.cookie_header_override(&header).send().await;
        assert_eq!(answer.status(), 303, "{case}: can still sign in");
    }
    // Beside other people's cookies the right one still counts.
    for header in [
        format!("a=b; logto_session={value}; c"),
        format!("logto_session={value};"),
        format!("%6Cogto_session=x; logto_session={value}"),
    ] {
        let request = browser.request(Method::GET, app.url("/"));
        let answer = request.cookie_header_override(&header).send().await;
        assert_eq!(answer.text(), ALICE, "{header}");
    }
}
