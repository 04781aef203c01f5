//! The real suite can drive the app as it is released: environment variables
//! say all that a plan needs, TLS on the app's own port included.

use std::time::Duration;

use logto_dev_provider::{Endpoint, Received};

use crate::support::app::ALICE;
use crate::support::browser::{Browser, Response, query};
use crate::support::tls_app::{CLIENT_ID, CLIENT_SECRET, TlsApp};

/// Opens `path`, is sent to the provider, and comes back by a form that the
/// provider's page sends.
async fn sign_in(app: &TlsApp, browser: &Browser, path: &str) -> Response {
    app.provider.hooks().sign_in_as(Some(ALICE));
    let hops = browser.navigate_following(app.url(path), 5).await;
    let form = hops.last().expect("the provider's page");
    assert!(form.url().as_str().starts_with(&app.provider_url("/")));
    let answer = browser.submit(form, 0, &[]).await;
    assert_eq!(answer.url().as_str(), app.url("/callback"));
    let hops = browser.follow_all(answer, 3).await;
    hops.into_iter().next_back().expect("a page")
}

fn only(app: &TlsApp, endpoint: Endpoint) -> Received {
    let mut requests = app.provider.requests_to(endpoint);
    assert_eq!(requests.len(), 1, "{requests:#?}");
    requests.remove(0)
}

#[rocket::async_test]
async fn everything_a_plan_needs_comes_from_the_environment() {
    let app = TlsApp::start(&[
        ("LOGTO_TOKEN_ENDPOINT_AUTH_METHOD", "client_secret_post"),
        ("LOGTO_PROMPT", "login consent"),
        (
            "LOGTO_EXTRA_PARAMS",
            "claims_locales=de%20en&audience=a%26b",
        ),
        ("LOGTO_SCOPES", "email phone urn:logto:scope:organizations"),
        ("LOGTO_MAX_AGE", "3600"),
        ("LOGTO_HTTP_TIMEOUT", "2s"),
    ])
    .await;
    let browser = app.browser();
    let page = sign_in(&app, &browser, "/protected/userinfo?x=1").await;
    assert_eq!(page.url().as_str(), app.url("/protected/userinfo?x=1"));
    assert_eq!(page.status(), 200, "{}\n{}", page.text(), app.output());
    assert!(page.text().contains("alice@example.com"), "{}", page.text());
    for cookie in browser.cookies() {
        let ours = cookie.name.contains("logto");
        assert!(!ours || cookie.name.starts_with("__Host-"), "{cookie:?}");
    }

    let authorization = only(&app, Endpoint::Auth);
    for (name, value) in [
        ("client_id", CLIENT_ID),
        ("response_mode", "form_post"),
        ("prompt", "login consent"),
        ("max_age", "3600"),
        ("claims_locales", "de en"),
        ("audience", "a&b"),
        ("redirect_uri", &app.url("/callback")),
    ] {
        assert_eq!(authorization.query_value(name), Some(value), "{name}");
    }
    let scope = authorization.query_value("scope").expect("scopes");
    assert!(scope.contains("email phone"), "{scope}");
    let token = only(&app, Endpoint::Token);
    assert_eq!(token.form_value("client_id"), Some(CLIENT_ID));
    assert_eq!(token.form_value("client_secret"), Some(CLIENT_SECRET));
    assert_eq!(token.header("authorization"), None);

    // The button that refreshes, and userinfo with the new token.
    app.provider.clear_requests();
    let session = browser.navigate(app.url("/session")).await;
    let pressed = browser.submit(&session, "Refresh now", &[]).await;
    let page = browser.follow(&pressed).await;
    assert!(page.text().contains("up to date"), "{}", page.text());
    let refresh = only(&app, Endpoint::Token);
    assert_eq!(refresh.form_value("grant_type"), Some("refresh_token"));
    let page = browser.navigate(app.url("/protected/userinfo")).await;
    assert!(page.text().contains(ALICE), "{}", page.text());
    only(&app, Endpoint::UserInfo);

    // As long as was said, and no longer.
    let hooks = app.provider.hooks();
    hooks.delay(Endpoint::UserInfo, Duration::from_secs(60));
    let page = browser.navigate(app.url("/protected/userinfo")).await;
    assert_eq!(page.status(), 504, "{}", page.text());
    let output = app.output();
    assert!(output.contains("no answer within 2s"), "{output}");

    // Out, to the address that was given, with a state.
    let leaving = browser.submit(&session, "Sign out", &[]).await;
    let hops = browser.follow_all(leaving, 3).await;
    let ended = hops.last().expect("a page");
    assert!(ended.url().as_str().starts_with(&app.url("/?bye=1")));
    assert!(query(ended.url(), "state").is_some(), "{}", ended.url());
    assert_eq!(ended.status(), 200);
    let page = browser.navigate(app.url("/protected/userinfo")).await;
    assert_eq!(page.location().expect("to sign in").path(), "/sign-in");
    assert_eq!(browser.violations(), []);
    assert!(!app.output().contains(CLIENT_SECRET));
}

/// RFC 6797: no answer may leave it out, the last one counts.
#[rocket::async_test]
async fn a_browser_is_told_to_come_back_over_tls_only() {
    let app = TlsApp::start(&[]).await;
    for (path, status) in [("/", 200), ("/protected", 303), ("/nowhere", 404)] {
        let answer = app.browser().navigate(app.url(path)).await;
        assert_eq!(answer.status(), status, "{path}");
        let told = answer.header("strict-transport-security");
        let told = told.and_then(|told| told.strip_prefix("max-age="));
        let seconds = told.and_then(|told| told.split(';').next()?.parse::<u32>().ok());
        assert!(seconds > Some(0), "{path}: {:#?}", answer.headers());
    }
}

/// Each refusal is one line that says why.
#[rocket::async_test]
async fn the_log_says_why_a_module_was_refused() {
    let app = TlsApp::start(&[("LOGTO_CLOCK_TOLERANCE", "30")]).await;
    let refused = async |reason: &str| {
        let browser = app.browser();
        let before = app.output().len();
        let page = sign_in(&app, &browser, "/protected/userinfo").await;
        assert_eq!(page.status(), 400, "{reason}: {}", page.text());
        let output = app.output().split_off(before);
        let lines = output.lines().filter(|line| line.contains("reason="));
        let lines: Vec<_> = lines.collect();
        let [line] = lines[..] else {
            panic!("{reason}: not one line: {lines:#?}");
        };
        assert!(line.contains(&format!("reason={reason} ")), "{line}");
    };
    app.provider.hooks().id_token(|_, claims| {
        claims.insert("iss".into(), "https://other.example/".into());
    });
    refused("id_token_iss").await;
    // More than what was said; less than what holds when nothing is said.
    app.provider.hooks().id_token(|_, _| {});
    app.provider.advance_clock(Duration::from_secs(45));
    refused("id_token_iat").await;
    assert!(app.provider.requests_to(Endpoint::UserInfo).is_empty());
}
