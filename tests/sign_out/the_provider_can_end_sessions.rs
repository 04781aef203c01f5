//! The provider says that somebody has signed out (OpenID Connect Back-Channel
//! Logout 1.0): the right sessions end before the next request, and no others.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use logto_dev_provider::{DevProvider, Endpoint, Signing};
use rocket::figment::value::Dict;
use rocket::tokio::time::sleep;
use serde_json::json;

use crate::support::app::{ALICE, BOB, TestApp, settings};
use crate::support::backchannel::{Provided, frozen, status_of, system};
use crate::support::browser::Browser;
#[cfg(feature = "redis")]
use crate::support::redis::Redis;
use crate::support::serve::free_port;
use crate::support::sessions::rocket;

#[rocket::async_test]
async fn only_a_form_with_one_token_is_read() {
    let op = Provided::start(frozen).await;
    let (browser, sid) = op.sign_in(ALICE).await;
    let fresh = || op.token(op.claims(Some(ALICE), Some(&sid)));
    let form = "application/x-www-form-urlencoded";
    let bodies = [
        (
            "JSON",
            "application/json",
            json!({ "logout_token": fresh() }).to_string(),
        ),
        ("JWT", "application/logout+jwt", fresh()),
        (
            "a form by another name",
            "text/plain",
            format!("logout_token={}", fresh()),
        ),
        ("nothing", form, String::new()),
        ("another parameter", form, format!("token={}", fresh())),
        ("an empty token", form, "logout_token=".into()),
        (
            "two tokens",
            form,
            format!("logout_token={}&logout_token={}", fresh(), fresh()),
        ),
        ("no token at all", form, "logout_token=a.b.c".into()),
        (
            "more than 16 KiB",
            form,
            format!("logout_token={}&x={}", fresh(), "x".repeat(16 * 1024)),
        ),
        ("not UTF-8", form, format!("logout_token=%ff{}", fresh())),
    ];
    for (case, content_type, body) in bodies {
        let answer = op.post().body(content_type, body).send().await;
        assert_eq!(status_of(&answer, case), 400, "{case}");
        assert_eq!(op.who(&browser).await.as_deref(), Some(ALICE), "{case}");
    }
    let in_query = format!(
        "{}?logout_token={}",
        op.app.url("/backchannel-logout"),
        fresh()
    );
    let answer = Browser::new().get(&in_query).await;
    assert_eq!(answer.status(), 404, "GET");
    let nobody = Browser::new();
    let answer = nobody
        .request(reqwest::Method::POST, &in_query)
        .form(&[("a", "b")]);
    assert_eq!(status_of(&answer.send().await, "in the query"), 400);
    assert_eq!(op.who(&browser).await.as_deref(), Some(ALICE));

    // Java's clients name the charset.
    let charset = format!("{form};charset=UTF-8");
    let answer = op
        .post()
        .body(&charset, format!("logout_token={}", fresh()));
    assert_eq!(status_of(&answer.send().await, "charset"), 200);
    assert_eq!(op.who(&browser).await, None);
}

