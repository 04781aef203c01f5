//! What a cookie says is remembered for a moment, so that it need not be opened
//! with every request. Whether it is good is asked every time all the same: each
//! session here was seen before, on the very bytes that are refused then.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use cookie::{Cookie, CookieJar, Key};
use reqwest::Method;
use rocket::figment::value::{Dict, Value};
use rocket::futures::future::join_all;
use serde_json::json;

use crate::support::app::{ALICE, BOB, TestApp, keys};
use crate::support::backchannel::{Provided, frozen, status_of};
use crate::support::browser::Browser;
use crate::support::clock::clock;
use crate::support::refusal::SESSION;
use crate::support::sessions::{rocket, rocket_with_key, sign_out, signed_in, who};

/// Whose page it is, several times over, so that the session has been seen.
async fn seen(browser: &Browser, app: &TestApp, user: &str) {
    for _ in 0..3 {
        let found = who(browser, app.url("/protected")).await;
        assert_eq!(found.as_deref(), Some(user));
    }
}

async fn with_cookie(browser: &Browser, app: &TestApp, header: &str) -> String {
    let request = browser.request(Method::GET, app.url("/"));
    let answer = request.cookie_header_override(header).send().await;
    assert_eq!(answer.status(), 200);
    answer.text()
}

#[rocket::async_test]
async fn one_byte_changed_is_another_cookie() {
    let app = TestApp::start(rocket()).await;
    let browser = signed_in(&app, ALICE).await;
    seen(&browser, &app, ALICE).await;
    let value = browser.cookie(SESSION).expect("a session").value;
    let nobody = Browser::new();
    for at in (0..value.len()).step_by(value.len() / 60) {
        let mut bytes = value.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).expect("ASCII");
        let page = with_cookie(&nobody, &app, &format!("{SESSION}={changed}")).await;
        assert_eq!(page, "nobody", "byte {at}");
    }
    for other in [&value[1..], &value[..value.len() - 1], &format!("{value}A")] {
        let page = with_cookie(&nobody, &app, &format!("{SESSION}={other}")).await;
        assert_eq!(page, "nobody", "{} bytes", other.len());
    }
    let page = with_cookie(&nobody, &app, &format!("{SESSION}={value}")).await;
    assert_eq!(page, ALICE, "nothing changed");
}

#[rocket::async_test]
async fn signed_out_it_is_refused_at_once() {
    let app = TestApp::start(rocket()).await;
    let browser = signed_in(&app, ALICE).await;
    let copy = browser.clone();
    let other = signed_in(&app, BOB).await;
    for browser in [&browser, &copy] {
        seen(browser, &app, ALICE).await;
    }
    seen(&other, &app, BOB).await;
    assert_eq!(sign_out(&browser, &app).await.status(), 303);
    for _ in 0..3 {
        assert_eq!(who(&copy, app.url("/protected")).await, None);
    }
    seen(&other, &app, BOB).await;
}

#[rocket::async_test]
async fn ended_by_the_provider_it_is_refused_at_once() {
    let op = Provided::start(frozen).await;
    let (one, sid) = op.sign_in(ALICE).await;
    let (two, _) = op.sign_in(ALICE).await;
    let (bob, _) = op.sign_in(BOB).await;
    let end = async |sub, sid| {
        for (browser, user) in [(&two, ALICE), (&bob, BOB)] {
            seen(browser, &op.app, user).await;
        }
        let answer = op.send(&op.token(op.claims(sub, sid))).await;
        assert_eq!(status_of(&answer, "logout token"), 200);
    };
    seen(&one, &op.app, ALICE).await;
    end(None, Some(&sid)).await;
    assert_eq!(op.who(&one).await, None, "by sid");
    end(Some(ALICE), None).await;
    assert_eq!(op.who(&two).await, None, "by sub");
    seen(&bob, &op.app, BOB).await;
}

