//! A wrong secret, an unknown application, resource or redirect URI: waiting does not
//! help, and the page does not say so. One line of the log names the key to look at and
//! what the provider says, as Logto's answers were recorded.

use logto_dev_provider::{Endpoint, Reply};
use rocket::figment::value::Dict;
use serde_json::{Value as Json, json};

use crate::support::app::{ALICE, TestApp, settings};
use crate::support::browser::{Browser, Response};
use crate::support::log::lines_with;
use crate::support::pages::pages;
use crate::support::refusal::reference;

macro_rules! recorded {
    ($name:literal) => {
        include_str!(concat!("../fixtures/logto/", $name, ".json"))
    };
}

/// An answer as it was recorded.
fn recorded(text: &str) -> (u16, Json) {
    let mut recorded: Json = serde_json::from_str(text).expect("a recording");
    let status = recorded["response"]["status"].as_u64().expect("a status");
    let body = recorded["response"]["body"].take();
    (u16::try_from(status).expect("a status"), body)
}

async fn app(offers_par: bool) -> TestApp {
    let mut settings = settings();
    settings.offers_par = offers_par;
    TestApp::with_settings(settings, Dict::new(), pages()).await
}

/// The page after the provider has answered a sign-in so at this endpoint.
async fn told(app: &TestApp, endpoint: Endpoint, (status, body): (u16, Json)) -> Response {
    app.provider.clear_requests();
    let (browser, back) = match endpoint {
        Endpoint::Token => app.on_the_way_back(ALICE).await,
        _ => (Browser::new(), Browser::new().get(app.url("/")).await),
    };
    app.provider.hooks().respond(endpoint, move |_, reply| {
        *reply = Reply::json(status, &body);
    });
    let page = match endpoint {
        Endpoint::Token => browser.follow(&back).await,
        _ => browser.navigate(app.url("/sign-in")).await,
    };
    assert_eq!(app.provider.requests_to(endpoint).len(), 1, "no retry");
    app.provider.hooks().behave(endpoint);
    page
}

/// The page says whose task it is, and the log what to do.
fn is_for_the_operator(page: &Response, case: &str, reason: &str, key: &str, said: &str) {
    assert_eq!(page.status(), 500, "{case}: {}", page.text());
    let html = page.page();
    assert_eq!(html.title, "This app is not set up correctly", "{case}");
    for wrong in ["in a moment", "cookie", said] {
        assert!(!html.text.contains(wrong), "{case}: {}", html.text);
    }
    let lines = lines_with(&format!("reference={}", reference(page)));
    let [line] = &lines[..] else {
        panic!("{case}: not one line: {lines:#?}");
    };
    let begins = format!("ERROR logto: Misconfigured reason={reason} ");
    assert!(line.starts_with(&begins), "{case}: {line}");
    assert!(line.contains(key), "{case}: {line}");
    assert!(line.ends_with(&format!("says {said:?}")), "{case}: {line}");
}

#[rocket::async_test]
async fn a_pushed_request_that_logto_refuses_names_the_key() {
    let app = app(true).await;
    for (case, text, reason, key) in [
        (
            "redirect URI not registered",
            recorded!("e-par-unregistered-redirect_uri"),
            "pushed_request_oidc.invalid_request",
            "logto.routes.callback",
        ),
        (
            "wrong secret",
            recorded!("e-par-wrong-secret"),
            "pushed_request_oidc.invalid_client",
            "logto.app_secret and logto.token_endpoint_auth_method",
        ),
        (
            "unknown app id",
            recorded!("e-par-unknown-client"),
            "pushed_request_oidc.invalid_client",
            "logto.app_id",
        ),
        (
            "unknown resource",
            recorded!("e-par-unknown-resource"),
            "pushed_request_oidc.invalid_target",
            "logto.resources",
        ),
    ] {
        let answer = recorded(text);
        let said = answer.1["error_description"].clone();
        let page = told(&app, Endpoint::PushedAuth, answer).await;
        is_for_the_operator(&page, case, reason, key, said.as_str().expect("words"));
    }
}

#[rocket::async_test]
async fn a_code_that_the_app_may_not_redeem_names_the_key() {
    let app = app(false).await;
    let own = |error: &str, said: &str| (400, json!({ "error": error, "error_description": said }));
    let redirect = "logto.redirect_uri";
    for (case, answer, key) in [
        (
            "wrong secret",
            recorded(recorded!("e-token-wrong-client-secret-basic")),
            "logto.app_secret",
        ),
        (
            "unknown app id",
            recorded(recorded!("e-token-unknown-client")),
            "logto.app_id",
        ),
        (
            "wrong grant",
            recorded(recorded!("e-token-unsupported-grant")),
            "the application's type and grants",
        ),
        (
            "not for this client",
            own("unauthorized_client", "Client not allowed this grant"),
            "the application's type and grants",
        ),
        (
            "unknown resource",
            own("invalid_target", "unknown resource"),
            "logto.resources",
        ),
        (
            "Keycloak's redirect URI",
            own("invalid_grant", "Incorrect redirect_uri"),
            redirect,
        ),
        (
            "Hydra's redirect URI",
            own(
                "invalid_grant",
                "The 'redirect_uri' from this request does not match",
            ),
            redirect,
        ),
        (
            "Entra's redirect URI",
            own(
                "invalid_client",
                "AADSTS50011: The redirect URI does not match",
            ),
            redirect,
        ),
    ] {
        let error = answer.1["error"].as_str().unwrap_or_default();
        let reason = format!("token_endpoint_{error}");
        let said = answer.1["error_description"].clone();
        let page = told(&app, Endpoint::Token, answer).await;
        is_for_the_operator(&page, case, &reason, key, said.as_str().expect("words"));
    }
}

/// Logto does not say whether the code or the redirect URI is wrong.
#[rocket::async_test]
async fn a_code_that_is_no_longer_good_is_not_the_operators() {
    let app = app(false).await;
    let answer = recorded(recorded!("e-token-redirect-uri-mismatch"));
    let page = told(&app, Endpoint::Token, answer).await;
    assert_eq!(page.status(), 400, "{}", page.text());
    let line = lines_with(&format!("reference={}", reference(&page))).remove(0);
    let begins = "WARN logto: SignInRejected reason=token_invalid_grant ";
    assert!(line.starts_with(begins), "{line}");
    assert!(
        line.ends_with(r#"says "grant request is invalid""#),
        "{line}"
    );
}

#[rocket::async_test]
async fn what_passes_is_to_be_tried_again_and_what_nobody_knows_is_a_refusal() {
    for endpoint in [Endpoint::PushedAuth, Endpoint::Token] {
        let app = app(endpoint == Endpoint::PushedAuth).await;
        for (error, status, title) in [
            ("server_error", 502, "The sign-in service had a problem"),
            (
                "temporarily_unavailable",
                503,
                "Signing in is not possible right now",
            ),
            ("made_up", 400, "The sign-in service refused"),
        ] {
            let page = told(&app, endpoint, (400, json!({ "error": error }))).await;
            let case = format!("{endpoint:?} {error}");
            assert_eq!(page.status(), status, "{case}: {}", page.text());
            assert_eq!(page.page().title, title, "{case}");
            let waits = page.text().contains("in a moment");
            assert_eq!(waits, status > 500, "{case}");
            assert_eq!(
                page.header("retry-after").is_some(),
                status == 503,
                "{case}"
            );
            assert!(!page.text().contains("cookie"), "{case}");
        }
    }
}