/// A session is in a cookie, in memory, or in Redis.
async fn ends_the_right_sessions(home: &str, op: &Provided, clock: &AtomicI64) {
    let (one, sid) = op.sign_in(ALICE).await;
    let (two, _) = op.sign_in(ALICE).await;
    let (three, _) = op.sign_in(ALICE).await;
    let (bob, _) = op.sign_in(BOB).await;
    let end = async |sub, sid| {
        let mut claims = op.claims(sub, sid);
        claims.insert("iat".into(), json!(clock.load(Ordering::Relaxed)));
        let answer = op.send(&op.token(claims)).await;
        assert_eq!(status_of(&answer, home), 200, "{home}");
    };
    // Nobody's, then this one alone, effective at once.
    end(None, Some("unknown")).await;
    assert_eq!(op.who(&one).await.as_deref(), Some(ALICE), "{home}");
    end(Some(ALICE), Some(&sid)).await;
    assert_eq!(op.who(&one).await, None, "{home}: by sid");
    assert_eq!(
        one.fetch_json(op.app.url("/userinfo")).await.status(),
        401,
        "{home}"
    );
    for other in [&two, &three] {
        assert_eq!(
            op.who(other).await.as_deref(),
            Some(ALICE),
            "{home}: another sid"
        );
    }
    end(Some(ALICE), None).await;
    for browser in [&one, &two, &three] {
        assert_eq!(op.who(browser).await, None, "{home}: by sub");
    }
    assert_eq!(op.who(&bob).await.as_deref(), Some(BOB), "{home}: by sub");

    // She may sign in again, and stays.
    clock.fetch_add(1, Ordering::Relaxed);
    let (again, _) = op.sign_in(ALICE).await;
    assert_eq!(
        op.who(&again).await.as_deref(),
        Some(ALICE),
        "{home}: later"
    );
    assert_eq!(op.who(&two).await, None, "{home}: later");

    // The ID token named no session, the logout token does: it may be this one.
    let (nameless, sid) = op.sign_in_without_sid(ALICE).await;
    let (bob_nameless, _) = op.sign_in_without_sid(BOB).await;
    let mut earlier = op.claims(Some(ALICE), Some(&sid));
    earlier.insert("iat".into(), json!(clock.load(Ordering::Relaxed) - 61));
    assert_eq!(op.send(&op.token(earlier)).await.status(), 200, "{home}");
    let who = op.who(&nameless).await;
    assert_eq!(who.as_deref(), Some(ALICE), "{home}: about before");
    end(None, Some(&sid)).await;
    let who = op.who(&nameless).await;
    assert_eq!(who.as_deref(), Some(ALICE), "{home}: whose sid is not said");
    end(Some(ALICE), Some(&sid)).await;
    assert_eq!(op.who(&nameless).await, None, "{home}: sub and sid");
    let who = op.who(&again).await;
    assert_eq!(who.as_deref(), Some(ALICE), "{home}: has another sid");
    let who = op.who(&bob_nameless).await;
    assert_eq!(who.as_deref(), Some(BOB), "{home}: another user");

    // Told once more, after she came back: what is meant is over already.
    clock.fetch_add(120, Ordering::Relaxed);
    let (third, _) = op.sign_in(ALICE).await;
    let mut before = op.claims(Some(ALICE), None);
    before.insert("iat".into(), json!(clock.load(Ordering::Relaxed) - 100));
    let answer = op.send(&op.token(before)).await;
    assert_eq!(status_of(&answer, home), 200, "{home}");
    assert_eq!(op.who(&third).await.as_deref(), Some(ALICE), "{home}: late");
    assert_eq!(op.who(&again).await, None, "{home}: late");
}

#[rocket::async_test]
async fn sessions_in_cookies_end_at_once() {
    static CLOCK: AtomicI64 = AtomicI64::new(0);
    CLOCK.store(system(), Ordering::Relaxed);
    let op = Provided::start(|| CLOCK.load(Ordering::Relaxed)).await;
    ends_the_right_sessions("cookie", &op, &CLOCK).await;
}

#[rocket::async_test]
async fn sessions_in_memory_end_at_once() {
    static CLOCK: AtomicI64 = AtomicI64::new(0);
    CLOCK.store(system(), Ordering::Relaxed);
    let op = Provided::with(Dict::new(), || CLOCK.load(Ordering::Relaxed), 60_000).await;
    ends_the_right_sessions("memory", &op, &CLOCK).await;
}

#[cfg(feature = "redis")]
#[rocket::async_test]
async fn sessions_in_redis_end_at_once_and_a_redis_that_is_away_is_tried_again() {
    static CLOCK: AtomicI64 = AtomicI64::new(0);
    CLOCK.store(system(), Ordering::Relaxed);
    let mut redis = Redis::start().await;
    let op = Provided::with(redis.table(), || CLOCK.load(Ordering::Relaxed), 0).await;
    ends_the_right_sessions("redis", &op, &CLOCK).await;

    // No instance remembers more than Redis does: a user who signs in again in the very second
    // of the end stays.
    let answer = op.send(&op.token(op.claims(Some(ALICE), None))).await;
    assert_eq!(status_of(&answer, "again"), 200);
    let (again, _) = op.sign_in(ALICE).await;
    assert_eq!(op.who(&again).await.as_deref(), Some(ALICE));

    // It fails half-way: the token is noted, the sessions are not ended.
    let token = op.token(op.claims(Some(ALICE), None));
    redis.command(&["ACL", "SETUSER", "default", "-zrange"]);
    let answer = op.send(&token).await;
    assert_eq!(status_of(&answer, "half-way"), 503);
    redis.command(&["ACL", "SETUSER", "default", "+zrange"]);
    let answer = op.send(&token).await;
    assert_eq!(status_of(&answer, "the same token again"), 200);

    redis.stop();
    let token = op.token(op.claims(Some(ALICE), None));
    let answer = op.send(&token).await;
    assert_eq!(status_of(&answer, "without Redis"), 503);
    assert!(answer.header("retry-after").is_some());
    redis.restart().await;
    let end = Instant::now() + Duration::from_secs(10);
    while status_of(&op.send(&token).await, "with Redis again") != 200 {
        assert!(Instant::now() < end, "the second try is never taken");
        sleep(Duration::from_millis(50)).await;
    }
}