#[rocket::async_test]
async fn unused_it_ends_to_the_second() {
    let clock = clock!();
    let limits = keys([("idle", "50s".into())]);
    let table = keys([("session", Value::from(limits))]);
    let fairing = rocket_logto::Logto::fairing().with_clock(clock.read);
    let app = TestApp::with_fairing(table, fairing, rocket()).await;
    let browser = signed_in(&app, ALICE).await;
    // What the browser gets back must not change what is asked next.
    let is_known = async |at: u32| {
        clock.advance(&app.provider, at);
        let copy = browser.clone();
        who(&copy, app.url("/protected")).await.is_some()
    };
    // No step is long enough for the cookie to be written anew: these very
    // bytes are alive, then idle for too long.
    for (step, alive) in [(0, true), (49, true), (0, true), (1, false), (0, false)] {
        assert_eq!(is_known(step).await, alive, "after {step} s more");
    }
}

#[rocket::async_test]
async fn refreshed_it_says_what_is_new() {
    let app = TestApp::start(rocket()).await;
    let browser = signed_in(&app, ALICE).await;
    let old = browser.clone();
    seen(&old, &app, ALICE).await;
    app.provider.hooks().rotate_refresh_tokens(true);
    // The old cookie, with requests still under way, and the new one: each
    // refreshes from where the other left off, or reuse would end the grant.
    for browser in [&browser, &old, &browser, &old] {
        let answer = browser.post_form(app.url("/refresh"), &[]).await;
        assert_eq!((answer.status(), &*answer.text()), (200, ALICE));
        seen(browser, &app, ALICE).await;
    }
}

/// A thousand people, each with a session of the app's own making under its own
/// key, all at once and again.
#[rocket::async_test]
async fn a_thousand_people_are_told_apart() {
    const PEOPLE: usize = 1_000;
    let secret_key = STANDARD.encode([7_u8; 64]);
    let app = TestApp::with(Dict::new(), rocket_with_key(&secret_key)).await;
    let alice = signed_in(&app, ALICE).await;
    let key = Key::from(&[7_u8; 64]);
    let sealed = Cookie::new(SESSION, alice.cookie(SESSION).expect("a session").value);
    let opened = CookieJar::new().private(&key).decrypt(sealed);
    let session: serde_json::Value =
        serde_json::from_str(opened.expect("this key").value()).expect("JSON");
    let person = |number: usize| {
        let mut session = session.clone();
        let sub = format!("person-{number}");
        let claims = json!({
            "iss": "https://op.example", "aud": "app", "iat": 1, "exp": 2, "sub": sub,
        });
        let claims = URL_SAFE_NO_PAD.encode(claims.to_string());
        session["i"] = format!("{number:043}").into();
        session["u"] = sub.as_str().into();
        session["t"] = format!("e30.{claims}.").into();
        let mut jar = CookieJar::new();
        jar.private_mut(&key)
            .add(Cookie::new(SESSION, session.to_string()));
        let value = jar.get(SESSION).expect("a cookie").value().to_owned();
        (sub, format!("{SESSION}={value}"))
    };
    let people: Vec<_> = (0..PEOPLE).map(person).collect();
    let nobody = Browser::new();
    for round in 0..3 {
        for people in people.chunks(50) {
            let pages = people
                .iter()
                .map(|(_, header)| with_cookie(&nobody, &app, header));
            for (page, (sub, _)) in join_all(pages).await.iter().zip(people) {
                assert_eq!(page, sub, "round {round}");
            }
        }
    }
}

#[cfg(feature = "redis")]
#[rocket::async_test]
async fn ended_at_another_instance_it_is_refused_at_once() {
    use crate::support::redis::Redis;
    use crate::support::serve::free_port;

    let redis = Redis::start().await;
    let key = STANDARD.encode([7_u8; 64]);
    let app = TestApp::with(redis.table(), rocket_with_key(&key)).await;
    let endpoint = app.provider.endpoint();
    let port = free_port();
    let other = TestApp::serve(port, &endpoint, redis.table(), rocket_with_key(&key)).await;
    let browser = signed_in(&app, ALICE).await;
    let copy = browser.clone();
    for _ in 0..3 {
        let found = who(&copy, other.url("/protected")).await;
        assert_eq!(found.as_deref(), Some(ALICE));
    }
    assert_eq!(sign_out(&browser, &app).await.status(), 303);
    assert_eq!(who(&copy, other.url("/protected")).await, None);
}
