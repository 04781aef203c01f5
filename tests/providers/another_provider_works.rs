//! The same sign-in, userinfo and sign-out against `oidc-provider` from npm:
//! RS256, an issuer that is no Logto endpoint, its own pages.

use rocket::figment::value::Value;
use rocket::serde::json::{Value as Json, json};
use rocket::{get, post, routes};
use rocket_logto::{AccessToken, Bearer, Error, Logto, TokenFor, User, UserInfo};

use crate::support::api_app::call;
use crate::support::browser::{Browser, Response};
use crate::support::log::reason_of;
use crate::support::npm_provider::{
    CLIENT_ID, CLIENT_SECRET, NpmProvider, RESOURCE, ReadCart, Settings, Shopping,
    provider_of_app_at,
};
use crate::support::refusal::reference;
use crate::support::serve::{Served, free_port};
use crate::support::token_app::shown;

#[get("/")]
fn home(user: Option<User>) -> String {
    user.map_or("nobody".to_owned(), |user| user.sub().to_owned())
}

#[get("/protected")]
fn protected(user: User) -> String {
    rocket::serde::json::to_string(&user).unwrap()
}

#[get("/userinfo")]
fn userinfo(info: UserInfo) -> String {
    rocket::serde::json::to_string(&info).unwrap()
}

#[get("/api/cart")]
fn cart(caller: Bearer<ReadCart>) -> Json {
    json!({ "sub": caller.sub(), "client_id": caller.client_id() })
}

#[get("/shopping")]
fn shopping(token: AccessToken<Shopping>) -> Json {
    shown(&token)
}

#[get("/default")]
fn default(token: AccessToken) -> Json {
    shown(&token)
}

#[get("/token?<resource>&<scope>")]
async fn token(user: User, resource: &str, scope: &str) -> Result<Json, Error> {
    let wanted = TokenFor::resource(resource).scope(scope);
    Ok(shown(&user.token(wanted).await?))
}

#[post("/refresh")]
async fn refresh(user: User) -> Result<Json, Error> {
    Ok(json!({ "sub": user.refresh().await?.sub() }))
}

struct App {
    app: Served,
    provider: NpmProvider,
}

impl App {
    async fn start<const N: usize>(more: [(&str, Value); N]) -> App {
        let port = free_port();
        let (provider, figment) = provider_of_app_at(port, Settings::default()).await;
        let mut figment = figment
            .merge(("logto.app_secret", CLIENT_SECRET))
            .merge(("logto.scopes", ["email", "read:cart"]))
            .merge(("logto.resources", [RESOURCE]));
        for (key, value) in more {
            figment = figment.merge((format!("logto.{key}"), value));
        }
        let rocket = rocket::custom(figment).attach(Logto::fairing()).mount(
            "/",
            routes![
                home, protected, userinfo, cart, shopping, default, token, refresh
            ],
        );
        App {
            app: Served::start_on(port, rocket).await,
            provider,
        }
    }

    async fn sign_in(&self, browser: &Browser, path: &str) -> Response {
        let to_sign_in = browser.navigate(self.app.url(path)).await;
        let to_provider = browser.follow(&to_sign_in).await;
        let back = self.provider.sign_in(browser, &to_provider, "alice").await;
        browser.follow_all(back, 5).await.pop().expect("a page")
    }
}

#[rocket::async_test]
async fn signs_in_shows_userinfo_and_signs_out() {
    let app = App::start([]).await;
    let browser = Browser::new();

    let page = app.sign_in(&browser, "/protected").await;
    assert_eq!(
        (page.status(), page.url().path()),
        (200, "/protected"),
        "{}",
        page.text()
    );
    let claims: serde_json::Value = page.json();
    assert_eq!(claims["sub"], "alice");
    assert_eq!(claims["iss"], app.provider.issuer());

    let info: serde_json::Value = browser.navigate(app.app.url("/userinfo")).await.json();
    assert_eq!(info["sub"], "alice");
    assert_eq!(info["email"], "alice@example.com");

    let to_provider = browser.post_form(app.app.url("/sign-out"), &[]).await;
    assert!(
        to_provider
            .location()
            .unwrap()
            .as_str()
            .starts_with(app.provider.issuer())
    );
    let back = app.provider.sign_out(&browser, &to_provider).await;
    let home = browser.follow_all(back, 5).await.pop().expect("a page");
    assert_eq!((home.url().path(), home.text().as_str()), ("/", "nobody"));
    assert_eq!(browser.violations(), []);
}

#[rocket::async_test]
async fn refuses_a_token_signed_with_another_algorithm() {
    let app = App::start([("id_token_alg", "ES384".into())]).await;
    let browser = Browser::new();
    let page = app.sign_in(&browser, "/protected").await;
    assert_eq!(page.status(), 400);
    assert_eq!(browser.navigate(app.app.url("/")).await.text(), "nobody");
}

/// The secret is needed to push the request, or else for the tokens.
#[rocket::async_test]
async fn says_so_when_the_secret_is_wrong() {
    let wrong = ("app_secret", "not this one".into());
    let app = App::start([wrong.clone()]).await;
    let page = Browser::new().navigate(app.app.url("/sign-in")).await;
    assert_eq!(page.status(), 500, "{}", page.text());
    let reason = "pushed_request_invalid_client";
    assert_eq!(reason_of(&reference(&page)), reason);

    let app = App::start([wrong, ("use_par", false.into())]).await;
    let browser = Browser::new();
    let page = app.sign_in(&browser, "/protected").await;
    assert_eq!(page.status(), 500, "{}", page.text());
    let reason = "token_endpoint_invalid_client";
    assert_eq!(reason_of(&reference(&page)), reason);
    assert_eq!(browser.navigate(app.app.url("/")).await.text(), "nobody");
}

