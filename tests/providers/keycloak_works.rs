//! Keycloak with `issuer`, `app_id` and `app_secret`, and no other key.

use rocket::figment::value::{Dict, Value};
use serde_json::{Value as Json, json};

use crate::support::api_app::call;
use crate::support::app::keys;
use crate::support::browser::{Browser, Response};
use crate::support::eventually::eventually;
use crate::support::keycloak::{ALICE, Keycloak, SCOPE};
use crate::support::npm_provider::RESOURCE;
use crate::support::peer_app::{PeerApp, is_refused, line_about};

async fn start() -> (PeerApp, &'static Keycloak) {
    let keycloak = Keycloak::get().await;
    let register = async |port| keycloak.register_for_logout(port).await;
    (PeerApp::start(Dict::new(), register).await, keycloak)
}

async fn sign_in(app: &PeerApp, browser: &Browser, user: &str) -> Response {
    let start = app.to_provider(browser, "/protected").await;
    let back = Keycloak::get().await.sign_in(browser, &start, user).await;
    let page = app.arrive(browser, back).await;
    assert_eq!(
        (page.status(), page.url().path()),
        (200, "/protected"),
        "{}",
        page.text()
    );
    page
}

#[rocket::async_test]
async fn signs_in_and_shows_claims_and_userinfo() {
    let (app, keycloak) = start().await;
    let browser = Browser::new();
    let claims: Json = sign_in(&app, &browser, ALICE).await.json();
    assert_eq!(claims["iss"], keycloak.issuer());
    assert_eq!(claims["preferred_username"], "alice");
    assert_eq!(claims["name"], "Alice Example");

    let info: Json = app.json(&browser, "/userinfo").await;
    assert_eq!(info["sub"], claims["sub"]);
    assert_eq!(info["email"], "alice@example.com");
    assert_eq!(browser.violations(), []);
}

/// A session of Keycloak's own lives as long as its single sign-on does, an offline one on its own.
#[rocket::async_test]
async fn refreshes_without_an_offline_session() {
    let (app, keycloak) = start().await;
    let browser = Browser::new();
    let claims: Json = sign_in(&app, &browser, ALICE).await.json();
    let sub = claims["sub"].as_str().expect("a sub");
    let first = app.json(&browser, "/token").await;

    let refreshed = browser.post_form(app.url("/refresh"), &[]).await;
    assert_eq!(refreshed.status(), 200, "{}", refreshed.text());
    assert_eq!(refreshed.json::<Json>()["sub"], sub);
    let second = app.json(&browser, "/token").await;
    assert_ne!(
        first["secret"], second["secret"],
        "a refresh gives new ones"
    );
    assert_eq!(app.json(&browser, "/userinfo").await["sub"], sub);

    assert!(!keycloak.has_offline_session(sub, &app.app_id).await);
    let clients = keycloak.sessions(sub).await;
    let clients = clients.iter().flat_map(|session| {
        let clients = session["clients"].as_object().expect("its clients");
        clients.values().filter_map(Json::as_str)
    });
    assert!(clients.into_iter().any(|client| client == app.app_id));
}

#[rocket::async_test]
async fn a_disabled_user_is_out_with_the_next_refresh() {
    let (app, keycloak) = start().await;
    keycloak.make_user("dismissed").await;
    let browser = Browser::new();
    let claims: Json = sign_in(&app, &browser, "dismissed").await.json();
    let sub = claims["sub"].as_str().expect("a sub");
    keycloak.disable(sub).await;
    assert_eq!(app.who(&browser).await, sub, "not asked yet");
    let refused = browser.post_form(app.url("/refresh"), &[]).await;
    assert_eq!(refused.status(), 401, "{}", refused.text());
    assert_eq!(app.who(&browser).await, "nobody");
}

#[rocket::async_test]
async fn signs_out_there_and_comes_back() {
    let (app, keycloak) = start().await;
    let browser = Browser::new();
    sign_in(&app, &browser, ALICE).await;
    let to_provider = app.sign_out(&browser).await;
    let there = to_provider.location().expect("a redirect");
    assert!(there.as_str().starts_with(&keycloak.issuer()), "{there}");
    let last = browser.follow_all(to_provider, 5).await.pop();
    let last = last.expect("a page");
    assert_eq!((last.url().path(), last.text().as_str()), ("/", "nobody"));

    // Who signs in next has to type a password.
    let start = app.to_provider(&browser, "/protected").await;
    let form = browser.follow_all(start, 5).await.pop().expect("a page");
    assert!(Keycloak::asks_to_sign_in(&form), "{}", form.text());
}

