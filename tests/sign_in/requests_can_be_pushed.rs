//! Pushed authorization requests (RFC 9126): where the provider offers them,
//! the request goes to it directly, and through the browser goes a reference.

use std::sync::atomic::{AtomicUsize, Ordering};

use logto_dev_provider::{DevProvider, Endpoint, Received, Reply};
use rocket::figment::value::Dict;
use rocket::futures::future::join_all;
use rocket::{get, routes};
use rocket_logto::{FirstScreen, SignIn};

use crate::support::app::{ALICE, CLIENT_ID, CLIENT_SECRET, TestApp, absent, keys, settings};
use crate::support::browser::{Browser, Response};
use crate::support::eventually::{asked, eventually};
use crate::support::log::reason_of;
use crate::support::pages::{own_cookies, pages};
use crate::support::refusal::reference;

#[get("/join")]
fn join() -> SignIn {
    SignIn::new()
        .first_screen(FirstScreen::Register)
        .login_hint("alice@example.com")
        .param("utm_source", "newsletter")
}

async fn offering(secret: Option<&str>, logto: Dict) -> TestApp {
    let mut settings = settings();
    settings.offers_par = true;
    settings.client_secret = secret.map(str::to_owned);
    let rocket = pages().mount("/", routes![join]);
    TestApp::with_settings(settings, logto, rocket).await
}

fn pushed(app: &TestApp) -> Vec<Received> {
    app.provider.requests_to(Endpoint::PushedAuth)
}

/// The parameters of an address or a form, in alphabetical order.
fn sorted(pairs: impl IntoIterator<Item = (String, String)>) -> Vec<(String, String)> {
    let mut pairs: Vec<_> = pairs.into_iter().collect();
    pairs.sort();
    pairs
}

