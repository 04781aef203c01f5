//! Two instances of the app behind nginx are one app: people, tokens and
//! sign-outs do not care which of them answers. With Redis all of it; without,
//! what needs no shared memory.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use logto_dev_provider::Endpoint;
use rocket::futures::future::join_all;
use rocket::tokio;

use crate::support::app::{ALICE, BOB};
use crate::support::browser::{Browser, Response};
use crate::support::eventually::eventually;
use crate::support::instances::{Pair, RedisServer, answered_by};
use crate::support::nginx::DOCUMENTED;
use crate::support::pages::session_cookie;

const WHO: &str = "/protected/no-redirect";
const USERINFO: &str = "/protected/userinfo";

/// Asks the app who is signed in.
async fn who(pair: &Pair, browser: &Browser) -> Response {
    browser.fetch_json(pair.url(WHO)).await
}

fn is(user: &str, response: &Response) -> bool {
    response.status() == 200 && response.json::<serde_json::Value>()["sub"] == user
}

/// The instances that have answered.
fn seen(responses: &[Response]) -> BTreeSet<u16> {
    responses.iter().filter_map(answered_by).collect()
}

fn both(pair: &Pair) -> BTreeSet<u16> {
    pair.instances
        .iter()
        .map(|instance| instance.port)
        .collect()
}

/// Signs in over both instances and looks at pages of both.
async fn begins_at_one_and_goes_on_at_the_other(pair: &Pair) {
    let browser = pair.nginx.browser();
    let steps = pair.sign_in(&browser, ALICE).await;
    let page = steps.last().expect("a page");
    assert!(is(ALICE, page), "{}: {}", page.url(), page.text());
    let by = |path: &str| {
        let step = steps.iter().find(|step| step.url().path() == path);
        answered_by(step.expect("a step")).expect("nginx tells")
    };
    assert_ne!(by("/sign-in"), by("/callback"), "nginx takes turns");

    for cookie in steps.iter().flat_map(Response::set_cookies) {
        if cookie.contains("logto") {
            let attributes: Vec<_> = cookie.split("; ").collect();
            assert!(cookie.starts_with("__Host-"), "{cookie}");
            for wanted in ["Secure", "HttpOnly", "Path=/", "SameSite=Lax"] {
                assert!(attributes.contains(&wanted), "{wanted}: {cookie}");
            }
        }
    }
    assert!(session_cookie(&browser).is_some());

    for path in ["/", "/protected", USERINFO] {
        let mut pages = Vec::new();
        for _ in 0..4 {
            pages.push(browser.navigate(pair.url(path)).await);
        }
        for page in &pages {
            assert_eq!(page.status(), 200, "{path}: {}", page.text());
            assert!(page.text().contains("Alice Example"), "{path}");
        }
        assert_eq!(seen(&pages), both(pair), "{path}");
    }
    assert_eq!(browser.violations(), []);
}

#[test]
fn the_guide_shows_the_configuration_that_is_tested() {
    let guide = include_str!("../../crates/rocket_logto/src/guide/production.md");
    assert!(guide.contains(DOCUMENTED.trim_end()));
}

#[rocket::async_test]
async fn with_redis_a_sign_in_goes_on_at_the_other_instance() {
    let redis = RedisServer::start().await;
    let pair = Pair::start(Some(&redis)).await;
    begins_at_one_and_goes_on_at_the_other(&pair).await;

    let plain = Browser::new().get(pair.nginx.plain_url("/a?b=c")).await;
    assert_eq!(plain.status(), 308);
    let target = plain.location().map(String::from);
    assert_eq!(target, Some(pair.url("/a?b=c")));
}

