//! A person signs in, sees who they are, and signs out; the app says to the
//! provider what it must, as often as it must.

use std::sync::{Arc, Mutex};

use logto_dev_provider::{Endpoint, Received};
use serde_json::Value as Json;

use crate::support::app::{ALICE, BOB, CLIENT_ID, CLIENT_SECRET, TestApp, absent, keys, settings};
use crate::support::browser::{Browser, query};
use crate::support::pages::{NOBODY, pages};

#[rocket::async_test]
async fn from_the_first_page_to_the_last() {
    let app = TestApp::with(keys([("scopes", "custom_data".into())]), pages()).await;
    let browser = Browser::new();
    assert_eq!(browser.navigate(app.url("/")).await.text(), NOBODY);

    let page = app.sign_in(&browser, "/protected?x=1", ALICE).await;
    assert_eq!(page.url().as_str(), app.url("/protected?x=1"));
    assert_eq!((page.status(), page.text()), (200, ALICE.to_owned()));
    assert_eq!(browser.navigate(app.url("/")).await.text(), ALICE);
    let info: Json = browser.navigate(app.url("/userinfo")).await.json();
    assert_eq!(info["sub"], ALICE);
    assert_eq!(info["custom_data"]["plan"], "pro");

    let left = browser.post_form(app.url("/sign-out"), &[]).await;
    let hops = browser.follow_all(left, 10).await;
    let page = hops.last().expect("a page");
    assert_eq!(page.url().path(), "/");
    assert_eq!(page.url().origin().ascii_serialization(), app.url(""));
    assert_eq!(page.text(), NOBODY);
    let asked = browser.navigate(app.url("/protected")).await;
    assert_eq!(asked.status(), 303);

    // The provider has forgotten them too: it asks who they are.
    let page = app.sign_in(&browser, "/protected", BOB).await;
    assert_eq!(page.text(), BOB);
    assert_eq!(browser.violations(), []);
}

/// The token request of one sign-in with these keys, and the authorization
/// request before it.
async fn token_request(method: Option<&str>) -> (Received, Received, TestApp) {
    let mut settings = settings();
    let mut logto = keys([]);
    if let Some(method) = method {
        logto.extend(keys([("token_endpoint_auth_method", method.into())]));
    }
    if method == Some("none") {
        settings.client_secret = None;
        logto.extend(keys([("app_secret", absent())]));
    }
    let app = TestApp::with_settings(settings, logto, pages()).await;
    let page = app.sign_in(&Browser::new(), "/protected", ALICE).await;
    assert_eq!(page.text(), ALICE, "{method:?}");
    let mut tokens = app.provider.requests_to(Endpoint::Token);
    assert_eq!(tokens.len(), 1, "{method:?}: {tokens:#?}");
    let mut authorizations = app.provider.requests_to(Endpoint::Auth);
    (authorizations.remove(0), tokens.remove(0), app)
}

#[rocket::async_test]
async fn the_client_authenticates_as_configured_and_in_one_way_only() {
    // `test-app` and the form-urlencoded secret (RFC 6749 section 2.3.1).
    let basic = "Basic dGVzdC1hcHA6czNjcmV0KyUyQiUzQSUyNSUyNiUzRCUyRiVDMyVCQw==";
    let cases = [
        (None, Some(basic), None, None),
        (Some("client_secret_basic"), Some(basic), None, None),
        (
            Some("client_secret_post"),
            None,
            Some(CLIENT_ID),
            Some(CLIENT_SECRET),
        ),
        (Some("none"), None, Some(CLIENT_ID), None),
    ];
    for (method, authorization, client_id, client_secret) in cases {
        let (_, request, _) = token_request(method).await;
        assert_eq!(request.header("authorization"), authorization, "{method:?}");
        assert_eq!(request.form_value("client_id"), client_id, "{method:?}");
        let secret = request.form_value("client_secret");
        assert_eq!(secret, client_secret, "{method:?}");
    }
}

