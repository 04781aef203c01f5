//! A path that could be read in more than one way goes nowhere. What goes, goes byte for byte.

use crate::support::clock::clock;
use crate::support::proxy_app::{ProxyApp, claims_of, fine};
use crate::support::targets::{ACME, GLOBEX};

const ODD: [&str; 30] = [
    "/api/shop/../admin",
    "/api/shop/..",
    "/api/shop/.",
    "/api/shop/./cart",
    "/api/shop/a/../../../admin",
    "/api/shop/%2e%2e/admin",
    "/api/shop/%2E%2E/admin",
    "/api/shop/.%2e/admin",
    "/api/shop/%2e",
    "/api/shop/..%2fadmin",
    "/api/shop/..%2Fadmin",
    "/api/shop/a%2fb",
    "/api/shop/%2fadmin",
    "/api/shop/..%5cadmin",
    "/api/shop/..\\admin",
    "/api/shop/a\\b",
    "/api/shop/%252e%252e/admin",
    "/api/shop/%25",
    "/api/shop/..;/admin",
    "/api/shop/..;a=b/admin",
    "/api/shop//admin",
    "/api/shop//elsewhere.example/",
    "//api/shop/cart",
    "/api//shop/cart",
    "/api/shop/cart//",
    "/api/shop/%00",
    "/api/shop/%0d%0aX:1",
    "/api/shop/%ff",
    "/api/shop/{a}",
    "/api/shop/cart?q='a'",
];

#[rocket::async_test]
async fn an_odd_path_goes_nowhere() {
    let app = ProxyApp::start(clock!(), fine).await;
    for target in ODD {
        for method in ["GET", "POST"] {
            let answer = app
                .exchange(method, target, "Content-Length: 0\r\n", "")
                .await;
            let status: u16 = answer[9..12].parse().expect("a status");
            // What no route or no parser takes is told by Rocket, or by what it is built on.
            assert!(matches!(status, 400 | 404), "{target}: {answer}");
        }
    }
    let requests = app.upstream.request_lines();
    assert_eq!(requests, [""; 0]);
    let answer = app.exchange("GET", "/api/shop/a%2fb", "", "").await;
    assert!(answer.contains("Ambiguous address"), "{answer}");
}

#[rocket::async_test]
async fn others_go_byte_for_byte() {
    let app = ProxyApp::start(clock!(), fine).await;
    for (sent, arrives) in [
        ("/api/shop", "/v1"),
        ("/api/shop/", "/v1/"),
        ("/api/shop?a", "/v1?a"),
        ("/api/shop/cart", "/v1/cart"),
        ("/api/shop/cart/", "/v1/cart/"),
        (
            "/api/shop/a%20b/%C3%BC/~c;d=e/f:g@h,i",
            "/v1/a%20b/%C3%BC/~c;d=e/f:g@h,i",
        ),
        ("/api/shop/...a/.b", "/v1/...a/.b"),
        ("/%61pi/shop/cart", "/v1/cart"),
        ("/api/shop/cart?", "/v1/cart?"),
        (
            "/api/shop/cart?a=1&a=2&&b=%2e%2e%2f%00&c=a+b%20c",
            "/v1/cart?a=1&a=2&&b=%2e%2e%2f%00&c=a+b%20c",
        ),
        (
            "/api/shop/cart?next=https://x.example/../y?z&q=%27",
            "/v1/cart?next=https://x.example/../y?z&q=%27",
        ),
        (
            "/api/shop/cart?slide=false&state=1",
            "/v1/cart?slide=false&state=1",
        ),
    ] {
        let answer = app.exchange("GET", sent, "", "").await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{sent}: {answer}");
        let line = app.upstream.request_lines().pop();
        assert_eq!(line, Some(format!("GET {arrives} HTTP/1.1")), "{sent}");
    }
}

/// RFC 9112 section 3.2.2. The upstream is that of the configuration, whatever host is named.
#[rocket::async_test]
async fn a_whole_address_names_no_other_host() {
    let app = ProxyApp::start(clock!(), fine).await;
    let target = "http://elsewhere.example/api/shop/cart";
    let answer = app.exchange("GET", target, "", "").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let request = app.upstream.requests().pop().expect("a request");
    assert_eq!(request.line, "GET /v1/cart HTTP/1.1");
    let host = format!("localhost:{}", app.upstream.port());
    assert_eq!(request.header("host"), Some(&*host));
}

#[rocket::async_test]
async fn the_organization_is_that_of_the_path() {
    let app = ProxyApp::start(clock!(), fine).await;
    for organization in [ACME, GLOBEX] {
        let path = format!("/api/orgs/{organization}/orders/7");
        let answer = app.exchange("GET", &path, "", "").await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        let request = app.upstream.requests().pop().expect("a request");
        assert_eq!(request.line, "GET /v1/7 HTTP/1.1");
        assert_eq!(claims_of(&request)["organization_id"], organization);
    }
    let before = app.upstream.requests().len();
    let answer = app
        .exchange("GET", "/api/orgs/nobody/orders/7", "", "")
        .await;
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    assert!(answer.contains("hint"), "{answer}");
    assert_eq!(app.upstream.requests().len(), before);
}