#[rocket::async_test]
async fn what_a_client_says_of_host_and_scheme_changes_nothing() {
    let redis = RedisServer::start().await;
    let pair = Pair::start(Some(&redis)).await;
    for (name, value) in [
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-port", "80"),
        ("forwarded", "host=evil.example;proto=http"),
        ("host", "evil.example"),
    ] {
        let browser = pair.nginx.browser();
        let request = browser.request(reqwest::Method::GET, pair.url("/sign-in"));
        let mut start = request.navigation().header(name, value).send().await;
        if name == "host" {
            // It is not the one of `base_url`, where it goes first. Where that comes with
            // another host as well, a proxy writes it, and nothing depends on it.
            let base = pair.url("/sign-in?from_another_host=1");
            assert_eq!(start.header("location"), Some(&*base));
            let request = browser.request(reqwest::Method::GET, base);
            start = request.navigation().header(name, value).send().await;
        }
        let callback = Some(pair.url("/callback"));
        assert_eq!(start.location_query("redirect_uri"), callback, "{name}");
        assert!(!start.set_cookies().is_empty(), "{name}");
        for cookie in start.set_cookies() {
            assert!(cookie.starts_with("__Host-"), "{name}: {cookie}");
            assert!(cookie.contains("; Secure"), "{name}: {cookie}");
        }
        assert!(!format!("{:?}", start.headers()).contains("evil"), "{name}");
    }
}

#[rocket::async_test]
async fn with_redis_fifty_requests_at_expiry_make_one_token_call() {
    let redis = RedisServer::start().await;
    let pair = Pair::start(Some(&redis)).await;
    let hooks = pair.provider.hooks();
    // A refresh token used twice would end the grant.
    hooks.rotate_refresh_tokens(true);
    for case in ["the token of the sign-in", "a token both instances share"] {
        let browser = pair.nginx.browser();
        // Expired at once.
        hooks.token_lifetime(Duration::ZERO);
        pair.sign_in(&browser, ALICE).await;
        if case.contains("share") {
            // Nine seconds for both to ask: of so short a life the last quarter is left over.
            hooks.token_lifetime(Duration::from_secs(12));
            pair.provider.clear_requests();
            for instance in [0, 1] {
                let straight = pair.straight_to(&browser, instance);
                let page = straight.navigate(pair.url(USERINFO)).await;
                assert_eq!(page.status(), 200, "{case}: {}", page.text());
            }
            let calls = pair.provider.requests_to(Endpoint::Token).len();
            assert_eq!(calls, 1, "{case}: one instance fetches, the other takes");
            tokio::time::sleep(Duration::from_millis(9_100)).await;
        }
        pair.provider.clear_requests();
        hooks.token_lifetime(Duration::from_secs(3600));
        hooks.delay(Endpoint::Token, Duration::from_millis(200));
        let pages = join_all((0..50).map(|_| browser.navigate(pair.url(USERINFO)))).await;
        hooks.behave(Endpoint::Token);
        for page in &pages {
            assert_eq!(page.status(), 200, "{case}: {}", page.text());
            assert!(page.text().contains("Alice Example"), "{case}");
        }
        assert_eq!(seen(&pages), both(&pair), "{case}");
        let calls = |endpoint| pair.provider.requests_to(endpoint).len();
        assert_eq!(calls(Endpoint::Token), 1, "{case}");
        assert_eq!(calls(Endpoint::UserInfo), 50, "{case}");
    }
}

#[rocket::async_test]
async fn with_redis_a_logout_heard_by_one_is_obeyed_by_both() {
    let redis = RedisServer::start().await;
    let pair = Pair::start(Some(&redis)).await;
    for (heard_by, other) in [(0, 1), (1, 0)] {
        let (alice, bob) = (pair.nginx.browser(), pair.nginx.browser());
        pair.sign_in(&alice, ALICE).await;
        pair.sign_in(&bob, BOB).await;
        for instance in [heard_by, other] {
            let straight = pair.straight_to(&alice, instance);
            assert!(is(ALICE, &who(&pair, &straight).await));
        }
        assert_eq!(pair.log_out_at(heard_by, ALICE).await, 200);
        for instance in [other, heard_by] {
            let straight = pair.straight_to(&alice, instance);
            let status = who(&pair, &straight).await.status();
            assert_eq!(status, 401, "heard by {heard_by}, asked {instance}");
        }
        assert_eq!(who(&pair, &alice).await.status(), 401);
        for instance in [heard_by, other] {
            let straight = pair.straight_to(&bob, instance);
            assert!(is(BOB, &who(&pair, &straight).await));
        }
    }
}

