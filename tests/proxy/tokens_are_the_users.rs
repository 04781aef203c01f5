//! Whose token goes with a request, what it costs, and what happens when the API does not take
//! it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use logto_dev_provider::Endpoint;
use reqwest::Method;
use rocket::futures::future::join_all;
use serde_json::{Value, json};

use crate::support::app::{ALICE, BOB, keys, settings};
use crate::support::browser::Browser;
use crate::support::clock::clock;
use crate::support::dpop;
use crate::support::log::lines_with;
use crate::support::proxy_app::{ProxyApp, answer, claims_of, fine};
use crate::support::raw_server::{RawRequest, Step};
use crate::support::redis::Redis;
use crate::support::signer;

/// How often the provider's token endpoint was asked.
fn refreshes(app: &ProxyApp) -> usize {
    app.at.provider.requests_to(Endpoint::Token).len()
}

/// Refuses the first token that it sees, and so many answers after that.
fn refusing(times: usize) -> impl Fn(&RawRequest) -> Vec<Step> + Send + Sync + 'static {
    let refused = Arc::new(AtomicUsize::new(0));
    move |_: &RawRequest| match refused.fetch_add(1, Ordering::SeqCst) < times {
        true => answer(
            "401 Unauthorized",
            "WWW-Authenticate: Bearer error=\"invalid_token\"\r\n",
            "canary",
        ),
        false => answer("200 OK", "", "fine"),
    }
}

#[rocket::async_test]
async fn a_token_at_hand_costs_no_call_to_the_provider() {
    let app = ProxyApp::start(clock!(), fine).await;
    for _ in 0..3 {
        app.call(Method::GET, "/api/shop/cart").send().await;
    }
    assert_eq!(app.at.provider.requests().len(), 1);
    let tokens: Vec<_> = app.upstream.requests().iter().map(claims_of).collect();
    assert!(tokens.iter().all(|claims| *claims == tokens[0]));
}

#[rocket::async_test]
async fn each_user_has_their_own() {
    let app = ProxyApp::start(clock!(), fine).await;
    let bob = Browser::new();
    app.at.sign_in(&bob, "/protected", BOB).await;
    for (browser, sub) in [(&app.alice, ALICE), (&bob, BOB)] {
        let request = browser.request(Method::GET, app.at.url("/api/shop/cart"));
        let request = request.fetch().initiator(app.at.url("/"));
        assert_eq!(request.header("X-CSRF", "1").send().await.status(), 200);
        let request = app.upstream.requests().pop().expect("a request");
        assert_eq!(claims_of(&request)["sub"], sub);
    }
}

#[rocket::async_test]
async fn a_session_that_ends_between_two_calls_is_told() {
    let app = ProxyApp::start(clock!(), fine).await;
    let cookies = app.alice.cookie_header(app.at.url("/")).expect("cookies");
    assert_eq!(
        app.call(Method::GET, "/api/shop/cart")
            .send()
            .await
            .status(),
        200
    );
    // In another tab.
    app.alice.post_form(app.at.url("/sign-out"), &[]).await;
    for late in [None, Some(cookies)] {
        let request = app.call(Method::GET, "/api/shop/cart");
        let request = match late {
            Some(cookies) => request.cookie_header_override(cookies),
            None => request,
        };
        let answer = request.send().await;
        assert_eq!(answer.status(), 401);
        assert_eq!(answer.json::<Value>()["sign_in"], "/sign-in?return_to=%2F");
    }
    assert_eq!(app.upstream.requests().len(), 1);
}

/// The refresh finds out, as for a guard.
#[rocket::async_test]
async fn a_user_whom_the_provider_refuses_is_signed_out() {
    let clock = clock!();
    let app = ProxyApp::start(clock, fine).await;
    app.at.provider.suspend("alice", true);
    let answer = app.call(Method::GET, "/api/shop/cart").send().await;
    assert_eq!(answer.status(), 401);
    assert_eq!(answer.json::<Value>()["error"], "Not authenticated");
    assert!(!answer.set_cookies().is_empty());
    assert!(app.upstream.requests().is_empty());
}

