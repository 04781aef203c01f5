//! Where a sign-in ends is a path of the app, whatever anybody writes into
//! `return_to`; and the sign-in itself is finished all the same.

use logto_dev_provider::Endpoint;
use rocket::{get, routes};
use rocket_logto::{SignIn, UserInfo};
use url::Url;
use url::form_urlencoded::byte_serialize;

use crate::support::app::{ALICE, TestApp};
use crate::support::browser::{Browser, Response};
use crate::support::pages::pages;

/// Each would lead elsewhere in some browser, proxy or parser, or breaks one.
const BAD: &[&str] = &[
    // Another host, plainly.
    "evil.example",
    "evil.example/protected",
    "http://evil.example",
    "https://evil.example/",
    "HTTPS://EVIL.EXAMPLE",
    "ftp://evil.example",
    "//evil.example",
    "//evil.example/protected",
    "///evil.example",
    "////evil.example",
    "//evil.example@localhost",
    "//localhost@evil.example",
    "//[::1]:80/",
    "//2130706433/",
    "//evil%E3%80%82example",
    // Schemes without slashes.
    "https:evil.example",
    "https:/evil.example",
    "https:\\\\evil.example",
    "http:///evil.example",
    "javascript:alert(1)",
    "JavaScript:alert(1)",
    " javascript:alert(1)",
    "java\tscript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:x",
    "file:///etc/passwd",
    "mailto:a@evil.example",
    "view-source:https://evil.example",
    "about:blank",
    // Backslashes, which browsers take for slashes.
    "/\\evil.example",
    "\\/evil.example",
    "\\\\evil.example",
    "/\\/evil.example",
    "//\\evil.example",
    "/\\\\/evil.example",
    "/protected\\..\\..\\evil",
    "\\evil.example",
    "/%5cevil.example",
    "/%5C%5Cevil.example",
    "/%255cevil.example",
    // White space and control characters, which browsers take away.
    "/\t/evil.example",
    "/\n/evil.example",
    "/\r/evil.example",
    "/\r\n/evil.example",
    "\t//evil.example",
    " //evil.example",
    "/ /evil.example",
    "/\t\\evil.example",
    "/\u{0b}/evil.example",
    "/\u{0c}/evil.example",
    "/\0/evil.example",
    "/\u{7f}/evil.example",
    "/%09/evil.example",
    "/%0a/evil.example",
    "/%0d%0aLocation:%20https://evil.example",
    "/%00/evil.example",
    "/%2509/evil.example",
    "/a\r\nSet-Cookie: logto_session=x",
    // Dots.
    "/.",
    "/..",
    "/./evil.example",
    "/../evil.example",
    "/..//evil.example",
    "/.//evil.example",
    "/x/..//evil.example",
    "/x/../../evil.example",
    "/%2e%2e//evil.example",
    "/%2e//evil.example",
    "/%252e%252e/evil.example",
    "/.%2e/evil.example",
    // User info and ports.
    "@evil.example",
    ":@evil.example",
    ".evil.example",
    ":80",
    "localhost:3000@evil.example",
    "https://localhost@evil.example",
    "https://localhost:3000.evil.example",
    "https://evil.example#localhost",
    "https://evil.example?localhost",
    // Unicode that is white space, a slash or a dot to somebody.
    "/\u{2028}/evil.example",
    "/\u{2029}/evil.example",
    "/\u{85}/evil.example",
    "/\u{a0}/evil.example",
    "/\u{3000}/evil.example",
    "/\u{feff}/evil.example",
    "/\u{200b}/evil.example",
    "\u{ff0f}\u{ff0f}evil.example",
    "/\u{ff0f}evil.example",
    "/\u{2215}evil.example",
    "/\u{29f8}evil.example",
    "/\u{ff3c}evil.example",
    "//evil\u{3002}example",
    "/\u{202e}elpmaxe.live",
    // Not well-formed.
    "",
    "?x=1",
    "#x",
    "protected",
    "/ü",
    "/a b",
    "/%zz",
    "/%",
    "/%a",
    "/a%",
    "/\"><script>alert(1)</script>\u{e9}",
    "null",
    "undefined",
];

