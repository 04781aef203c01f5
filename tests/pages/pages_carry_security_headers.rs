//! Every answer of the app carries its security headers, once each: pages,
//! redirects, errors, JSON and static files, for everybody and for somebody.

use std::collections::BTreeSet;

use reqwest::Method;

use crate::support::app::ALICE;
use crate::support::beside::Beside;
use crate::support::browser::{Browser, CROSS_SITE, Response};
use crate::support::demo::Demo;
use crate::support::leaks::OWN;
use crate::support::raw_server::{Step, response};
use crate::support::serve::free_port;

/// Who may keep a copy.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kept {
    ByNobody,
    ByEverybody,
    /// Nothing in it depends on who asks.
    AsItMay,
}
use Kept::{AsItMay, ByEverybody, ByNobody};

/// How it is asked for.
#[derive(Debug, Clone, Copy)]
enum How {
    Typed,
    Head,
    Script,
    OwnForm,
    OtherSitesLink,
    OtherSitesForm,
}
use How::{Head, OtherSitesForm, OtherSitesLink, OwnForm, Script, Typed};

type Case = (How, &'static str, u16, Kept);

const SIGNED_OUT: &[Case] = &[
    (Typed, "/", 200, ByNobody),
    (Head, "/", 200, ByNobody),
    (Typed, "/protected", 303, ByNobody),
    (Script, "/protected", 401, ByNobody),
    (Typed, "/protected/userinfo", 303, ByNobody),
    (Script, "/protected/userinfo", 401, ByNobody),
    (Typed, "/protected/no-redirect", 401, ByNobody),
    (Typed, "/sign-in", 303, ByNobody),
    (Typed, "/sign-up", 303, ByNobody),
    (Head, "/sign-in", 204, ByNobody),
    (Head, "/callback?code=x&state=y", 204, ByNobody),
    (Head, "/sign-out", 204, ByNobody),
    (Typed, "/callback", 200, ByNobody),
    (Typed, "/callback?code=x&state=y", 303, ByNobody),
    (Typed, "/callback?code=x&state=again.y", 400, ByNobody),
    (Typed, "/callback?error=server_error&state=y", 400, ByNobody),
    (OtherSitesForm, "/callback", 200, ByNobody),
    (Typed, "/sign-out", 200, ByNobody),
    (OwnForm, "/sign-out", 303, ByNobody),
    (OtherSitesLink, "/sign-out", 200, ByNobody),
    (OtherSitesForm, "/sign-out", 403, ByNobody),
    (Typed, "/static/app.css", 200, ByEverybody),
    (Typed, "/static/icon.svg", 200, ByEverybody),
    (Typed, "/static/nowhere", 404, ByNobody),
    (Typed, "/nowhere", 404, ByNobody),
    (Script, "/nowhere", 404, AsItMay),
    (OwnForm, "/protected", 404, ByNobody),
];

const SIGNED_IN: &[Case] = &[
    (Typed, "/", 200, ByNobody),
    (Typed, "/protected", 200, ByNobody),
    (Head, "/protected", 200, ByNobody),
    (Script, "/protected", 200, ByNobody),
    (Typed, "/protected/userinfo", 200, ByNobody),
    (Typed, "/protected/no-redirect", 200, ByNobody),
    (Typed, "/sign-in", 303, ByNobody),
    (Typed, "/callback", 200, ByNobody),
    (Typed, "/callback?code=x", 400, ByNobody),
    (Head, "/sign-out", 204, ByNobody),
    (OtherSitesLink, "/sign-out", 200, ByNobody),
    (OtherSitesForm, "/sign-out", 403, ByNobody),
    (Typed, "/static/app.css", 200, ByEverybody),
    (Typed, "/nowhere", 404, ByNobody),
    // Ends the session, so it is the last.
    (OwnForm, "/sign-out", 303, ByNobody),
];

const WITHOUT_PROVIDER: &[Case] = &[
    (Typed, "/", 200, ByNobody),
    (Typed, "/sign-in", 503, ByNobody),
    (Script, "/sign-in", 204, ByNobody),
    (OtherSitesLink, "/sign-out", 200, ByNobody),
];

async fn ask(browser: &Browser, how: How, url: &str) -> Response {
    match how {
        Typed => browser.navigate(url).await,
        Head => {
            let request = browser.request(Method::HEAD, url);
            request.navigation().send().await
        }
        Script => browser.fetch_json(url).await,
        OwnForm => browser.post_form(url, &[]).await,
        OtherSitesLink => browser.navigate_from(CROSS_SITE, url).await,
        OtherSitesForm => browser.cross_site_post(url, &[]).await,
    }
}

async fn check(browser: &Browser, demo: &Demo, cases: &[Case]) {
    for (how, path, status, kept) in cases {
        let answer = ask(browser, *how, &demo.url(path)).await;
        let case = format!(
            "{how:?} {path}: {} {:#?}",
            answer.status(),
            answer.headers()
        );
        assert_eq!(answer.status(), *status, "{case}");
        has_no_header_twice(&answer, &case);
        has_the_fixed_headers(&answer, &case);
        has_a_strict_policy(&answer, &demo.provider_url(""), &case);
        is_kept(&answer, *kept, &case);
    }
}

fn has_no_header_twice(answer: &Response, case: &str) {
    for name in answer.headers().keys() {
        let times = answer.headers().get_all(name).into_iter().count();
        assert!(times == 1 || name == "set-cookie", "{name} twice, {case}");
    }
}

fn has_the_fixed_headers(answer: &Response, case: &str) {
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        // Only https may ask for it (RFC 6797 section 7.2).
        ("strict-transport-security", ""),
    ] {
        let found = answer.header(name).unwrap_or_default();
        assert_eq!(found, value, "{name}, {case}");
    }
    let referrer = answer.header("referrer-policy").unwrap_or_default();
    assert!(
        ["same-origin", "no-referrer"].contains(&referrer),
        "Referrer-Policy, {case}"
    );
}