#[rocket::async_test]
async fn instances_are_one_proxy() {
    let app = ProxyApp::start(clock!(), fine).await;
    let other = app.another().await;
    app.call(Method::GET, "/api/shop/cart").send().await;
    let cookies = app.alice.cookie_header(app.at.url("/")).expect("cookies");
    let client = reqwest::Client::new();
    let request = client
        .get(other.url("/api/shop/cart"))
        .header("Cookie", cookies);
    let request = request
        .header("Sec-Fetch-Site", "same-origin")
        .header("X-CSRF", "1");
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    let subs: Vec<_> = app
        .upstream
        .requests()
        .iter()
        .map(|request| claims_of(request)["sub"].clone())
        .collect();
    assert_eq!(subs.len(), 2);
    assert_eq!(subs[0], subs[1]);
}

/// With Redis they share the tokens as well, and the end of the session.
#[rocket::async_test]
async fn instances_that_share_redis_share_the_token() {
    let redis = Redis::start().await;
    let app = ProxyApp::with(clock!(), &[], redis.table(), fine).await;
    let other = app.another().await;
    let at_other = || {
        let call = app.alice.request(Method::GET, other.url("/api/shop/cart"));
        call.fetch().initiator(other.url("/")).header("X-CSRF", "1")
    };
    for _ in 0..2 {
        let answer = app.call(Method::GET, "/api/shop/cart").send().await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
        let answer = at_other().send().await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
    }
    assert_eq!(refreshes(&app), 1, "one token for all");
    app.alice.post_form(app.at.url("/sign-out"), &[]).await;
    assert_eq!(at_other().send().await.status(), 401);
    assert_eq!(app.upstream.requests().len(), 4);
}

/// A key of the API's has changed, or the token was revoked: it is sent once more, with a new one.
#[rocket::async_test]
async fn a_refused_token_is_replaced_once() {
    let app = ProxyApp::start(clock!(), refusing(1)).await;
    for (method, body) in [(Method::PUT, "once more")] {
        let request = app.call(method, "/api/shop/cart").body("text/plain", body);
        let answer = request.send().await;
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.text(), "fine");
    }
    let requests = app.upstream.requests();
    assert_eq!(requests.len(), 2);
    assert_ne!(
        requests[0].header("authorization"),
        requests[1].header("authorization")
    );
    assert_eq!(requests[0].body, requests[1].body);
    assert_eq!(refreshes(&app), 2);
}

/// An API that takes none must not have the provider asked for each request.
#[rocket::async_test]
async fn an_api_that_takes_no_token_costs_little() {
    let app = ProxyApp::start(clock!(), refusing(usize::MAX)).await;
    for _ in 0..5 {
        let answer = app.call(Method::GET, "/api/shop/cart").send().await;
        assert_eq!(answer.status(), 502);
        assert!(!answer.text().contains("canary"));
        let body: Value = answer.json();
        assert_eq!(body["error"], "Token refused");
        let line = lines_with(body["reference"].as_str().expect("a reference")).concat();
        assert!(line.contains("invalid_token"), "{line}");
        assert!(line.contains("issuer, audience and keys"), "{line}");
    }
    assert_eq!(refreshes(&app), 2);
    assert_eq!(app.upstream.requests().len(), 6);
    // All at once, too: one of them gets another token, and the rest share it.
    let calls = (0..8).map(|_| app.call(Method::GET, "/api/shop/cart").send());
    join_all(calls).await;
    assert_eq!(refreshes(&app), 2);
}

/// It may have been done.
#[rocket::async_test]
async fn what_must_not_be_done_twice_is_not_sent_twice() {
    let app = ProxyApp::start(clock!(), refusing(1)).await;
    let request = app.call(Method::POST, "/api/shop/orders");
    let answer = request.body("application/json", "{}").send().await;
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(answer.json::<Value>()["error"], "Token refused");
    assert_eq!(app.upstream.requests().len(), 1);
    // The script may, and then has a new token.
    let answer = app.call(Method::POST, "/api/shop/orders").send().await;
    assert_eq!(answer.status(), 200);
    let requests = app.upstream.requests();
    assert_ne!(
        requests[0].header("authorization"),
        requests[1].header("authorization")
    );
}