/// By an administrator, and by the user at another app of the same single sign-on.
#[rocket::async_test]
async fn a_sign_out_elsewhere_ends_the_session_here() {
    let (app, keycloak) = start().await;
    keycloak.make_user("roaming").await;
    let browser = Browser::new();
    let claims: Json = sign_in(&app, &browser, "roaming").await.json();
    let sub = claims["sub"].as_str().expect("a sub");
    keycloak.sign_out_everywhere(sub).await;
    let is_out = async || app.who(&browser).await == "nobody";
    eventually(
        "the session ends after the administrator's sign-out",
        is_out,
    )
    .await;

    // The same person in the same browser, as far as Keycloak can tell.
    let (other, _) = start().await;
    sign_in(&app, &browser, "roaming").await;
    let elsewhere = browser.clone();
    sign_in(&other, &elsewhere, "roaming").await;
    assert_eq!(app.who(&browser).await, sub);
    let to_provider = other.sign_out(&elsewhere).await;
    elsewhere.follow_all(to_provider, 5).await;
    let is_out = async || app.who(&browser).await == "nobody";
    eventually("the session ends after the sign-out elsewhere", is_out).await;
}

/// A list where there is another audience, such as `account`.
fn is_for_the_api(token: &Json) {
    let audience = &token["claims"]["aud"];
    let is_listed = audience
        .as_array()
        .is_some_and(|list| list.contains(&RESOURCE.into()));
    assert!(is_listed || audience == RESOURCE, "{audience}");
}

/// The audience mapper of the client scope makes the token one for the API.
#[rocket::async_test]
async fn an_api_takes_its_tokens_by_audience_and_scope() {
    let keycloak = Keycloak::get().await;
    let keys = keys([("scopes", vec![SCOPE].into())]);
    let register = async |port| keycloak.register(port).await;
    let app = PeerApp::start(keys, register).await;
    let browser = Browser::new();
    let claims: Json = sign_in(&app, &browser, ALICE).await.json();
    let token = app.json(&browser, "/token").await;
    is_for_the_api(&token);
    let secret = token["secret"].as_str().expect("a token");
    let answer = call(&app.url("/api/cart"), secret).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let body: Json = answer.json();
    let expected = json!({ "sub": claims["sub"], "client_id": app.app_id });
    assert_eq!(body, expected, "its `azp`");

    let change = call(&app.url("/api/cart/change"), secret).await;
    assert_eq!(change.status(), 403, "{}", change.text());

    // Without the scope there is no audience either.
    let (plain, _) = start().await;
    let browser = Browser::new();
    sign_in(&plain, &browser, ALICE).await;
    let token = plain.json(&browser, "/token").await;
    let secret = token["secret"].as_str().expect("a token");
    for api in [plain.url("/api/cart"), app.url("/api/cart")] {
        let answer = call(&api, secret).await;
        assert_eq!(answer.status(), 401, "{}", answer.text());
    }
}

/// It ignores `resource` (RFC 8707): only the mapper makes a token one for the API, and another is not
/// handed out.
#[rocket::async_test]
async fn a_token_for_an_api_needs_the_mapper() {
    let keycloak = Keycloak::get().await;
    let register = async |port| keycloak.register(port).await;
    let resources = ("resources", Value::from(vec![RESOURCE]));
    let with_mapper = keys([resources.clone(), ("scopes", vec![SCOPE].into())]);
    let app = PeerApp::start(with_mapper, register).await;
    let browser = Browser::new();
    sign_in(&app, &browser, ALICE).await;
    is_for_the_api(&app.json(&browser, "/shopping").await);

    let app = PeerApp::start(keys([resources]), register).await;
    let browser = Browser::new();
    sign_in(&app, &browser, ALICE).await;
    let page = browser.navigate(app.url("/shopping")).await;
    is_refused(&page, 500, "token_is_not_for_the_resource");
}

#[rocket::async_test]
async fn a_machine_gets_a_token_that_opens_the_api() {
    let (app, _) = start().await;
    let token = app.json(&Browser::new(), "/machine").await;
    is_for_the_api(&token);
    let secret = token["secret"].as_str().expect("a token");
    let answer = call(&app.url("/api/cart"), secret).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let body: Json = answer.json();
    let expected = json!({ "sub": token["claims"]["sub"], "client_id": app.app_id });
    assert_eq!(body, expected);
}

/// Mistakes of an operator. It calls all of them `invalid_request` and has words for each.
#[rocket::async_test]
async fn mistakes_are_told_apart() {
    let keycloak = Keycloak::get().await;
    let register = async |port| keycloak.register(port).await;
    let elsewhere = async |port| register(port + 1).await;

    let unknown = keys([("scopes", vec!["write:everything"].into())]);
    let unknown_scope = PeerApp::start(unknown, register).await;
    let wrong = keys([("app_secret", "not this one".into())]);
    let wrong_secret = PeerApp::start(wrong, register).await;
    let unregistered = PeerApp::start(Dict::new(), elsewhere).await;

    for (app, said) in [
        (&wrong_secret, "Authentication failed."),
        (
            &unknown_scope,
            "Invalid scopes: openid profile write:everything",
        ),
        (&unregistered, "Invalid parameter: redirect_uri"),
    ] {
        let page = Browser::new().navigate(app.url("/sign-in")).await;
        is_refused(&page, 500, "pushed_request_invalid_request");
        let line = line_about(&page);
        assert!(line.contains(said), "{line}");
    }
}
