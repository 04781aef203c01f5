//! `SameOrigin`, and `same_origin_only()` for a whole app: with the user's session no other
//! origin changes anything, be it of the same site.

use rocket::figment::value::Dict;
use rocket::http::Method;
use rocket::{Route, post, put, routes};
use rocket_logto::{Error, Logto, SameOrigin, User};

use crate::support::app::{ALICE, TestApp};
use crate::support::browser::Browser;
use crate::support::pages::pages;

const DONE: &str = "done";

#[post("/own")]
fn own(_own: SameOrigin, user: Option<User>) -> &'static str {
    let _ = user;
    DONE
}

#[rocket::get("/own")]
fn read(_own: SameOrigin) -> &'static str {
    DONE
}

#[post("/maybe")]
fn maybe(own: Option<SameOrigin>, why: Result<SameOrigin, Error>) -> String {
    let why = why.err().map(|error| error.kind());
    format!("{} {why:?}", own.is_some())
}

#[post("/any")]
fn any() -> &'static str {
    DONE
}

#[put("/any")]
fn replace() -> &'static str {
    DONE
}

fn handlers() -> Vec<Route> {
    routes![own, read, maybe, any, replace]
}

/// What a request says of where it comes from, and whether it passes. `{own}` stands for
/// the origin of `base_url`.
const CASES: [(&[(&str, &str)], bool); 13] = [
    (&[("Sec-Fetch-Site", "same-origin")], true),
    (&[("Sec-Fetch-Site", "none")], true),
    (&[("Sec-Fetch-Site", "same-site")], false),
    (&[("Sec-Fetch-Site", "cross-site")], false),
    (&[("Sec-Fetch-Site", "")], false),
    (&[("Sec-Fetch-Site", "Same-Origin")], false),
    (
        &[("Sec-Fetch-Site", "cross-site"), ("Origin", "{own}")],
        false,
    ),
    (
        &[
            ("Sec-Fetch-Site", "same-origin"),
            ("Sec-Fetch-Site", "cross-site"),
        ],
        false,
    ),
    (&[("Origin", "{own}")], true),
    (&[("Origin", "null")], false),
    (&[("Origin", "{own}.evil.example")], false),
    (&[("Origin", "http://localhost:1")], false),
    (&[], false),
];

/// The status of a request with the cookies of `browser` and these headers.
async fn send(
    app: &TestApp,
    browser: &Browser,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
) -> u16 {
    let url = app.url(path);
    let own = url.strip_suffix(path).expect("an origin");
    let cookies = browser.cookie_header(&url);
    let client = reqwest::Client::new();
    let method = method.as_str().parse().expect("a method");
    let mut request = client.request(method, &url).header("Content-Length", "0");
    for (name, value) in headers {
        request = request.header(*name, value.replace("{own}", own));
    }
    if let Some(cookies) = cookies {
        request = request.header("Cookie", cookies);
    }
    request.send().await.expect("an answer").status().as_u16()
}

#[rocket::async_test]
async fn the_guard_takes_requests_of_our_own_pages_only() {
    let app = TestApp::start(pages().mount("/", handlers())).await;
    let nobody = Browser::new();
    for (headers, passes) in CASES {
        let status = send(&app, &nobody, Method::Post, "/own", headers).await;
        assert_eq!(status, if passes { 200 } else { 403 }, "{headers:?}");
        let status = send(&app, &nobody, Method::Get, "/own", headers).await;
        assert_eq!(status, 200, "reading: {headers:?}");
        let status = send(&app, &nobody, Method::Post, "/any", headers).await;
        assert_eq!(status, 200, "without the guard: {headers:?}");
    }
    // As browsers send it.
    let form = nobody.post_form(app.url("/own"), &[]).await;
    assert_eq!(form.text(), DONE);
    let other = nobody.cross_site_post(app.url("/own"), &[]).await;
    assert_eq!(other.status(), 403);
    assert_eq!(other.page().title, "Not from here");
    let maybe = nobody.cross_site_post(app.url("/maybe"), &[]).await;
    assert_eq!(maybe.text(), "false Some(CrossSite)");
}

#[rocket::async_test]
async fn the_switch_refuses_what_brings_a_session_from_elsewhere() {
    let fairing = Logto::fairing().same_origin_only();
    let rocket = pages().mount("/", handlers());
    let app = TestApp::with_fairing(Dict::new(), fairing, rocket).await;
    let (alice, nobody) = (Browser::new(), Browser::new());
    app.sign_in(&alice, "/protected", ALICE).await;
    for (headers, passes) in CASES {
        let expected = if passes { 200 } else { 403 };
        for method in [Method::Post, Method::Put] {
            let status = send(&app, &alice, method, "/any", headers).await;
            assert_eq!(status, expected, "{method} {headers:?}");
            let status = send(&app, &nobody, method, "/any", headers).await;
            assert_eq!(status, 200, "no session: {method} {headers:?}");
        }
        let status = send(&app, &alice, Method::Get, "/protected", headers).await;
        assert_eq!(status, 200, "reading: {headers:?}");
    }
    // Ours have their own rules.
    let back_channel = [("Origin", "https://elsewhere.example")];
    let status = send(
        &app,
        &alice,
        Method::Post,
        "/backchannel-logout",
        &back_channel,
    )
    .await;
    assert_eq!(status, 400);
    let out = alice.post_form(app.url("/sign-out"), &[]).await;
    assert_eq!(out.status(), 303);
}