#[rocket::async_test]
async fn the_development_provider_tells_of_sign_outs_and_ended_sessions() {
    let op = Provided::start(system).await;
    let uri = op.app.url("/backchannel-logout");
    op.app.provider.set_backchannel_logout_uri(Some(uri));
    let (one, _) = op.sign_in(ALICE).await;
    let (two, _) = op.sign_in(ALICE).await;
    let (bob, _) = op.sign_in(BOB).await;
    let is_out = async |browser: &Browser, case: &str| {
        let end = Instant::now() + Duration::from_secs(10);
        while op.who(browser).await.is_some() {
            assert!(Instant::now() < end, "{case}: still signed in");
            sleep(Duration::from_millis(20)).await;
        }
    };

    // She signs out at the provider; the app hears of it from nobody else.
    let page = one
        .navigate(format!("{}/session/end", op.app.provider.issuer()))
        .await;
    let page = one.submit(&page, "Sign out", &[]).await;
    assert!(page.status() < 400, "{}", page.text());
    is_out(&one, "signed out").await;
    assert_eq!(
        op.who(&two).await.as_deref(),
        Some(ALICE),
        "another session"
    );

    // An operator ends all of hers.
    assert!(op.app.provider.end_sessions_of(ALICE));
    is_out(&two, "ended there").await;
    assert_eq!(op.who(&bob).await.as_deref(), Some(BOB));
}

#[rocket::async_test]
async fn without_the_providers_keys_it_is_to_try_again() {
    let provider = DevProvider::start(settings()).await.expect("a provider");
    let spoil = |reply: &mut logto_dev_provider::Reply| reply.status = 500;
    provider
        .hooks()
        .respond(Endpoint::Jwks, move |_, reply| spoil(reply));
    let port = free_port();
    let app = TestApp::serve(port, &provider.endpoint(), Dict::new(), rocket()).await;
    let claims = provider.logout_claims(Some(ALICE), None);
    let token = provider
        .hooks()
        .forge(&Signing::Key, "logout+jwt", claims, |_, _| {});
    let send = async || {
        let browser = Browser::new();
        let request = browser.request(reqwest::Method::POST, app.url("/backchannel-logout"));
        request.form(&[("logout_token", &token)]).send().await
    };
    let answer = send().await;
    assert_eq!(status_of(&answer, "without keys"), 503);
    assert!(answer.header("retry-after").is_some());

    provider.hooks().behave(Endpoint::Jwks);
    let end = Instant::now() + Duration::from_secs(20);
    while status_of(&send().await, "with keys") != 200 {
        assert!(Instant::now() < end, "the second try is never taken");
        sleep(Duration::from_millis(100)).await;
    }
}

/// The app counts sessions by its own clock, and logout tokens come from another.
#[rocket::async_test]
async fn a_provider_whose_clock_is_behind_ends_the_session_all_the_same() {
    let provided = Provided::start(frozen).await;
    for (behind, ends) in [(61, false), (60, true)] {
        let (alice, _) = provided.sign_in(ALICE).await;
        let mut claims = provided.claims(Some(ALICE), None);
        claims.insert("iat".into(), json!(frozen() - behind));
        let answer = provided.send(&provided.token(claims)).await;
        assert_eq!(answer.status(), 200, "{behind}: {}", answer.text());
        assert_eq!(provided.who(&alice).await.is_none(), ends, "{behind}");
    }
}
