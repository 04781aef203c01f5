//! Signing out ends the session here and at the provider, when the person
//! wants it and only then, whatever the provider does.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use logto_dev_provider::{Endpoint, Reply};
use reqwest::Method;
use rocket::{post, routes};
use rocket_logto::SignOut;
use serde_json::{Value as Json, json};

use crate::support::app::{ALICE, CLIENT_ID, TestApp, keys};
use crate::support::browser::{Browser, CROSS_SITE, query};
use crate::support::pages::{NOBODY, own_cookies, pages};

/// The answers of the token endpoint from now on.
fn issued(app: &TestApp) -> Arc<Mutex<Vec<Json>>> {
    let issued = Arc::new(Mutex::new(Vec::new()));
    let keep = issued.clone();
    app.provider
        .hooks()
        .respond(Endpoint::Token, move |_, reply| {
            let body = serde_json::from_slice(&reply.body).expect("JSON");
            keep.lock().unwrap().push(body);
        });
    issued
}

async fn who(app: &TestApp, browser: &Browser) -> String {
    browser.navigate(app.url("/")).await.text()
}

#[rocket::async_test]
async fn the_provider_is_told_everything() {
    let app = TestApp::start(pages()).await;
    let issued = issued(&app);
    let browser = Browser::new();
    app.sign_in(&browser, "/protected", ALICE).await;
    let tokens = issued.lock().unwrap()[0].clone();

    let answer = browser.post_form(app.url("/sign-out"), &[]).await;
    assert_eq!(answer.status(), 303);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let revocations = app.provider.requests_to(Endpoint::Revocation);
    assert_eq!(revocations.len(), 1);
    let revoked = revocations[0].form_value("token");
    assert_eq!(revoked, tokens["refresh_token"].as_str());
    let hint = revocations[0].form_value("token_type_hint");
    assert_eq!(hint, Some("refresh_token"));

    let url = answer.location().expect("a redirect");
    let end_session = format!("{}/session/end", app.provider.issuer());
    assert_eq!(url.as_str().split('?').next(), Some(end_session.as_str()));
    assert_eq!(
        query(&url, "id_token_hint").as_deref(),
        tokens["id_token"].as_str()
    );
    assert_eq!(query(&url, "client_id").as_deref(), Some(CLIENT_ID));
    let back = query(&url, "post_logout_redirect_uri");
    assert_eq!(back, Some(app.url("/")));
    let state = query(&url, "state").expect("a state");
    assert!(state.len() >= 16, "{state}");

    let hops = browser.follow_all(answer, 5).await;
    let with_state = hops[2].url().as_str();
    assert_eq!(with_state, app.url(&format!("/?state={state}")));
    let home = hops.last().expect("a page");
    assert_eq!(home.url().as_str(), app.url("/"), "a clean address");
    assert_eq!(home.text(), NOBODY);
    assert_eq!(own_cookies(&browser), [""; 0]);

    // Any other address with a state is the app's own.
    for path in [
        format!("/?state={state}"),
        "/?state=".into(),
        "/?state=x".into(),
    ] {
        let page = browser.navigate(app.url(&path)).await;
        assert_eq!((page.status(), page.text()), (200, NOBODY.into()), "{path}");
    }
}

/// Whichever `state` the browser has, only the page after signing out is taken over.
#[rocket::async_test]
async fn a_state_is_taken_out_of_one_address_only() {
    let app = TestApp::start(pages()).await;
    let browser = Browser::new();
    app.sign_in(&browser, "/protected", ALICE).await;
    let answer = browser.post_form(app.url("/sign-out"), &[]).await;
    let state = answer.location_query("state").expect("a state");
    for path in [
        "/protected?state=",
        "/?x=1&state=",
        "//?state=",
        "/?state=x",
    ] {
        let page = browser.navigate(app.url(&format!("{path}{state}"))).await;
        let location = page.header("location").unwrap_or_default();
        assert_ne!(location, "/", "{path}");
    }
    let back = browser.navigate_from(CROSS_SITE, app.url(&format!("/?state={state}")));
    let back = back.await;
    assert_eq!((back.status(), back.header("location")), (303, Some("/")));
}

