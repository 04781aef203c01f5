//! Every answer of the app carries its security headers, once each: pages,
//! redirects, errors, JSON and static files, for everybody and for somebody.

use reqwest::Method;

use crate::support::app::ALICE;
use crate::support::browser::{Browser, CROSS_SITE, Response};
use crate::support::demo::Demo;
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
    (Typed, "/callback?code=x&state=y", 400, ByNobody),
    (Typed, "/callback?error=server_error&state=y", 400, ByNobody),
    (OtherSitesForm, "/callback", 200, ByNobody),
    (Typed, "/sign-out", 303, ByNobody),
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
    (Script, "/sign-in", 503, ByNobody),
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
        has_a_strict_policy(&answer, demo, &case);
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

fn has_a_strict_policy(answer: &Response, demo: &Demo, case: &str) {
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
    let provider = demo.provider_url("");
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