/// RFC 9470.
#[rocket::async_test]
async fn a_demand_for_a_stronger_sign_in_names_its_address() {
    let script = |_: &RawRequest| {
        let challenge = "WWW-Authenticate: Bearer error=\"insufficient_user_authentication\", \
                         acr_values=\"urn:logto:acr:mfa\", max_age=\"300\"\r\n";
        answer("401 Unauthorized", challenge, "canary")
    };
    let app = ProxyApp::start(clock!(), script).await;
    let request = app.call(Method::POST, "/api/shop/orders");
    let answer = request
        .header("Referer", app.at.url("/protected"))
        .send()
        .await;
    assert_eq!(answer.status(), 401);
    assert_eq!(
        answer.json::<Value>(),
        json!({
            "error": "insufficient_user_authentication",
            "acr_values": "urn:logto:acr:mfa",
            "max_age": 300,
            "sign_in": "/sign-in?return_to=%2Fprotected&max_age=300&acr_values=urn%3Alogto%3Aacr%3Amfa",
        })
    );
    // Not tried again, and the token is not at fault.
    assert_eq!(app.upstream.requests().len(), 1);
    assert_eq!(refreshes(&app), 1);
}

/// RFC 6750 section 3.1. Any other 403 is the API's own.
#[rocket::async_test]
async fn a_missing_scope_is_named() {
    let script = |request: &RawRequest| match request.path() {
        "/v1/own" => answer(
            "403 Forbidden",
            "Content-Type: application/json\r\n",
            "{\"own\":1}",
        ),
        _ => {
            let challenge = "WWW-Authenticate: Bearer realm=\"a, b\", error=\"insufficient_scope\", \
                             scope=\"write\"\r\n";
            answer("403 Forbidden", challenge, "canary")
        }
    };
    let app = ProxyApp::start(clock!(), script).await;
    let refused = app.call(Method::PUT, "/api/shop/cart").send().await;
    assert_eq!(refused.status(), 403);
    let body: Value = refused.json();
    assert_eq!(body["error"], "insufficient_scope");
    assert_eq!(body["scope"], "write");
    let line = lines_with(body["reference"].as_str().expect("a reference")).concat();
    assert!(line.contains("logto.scopes"), "{line}");
    let own = app.call(Method::PUT, "/api/shop/own").send().await;
    assert_eq!((own.status(), own.text()), (403, "{\"own\":1}".to_owned()));
}

/// RFC 9449: a token that is bound to the app's key goes with a proof for this very request,
/// and with the nonce that the API wants.
#[rocket::async_test]
async fn a_bound_token_goes_with_its_proof() {
    let mut settings = settings();
    settings.offers_dpop = true;
    let asked = AtomicUsize::new(0);
    let script = move |_: &RawRequest| match asked.fetch_add(1, Ordering::SeqCst) {
        0 => {
            let lines = "WWW-Authenticate: DPoP error=\"use_dpop_nonce\"\r\nDPoP-Nonce: n-1\r\n";
            answer("401 Unauthorized", lines, "")
        }
        _ => answer("200 OK", "", "fine"),
    };
    let logto = keys([("dpop", "required".into())]);
    let app = ProxyApp::at(settings, clock!(), &[], logto, script).await;
    let got = app.call(Method::GET, "/api/shop/cart?a=b").send().await;
    assert_eq!(
        (got.status(), got.text().as_str()),
        (200, "fine"),
        "{}",
        got.text()
    );
    let requests = app.upstream.requests();
    let [first, second] = &requests[..] else {
        panic!("{} requests", requests.len())
    };
    let mut seen = Vec::new();
    for (request, nonce) in [(first, Value::Null), (second, "n-1".into())] {
        let authorization = request.header("authorization").expect("a token");
        let token = authorization.strip_prefix("DPoP ").expect("a bound token");
        let proof = signer::claims_of(request.header("dpop").expect("a proof"));
        assert_eq!(proof["htm"], "GET");
        assert_eq!(proof["htu"], app.upstream.url("/v1/cart"));
        assert_eq!(proof["ath"], dpop::hash(token));
        assert_eq!(proof.get("nonce").unwrap_or(&Value::Null), &nonce);
        seen.push((token.to_owned(), proof["jti"].clone()));
    }
    assert_eq!(seen[0].0, seen[1].0, "the same token");
    assert_ne!(seen[0].1, seen[1].1, "another proof");
    assert_eq!(refreshes(&app), 1);
}
