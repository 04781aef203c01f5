//! In the debug profile an error page shows the developer the line of the log, below what
//! everybody reads. In any other profile it does not.

use logto_dev_provider::{DevProvider, Endpoint, Reply};
use rocket::figment::value::Dict;
use serde_json::json;

use crate::support::app::{ALICE, TestApp, configuration, settings};
use crate::support::browser::{Browser, Response};
use crate::support::log::lines_with;
use crate::support::pages::pages;
use crate::support::refusal::reference;
use crate::support::serve::{Served, free_port};

/// Markup, and what must not be told at all.
const SAID: &str = "<script>alert('x')</script> of bob@example.com &amp; no more";

/// A sign-in that the provider refuses with these words at the token endpoint.
async fn refused(app: &Served, provider: &DevProvider) -> Response {
    let hooks = provider.hooks();
    hooks.sign_in_as(Some(ALICE));
    hooks.respond(Endpoint::Token, |request, reply| {
        let code = request.form_value("code").unwrap_or_default();
        let body =
            json!({ "error": "invalid_client", "error_description": format!("{SAID} {code}") });
        *reply = Reply::json(401, &body);
    });
    let browser = Browser::new();
    let start = browser.navigate(app.url("/sign-in")).await;
    let back = browser.follow(&start).await;
    browser.follow(&back).await
}

#[rocket::async_test]
async fn the_debug_profile_shows_the_line_of_the_log() {
    let app = TestApp::with(Dict::new(), pages()).await;
    let page = refused(&app.app, &app.provider).await;
    assert_eq!(page.status(), 500, "{}", page.text());
    let line = lines_with(&format!("reference={}", reference(&page))).remove(0);
    let line = line.strip_prefix("ERROR ").expect("a level");
    let html = page.page();
    assert!(
        html.cause.contains("Only the debug profile shows this"),
        "{}",
        html.cause
    );
    assert!(html.cause.contains(line), "{} has not {line}", html.cause);
    assert!(
        line.contains("logto.app_secret") && line.contains("<script>"),
        "{line}"
    );
    assert!(!page.text().contains("<script"), "{}", page.text());
    let code = app.provider.requests_to(Endpoint::Token).remove(0);
    let code = code.form_value("code").expect("a code");
    for secret in [code, "bob@example.com", "s3cret"] {
        assert!(!page.text().contains(secret), "{}", page.text());
    }
    // Everybody else reads what they read in other profiles.
    assert!(
        !html.text.contains("logto.") && !html.text.contains("debug"),
        "{}",
        html.text
    );

    // Programs are not developers.
    app.provider
        .hooks()
        .respond(Endpoint::Discovery, |_, reply| reply.status = 404);
    let json = Browser::new().fetch_json(app.url("/userinfo")).await;
    assert!(!json.text().contains("logto"), "{}", json.text());
}

#[rocket::async_test]
async fn no_other_profile_does() {
    for profile in ["release", "staging", "Debugging"] {
        let provider = DevProvider::start(settings()).await.expect("a provider");
        let port = free_port();
        let rocket = pages();
        let key = "hPRYyVRiMyxpw5sBB1XeCMN1kFsDCqKvBi2QJxBVHQk=";
        let figment = configuration(rocket.figment(), port, &provider.endpoint(), Dict::new())
            .merge(("secret_key", key))
            .select(profile);
        let rocket = rocket
            .configure(figment)
            .attach(rocket_logto::Logto::fairing());
        let app = Served::start_on(port, rocket).await;
        provider.set_redirect_uris([app.url("/callback")]);
        let page = refused(&app, &provider).await;
        assert_eq!(page.status(), 500, "{profile}: {}", page.text());
        assert_eq!(page.page().cause, "", "{profile}");
        for told in ["logto.", "invalid_client", "alert", "cause\"", "client_id"] {
            assert!(
                !page.text().contains(told),
                "{profile}: {told} in {}",
                page.text()
            );
        }
        assert!(!reference(&page).is_empty());
    }
}