/// Each is a path of the app and must come out as it went in.
const GOOD: &[&str] = &[
    "/",
    "/protected",
    "/protected?",
    "/protected?x=1&y=2",
    "/protected?x=1&x=1&y",
    "/protected?q=a%20b+c%26d%3De",
    "/protected?name=%C3%BC",
    "/protected?next=https://other.example/%23x",
    "/protected?next=//other.example",
    "/protected#part",
    "/protected?a=1#part?b=2",
    "/organizations/acme5obvzg01/orders/17",
    "/%C3%BC",
    "/a;b=c,d/~e/f.g_h-i!$'()*+",
    "/@someone",
    "/:8080/x",
    "/%2f%2fother.example",
    "/sign-in-help",
    "/...",
    "/.well-known/x",
    "/callbacks",
    "/%41%2Fb",
];

#[get("/start?<to>")]
fn start(to: &str) -> SignIn {
    SignIn::new().return_to(to)
}

fn encoded(text: &str) -> String {
    byte_serialize(text.as_bytes()).collect()
}

struct Ways {
    app: TestApp,
    browser: Browser,
}

impl Ways {
    async fn start() -> Ways {
        let app = TestApp::start(pages().mount("/", routes![start])).await;
        app.provider.hooks().sign_in_as(Some(ALICE));
        let browser = Browser::new();
        Ways { app, browser }
    }

    /// Signs in from `path` in a browser of its own; the answer of the callback.
    async fn callback(&self, path: &str, case: &str) -> Response {
        let browser = self.browser.clone();
        let to_provider = browser.navigate(self.app.url(path)).await;
        assert_eq!(to_provider.status(), 303, "{case}: {}", to_provider.text());
        let back = browser.follow(&to_provider).await;
        let answer = browser.follow(&back).await;
        assert_eq!(answer.status(), 303, "{case}: {}", answer.text());
        assert_eq!(answer.url().path(), "/callback", "{case}");
        let home = browser.navigate(self.app.url("/")).await;
        assert_eq!(home.text(), ALICE, "{case}: signed in all the same");
        let origin = Url::parse(&self.app.url("/")).unwrap().origin();
        let location = answer.location().expect("a Location");
        assert_eq!(location.origin(), origin, "{case}");
        answer
    }

    /// All ways in which a value can come.
    fn paths(value: &str) -> [String; 3] {
        let value = encoded(value);
        [
            format!("/sign-in?return_to={value}"),
            format!("/sign-up?login_hint=x&return_to={value}"),
            format!("/start?to={value}"),
        ]
    }
}

#[rocket::async_test]
async fn bad_values_end_at_the_front_page_signed_in() {
    let ways = Ways::start().await;
    for value in BAD {
        for path in Ways::paths(value) {
            let case = format!("{value:?} by {path}");
            let answer = ways.callback(&path, &case).await;
            assert_eq!(answer.header("location"), Some("/"), "{case}");
        }
    }
}

#[rocket::async_test]
async fn good_values_survive_as_they_are() {
    let ways = Ways::start().await;
    for value in GOOD {
        for path in Ways::paths(value) {
            let case = format!("{value:?} by {path}");
            let answer = ways.callback(&path, &case).await;
            assert_eq!(answer.header("location"), Some(*value), "{case}");
        }
    }
}

#[rocket::async_test]
async fn values_that_are_too_long_or_twice_there_or_no_text_end_at_home() {
    let ways = Ways::start().await;
    let eight_kib = "a".repeat(8 * 1024);
    for path in [
        format!("/sign-in?return_to=/{eight_kib}"),
        format!("/sign-in?return_to=/protected?x={eight_kib}"),
        format!("/start?to=/{eight_kib}"),
        "/sign-in?return_to=/protected&return_to=//evil.example".to_owned(),
        "/sign-in?return_to=%ff%fe".to_owned(),
        "/sign-in?return_to=/%ff".to_owned(),
        "/sign-in?return_to".to_owned(),
        "/sign-in?RETURN_TO=/protected".to_owned(),
        "/sign-in".to_owned(),
    ] {
        let answer = ways.callback(&path, &path).await;
        assert_eq!(answer.header("location"), Some("/"), "{path}");
    }
    // Long, but not too long.
    let value = format!("/protected?x={}", "a".repeat(1500));
    let path = format!("/sign-in?return_to={}", encoded(&value));
    let answer = ways.callback(&path, &path).await;
    assert_eq!(answer.header("location"), Some(value.as_str()));
}