#[rocket::async_test]
async fn get_signs_out_from_our_own_pages_and_asks_otherwise() {
    let app = TestApp::start(pages()).await;
    // What browsers send: site, mode, destination.
    let cases = [
        ("same-site navigate document", false),
        ("cross-site navigate document", false),
        ("nonsense navigate document", false),
        ("", false),
        ("same-origin", false),
        // A picture, a frame and a script in one of our own pages.
        ("same-origin no-cors image", false),
        ("same-origin navigate iframe", false),
        ("same-origin cors empty", false),
        // The address bar, a bookmark, and a mail that anybody may have sent.
        ("none navigate document", false),
        ("same-origin navigate document", true),
    ];
    for (site, signs_out) in cases {
        let browser = Browser::new();
        app.provider.hooks().sign_in_as(Some(ALICE));
        browser.navigate_following(app.url("/protected"), 9).await;
        app.provider.hooks().sign_in_as(None);
        assert_eq!(who(&app, &browser).await, ALICE);

        let mut request = browser.request(Method::GET, app.url("/sign-out"));
        let names = ["Sec-Fetch-Site", "Sec-Fetch-Mode", "Sec-Fetch-Dest"];
        for (name, value) in names.into_iter().zip(site.split_whitespace()) {
            request = request.header(name, value);
        }
        let answer = request.send().await;
        if signs_out {
            assert_eq!(answer.status(), 303, "{site:?}");
            assert_eq!(who(&app, &browser).await, NOBODY, "{site:?}");
            continue;
        }
        // What is no page is told in JSON.
        if site.contains("cors") {
            assert_eq!(answer.status(), 403, "{site:?}");
            assert_eq!(who(&app, &browser).await, ALICE, "{site:?}");
            continue;
        }
        assert_eq!(answer.status(), 200, "{site:?}");
        assert_eq!(answer.page().title, "Sign out?", "{site:?}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{site:?}");
        assert_eq!(who(&app, &browser).await, ALICE, "{site:?}");
        let provider = app.provider.endpoint();
        let csp = answer.header("content-security-policy").unwrap_or_default();
        assert!(
            csp.contains(&format!("form-action 'self' {provider};")),
            "{csp}"
        );
        assert_eq!(
            answer.header("referrer-policy"),
            Some("same-origin"),
            "with no-referrer the button would send `Origin: null`"
        );
        let pressed = browser.submit(&answer, "Sign out", &[]).await;
        assert_eq!(pressed.status(), 303, "{site:?}");
        assert_eq!(who(&app, &browser).await, NOBODY, "{site:?}");
    }
}

#[rocket::async_test]
async fn nothing_signs_out_by_accident_or_from_elsewhere() {
    let app = TestApp::start(pages()).await;
    let browser = Browser::new();
    app.sign_in(&browser, "/protected", ALICE).await;
    let url = app.url("/sign-out");
    let get = || browser.request(Method::GET, &url).navigation();
    let post = || browser.request(Method::POST, &url);
    let cookies = browser.cookie_header(&url).expect("cookies");
    let cases = [
        ("prefetch", get().header("Sec-Purpose", "prefetch"), 204),
        (
            "prerender",
            get().header("Sec-Purpose", "prefetch;prerender"),
            204,
        ),
        ("old prefetch", get().header("Purpose", "prefetch"), 204),
        ("old Firefox", get().header("X-Moz", "prefetch"), 204),
        (
            "HEAD",
            browser.request(Method::HEAD, &url).navigation(),
            204,
        ),
        // As if the cookies came along all the same.
        (
            "cross-site form",
            post()
                .navigation()
                .initiator(CROSS_SITE)
                .cookie_header_override(&cookies),
            403,
        ),
        (
            "same-site form",
            post().header("Sec-Fetch-Site", "same-site"),
            403,
        ),
        (
            "old browser, other origin",
            post().header("Origin", "https://evil.example"),
            403,
        ),
        ("opaque origin", post().header("Origin", "null"), 403),
        (
            "cross-site fetch",
            post().fetch().initiator(CROSS_SITE),
            403,
        ),
        ("an image elsewhere", get().initiator(CROSS_SITE), 200),
        ("PUT", browser.request(Method::PUT, &url).navigation(), 404),
        (
            "DELETE",
            browser.request(Method::DELETE, &url).navigation(),
            404,
        ),
    ];
    for (case, request, status) in cases {
        let answer = request.send().await;
        assert_eq!(answer.status(), status, "{case}: {}", answer.text());
        assert_eq!(answer.set_cookies(), [""; 0], "{case}");
        assert_eq!(who(&app, &browser).await, ALICE, "{case}");
    }
    assert_eq!(app.provider.requests_to(Endpoint::Revocation).len(), 0);
}