#[rocket::async_test]
async fn with_redis_a_copied_cookie_is_refused_everywhere_after_sign_out() {
    let redis = RedisServer::start().await;
    let pair = Pair::start(Some(&redis)).await;
    let browser = pair.nginx.browser();
    pair.sign_in(&browser, ALICE).await;
    let copies = [pair.straight_to(&browser, 0), pair.straight_to(&browser, 1)];
    browser.post_form(pair.url("/sign-out"), &[]).await;
    for (instance, copy) in copies.iter().enumerate() {
        assert_eq!(who(&pair, copy).await.status(), 401, "instance {instance}");
    }
}

#[rocket::async_test]
async fn with_redis_a_killed_instance_loses_no_session() {
    let redis = RedisServer::start().await;
    let mut pair = Pair::start(Some(&redis)).await;
    let browsers = [pair.nginx.browser(), pair.nginx.browser()];
    let users = [ALICE, BOB];
    for (browser, user) in browsers.iter().zip(users) {
        pair.sign_in(browser, user).await;
    }
    let url = pair.url(WHO);
    let done = AtomicUsize::new(0);
    let [victim, _] = &mut pair.instances;
    let traffic = join_all((0..8).map(|client| {
        let (browser, user) = (&browsers[client % 2], users[client % 2]);
        let (url, done) = (&url, &done);
        async move {
            for _ in 0..50 {
                let answer = browser.fetch_json(url).await;
                assert!(is(user, &answer), "{}: {}", answer.status(), answer.text());
                done.fetch_add(1, Ordering::Relaxed);
            }
        }
    }));
    let murder = async {
        while done.load(Ordering::Relaxed) < 100 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        victim.kill();
        let before = done.load(Ordering::Relaxed);
        assert!(before < 400, "the traffic was over before the kill");
    };
    tokio::join!(traffic, murder);
    assert_eq!(done.load(Ordering::Relaxed), 400);

    // It comes back with nothing in memory, and nginx finds it again.
    victim.restart().await;
    let back = victim.port;
    eventually("nginx finds it again", async || {
        let answer = who(&pair, &browsers[0]).await;
        assert!(is(ALICE, &answer), "{}", answer.text());
        answered_by(&answer) == Some(back)
    })
    .await;
    for browser in &browsers {
        let page = browser.navigate(pair.url(USERINFO)).await;
        assert_eq!(page.status(), 200, "{}", page.text());
    }
}

#[rocket::async_test]
async fn without_redis_a_sign_in_goes_on_at_the_other_instance() {
    let pair = Pair::start(None).await;
    begins_at_one_and_goes_on_at_the_other(&pair).await;
}

/// What the guide says of it: only the instance that was told knows.
#[rocket::async_test]
async fn without_redis_ends_are_known_to_one_instance() {
    let pair = Pair::start(None).await;
    let browser = pair.nginx.browser();
    pair.sign_in(&browser, ALICE).await;
    assert_eq!(pair.log_out_at(0, ALICE).await, 200);
    let told = pair.straight_to(&browser, 0);
    assert_eq!(who(&pair, &told).await.status(), 401);
    let other = pair.straight_to(&browser, 1);
    assert!(is(ALICE, &who(&pair, &other).await));

    let browser = pair.nginx.browser();
    let steps = pair.sign_in(&browser, BOB).await;
    assert!(is(BOB, steps.last().expect("a page")));
    let copies = [pair.straight_to(&browser, 0), pair.straight_to(&browser, 1)];
    let signed_out = browser.post_form(pair.url("/sign-out"), &[]).await;
    let told = answered_by(&signed_out).expect("nginx tells");
    for (instance, copy) in copies.iter().enumerate() {
        let expected = match pair.instances[instance].port == told {
            true => 401,
            false => 200,
        };
        let status = who(&pair, copy).await.status();
        assert_eq!(status, expected, "instance {instance}");
    }
    // The browser that has signed out has no cookie for either.
    assert_eq!(who(&pair, &browser).await.status(), 401);
    assert_eq!(who(&pair, &browser).await.status(), 401);
}
