//! What a sign-in is asked for, somebody gets who is signed in, too. And "Sign in again"
//! means it.

use logto_dev_provider::Endpoint;
use rocket::Request;
use rocket::figment::value::Dict;
use rocket::{get, routes};
use rocket_logto::{Error, Logto, OrgToken, OrganizationId};

use crate::support::app::{ALICE, TestApp, keys};
use crate::support::browser::{Browser, CROSS_SITE, query};
use crate::support::clock::clock;
use crate::support::pages::pages;

struct Foreign;

impl OrganizationId for Foreign {
    fn organization_id(_: &Request<'_>) -> Option<String> {
        Some("not-alices".to_owned())
    }
}

#[get("/foreign?<x>")]
fn foreign(x: Option<&str>, token: Result<OrgToken<Foreign>, Error>) -> Result<String, Error> {
    let _ = x;
    token.map(|token| format!("{:?}", token.scopes().count()))
}

#[rocket::async_test]
async fn a_new_sign_in_begins_for_who_is_signed_in() {
    let app = TestApp::start(pages()).await;
    let browser = Browser::new();
    app.sign_in(&browser, "/protected", ALICE).await;
    type Sent = &'static [(&'static str, Option<&'static str>)];
    let cases: [(&str, Sent); 8] = [
        ("/sign-up", &[("first_screen", Some("register"))]),
        (
            "/sign-in?first_screen=register",
            &[("first_screen", Some("register"))],
        ),
        (
            "/sign-in?organization_id=acme",
            &[("organization_id", Some("acme"))],
        ),
        (
            "/sign-in?direct_sign_in=social:google",
            &[("direct_sign_in", Some("social:google"))],
        ),
        // Without `consent` Logto would give no refresh token.
        (
            "/sign-in?prompt=login",
            &[("prompt", Some("login consent"))],
        ),
        (
            "/sign-in?prompt=login+consent",
            &[("prompt", Some("login consent"))],
        ),
        (
            "/sign-in?prompt=select_account",
            &[("prompt", Some("select_account consent"))],
        ),
        (
            "/sign-in?acr_values=urn:mfa",
            &[("acr_values", Some("urn:mfa"))],
        ),
    ];
    for (path, sent) in cases {
        for from in [CROSS_SITE.to_owned(), app.url("/")] {
            let answer = browser.navigate_from(from, app.url(path)).await;
            let to = answer
                .location()
                .unwrap_or_else(|| panic!("{path}: {}", answer.text()));
            assert!(
                to.as_str().starts_with(&app.provider.issuer()),
                "{path}: {to}"
            );
            for (name, value) in sent {
                assert_eq!(query(&to, name).as_deref(), *value, "{path}");
            }
        }
        let still = browser.navigate(app.url("/")).await;
        assert_eq!(still.text(), ALICE, "{path}: nothing has changed yet");
    }
    // Neither asks for anything that the session has not got.
    for path in [
        "/sign-in?return_to=/protected",
        "/sign-in?return_to=/protected&max_age=3600",
        "/sign-in?return_to=/protected&prompt=none",
        "/sign-in?return_to=/protected&prompt=login+none",
        "/sign-in?return_to=/protected&login_hint=bob",
    ] {
        // `max_age` needs to know when the user signed in.
        if path.contains("max_age") {
            let new = browser.navigate(app.url("/sign-in?max_age=3600")).await;
            app.provider.hooks().sign_in_as(Some(ALICE));
            browser.follow_all(new, 5).await;
            app.provider.hooks().sign_in_as(None);
        }
        let answer = browser.navigate(app.url(path)).await;
        assert_eq!(answer.header("location"), Some("/protected"), "{path}");
    }
}

#[rocket::async_test]
async fn sign_in_again_does_so_and_comes_back() {
    let logto = keys([("scopes", vec!["urn:logto:scope:organizations"].into())]);
    let app = TestApp::with(logto, pages().mount("/", routes![foreign])).await;
    let browser = Browser::new();
    app.sign_in(&browser, "/protected", ALICE).await;
    let denied = browser.navigate(app.url("/foreign?x=1")).await;
    assert_eq!(denied.status(), 403, "{}", denied.text());
    let again = browser.click(&denied, "Sign in again").await;
    let to = again.location().expect("a redirect");
    assert!(to.as_str().starts_with(&app.provider.issuer()), "{to}");
    assert_eq!(query(&to, "prompt").as_deref(), Some("login consent"));
    app.provider.hooks().sign_in_as(Some(ALICE));
    let end = browser.follow_all(again, 5).await.pop().expect("a page");
    assert_eq!(end.url().as_str(), app.url("/foreign?x=1"));
}

/// Cancelled at the provider, by an error or by Logto's consent page, which says nothing.
#[rocket::async_test]
async fn after_cancel_the_deep_link_is_still_known() {
    let clock = clock!();
    let fairing = Logto::fairing().with_clock(clock.read);
    let app = TestApp::with_fairing(Dict::new(), fairing, pages()).await;
    for is_bare in [false, true] {
        let browser = Browser::new();
        let first = browser.navigate(app.url("/sign-in?return_to=/")).await;
        drop(first);
        // Which of two began later is told by the second.
        clock.advance(&app.provider, 1);
        let start = browser.navigate(app.url("/protected?deep=1")).await;
        let start = browser.follow(&start).await;
        let state = start.location_query("state").expect("a state");
        let iss = app.provider.issuer();
        let callback = match is_bare {
            true => "/callback".to_owned(),
            false => format!("/callback?error=access_denied&state={state}&iss={iss}"),
        };
        let page = browser.navigate_from(CROSS_SITE, app.url(&callback)).await;
        assert_eq!(page.page().title, "Sign-in was cancelled");
        let again = browser.click(&page, "Sign in again").await;
        app.provider.hooks().sign_in_as(Some(ALICE));
        let end = browser.follow_all(again, 5).await.pop().expect("a page");
        assert_eq!(
            end.url().as_str(),
            app.url("/protected?deep=1"),
            "{is_bare}"
        );
        app.provider.hooks().sign_in_as(None);
    }
    // For somebody who is signed in a plain sign-in would only go on.
    let browser = Browser::new();
    app.sign_in(&browser, "/protected", ALICE).await;
    app.provider.clear_requests();
    let page = browser
        .navigate_from(CROSS_SITE, app.url("/callback"))
        .await;
    let again = browser.click(&page, "Sign in again").await;
    let to = again.location().expect("a redirect");
    assert!(to.as_str().starts_with(&app.provider.issuer()), "{to}");
    assert_eq!(app.provider.requests_to(Endpoint::Auth).len(), 0);
}