#[rocket::async_test]
async fn a_post_with_the_own_origin_signs_out() {
    let app = TestApp::start(pages()).await;
    let browser = Browser::new();
    app.sign_in(&browser, "/protected", ALICE).await;
    let post = browser.request(Method::POST, app.url("/sign-out"));
    let answer = post.header("Origin", app.url("")).send().await;
    assert_eq!(answer.status(), 303);
    assert_eq!(who(&app, &browser).await, NOBODY);
}

#[rocket::async_test]
async fn whatever_the_provider_does_the_session_here_ends() {
    type Case = (&'static str, fn(&TestApp), &'static str, usize);
    fn remove(app: &TestApp, key: &'static str) {
        app.provider
            .hooks()
            .respond(Endpoint::Discovery, move |_, reply| {
                let mut body: Json = serde_json::from_slice(&reply.body).unwrap();
                body.as_object_mut().unwrap().remove(key).expect("the key");
                reply.body = body.to_string().into_bytes();
            });
    }
    fn revocation(app: &TestApp, status: u16) {
        app.provider
            .hooks()
            .respond(Endpoint::Revocation, move |_, reply| {
                *reply = Reply::json(status, &Json::Null);
            });
    }
    let cases: [Case; 5] = [
        (
            "no end_session_endpoint",
            |app| remove(app, "end_session_endpoint"),
            "/",
            1,
        ),
        (
            "no revocation_endpoint",
            |app| remove(app, "revocation_endpoint"),
            "/oidc/session/end",
            0,
        ),
        (
            "revocation fails",
            |app| revocation(app, 500),
            "/oidc/session/end",
            1,
        ),
        (
            "revocation refuses",
            |app| revocation(app, 400),
            "/oidc/session/end",
            1,
        ),
        (
            "revocation hangs",
            |app| {
                let hooks = app.provider.hooks();
                hooks.delay(Endpoint::Revocation, Duration::from_secs(30));
            },
            "/oidc/session/end",
            1,
        ),
    ];
    for (case, misbehave, leads_to, revocations) in cases {
        // The metadata is loaded after the hook is set: by the sign-in.
        let logto = keys([("http_timeout", "1s".into())]);
        let mut app = TestApp::with(logto.clone(), pages()).await;
        misbehave(&app);
        // Loads the metadata as the hook leaves it.
        app.restart(logto, pages()).await;

        let browser = Browser::new();
        app.sign_in(&browser, "/protected", ALICE).await;
        let copy = browser.clone();
        let answer = browser.post_form(app.url("/sign-out"), &[]).await;
        assert_eq!(answer.status(), 303, "{case}");
        let location = answer.location().expect("a redirect");
        assert_eq!(location.path(), leads_to, "{case}");
        let calls = app.provider.requests_to(Endpoint::Revocation).len();
        assert_eq!(calls, revocations, "{case}");
        assert_eq!(who(&app, &browser).await, NOBODY, "{case}");
        assert_eq!(who(&app, &copy).await, NOBODY, "{case}: a copied cookie");
    }
}

