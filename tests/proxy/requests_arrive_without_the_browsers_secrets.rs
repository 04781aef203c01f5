//! What the upstream gets, header by header: the user's token, and nothing that belongs to the
//! browser, to the session or to a connection.

use reqwest::Method;

use crate::support::app::ALICE;
use crate::support::clock::clock;
use crate::support::proxy_app::{ProxyApp, claims_of, fine};
use crate::support::raw_server::RawRequest;
use crate::support::targets::SHOPPING;

/// All headers but the token, in order of their names.
fn headers(request: &RawRequest) -> Vec<String> {
    let mut headers: Vec<_> = request
        .headers
        .iter()
        .filter(|(name, _)| name != "authorization")
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    headers.sort();
    headers
}

fn last(app: &ProxyApp) -> RawRequest {
    app.upstream.requests().pop().expect("a request")
}

#[rocket::async_test]
async fn with_the_users_token_and_what_the_script_says() {
    let app = ProxyApp::start(clock!(), fine).await;
    let more = "Accept: application/json\r\nAccept-Encoding: gzip, br\r\nAccept-Language: th\r\n\
                Content-Type: application/json\r\nContent-Length: 9\r\nIdempotency-Key: 7\r\n\
                If-Match: \"a\"\r\nRange: bytes=0-9\r\nUser-Agent: Firefox/140.0\r\nX-Trace: 1\r\n\
                X-Trace: 2\r\n";
    let answer = app
        .exchange("POST", "/api/shop/cart?a=1", more, "{\"a\":\"b\"}")
        .await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let request = last(&app);
    assert_eq!(request.line, "POST /v1/cart?a=1 HTTP/1.1");
    assert_eq!(request.body, b"{\"a\":\"b\"}");
    let host = format!("host: localhost:{}", app.upstream.port());
    assert_eq!(
        headers(&request),
        [
            "accept-encoding: gzip, br",
            "accept-language: th",
            "accept: application/json",
            "content-length: 9",
            "content-type: application/json",
            &host,
            "idempotency-key: 7",
            "if-match: \"a\"",
            "range: bytes=0-9",
            "user-agent: Firefox/140.0",
            "via: 1.1 rocket_logto",
            "x-trace: 1",
            "x-trace: 2",
        ]
    );
    let claims = claims_of(&request);
    assert_eq!(claims["aud"], SHOPPING);
    assert_eq!(claims["sub"], ALICE);
}

/// A known hole of such proxies: the API got the session of the app, and could use it.
#[rocket::async_test]
async fn no_cookie_is_forwarded() {
    let app = ProxyApp::start(clock!(), fine).await;
    for method in ["GET", "POST", "OPTIONS"] {
        let more = "Cookie2: $Version=1\r\nContent-Length: 0\r\n";
        app.exchange(method, "/api/shop/cart", more, "").await;
        let sent = format!("{:?}", last(&app)).to_lowercase();
        assert!(!sent.contains("cookie"), "{sent}");
        assert!(!sent.contains("logto_session"), "{sent}");
    }
}

/// An API may believe each of these, and anybody can write them.
#[rocket::async_test]
async fn nothing_that_claims_to_be_from_a_proxy_or_for_this_app() {
    let app = ProxyApp::start(clock!(), fine).await;
    let names = [
        "Access-Control-Request-Method",
        "CF-Connecting-IP",
        "Client-IP",
        "DPoP",
        "Fastly-Client-IP",
        "Forwarded",
        "Keep-Alive",
        "Origin",
        "Proxy-Authorization",
        "Proxy-Connection",
        "Proxy_Authorization",
        "Referer",
        "Sec-CH-UA",
        "Sec-Fetch-Mode",
        "TE",
        "Trailer",
        "True-Client-IP",
        "Via",
        "X-Client-IP",
        "X-Cluster-Client-IP",
        "X-Forwarded-For",
        "X-Forwarded-Host",
        "X-Forwarded-User",
        "X-HTTP-Method-Override",
        "X-Original-URL",
        "X-Real-IP",
        "X-Rewrite-URL",
        "X_Forwarded_For",
        "x_real_ip",
    ];
    let own = app.at.url("");
    let lines: String = names
        .iter()
        .map(|name| match *name {
            "Origin" => format!("Origin: {own}\r\n"),
            name => format!("{name}: canary\r\n"),
        })
        .collect();
    app.exchange("GET", "/api/shop/cart", &lines, "").await;
    let request = last(&app);
    let host = format!("host: localhost:{}", app.upstream.port());
    let accept = "accept: */*";
    let expected = [
        accept,
        &host,
        "user-agent: rocket_logto/0.1.0",
        "via: 1.1 rocket_logto",
    ];
    assert_eq!(headers(&request), expected);
}

/// The browser's own credentials for something else do not stand in for the token.
#[rocket::async_test]
async fn the_browsers_authorization_is_replaced() {
    let app = ProxyApp::start(clock!(), fine).await;
    let more = "Authorization: Basic Y2FuYXJ5OmNhbmFyeQ==\r\n";
    app.exchange("GET", "/api/shop/cart", more, "").await;
    let request = last(&app);
    let tokens = request
        .headers
        .iter()
        .filter(|(name, _)| name == "authorization");
    assert_eq!(tokens.count(), 1);
    assert_eq!(claims_of(&request)["sub"], ALICE);
}

/// RFC 9110 section 7.6.1.
#[rocket::async_test]
async fn what_connection_names_stays_here() {
    let app = ProxyApp::start(clock!(), fine).await;
    let more =
        "Connection: X-Hop , x-other-hop\r\nX-Hop: canary\r\nX-Other-Hop: canary\r\nX-Stays: 1\r\n";
    app.exchange("GET", "/api/shop/cart", more, "").await;
    let sent = headers(&last(&app)).join("\n");
    assert!(!sent.contains("canary"), "{sent}");
    assert!(sent.contains("x-stays: 1"), "{sent}");
}

#[rocket::async_test]
async fn every_method_arrives_as_it_is() {
    let app = ProxyApp::start(clock!(), fine).await;
    for method in [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::OPTIONS,
    ] {
        let answer = app.call(method.clone(), "/api/shop/cart").send().await;
        assert_eq!(answer.status(), 200, "{method}");
        let request = last(&app);
        assert_eq!(request.line, format!("{method} /v1/cart HTTP/1.1"));
        // Of what has no body, some say so.
        assert!(request.body.is_empty());
        assert_eq!(request.header("transfer-encoding"), None, "{method}");
        assert!(matches!(request.header("content-length"), None | Some("0")));
        match method {
            Method::HEAD => {
                assert!(answer.bytes().is_empty());
                assert_eq!(answer.header("content-length"), Some("2"));
            }
            _ => assert_eq!(answer.text(), "{}"),
        }
    }
    // It would show the token.
    let before = app.upstream.requests().len();
    let answer = app.call(Method::TRACE, "/api/shop/cart").send().await;
    assert_eq!(answer.status(), 404);
    assert_eq!(app.upstream.requests().len(), before);
}
