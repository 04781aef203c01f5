//! What the browser gets of an answer: what the API says, and nothing in the name of this app.

use reqwest::Method;
use serde_json::Value;

use crate::support::clock::clock;
use crate::support::log::lines_with;
use crate::support::proxy_app::{ProxyApp, answer};
use crate::support::raw_server::{RawRequest, Step};

#[rocket::async_test]
async fn its_headers_pass_and_none_that_is_about_this_origin() {
    let lines = "Content-Type: application/problem+json\r\nETag: \"a\"\r\nX-Total-Count: 7\r\n\
                 Retry-After: 3\r\nVary: Accept\r\nX-Accel-Buffering: no\r\n\
                 Set-Cookie: canary=1; Path=/\r\nSet-Cookie2: canary=1\r\nClear-Site-Data: \"*\"\r\n\
                 Strict-Transport-Security: max-age=1\r\nAlt-Svc: canary=\":1\"\r\n\
                 Access-Control-Allow-Origin: https://canary.example\r\n\
                 Access-Control-Allow-Credentials: true\r\nService-Worker-Allowed: /\r\n\
                 Cache-Control: public, max-age=600\r\nExpires: Thu, 01 Jan 2099 00:00:00 GMT\r\n\
                 Surrogate-Control: max-age=600\r\nRefresh: 0; url=https://canary.example\r\n\
                 X-Accel-Redirect: /canary\r\nX-Sendfile: /canary\r\nServer: canary\r\n\
                 Proxy-Authenticate: Basic\r\nReport-To: {\"canary\":1}\r\nNEL: {\"canary\":1}\r\n\
                 X-Frame-Options: canary\r\nPermissions-Policy: canary\r\nKeep-Alive: timeout=5\r\nX-Hop: canary\r\nConnection: X-Hop\r\n";
    let script = move |_: &RawRequest| {
        let body = "{\"title\":\"no\"}";
        vec![Step::text(format!(
            "HTTP/1.1 422 Unprocessable Entity\r\nContent-Length: {}\r\n{lines}\r\n{body}",
            body.len()
        ))]
    };
    let app = ProxyApp::start(clock!(), script).await;
    // The first one brings the session's own cookie, because a token was fetched.
    let answer = app.call(Method::POST, "/api/shop/cart").send().await;
    assert!(!answer.set_cookies().concat().contains("canary"));
    let answer = app.call(Method::POST, "/api/shop/cart").send().await;
    assert_eq!(answer.status(), 422);
    assert_eq!(answer.text(), "{\"title\":\"no\"}");
    for (name, value) in [
        ("content-type", "application/problem+json"),
        ("etag", "\"a\""),
        ("x-total-count", "7"),
        ("retry-after", "3"),
        ("x-accel-buffering", "no"),
        ("cache-control", "no-store"),
        ("vary", "Accept, Cookie"),
        ("content-length", "14"),
    ] {
        assert_eq!(answer.header(name), Some(value), "{name}");
    }
    let all = format!("{:?}", answer.headers());
    assert!(!all.contains("canary"), "{all}");
    for name in [
        "access-control-allow-credentials",
        "clear-site-data",
        "expires",
        "keep-alive",
        "proxy-authenticate",
        "service-worker-allowed",
        "set-cookie",
        "strict-transport-security",
        "surrogate-control",
    ] {
        assert_eq!(answer.header(name), None, "{name}");
    }
}

/// Nothing is unpacked on the way.
#[rocket::async_test]
async fn a_compressed_body_passes_as_it_is() {
    let script = |_: &RawRequest| {
        let mut bytes =
            b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Encoding: gzip\r\n\r\n".to_vec();
        bytes.extend([0x1f, 0x8b, 0x00, 0xff]);
        vec![Step::Send(bytes)]
    };
    let app = ProxyApp::start(clock!(), script).await;
    let answer = app.call(Method::GET, "/api/shop/cart").send().await;
    assert_eq!(answer.header("content-encoding"), Some("gzip"));
    assert_eq!(answer.bytes(), [0x1f, 0x8b, 0x00, 0xff]);
}

