//! `/initiate-login` (OpenID Connect Core section 4): the provider's own pages
//! may start a sign-in, anybody else can start nothing but that.

use reqwest::Method;

use crate::support::app::{ALICE, TestApp};
use crate::support::browser::{Browser, CROSS_SITE, query};
use crate::support::pages::pages;

async fn app() -> TestApp {
    let app = TestApp::start(pages()).await;
    app.provider.hooks().sign_in_as(Some(ALICE));
    app
}

fn address(app: &TestApp, parameters: &[(&str, &str)]) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(parameters)
        .finish();
    app.url(&format!("/initiate-login?{query}"))
}

/// Where a sign-in that began with these parameters ends.
async fn ends_at(app: &TestApp, parameters: &[(&str, &str)]) -> String {
    let browser = Browser::new();
    let first = browser
        .navigate_from(CROSS_SITE, address(app, parameters))
        .await;
    assert_eq!(first.status(), 303, "{parameters:?}: {}", first.text());
    let hops = browser.follow_all(first, 5).await;
    let page = hops.last().expect("a page");
    let me = browser.navigate(app.url("/protected")).await;
    assert_eq!(me.text(), ALICE, "{parameters:?}: signed in");
    page.url().to_string()
}

#[rocket::async_test]
async fn it_ends_on_a_page_of_this_app_and_nowhere_else() {
    let app = app().await;
    let iss = app.provider.issuer();
    let (deep, home) = (app.url("/protected?x=1"), app.url("/"));
    let own: [(&[(&str, &str)], &str); 2] = [
        (&[("iss", &iss)], &home),
        (&[("iss", &iss), ("target_link_uri", &deep)], &deep),
    ];
    for (parameters, end) in own {
        assert_eq!(ends_at(&app, parameters).await, end, "{parameters:?}");
    }
    for elsewhere in [
        "https://evil.example/protected",
        "//evil.example/",
        "javascript:alert(1)",
        "/protected",
        &app.url("").replace("localhost", "localhost.evil.example"),
        &app.url("//evil.example"),
        &app.url("/protected").replace("//", "//user@"),
        "http://localhost/protected",
    ] {
        let end = ends_at(&app, &[("iss", &iss), ("target_link_uri", elsewhere)]).await;
        assert_eq!(end, home, "{elsewhere}");
    }
}

#[rocket::async_test]
async fn the_hint_is_handed_on_and_a_form_works_as_well() {
    let app = app().await;
    let iss = app.provider.issuer();
    let parameters = [("iss", iss.as_str()), ("login_hint", "alice@example.com")];
    let browser = Browser::new();
    let by_get = browser.navigate(address(&app, &parameters)).await;
    let request = browser.request(Method::POST, app.url("/initiate-login"));
    let by_post = request
        .navigation()
        .initiator(CROSS_SITE)
        .form(&parameters)
        .send()
        .await;
    for answer in [by_get, by_post] {
        let to = answer.location().expect("a redirect to the provider");
        assert!(to.as_str().starts_with(&iss), "{to}");
        assert_eq!(
            query(&to, "login_hint").as_deref(),
            Some("alice@example.com")
        );
        assert!(query(&to, "nonce").is_some() && query(&to, "code_challenge").is_some());
    }
}

#[rocket::async_test]
async fn another_issuer_starts_nothing() {
    let app = app().await;
    let iss = app.provider.issuer();
    let (slash, upper) = (format!("{iss}/"), iss.to_uppercase());
    let cases: [&[(&str, &str)]; 7] = [
        &[],
        &[("iss", "")],
        &[("iss", "https://evil.example")],
        &[("iss", &slash)],
        &[("iss", &upper)],
        &[("iss", &iss[..iss.len() - 1])],
        &[("iss", &iss), ("iss", &iss)],
    ];
    for case in cases {
        let answer = Browser::new().navigate(address(&app, case)).await;
        assert_eq!(answer.status(), 400, "{case:?}");
        assert!(answer.text().contains("Reference"), "{case:?}");
        assert!(answer.set_cookies().is_empty(), "{case:?}");
    }
    let browser = Browser::new();
    let url = address(&app, &[("iss", &iss)]);
    let head = browser.request(Method::HEAD, &url).send().await;
    assert_eq!((head.status(), head.set_cookies().len()), (204, 0));
}