/// There it would seem to have failed.
#[rocket::async_test]
async fn no_sign_in_ends_at_the_callback() {
    let app = TestApp::start(pages()).await;
    let browser = Browser::new();
    for path in [
        "/callback",
        "/callback?error=x",
        "//callback",
        "/%63allback/",
    ] {
        for case in ["signs in", "is signed in"] {
            let start = app.url(&format!("/sign-in?return_to={path}"));
            app.provider.hooks().sign_in_as(Some(ALICE));
            let steps = browser.navigate_following(start, 10).await;
            let page = steps.last().expect("a page");
            assert_eq!(page.url().path(), "/", "{path} {case}");
            assert_eq!(page.text(), ALICE, "{path} {case}");
        }
        browser.post_form(app.url("/sign-out"), &[]).await;
    }
}

#[rocket::async_test]
async fn a_deep_link_survives_the_sign_in() {
    let ways = Ways::start().await;
    for path in [
        "/protected?x=1&y=%C3%BC&z=a+b%20c",
        "/protected?return_to=/other&state=s&code=c",
        "/protected?next=https%3A%2F%2Fother.example%2F",
    ] {
        let browser = ways.browser.clone();
        let url = ways.app.url(path);
        let page = browser.navigate_following(&url, 9).await.pop().unwrap();
        assert_eq!(page.url().as_str(), url);
        assert_eq!(page.text(), ALICE, "{path}");
    }
    // One that no sign-in can come back to still signs in.
    for path in [
        "/protected?x=%00&y=%zz",
        "/protected?x=\"<>",
        "/protected?%",
    ] {
        let browser = ways.browser.clone();
        let url = ways.app.url(path);
        let page = browser.navigate_following(&url, 9).await.pop().unwrap();
        assert_eq!((page.status(), page.text()), (200, ALICE.into()), "{path}");
    }
}

#[get("/<_..>")]
fn anything(_info: UserInfo) -> &'static str {
    "something"
}

/// A path that begins with two slashes is another host to a browser.
#[rocket::async_test]
async fn try_again_leads_to_this_app() {
    let app = TestApp::start(rocket::build().mount("/", routes![anything])).await;
    let browser = Browser::new();
    app.provider.hooks().sign_in_as(Some(ALICE));
    browser.navigate_following(app.url("/x"), 9).await;
    let hooks = app.provider.hooks();
    hooks.respond(Endpoint::UserInfo, |_, reply| reply.status = 500);
    for (path, again) in [("/a/b?c=d", "/a/b?c=d"), ("//evil.example/x", "/")] {
        let answer = browser.navigate(app.url(path)).await;
        assert_eq!(answer.status(), 502, "{path}");
        let links = answer.page().links;
        let link = links.iter().find(|link| link.text == "Try again");
        assert_eq!(link.expect("a link").href, again, "{path}");
    }
}

#[rocket::async_test]
async fn somebody_already_signed_in_stays_in_the_app_too() {
    let ways = Ways::start().await;
    let browser = ways.browser.clone();
    let sign_in = ways.app.url("/sign-in");
    browser.navigate_following(&sign_in, 9).await;
    ways.app.provider.clear_requests();
    for (values, kept) in [(BAD, false), (GOOD, true)] {
        for value in values {
            let url = format!("{sign_in}?return_to={}", encoded(value));
            let answer = browser.navigate(url).await;
            assert_eq!(answer.status(), 303, "{value:?}");
            let to = if kept { value } else { "/" };
            assert_eq!(answer.header("location"), Some(to), "{value:?}");
        }
    }
    assert_eq!(ways.app.provider.requests().len(), 0);
}