#[rocket::async_test]
async fn answers_without_a_body_stay_so() {
    let script = |request: &RawRequest| {
        let status = request
            .path()
            .rsplit('/')
            .next()
            .unwrap_or_default()
            .to_owned();
        vec![Step::text(format!(
            "HTTP/1.1 {status} Some\r\nETag: \"a\"\r\n\r\n"
        ))]
    };
    let app = ProxyApp::start(clock!(), script).await;
    for status in [204, 304] {
        let answer = app
            .exchange("GET", &format!("/api/shop/{status}"), "", "")
            .await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer}"
        );
        assert!(answer.ends_with("\r\n\r\n"), "{answer}");
        assert!(answer.to_lowercase().contains("etag: \"a\""), "{answer}");
    }
}

/// The length is that of the body that a `GET` would have had.
#[rocket::async_test]
async fn a_head_that_says_no_length_is_given_none() {
    let script = |_: &RawRequest| vec![Step::text("HTTP/1.1 200 OK\r\nETag: \"a\"\r\n\r\n")];
    let app = ProxyApp::start(clock!(), script).await;
    let answer = app.call(Method::HEAD, "/api/shop/cart").send().await;
    assert_eq!(answer.header("etag"), Some("\"a\""));
    assert_eq!(answer.header("content-length"), None);
}

/// Nothing follows them here. The browser's way leads through the proxy again, or elsewhere;
/// never to an address that only this machine knows.
#[rocket::async_test]
async fn redirects_lead_through_the_proxy() {
    let script = |request: &RawRequest| {
        let host = request.header("host").unwrap_or_default();
        let which = request.path().rsplit('/').next().unwrap_or_default();
        let location = match which {
            "relative" => "other?a=1#b".to_owned(),
            "absolute-path" => "/v1/orders/8".to_owned(),
            "whole" => format!("http://{host}/v1/orders/8?x=%27"),
            "base" => format!("http://{host}/v1"),
            "elsewhere" => "https://files.example/signed?sig=a".to_owned(),
            "internal" => "/admin".to_owned(),
            "beside" => "/v1beside".to_owned(),
            "other-port" => "http://localhost:1/v1/x".to_owned(),
            _ => "javascript:alert(1)".to_owned(),
        };
        answer("302 Found", &format!("Location: {location}\r\n"), "")
    };
    let app = ProxyApp::start(clock!(), script).await;
    for (which, seen) in [
        ("relative", "/api/shop/to/other?a=1#b"),
        ("absolute-path", "/api/shop/orders/8"),
        ("whole", "/api/shop/orders/8?x=%27"),
        ("base", "/api/shop"),
        ("elsewhere", "https://files.example/signed?sig=a"),
    ] {
        let answer = app
            .call(Method::GET, &format!("/api/shop/to/{which}"))
            .send()
            .await;
        assert_eq!(answer.status(), 302, "{which}");
        assert_eq!(answer.header("location"), Some(seen), "{which}");
    }
    let path = "/api/orgs/acme5obvzg01/orders/to/whole";
    let answer = app.call(Method::GET, path).send().await;
    assert_eq!(
        answer.header("location"),
        Some("/api/orgs/acme5obvzg01/orders/orders/8?x=%27")
    );
    for which in ["internal", "beside", "other-port", "script"] {
        let answer = app
            .call(Method::GET, &format!("/api/shop/to/{which}"))
            .send()
            .await;
        assert_eq!(answer.status(), 502, "{which}");
        assert_eq!(answer.header("location"), None, "{which}");
        let body: Value = answer.json();
        let line = lines_with(body["reference"].as_str().expect("a reference")).concat();
        assert!(line.contains("redirects"), "{line}");
        assert!(line.contains("logto.proxy.upstreams.shop"), "{line}");
    }
}

/// What was made stays made, even where its address cannot be told.
#[rocket::async_test]
async fn an_address_that_is_no_redirect_is_only_left_out() {
    let script = |_: &RawRequest| answer("201 Created", "Location: /elsewhere/9\r\n", "{}");
    let app = ProxyApp::start(clock!(), script).await;
    let answer = app.call(Method::POST, "/api/shop/orders").send().await;
    assert_eq!(answer.status(), 201);
    assert_eq!(answer.header("location"), None);
}