#[rocket::async_test]
async fn the_browser_sees_a_reference_and_nothing_else() {
    let app = offering(Some(CLIENT_SECRET), keys([("scopes", "email".into())])).await;
    let answer = Browser::new().navigate(app.url("/join")).await;
    assert_eq!(answer.status(), 303, "{}", answer.text());
    let address = answer.location().expect("a Location");
    let endpoint = format!("{}/auth", app.provider.issuer());
    assert_eq!(address.as_str().split('?').next(), Some(&*endpoint));
    let names: Vec<_> = address.query_pairs().map(|(name, _)| name).collect();
    assert_eq!(names, ["client_id", "request_uri"]);

    let [request] = &pushed(&app)[..] else {
        panic!("not one pushed request: {:#?}", pushed(&app));
    };
    let redirect_uri = app.url("/callback");
    let expected = [
        ("client_id", CLIENT_ID),
        ("code_challenge_method", "S256"),
        ("first_screen", "register"),
        ("login_hint", "alice@example.com"),
        ("prompt", "consent"),
        ("redirect_uri", &redirect_uri),
        ("response_type", "code"),
        ("scope", "openid offline_access profile email"),
        ("utm_source", "newsletter"),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let mut form = sorted(request.form.clone());
    for random in ["state", "nonce", "code_challenge"] {
        let value = request.form_value(random).unwrap_or_default();
        assert!(value.len() >= 22, "{random}={value}");
        form.retain(|(name, _)| name != random);
    }
    assert_eq!(form, expected);
    assert_eq!(request.query, [], "nothing in the address");
}

#[rocket::async_test]
async fn a_sign_in_by_reference_comes_back_as_any_other() {
    let cases = [
        ("client_secret_basic", Some(CLIENT_SECRET)),
        ("client_secret_post", Some(CLIENT_SECRET)),
        ("none", None),
    ];
    for (method, secret) in cases {
        let app_secret = secret.map_or_else(absent, Into::into);
        let logto = keys([
            ("token_endpoint_auth_method", method.into()),
            ("app_secret", app_secret),
        ]);
        let app = offering(secret, logto).await;
        let page = app.sign_in(&Browser::new(), "/protected?a=b", ALICE).await;
        assert_eq!(page.text(), ALICE, "{method}");
        assert_eq!(page.url().query(), Some("a=b"), "{method}");

        let [request] = &pushed(&app)[..] else {
            panic!("{method}: not one pushed request");
        };
        let in_header = request.header("authorization").is_some();
        let in_body = request.form_value("client_secret");
        assert_eq!(in_header, method == "client_secret_basic", "{method}");
        let expected = secret.filter(|_| method == "client_secret_post");
        assert_eq!(in_body, expected, "{method}");
        let ids = request.form.iter().filter(|(name, _)| name == "client_id");
        assert_eq!(ids.count(), 1, "{method}");
    }
}

/// A browser that fetches ahead, or a crawler's `HEAD`, is no sign-in.
#[rocket::async_test]
async fn nothing_is_pushed_for_nobody() {
    let app = offering(Some(CLIENT_SECRET), Dict::new()).await;
    let browser = Browser::new();
    let head = browser.request(reqwest::Method::HEAD, app.url("/sign-in"));
    assert_eq!(head.send().await.status(), 204);
    let ahead = browser
        .request(reqwest::Method::GET, app.url("/sign-in"))
        .navigation();
    let ahead = ahead.header("Sec-Purpose", "prefetch").send().await;
    assert_eq!(ahead.status(), 204);
    assert_eq!(pushed(&app).len(), 0);
}

#[rocket::async_test]
async fn the_whole_request_goes_through_the_browser_when_it_has_to() {
    let switched_off = offering(Some(CLIENT_SECRET), keys([("use_par", false.into())])).await;
    let not_offered = TestApp::start(pages()).await;
    for (case, app) in [("off", switched_off), ("not offered", not_offered)] {
        let answer = Browser::new().navigate(app.url("/sign-in")).await;
        let state = answer.location_query("state");
        assert!(state.is_some_and(|state| state.len() >= 22), "{case}");
        assert_eq!(answer.location_query("request_uri"), None, "{case}");
        assert_eq!(pushed(&app).len(), 0, "{case}");
    }
}

/// No sign-in begins, nothing is tried twice, and the next one works.
async fn fails(app: &TestApp, case: &str, status: u16, reason: &str) -> Response {
    app.provider.clear_requests();
    let browser = Browser::new();
    let page = browser.navigate(app.url("/sign-in")).await;
    assert_eq!(page.status(), status, "{case}: {}", page.text());
    assert_eq!(reason_of(&reference(&page)), reason, "{case}");
    assert_eq!(own_cookies(&browser), [""; 0], "{case}");
    assert_eq!(pushed(app).len(), 1, "{case}: calls");
    let text = page.page().text;
    assert!(!text.contains("canary"), "{case}: {text}");
    // The first one is the app's name, at the top.
    let links = page.page().links.into_iter().skip(1);
    let links: Vec<_> = links.map(|link| link.text).collect();
    let expected = match status {
        // Waiting does not help.
        500 => ["Go to the home page", "Sign in again"],
        400 => ["Sign in again", "Go to the home page"],
        _ => ["Try again", "Go to the home page"],
    };
    assert_eq!(links, expected, "{case}");
    app.provider.hooks().behave(Endpoint::PushedAuth);
    let again = app.sign_in(&browser, "/protected", ALICE).await;
    assert_eq!(again.text(), ALICE, "{case}: afterwards");
    page
}

#[rocket::async_test]
async fn a_request_that_is_not_taken_begins_no_sign_in() {
    let app = offering(Some(CLIENT_SECRET), Dict::new()).await;
    let hooks = app.provider.hooks();
    let answers = |edit: fn(&mut Reply)| {
        hooks.respond(Endpoint::PushedAuth, move |_, reply| edit(reply));
    };
    answers(|reply| {
        *reply = Reply::json(
            401,
            &serde_json::json!({
                "error": "invalid_client", "error_description": "canary",
                "code": "oidc.invalid_client", "message": "canary",
            }),
        );
    });
    fails(&app, "401", 500, "pushed_request_oidc.invalid_client").await;
    answers(|reply| {
        *reply = Reply::json(400, &serde_json::json!({ "error": "invalid_target\n<b>" }));
    });
    fails(&app, "400", 400, "pushed_request_invalid_targetb").await;
    answers(|reply| reply.body = b"<h1>canary</h1>".to_vec());
    fails(&app, "HTML", 502, "pushed_authorization_response").await;
    answers(|reply| reply.edit_json(|body| body["request_uri"] = "".into()));
    fails(&app, "empty", 502, "pushed_authorization_response").await;
    answers(|reply| reply.edit_json(|body| body["request_uri"] = 7.into()));
    fails(&app, "number", 502, "pushed_authorization_response").await;
    answers(|reply| reply.edit_json(|body| body["request_uri"] = "x".repeat(2049).into()));
    fails(&app, "huge", 502, "pushed_authorization_response").await;
    answers(|reply| reply.status = 404);
    let reason = "pushed_authorization_request answered 404 Not Found";
    fails(&app, "404", 502, reason).await;
    answers(|reply| {
        reply.status = 307;
        reply.set_header("location", "http://localhost:9/canary");
    });
    let reason = "answered 307 Temporary Redirect, a redirect; redirects are never followed";
    fails(&app, "redirect", 502, reason).await;
    answers(|reply| reply.status = 500);
    fails(&app, "500", 502, "answered 500 Internal Server Error").await;
    answers(|reply| {
        reply.status = 429;
        reply.set_header("retry-after", "17");
    });
    let page = fails(&app, "429", 503, "answered 429 Too Many Requests").await;
    assert_eq!(page.header("retry-after"), Some("17"));

    let timeout = keys([("http_timeout", 2.into())]);
    let app = offering(Some(CLIENT_SECRET), timeout).await;
    let _held = app.provider.hooks().hold(Endpoint::PushedAuth);
    fails(&app, "slow", 504, "no answer within 2s").await;
}

/// What the provider knows nothing of is refused when it is used, and a
/// reference works once.
#[rocket::async_test]
async fn a_reference_is_good_once() {
    let app = offering(Some(CLIENT_SECRET), Dict::new()).await;
    let browser = Browser::new();
    let start = browser.navigate(app.url("/sign-in")).await;
    let address = start.location().expect("a Location");
    assert_eq!(browser.navigate(&address).await.status(), 200);
    let again = Browser::new().navigate(&address).await;
    assert_eq!(again.status(), 400, "{}", again.text());
}

#[rocket::async_test]
async fn what_is_pushed_is_what_would_have_been_sent() {
    let plain = TestApp::with(keys([("use_par", false.into())]), pages()).await;
    let by_reference = offering(Some(CLIENT_SECRET), Dict::new()).await;
    let path = "/sign-in?ui_locales=de&organization_id=acme&first_screen=register";
    let answer = Browser::new().navigate(plain.url(path)).await;
    let sent = answer.location().expect("a Location");
    let sent = sorted(sent.query_pairs().into_owned());
    Browser::new().navigate(by_reference.url(path)).await;
    let form = sorted(pushed(&by_reference).remove(0).form);
    let names = |pairs: &[(String, String)]| -> Vec<String> {
        pairs.iter().map(|(name, _)| name.clone()).collect()
    };
    assert_eq!(names(&form), names(&sent));
    for ((name, pushed), (_, sent)) in form.iter().zip(&sent) {
        let random = ["state", "nonce", "code_challenge"].contains(&name.as_str());
        let elsewhere = name == "redirect_uri";
        assert!(
            pushed == sent || random || elsewhere,
            "{name}: {pushed} {sent}"
        );
    }
}

/// `DevProvider` as `cargo run` starts it offers them, as Logto does.
#[rocket::async_test]
async fn the_development_provider_offers_them() {
    use logto_dev_provider::Settings;
    let provider = DevProvider::start(Settings::new(CLIENT_ID, CLIENT_SECRET));
    let provider = provider.await.expect("a provider");
    let url = format!("{}/.well-known/openid-configuration", provider.issuer());
    let metadata: serde_json::Value = Browser::new().fetch_json(url).await.json();
    let endpoint = format!("{}/request", provider.issuer());
    assert_eq!(metadata["pushed_authorization_request_endpoint"], endpoint);
}

/// A client that begins sign-ins keeps the provider busy with them, and with
/// nothing else.
#[rocket::async_test]
async fn a_flood_of_sign_ins_leaves_turns_for_those_who_come_back() {
    let table = keys([
        ("max_concurrent_op_calls", 4.into()),
        ("http_timeout", 20.into()),
    ]);
    let app = offering(Some(CLIENT_SECRET), table).await;
    let (browser, back) = app.on_the_way_back(ALICE).await;
    let before = pushed(&app).len();

    let held = app.provider.hooks().hold(Endpoint::PushedAuth);
    let told = AtomicUsize::new(0);
    let flood = join_all((0..8).map(async |_| {
        let start = Browser::new().navigate(app.url("/sign-in")).await;
        told.fetch_add(1, Ordering::SeqCst);
        start.status()
    }));
    let other = async {
        asked(&app.provider, Endpoint::PushedAuth, before + 1).await;
        let answer = browser.follow(&back).await;
        assert_eq!(answer.status(), 303, "{}", answer.text());
        assert!(browser.cookie("logto_session").is_some());
        assert_eq!(pushed(&app).len(), before + 1, "a quarter of four");
        // Those who wait for a turn have given up by the time it is free.
        let all = async || told.load(Ordering::SeqCst) == 7;
        eventually("the others are told", all).await;
        drop(held);
    };
    let (flooded, ()) = rocket::tokio::join!(flood, other);
    let count = |status| flooded.iter().filter(|other| **other == status).count();
    assert_eq!((count(303), count(503)), (1, 7), "{flooded:?}");
}