fn has_a_strict_policy(answer: &Response, provider: &str, case: &str) {
    let policy = answer.header("content-security-policy");
    let policy = policy.unwrap_or_else(|| panic!("no policy, {case}"));
    let directives: Vec<&str> = policy.split(';').map(str::trim).collect();
    for directive in [
        "default-src 'none'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    ] {
        assert!(directives.contains(&directive), "{directive}, {case}");
    }
    assert!(!policy.contains("unsafe"), "{case}");
    assert!(!policy.contains("script-src"), "{case}");
    let form_action = directives
        .iter()
        .find_map(|directive| directive.strip_prefix("form-action "))
        .unwrap_or_else(|| panic!("no form-action, {case}"));
    let targets: Vec<&str> = form_action.split(' ').collect();
    assert_eq!(targets[0], "'self'", "{case}");
    // The redirect after our form leads to the provider, and to nobody else.
    assert!(
        targets[1..].iter().all(|target| *target == provider),
        "{case}"
    );
    if answer.text().contains("<form") {
        assert_eq!(targets.len(), 2, "a form's page, {case}");
    }
}

fn is_kept(answer: &Response, kept: Kept, case: &str) {
    let cache = answer.header("cache-control").unwrap_or_default();
    match kept {
        ByNobody => assert_eq!(cache, "no-store", "{case}"),
        ByEverybody => {
            assert!(cache.starts_with("public, max-age="), "{case}");
            assert_eq!(answer.header("vary"), None, "{case}");
            assert_eq!(answer.set_cookies(), [""; 0], "{case}");
        }
        AsItMay => {}
    }
}

#[rocket::async_test]
async fn for_everybody_and_for_somebody() {
    let demo = Demo::start().await;
    check(&Browser::new(), &demo, SIGNED_OUT).await;

    let browser = Browser::new();
    demo.sign_in(&browser, ALICE).await;
    check(&browser, &demo, SIGNED_IN).await;
    let protected = browser.navigate(demo.url("/protected")).await;
    assert_eq!(protected.status(), 303, "signed out at the end");
}

#[rocket::async_test]
async fn when_a_session_ends_in_between() {
    let demo = Demo::start().await;
    let browser = Browser::new();
    demo.sign_in(&browser, ALICE).await;
    let suspend = [("user", ALICE), ("suspend", "yes")];
    Browser::new()
        .post_form(demo.provider_url("/suspend"), &suspend)
        .await;
    let ended = [
        (Typed, "/protected/userinfo", 303, ByNobody),
        (Typed, "/", 200, ByNobody),
    ];
    check(&browser, &demo, &ended).await;
}

#[rocket::async_test]
async fn while_the_provider_cannot_be_reached() {
    let demo = Demo::without_provider(free_port()).await;
    check(&Browser::new(), &demo, WITHOUT_PROVIDER).await;
}

/// The paths of all routes, as the app announces them at launch: a new one
/// cannot be forgotten.
fn announced(demo: &Demo) -> BTreeSet<String> {
    let output = demo.output();
    let routes = output.lines().filter_map(|line| {
        let (_, route) = line.trim().strip_prefix(">> (")?.split_once(") ")?;
        let (_, path) = route.split_once(' ')?;
        let path = path.split('?').next()?;
        let segments = path.split('/').map(|segment| match segment {
            "<org_id>" => "acme5obvzg01",
            segment if segment.starts_with('<') => "1",
            segment => segment,
        });
        Some(segments.collect::<Vec<_>>().join("/"))
    });
    routes.collect()
}

