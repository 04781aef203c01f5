//! `private_key_jwt` (RFC 7523) at npm `oidc-provider`, which verifies assertions with
//! code of its own: each algorithm, at each endpoint that authenticates clients.

use rocket::serde::json::{Value as Json, json};
use rocket::{get, post, routes};
use rocket_logto::{AccessToken, Bearer, Error, Logto, MachineToken, Permission, User};

use crate::support::api_app::call;
use crate::support::browser::Browser;
use crate::support::client_key::{ALGORITHMS, ClientKey, are_proven};
use crate::support::eventually::eventually;
use crate::support::npm_provider::{
    CLIENT_ID, MACHINE_ID, NpmProvider, Orders, RESOURCE, ReadCart, Settings, Shopping,
    provider_of_app_at,
};
use crate::support::serve::{Served, free_port};
use crate::support::token_app::shown;

struct ReadOrders;

impl Permission for ReadOrders {
    type Audience = Orders;
    const SCOPES: &'static [&'static str] = &["read:orders"];
}

#[get("/protected")]
fn protected(user: User) -> String {
    user.sub().to_owned()
}

#[get("/shopping")]
fn shopping(token: AccessToken<Shopping>) -> Json {
    shown(&token)
}

#[post("/refresh")]
async fn refresh(user: User) -> Result<Json, Error> {
    Ok(json!({ "sub": user.refresh().await?.sub() }))
}

#[get("/orders")]
fn orders(caller: Bearer<ReadOrders>) -> String {
    caller.sub().to_owned()
}

#[get("/machine")]
fn machine(token: MachineToken<ReadOrders>) -> Json {
    shown(&token)
}

#[get("/machine/cart")]
fn machine_cart(token: MachineToken<ReadCart>) -> Json {
    shown(&token)
}

struct App {
    app: Served,
    provider: NpmProvider,
}

impl App {
    async fn start(own: &ClientKey, of_machine: &ClientKey, alg: &str, audience: &str) -> App {
        let port = free_port();
        let (client_jwk, machine_jwk) = (own.public_jwk(), of_machine.public_jwk());
        let settings = Settings {
            client_jwk: Some(&client_jwk),
            machine_jwk: Some(&machine_jwk),
            ..Settings::default()
        };
        let (provider, figment) = provider_of_app_at(port, settings).await;
        let figment = figment
            .merge(("logto.app_key_file", own.pkcs8()))
            .merge(("logto.app_key_alg", alg))
            .merge(("logto.machine.app_id", MACHINE_ID))
            .merge((
                "logto.machine.app_key_file",
                of_machine.jwk_file(json!({ "alg": alg })),
            ))
            .merge(("logto.client_assertion_audience", audience))
            .merge(("logto.introspect_opaque_tokens", true))
            .merge(("logto.scopes", ["read:cart"]))
            .merge(("logto.resources", [RESOURCE]));
        let handlers = routes![protected, shopping, refresh, orders, machine, machine_cart];
        let rocket = rocket::custom(figment)
            .attach(Logto::fairing())
            .mount("/", handlers);
        App {
            app: Served::start_on(port, rocket).await,
            provider,
        }
    }

    async fn json(&self, browser: &Browser, path: &str) -> Json {
        let answer = browser.fetch_json(self.app.url(path)).await;
        assert_eq!(
            answer.status(),
            200,
            "{path}: {}\n{}",
            answer.text(),
            self.provider.output()
        );
        answer.json()
    }
}

async fn session(alg: &'static str, audience: &str) {
    let (own, of_machine) = (ClientKey::make(alg), ClientKey::make(alg));
    let app = App::start(&own, &of_machine, alg, audience).await;
    let browser = Browser::new();
    let to_sign_in = browser.navigate(app.app.url("/protected")).await;
    let to_provider = browser.follow(&to_sign_in).await;
    assert!(
        to_provider.location_query("request_uri").is_some(),
        "pushed"
    );
    let back = app.provider.sign_in(&browser, &to_provider, "alice").await;
    let page = browser.follow_all(back, 5).await.pop().expect("a page");
    assert_eq!(page.text(), "alice", "{}", app.provider.output());
    assert_eq!(
        app.json(&browser, "/shopping").await["claims"]["aud"],
        RESOURCE
    );
    let refreshed = browser.post_form(app.app.url("/refresh"), &[]).await;
    assert_eq!(refreshed.json::<Json>()["sub"], "alice");

    // The machine's opaque token, which the app asks about.
    let token = app.json(&browser, "/machine").await;
    let answer = call(
        &app.app.url("/orders"),
        token["secret"].as_str().expect("a token"),
    )
    .await;
    assert_eq!(answer.text(), MACHINE_ID);
    let cart = app.json(&browser, "/machine/cart").await;
    assert_eq!(cart["claims"]["aud"], RESOURCE);

    let to_provider = browser.post_form(app.app.url("/sign-out"), &[]).await;
    assert_eq!(to_provider.status(), 303, "{}", to_provider.text());

    let paths = |client: &str| {
        let posted = app.provider.posted();
        let of_client = posted
            .into_iter()
            .filter(|one| one.value("client_id") == Some(client));
        of_client.collect::<Vec<_>>()
    };
    // Its lines come through a pipe.
    eventually("it has printed the revocation", async || {
        let all = paths(CLIENT_ID);
        all.iter().any(|posted| posted.path == "/token/revocation")
    })
    .await;
    let issuer = app.provider.issuer();
    let audience = match audience {
        "issuer" => issuer.to_owned(),
        _ => format!("{issuer}/token"),
    };
    let posted = paths(CLIENT_ID);
    are_proven(&posted, &own, alg, CLIENT_ID, &audience);
    let mut at: Vec<_> = posted.iter().map(|posted| &*posted.path).collect();
    at.sort_unstable();
    // The code, the resource and the refresh.
    let expected = [
        "/request",
        "/token",
        "/token",
        "/token",
        "/token/introspection",
        "/token/revocation",
    ];
    assert_eq!(at, expected, "{alg}");
    let posted = paths(MACHINE_ID);
    assert_eq!(posted.len(), 2, "{alg}");
    are_proven(&posted, &of_machine, alg, MACHINE_ID, &audience);
}

#[rocket::async_test]
async fn by_every_algorithm_at_every_endpoint() {
    for alg in ALGORITHMS {
        session(alg, "issuer").await;
    }
}

#[rocket::async_test]
async fn for_the_token_endpoint_as_well() {
    session("PS256", "token_endpoint").await;
}
