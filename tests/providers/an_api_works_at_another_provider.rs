//! An API, and a machine that calls it, at npm `oidc-provider`: resource
//! indicators, RS256 JWTs, client credentials, introspection.

use rocket::figment::Figment;
use rocket::serde::json::{Value as Json, json};
use rocket::{get, routes};
use rocket_logto::{Bearer, Logto, MachineToken, Permission};

use crate::support::api_app::call;
use crate::support::browser::Browser;
use crate::support::npm_provider::{
    CLIENT_ID, CLIENT_SECRET, MACHINE_ID, MACHINE_SECRET, NpmProvider, Orders, RESOURCE, ReadCart,
    Settings, Shopping,
};
use crate::support::serve::Served;
use crate::support::token_app::shown;

struct WriteCart;

impl Permission for WriteCart {
    type Audience = Shopping;
    const SCOPES: &'static [&'static str] = &["read:cart", "write:cart"];
}

struct ReadOrders;

impl Permission for ReadOrders {
    type Audience = Orders;
    const SCOPES: &'static [&'static str] = &["read:orders"];
}

fn caller(sub: &str, client: Option<&str>) -> Json {
    json!({ "sub": sub, "client_id": client })
}

#[get("/cart")]
fn cart(bearer: Bearer<ReadCart>) -> Json {
    caller(bearer.sub(), bearer.client_id())
}

#[get("/cart/change")]
fn change(bearer: Bearer<WriteCart>) -> Json {
    caller(bearer.sub(), bearer.client_id())
}

#[get("/orders")]
fn orders(bearer: Bearer<ReadOrders>) -> Json {
    caller(bearer.sub(), bearer.client_id())
}

#[get("/token/cart")]
fn cart_token(token: MachineToken<ReadCart>) -> Json {
    shown(&token)
}

#[get("/token/orders")]
fn orders_token(token: MachineToken<ReadOrders>) -> Json {
    shown(&token)
}

async fn start() -> (Served, NpmProvider) {
    let provider = NpmProvider::start(Settings {
        redirect_uri: "http://localhost:9/callback",
        post_logout_redirect_uri: "http://localhost:9/",
        ..Settings::default()
    })
    .await;
    let figment = Figment::from(rocket::Config::debug_default())
        .merge(("log_level", "critical"))
        .merge(("logto.issuer", provider.issuer()))
        .merge(("logto.id_token_alg", "RS256"))
        .merge(("logto.app_id", CLIENT_ID))
        .merge(("logto.app_secret", CLIENT_SECRET))
        .merge(("logto.machine.app_id", MACHINE_ID))
        .merge(("logto.machine.app_secret", MACHINE_SECRET))
        .merge(("logto.introspect_opaque_tokens", true));
    let handlers = routes![cart, change, orders, cart_token, orders_token];
    let rocket = rocket::custom(figment)
        .attach(Logto::api())
        .mount("/", handlers);
    (Served::start(rocket).await, provider)
}

async fn token(app: &Served, path: &str) -> Json {
    let answer = Browser::new().fetch_json(app.url(path)).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    answer.json()
}

#[rocket::async_test]
async fn a_machines_jwt_opens_what_its_scopes_allow() {
    let (app, _provider) = start().await;
    let machine = token(&app, "/token/cart").await;
    assert_eq!(machine["claims"]["aud"], RESOURCE);
    assert_eq!(machine["scopes"], json!(["read:cart"]));
    assert_eq!(
        token(&app, "/token/cart").await["secret"],
        machine["secret"]
    );
    let secret = machine["secret"].as_str().expect("a token");
    let answer = call(&app.url("/cart"), secret).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let body: Json = answer.json();
    assert_eq!(body, json!({ "sub": MACHINE_ID, "client_id": MACHINE_ID }));
    let answer = call(&app.url("/cart/change"), secret).await;
    assert_eq!(answer.status(), 403);
    assert_eq!(
        answer.header("www-authenticate"),
        Some(
            "Bearer error=\"insufficient_scope\", scope=\"read:cart write:cart\", resource_metadata=\
             \"https://shopping.example.com/.well-known/oauth-protected-resource/api\""
        )
    );
    assert_eq!(call(&app.url("/orders"), secret).await.status(), 401);
}

#[rocket::async_test]
async fn an_opaque_token_is_introspected() {
    let (app, provider) = start().await;
    let machine = token(&app, "/token/orders").await;
    assert_eq!(machine["claims"], Json::Null, "opaque");
    let secret = machine["secret"].as_str().expect("a token");
    let answer = call(&app.url("/orders"), secret).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let body: Json = answer.json();
    assert_eq!(body, json!({ "sub": MACHINE_ID, "client_id": MACHINE_ID }));
    assert_eq!(
        call(&app.url("/cart"), secret).await.status(),
        401,
        "another API"
    );
    let unknown = call(&app.url("/orders"), "nobody-has-issued-this").await;
    assert_eq!(unknown.status(), 401);
    drop(provider);
}
