//! The tests' own browser: redirects, the headers that say who asks, a proxy in
//! between. `chromium_works` compares some of it with the real one.

use crate::support::browser::{Browser, Response};
use crate::support::raw_server::{RawServer, Step, response};

/// Answers each request with what it was asked, as text.
async fn echo() -> RawServer {
    RawServer::start(|request| {
        let told = [
            "cookie",
            "origin",
            "accept",
            "host",
            "x-forwarded-proto",
            "sec-fetch-site",
        ]
        .into_iter()
        .filter_map(|name| Some(format!("{name}: {}", request.header(name)?)));
        let body = String::from_utf8_lossy(&request.body).into_owned();
        let text: Vec<_> = [request.line.clone()]
            .into_iter()
            .chain(told)
            .chain([body])
            .collect();
        vec![Step::Send(response(
            "200 OK",
            "text/plain",
            text.join("\n").as_bytes(),
        ))]
    })
    .await
}

fn redirect(status: &str, location: &str) -> Vec<Step> {
    let head = format!("HTTP/1.1 {status}\r\nLocation: {location}\r\nSet-Cookie: hop=1\r\n");
    vec![Step::text(format!(
        "{head}Content-Length: 0\r\nConnection: close\r\n\r\n"
    ))]
}

#[rocket::async_test]
async fn redirects_change_the_method_as_fetch_says() {
    let echo = echo().await;
    let table = [
        ("301 Moved Permanently", "GET"),
        ("302 Found", "GET"),
        ("303 See Other", "GET"),
        ("307 Temporary Redirect", "POST"),
        ("308 Permanent Redirect", "POST"),
    ];
    for (status, method) in table {
        let target = echo.url("/target");
        let server = RawServer::start(move |_| redirect(status, &target)).await;
        let browser = Browser::new();
        let first = browser
            .post_form(server.url("/start"), &[("a", "1 2")])
            .await;
        assert_eq!(first.set_cookies(), ["hop=1"]);
        let last = browser.follow(&first).await;
        let text = last.text();
        assert!(
            text.starts_with(&format!("{method} /target ")),
            "{status}: {text}"
        );
        assert_eq!(text.contains("a=1+2"), method == "POST", "{status}: {text}");
        assert!(text.contains("cookie: hop=1"), "{status}: {text}");
        assert!(
            text.contains("sec-fetch-site: same-site"),
            "{status}: {text}"
        );
    }
}

#[rocket::async_test]
async fn chains_are_kept_and_bounded() {
    let server = RawServer::start(|request| match request.path() {
        "/end" => vec![Step::Send(response("200 OK", "text/plain", b"here"))],
        "/second" => redirect("303 See Other", "/end"),
        _ => redirect("303 See Other", "/second"),
    })
    .await;
    let hops = Browser::new()
        .navigate_following(server.url("/first"), 2)
        .await;
    let statuses: Vec<_> = hops.iter().map(Response::status).collect();
    assert_eq!(statuses, [303, 303, 200]);
    assert_eq!(hops[2].text(), "here");
    assert_eq!(server.count("/second"), 1);

    let endless = RawServer::start(|_| redirect("303 See Other", "/again")).await;
    let url = endless.url("/");
    let given_up = rocket::tokio::spawn(async move {
        Browser::new().navigate_following(url, 5).await;
    });
    assert!(given_up.await.is_err());
    assert_eq!(endless.connections(), 6);
}

#[rocket::async_test]
async fn a_browser_says_who_asks() {
    let echo = echo().await;
    let browser = Browser::new();
    browser
        .set_cookie_raw(echo.url("/"), "lax=1; SameSite=Lax")
        .unwrap();

    let typed = browser.navigate(echo.url("/")).await.text();
    assert!(typed.contains("accept: text/html"), "{typed}");
    assert!(typed.contains("sec-fetch-site: none"), "{typed}");
    assert!(!typed.contains("origin:"), "{typed}");

    let own = browser.post_form(echo.url("/"), &[]).await.text();
    assert!(own.contains("sec-fetch-site: same-origin"), "{own}");
    assert!(
        own.contains(&format!("origin: http://localhost:{}", echo.port())),
        "{own}"
    );
    assert!(own.contains("cookie: lax=1"), "{own}");

    let foreign = browser.cross_site_post(echo.url("/"), &[]).await.text();
    assert!(foreign.contains("sec-fetch-site: cross-site"), "{foreign}");
    assert!(
        foreign.contains("origin: https://cross-site.example"),
        "{foreign}"
    );
    assert!(!foreign.contains("cookie:"), "{foreign}");

    let script = browser.fetch_json(echo.url("/")).await.text();
    assert!(script.contains("accept: application/json"), "{script}");

    let bare = browser.get(echo.url("/")).await.text();
    assert!(!bare.contains("sec-fetch"), "{bare}");
    assert!(bare.contains("cookie: lax=1"), "{bare}");

    let raw = browser.request(reqwest::Method::GET, echo.url("/"));
    let raw = raw.cookie_header_override(b"x=y; x=z").send().await.text();
    assert!(raw.contains("cookie: x=y; x=z\n"), "{raw}");
}

#[rocket::async_test]
async fn a_proxy_makes_plain_http_look_like_https() {
    let echo = echo().await;
    let browser = Browser::new().behind_proxy("https://app.example.com", &echo.url(""));
    browser
        .set_cookie_raw("https://app.example.com/", "__Host-a=1; Secure; Path=/")
        .unwrap();
    let answer = browser
        .navigate("https://app.example.com/page?q=1")
        .await
        .text();
    assert!(answer.starts_with("GET /page?q=1 "), "{answer}");
    assert!(answer.contains("host: app.example.com\n"), "{answer}");
    assert!(answer.contains("x-forwarded-proto: https"), "{answer}");
    assert!(answer.contains("cookie: __Host-a=1"), "{answer}");
}

#[rocket::async_test]
async fn a_clone_is_a_copy() {
    let browser = Browser::new();
    browser
        .set_cookie_raw("http://localhost/", "a=1; HttpOnly")
        .unwrap();
    let thief = browser.clone();
    browser.edit_cookies(|cookies| cookies[0].value = "2".to_owned());
    assert_eq!(
        browser.cookie_header("http://localhost/").as_deref(),
        Some("a=2")
    );
    assert_eq!(
        thief.cookie_header("http://localhost/").as_deref(),
        Some("a=1")
    );
    assert!(thief.cookie("a").unwrap().http_only);
    assert!(thief.cookie("b").is_none());
}