/// Every route by every method, for nobody and for Alice, as a page and as data.
#[rocket::async_test]
async fn on_every_route_by_every_method() {
    let demo = Demo::start().await;
    let paths = announced(&demo);
    for own in ["/", "/callback", "/sign-out", "/api/cart", "/readyz"] {
        assert!(paths.contains(own), "{own} is not announced: {paths:?}");
    }
    let nobody = Browser::new();
    let mut alice = Browser::new();
    demo.sign_in(&alice, ALICE).await;
    for path in &paths {
        for method in ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"] {
            for (who, is_script) in [
                ("nobody", false),
                ("nobody", true),
                ("alice", false),
                ("alice", true),
            ] {
                let url = demo.url(path);
                let method = Method::from_bytes(method.as_bytes()).expect("a method");
                let browser = if who == "alice" { &alice } else { &nobody };
                let request = browser.request(method.clone(), &url).initiator(&url);
                let request = if is_script {
                    request.fetch()
                } else {
                    request.navigation()
                };
                let answer = request.send().await;
                let status = answer.status();
                let case = format!("{who} {method} {path} {status} {:#?}", answer.headers());
                has_no_header_twice(&answer, &case);
                has_the_fixed_headers(&answer, &case);
                has_a_strict_policy(&answer, &demo.provider_url(""), &case);
                assert!(status < 500, "{case}");
                let is_own = OWN.contains(&path.as_str()) && status != 404;
                let is_personal = answer.text().contains(ALICE) || answer.text().contains("Alice");
                if is_own || is_personal || !answer.set_cookies().is_empty() {
                    is_kept(&answer, ByNobody, &case);
                }
                let is_read = ["GET", "HEAD", "POST"].contains(&method.as_str());
                // What is for pages of any origin says so to their browsers.
                let is_preflight = method == Method::OPTIONS
                    && path.starts_with("/.well-known/oauth-protected-resource");
                let expected = if is_preflight { 204 } else { 404 };
                assert!(is_read || status == expected, "{case}");
                if who == "nobody" || !is_read {
                    assert!(!answer.text().contains(ALICE), "{case}");
                }
            }
            if path == "/sign-out" {
                alice = Browser::new();
                demo.sign_in(&alice, ALICE).await;
            }
        }
    }
    let protected = alice.navigate(demo.url("/protected")).await;
    assert_eq!(protected.status(), 200, "Alice was signed in to the end");
}

/// The statuses that take a provider in trouble, or an odd address. (405 and
/// 413 do not occur: a method nobody knows is 404, a form too large is 400.)
#[rocket::async_test]
async fn on_every_kind_of_error() {
    let (patient, hasty) = (Beside::start("20s").await, Beside::start("2s").await);
    let slow_down = "HTTP/1.1 429 Slow Down\r\nContent-Length: 0\r\n\r\n";
    let broken = response("200 OK", "text/html", b"<h1>Oops");
    let large = format!("code={}", "x".repeat(70_000));
    let userinfo = "/protected/userinfo";
    for (path, steps, status) in [
        ("/callback?code=x&state=again.y", vec![], 400),
        ("/callback?code=a&code=b", vec![], 400),
        ("/initiate-login?iss=https://other.example", vec![], 400),
        ("/nowhere", vec![], 404),
        ("/resources/abc", vec![], 422),
        (userinfo, vec![Step::Send(broken)], 502),
        (userinfo, vec![Step::Reset], 502),
        (userinfo, vec![Step::text(slow_down)], 503),
        (userinfo, vec![Step::Hang], 504),
    ] {
        let app = if status == 504 { &hasty } else { &patient };
        app.answers(steps);
        for is_script in [false, true] {
            // A signed-in user goes on from a callback that is no good.
            let nobody = Browser::new();
            let browser = if path.starts_with("/callback") {
                &nobody
            } else {
                &app.browser
            };
            let request = browser.request(Method::GET, app.url(path));
            let request = if is_script {
                request.fetch()
            } else {
                request.navigation()
            };
            let answer = request.send().await;
            let case = format!("{path}: {} {}", answer.status(), answer.text());
            // A script starts no sign-in, not even a wrong one.
            let is_nothing = is_script && path.starts_with("/initiate-login");
            let status = if is_nothing { 204 } else { status };
            assert_eq!(answer.status(), status, "{case}");
            has_no_header_twice(&answer, &case);
            has_the_fixed_headers(&answer, &case);
            has_a_strict_policy(&answer, &app.provider_url(), &case);
            if path != "/nowhere" && path != "/resources/abc" {
                is_kept(&answer, ByNobody, &case);
            }
        }
    }
    let form = "application/x-www-form-urlencoded";
    let app = patient;
    let post = app.browser.request(Method::POST, app.url("/callback"));
    let answer = post.navigation().body(form, large).send().await;
    assert_eq!(answer.status(), 400, "{}", answer.text());
    has_the_fixed_headers(&answer, "a form too large");
    let cross_site = app.browser.cross_site_post(app.url("/sign-out"), &[]).await;
    assert_eq!(cross_site.status(), 403);
    has_the_fixed_headers(&cross_site, "cross-site");
}
