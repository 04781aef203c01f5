//! No other origin, no form, no link and no image gets a request through, whatever its method;
//! and who is not signed in is told where to.

use reqwest::Method;
use serde_json::Value;

use crate::support::browser::{Browser, CROSS_SITE};
use crate::support::clock::clock;
use crate::support::log::lines_with;
use crate::support::proxy_app::{ProxyApp, fine};

const METHODS: [Method; 7] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
    Method::OPTIONS,
];

/// Both of them: a proxy that forgets one of its routes is as open as without the check.
const PATHS: [&str; 4] = [
    "/api/shop",
    "/api/shop/cart",
    "/api/orgs/acme5obvzg01/orders",
    "/api/orgs/acme5obvzg01/orders/7",
];

/// What a request brings of the header, and whether that is enough.
const HEADERS: [(&[(&str, &str)], bool); 6] = [
    (&[("X-CSRF", "1")], true),
    (&[], false),
    (&[("X-CSRF", "")], false),
    (&[("X-CSRF", "0")], false),
    (&[("X-CSRF", "1"), ("X-CSRF", "1")], false),
    (&[("X_CSRF", "1")], false),
];

/// A known hole of such proxies: the check was there, and not on every route.
#[rocket::async_test]
async fn every_route_and_method_demands_the_header() {
    let app = ProxyApp::start(clock!(), fine).await;
    for path in PATHS {
        for method in METHODS {
            let answer = app.bare(method.clone(), path).send().await;
            assert_eq!(answer.status(), 403, "{method} {path}");
            if method != Method::HEAD {
                let body: Value = answer.json();
                assert_eq!(body["error"], "Header missing");
                assert_eq!(body["header"], "X-CSRF");
                let reference = body["reference"].as_str().expect("a reference");
                assert_eq!(lines_with(reference).len(), 1);
            }
        }
    }
    let origin = "Sec-Fetch-Site: same-origin";
    for (headers, passes) in HEADERS {
        let lines: String = headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        let head = app.head("GET", "/api/shop/cart", "Connection: close\r\n");
        let head = head.replace("X-CSRF: 1\r\n", &lines);
        assert!(head.contains(origin));
        let mut wire = app.wire().await;
        wire.send(head).await;
        let status = if passes {
            "HTTP/1.1 200"
        } else {
            "HTTP/1.1 403"
        };
        let answer = wire.rest().await;
        assert!(answer.starts_with(status), "{headers:?}: {answer}");
    }
    assert_eq!(app.upstream.requests().len(), 1);
}

#[rocket::async_test]
async fn no_other_origin_gets_through() {
    let app = ProxyApp::start(clock!(), fine).await;
    let own = app.at.url("");
    let cases: [(Vec<(&str, &str)>, bool); 9] = [
        (vec![("Sec-Fetch-Site", "same-origin")], true),
        (vec![("Origin", &own)], true),
        (vec![("Sec-Fetch-Site", "same-site")], false),
        (vec![("Sec-Fetch-Site", "cross-site")], false),
        // The address bar sends no header of ours.
        (vec![("Sec-Fetch-Site", "none")], false),
        (
            vec![("Sec-Fetch-Site", "cross-site"), ("Origin", &own)],
            false,
        ),
        (vec![("Origin", "null")], false),
        (vec![("Origin", CROSS_SITE.trim_end_matches('/'))], false),
        (vec![], false),
    ];
    for method in ["GET", "POST", "OPTIONS"] {
        for (headers, passes) in &cases {
            let before = app.upstream.requests().len();
            let lines: String = headers
                .iter()
                .map(|(name, value)| format!("{name}: {value}\r\n"))
                .collect();
            let head = app.head(
                method,
                "/api/shop/cart",
                "Connection: close\r\nContent-Length: 0\r\n",
            );
            let head = head.replace("Sec-Fetch-Site: same-origin\r\n", &lines);
            let mut wire = app.wire().await;
            wire.send(head).await;
            let answer = wire.rest().await;
            let status = if *passes {
                "HTTP/1.1 200"
            } else {
                "HTTP/1.1 403"
            };
            assert!(answer.starts_with(status), "{method} {headers:?}: {answer}");
            assert!(
                !answer.to_lowercase().contains("access-control-"),
                "{answer}"
            );
            let sent = app.upstream.requests().len() - before;
            assert_eq!(sent, usize::from(*passes), "{method} {headers:?}");
        }
    }
}

#[rocket::async_test]
async fn who_is_not_signed_in_is_told_where_to() {
    let app = ProxyApp::start(clock!(), fine).await;
    let nobody = Browser::new();
    let request = nobody.request(Method::GET, app.at.url("/api/shop/cart"));
    let request = request.fetch().initiator(app.at.url("/protected?tab=2"));
    let request = request.header("Referer", app.at.url("/protected?tab=2"));
    let answer = request.header("X-CSRF", "1").send().await;
    assert_eq!(answer.status(), 401);
    let body: Value = answer.json();
    assert_eq!(body["error"], "Not authenticated");
    assert_eq!(body["sign_in"], "/sign-in?return_to=%2Fprotected%3Ftab%3D2");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert!(answer.header("www-authenticate").is_some());
    // JSON for whoever accepts anything, too, and home for who does not say where they are.
    let request = nobody.request(Method::GET, app.at.url("/api/shop/cart"));
    let request = request
        .header("Sec-Fetch-Site", "same-origin")
        .header("Accept", "*/*");
    let answer = request.header("X-CSRF", "1").send().await;
    let body: Value = answer.json();
    assert_eq!(body["sign_in"], "/sign-in?return_to=%2F");
    assert!(app.upstream.requests().is_empty());
}

/// It would outlive the session, and a `WebSocket` sends no header of ours.
#[rocket::async_test]
async fn another_protocol_is_refused() {
    let app = ProxyApp::start(clock!(), fine).await;
    let more = "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let mut wire = app.wire().await;
    wire.send(app.head(
        "GET",
        "/api/shop/live",
        &format!("Connection: Upgrade\r\n{more}"),
    ))
    .await;
    let answer = wire.until("reference").await;
    assert!(answer.starts_with("HTTP/1.1 501"), "{answer}");
    assert!(answer.contains("Upgrade not supported"), "{answer}");
    assert!(app.upstream.requests().is_empty());
}