#[rocket::async_test]
async fn the_token_request_proves_who_began() {
    let (authorization, request, app) = token_request(None).await;
    assert_eq!(request.method, "POST");
    let form = |name| request.form_value(name).unwrap_or_default();
    assert_eq!(form("grant_type"), "authorization_code");
    assert_eq!(form("redirect_uri"), app.url("/callback"));
    assert!(!form("code").is_empty());
    let verifier = form("code_verifier");
    // RFC 7636 section 4.1.
    assert!((43..=128).contains(&verifier.len()), "{verifier}");
    let challenge = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, verifier.as_bytes());
    assert_eq!(
        authorization.query_value("code_challenge"),
        Some(base64url(challenge.as_ref()).as_str())
    );
    let mut names: Vec<_> = request.form.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    let all = ["code", "code_verifier", "grant_type", "redirect_uri"];
    assert_eq!(names, all, "nothing else and nothing twice");
    let agent = request.header("user-agent").unwrap_or_default();
    assert!(agent.starts_with("rocket_logto/"), "{agent}");
}

fn base64url(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

#[rocket::async_test]
async fn once_warm_a_callback_makes_one_call_to_the_provider() {
    let app = TestApp::start(pages()).await;
    app.sign_in(&Browser::new(), "/protected", BOB).await;
    let metadata = |app: &TestApp| {
        let to = |endpoint| app.provider.requests_to(endpoint).len();
        (to(Endpoint::Discovery), to(Endpoint::Jwks))
    };
    assert_eq!(metadata(&app), (1, 1), "fetched once, not once a request");

    app.provider.clear_requests();
    let browser = Browser::new();
    let page = app.sign_in(&browser, "/protected", ALICE).await;
    assert_eq!(page.text(), ALICE);
    browser.navigate(app.url("/protected")).await;
    browser.navigate(app.url("/")).await;
    let mut calls = app.provider.requests();
    calls.retain(|call| !matches!(call.endpoint, Endpoint::Auth | Endpoint::Page));
    let calls: Vec<_> = calls.iter().map(|call| call.endpoint).collect();
    assert_eq!(calls, [Endpoint::Token]);
}

#[rocket::async_test]
async fn userinfo_is_fresh_and_asked_with_the_access_token() {
    let app = TestApp::with(keys([("scopes", "custom_data".into())]), pages()).await;
    let issued = Arc::new(Mutex::new(Json::Null));
    let keep = issued.clone();
    app.provider
        .hooks()
        .respond(Endpoint::Token, move |_, reply| {
            *keep.lock().unwrap() = serde_json::from_slice(&reply.body).unwrap();
        });
    let browser = Browser::new();
    app.sign_in(&browser, "/protected", ALICE).await;
    for plan in ["pro", "free"] {
        app.provider.edit_seed(|seed| {
            let alice = seed.users.iter_mut().find(|user| user.id == ALICE);
            let alice = alice.expect("alice");
            alice.custom_data.insert("plan".into(), plan.into());
        });
        let info: Json = browser.navigate(app.url("/userinfo")).await.json();
        assert_eq!(info["custom_data"]["plan"], plan);
    }
    let calls = app.provider.requests_to(Endpoint::UserInfo);
    assert_eq!(calls.len(), 2);
    let token = issued.lock().unwrap()["access_token"].clone();
    let bearer = format!("Bearer {}", token.as_str().expect("an access token"));
    assert_eq!(calls[0].header("authorization"), Some(bearer.as_str()));
    assert_eq!(
        app.provider.requests_to(Endpoint::Token).len(),
        1,
        "no refresh while the access token lasts"
    );
}

#[rocket::async_test]
async fn cancelling_is_no_fault() {
    let app = TestApp::start(pages()).await;
    let browser = Browser::new();
    let page = browser.navigate_following(app.url("/sign-in"), 5).await;
    let state = query(page[1].url(), "state").expect("a state");
    let denied = format!("/callback?error=access_denied&state={state}&iss=");
    let denied = app.url(&denied) + &encoded(&app.provider.issuer());
    for (case, url) in [
        ("a bare callback", app.url("/callback")),
        ("access_denied", denied),
    ] {
        let page = browser.navigate(url).await;
        assert_eq!(page.status(), 200, "{case}");
        assert!(page.page().title.contains("cancelled"), "{case}");
        assert!(!page.text().contains("Reference"), "{case}");
        let again = browser.click(&page, "Sign in again").await;
        let endpoint = format!("{}/auth", app.provider.issuer());
        let location = again.location().expect("a redirect");
        assert!(location.as_str().starts_with(&endpoint), "{case}");
        assert_eq!(
            browser.navigate(app.url("/")).await.text(),
            NOBODY,
            "{case}"
        );
    }
    assert_eq!(app.provider.requests_to(Endpoint::Token).len(), 0);
}

fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