/// It takes pushed requests, and whole ones.
#[rocket::async_test]
async fn signs_in_by_reference_and_by_the_whole_request() {
    for push in [true, false] {
        let app = App::start([("use_par", push.into())]).await;
        let browser = Browser::new();
        let start = browser.navigate(app.app.url("/sign-in")).await;
        let by_reference = start.location_query("request_uri").is_some();
        let whole = start.location_query("code_challenge").is_some();
        assert_eq!((by_reference, whole), (push, !push));
        let page = app.sign_in(&browser, "/protected").await;
        assert_eq!(page.status(), 200, "{push}: {}", page.text());
        assert_eq!(page.json::<Json>()["sub"], "alice", "{push}");
    }
}

#[rocket::async_test]
async fn gives_resource_tokens_and_refreshes() {
    let app = App::start([]).await;
    let alice = Browser::new();
    app.sign_in(&alice, "/protected").await;
    let fetch = async |path: &str| alice.fetch_json(app.app.url(path)).await;

    let answer = fetch("/shopping").await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let token: Json = answer.json();
    assert_eq!(token["claims"]["aud"], RESOURCE);
    assert_eq!(token["claims"]["sub"], "alice");
    assert_eq!(token["claims"]["client_id"], CLIENT_ID);
    assert_eq!(token["scopes"], json!(["read:cart"]));
    let expires_at = token["claims"]["exp"].as_i64().unwrap();
    let told = token["expires_at"].as_i64().unwrap();
    assert!((told - expires_at).abs() <= 2, "{told}, not {expires_at}");
    assert_eq!(fetch("/shopping").await.json::<Json>(), token, "cached");

    let opaque: Json = fetch("/default").await.json();
    assert!(opaque["claims"].is_null(), "{opaque}");
    assert_eq!(fetch("/userinfo").await.status(), 200);

    let refreshed = alice.post_form(app.app.url("/refresh"), &[]).await;
    assert_eq!(refreshed.status(), 200, "{}", refreshed.text());
    assert_eq!(refreshed.json::<Json>()["sub"], "alice");
    let again: Json = fetch("/shopping").await.json();
    assert_eq!(again["claims"]["aud"], RESOURCE);
    assert_ne!(again["secret"], token["secret"], "a refresh gives new ones");
    assert_ne!(
        fetch("/default").await.json::<Json>()["secret"],
        opaque["secret"]
    );
    assert_eq!(fetch("/userinfo").await.status(), 200);
    assert_eq!(alice.violations(), []);
}

/// It gives none without consent: the sign-in works, and lasts as it is.
#[rocket::async_test]
async fn signs_in_without_a_refresh_token() {
    let app = App::start([("prompt", Value::from(Vec::<String>::new()))]).await;
    let alice = Browser::new();
    let start = alice.navigate(app.app.url("/protected")).await;
    let start = alice.follow(&start).await;
    let back = app.provider.sign_in(&alice, &start, "alice").await;
    let page = alice.follow_all(back, 5).await.pop().expect("a page");
    assert_eq!(page.json::<Json>()["sub"], "alice", "{}", page.text());
    assert_eq!(alice.navigate(app.app.url("/userinfo")).await.status(), 200);
    let refused = alice.fetch_json(app.app.url("/shopping")).await;
    assert_eq!(refused.status(), 403, "{}", refused.text());
    assert_eq!(refused.json::<Json>()["code"], "no_refresh_token");
}

/// Its `invalid_target` and `invalid_scope`, in the words of RFC 8707 and RFC 6749.
#[rocket::async_test]
async fn a_refusal_is_403_and_no_more() {
    let app = App::start([]).await;
    let alice = Browser::new();
    app.sign_in(&alice, "/protected").await;
    let cases = [
        (
            "https://unknown.example.com/api",
            "read:cart",
            "invalid_target",
        ),
        (RESOURCE, "write:cart", "invalid_scope"),
    ];
    for (resource, scope, code) in cases {
        let path = format!("/token?resource={resource}&scope={scope}");
        let answer = alice.fetch_json(app.app.url(&path)).await;
        assert_eq!(answer.status(), 403, "{path}: {}", answer.text());
        assert_eq!(answer.json::<Json>()["code"], code, "{path}");
    }
    let still = alice.fetch_json(app.app.url("/shopping")).await;
    assert_eq!(still.status(), 200, "{}", still.text());
}

/// The user's token for the API opens the API; the one for userinfo does not.
#[rocket::async_test]
async fn an_api_lets_in_who_brings_the_users_token() {
    let app = App::start([]).await;
    let browser = Browser::new();
    let page = app.sign_in(&browser, "/shopping").await;
    let token: Json = page.json();
    let api = app.app.url("/api/cart");
    let answer = call(&api, token["secret"].as_str().expect("a token")).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let body: Json = answer.json();
    assert_eq!(body, json!({ "sub": "alice", "client_id": CLIENT_ID }));

    let opaque: Json = browser.fetch_json(app.app.url("/default")).await.json();
    let answer = call(&api, opaque["secret"].as_str().expect("a token")).await;
    assert_eq!(answer.status(), 401, "{}", answer.text());
    assert_eq!(
        browser.navigate(api).await.status(),
        401,
        "a session is no token"
    );
}