#[rocket::async_test]
async fn a_provider_that_is_gone_keeps_nobody_signed_in() {
    let app = TestApp::with(keys([("http_timeout", "1s".into())]), pages()).await;
    let browser = Browser::new();
    app.sign_in(&browser, "/protected", ALICE).await;
    let script = Browser::new();
    app.sign_in(&script, "/protected", ALICE).await;
    let TestApp { app, provider } = app;
    provider.stop().await;
    let copy = browser.clone();
    let answer = browser.post_form(app.url("/sign-out"), &[]).await;
    assert_eq!(answer.status(), 200, "no redirect to where nobody answers");
    let page = answer.page();
    assert_eq!(page.title, "You are signed out of this app");
    assert!(page.text.contains("could not be reached"), "{}", page.text);
    let home = browser.click(&answer, "Go to the home page").await;
    assert_eq!(home.text(), NOBODY);
    assert_eq!(copy.navigate(app.url("/")).await.text(), NOBODY, "a copy");

    let post = script.request(Method::POST, app.url("/sign-out")).fetch();
    let answer = post.initiator(app.url("/")).send().await;
    let told: Json = answer.json();
    assert_eq!(
        told,
        json!({ "signed_out": true, "provider": "unreachable" })
    );
    assert_eq!(script.navigate(app.url("/")).await.text(), NOBODY);
}

#[rocket::async_test]
async fn nobody_can_sign_out_too() {
    let app = TestApp::start(pages()).await;
    let browser = Browser::new();
    app.sign_in(&browser, "/protected", ALICE).await;
    browser.post_form(app.url("/sign-out"), &[]).await;
    app.provider.clear_requests();
    for case in ["after signing out", "with a broken cookie"] {
        let answer = browser.post_form(app.url("/sign-out"), &[]).await;
        assert_eq!(answer.status(), 303, "{case}");
        assert_eq!(answer.header("location"), Some("/"), "{case}");
        let broken = "logto_session=broken; Path=/";
        browser.set_cookie_raw(app.url("/"), broken).unwrap();
    }
    browser.post_form(app.url("/sign-out"), &[]).await;
    assert!(browser.cookie("logto_session").is_none(), "cleared");
    assert_eq!(app.provider.requests().len(), 0);
}

#[post("/leave")]
fn leave() -> SignOut {
    SignOut::new()
}

#[post("/leave/here?<to>")]
fn leave_here(to: &str) -> SignOut {
    SignOut::local(to)
}

#[rocket::async_test]
async fn a_handler_can_sign_out_itself() {
    let rocket = pages().mount("/", routes![leave, leave_here]);
    let app = TestApp::start(rocket).await;
    let cases = [
        ("/leave", "/oidc/session/end", 1),
        ("/leave/here?to=/bye", "/bye", 0),
        ("/leave/here?to=//evil.example", "/", 0),
        ("/leave/here?to=https:%2f%2fevil.example", "/", 0),
    ];
    app.provider.hooks().sign_in_as(Some(ALICE));
    for (path, leads_to, revocations) in cases {
        let browser = Browser::new();
        browser.navigate_following(app.url("/protected"), 9).await;
        assert_eq!(who(&app, &browser).await, ALICE, "{path}");
        app.provider.clear_requests();
        let answer = browser.post_form(app.url(path), &[]).await;
        assert_eq!(answer.status(), 303, "{path}");
        let location = answer.location().expect("a redirect");
        assert_eq!(location.path(), leads_to, "{path}");
        if revocations == 0 {
            assert_eq!(location.origin().ascii_serialization(), app.url(""));
        }
        assert_eq!(who(&app, &browser).await, NOBODY, "{path}");
        let calls = app.provider.requests_to(Endpoint::Revocation).len();
        assert_eq!(calls, revocations, "{path}");
    }
}
