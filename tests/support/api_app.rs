//! A service that is an API only, beside a development provider, and callers
//! that are no browsers.

use logto_dev_provider::{DevProvider, Endpoint, Received};
use reqwest::Method;
use rocket::figment::Figment;
use rocket::figment::value::{Dict, Value};
use rocket::{Build, Rocket};
use rocket_logto::Logto;

use super::app::{CLIENT_SECRET, keys, settings};
use super::browser::{Browser, Response};
use super::serve::Served;

pub const MACHINE: &str = "dev-machine";
pub const MACHINE_SECRET: &str = "dev-machine-secret-known-to-everyone";
pub const MANAGEMENT_API: &str = "https://default.logto.app/api";
/// Alice's.
pub const PERSONAL_ACCESS_TOKEN: &str = "pat_alice_known_to_everyone";

pub struct ApiApp {
    pub app: Served,
    pub provider: DevProvider,
}

impl ApiApp {
    /// The routes of `rocket`, with `Logto::api()` and these keys besides
    /// `endpoint`.
    pub async fn start(logto: Dict, rocket: Rocket<Build>) -> ApiApp {
        let provider = DevProvider::start(settings()).await.expect("a provider");
        let rocket = rocket.attach(Logto::api());
        ApiApp::attached(provider, logto, rocket).await
    }

    /// The same with a provider that was prepared, and a fairing that is there.
    pub async fn attached(provider: DevProvider, logto: Dict, rocket: Rocket<Build>) -> ApiApp {
        let rocket = configured(rocket, &provider.endpoint(), logto);
        let app = Served::start(rocket).await;
        ApiApp { app, provider }
    }

    pub fn url(&self, path: &str) -> String {
        self.app.url(path)
    }

    /// A token of the seeded machine, for `target` and with these scopes.
    pub async fn token(&self, target: &[(&str, &str)], scope: &str) -> String {
        let form = [("grant_type", "client_credentials"), ("scope", scope)];
        machine_token(&self.provider, &[&form, target].concat()).await
    }

    pub async fn call(&self, path: &str, token: &str) -> Response {
        call(&self.url(path), token).await
    }

    /// The token requests the provider has had.
    pub fn token_requests(&self) -> Vec<Received> {
        self.provider.requests_to(Endpoint::Token)
    }
}

/// `rocket` with nothing but this of the `logto` table; `absent()` takes a key
/// away.
pub fn configured(rocket: Rocket<Build>, endpoint: &str, logto: Dict) -> Rocket<Build> {
    let mut table = Dict::from([("endpoint".to_owned(), Value::from(endpoint))]);
    table.extend(logto);
    table.retain(|_, value| !matches!(value, Value::Empty(..)));
    let base = rocket::Config::try_from(rocket.figment()).expect("a configuration of Rocket");
    let figment = Figment::from(base)
        .merge(("log_level", "critical"))
        .merge(("logto", table))
        .select("debug");
    rocket.configure(figment)
}

/// The credentials of the seeded machine, as keys of the `logto` table.
pub fn as_machine() -> Dict {
    let table = Dict::from([
        ("app_id".to_owned(), Value::from(MACHINE)),
        ("app_secret".to_owned(), Value::from(MACHINE_SECRET)),
    ]);
    Dict::from([("machine".to_owned(), Value::from(table))])
}

/// The keys of a client that may ask about opaque tokens.
pub fn introspecting(app_id: &str) -> Dict {
    keys([
        ("app_id", app_id.into()),
        ("app_secret", CLIENT_SECRET.into()),
        ("introspect_opaque_tokens", true.into()),
    ])
}

pub async fn machine_token(provider: &DevProvider, form: &[(&str, &str)]) -> String {
    let browser = Browser::new();
    let request = browser.request(Method::POST, format!("{}/token", provider.issuer()));
    let credentials = [("client_id", MACHINE), ("client_secret", MACHINE_SECRET)];
    let answer = request.form(&[form, &credentials].concat()).send().await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let body: serde_json::Value = answer.json();
    body["access_token"].as_str().expect("a token").to_owned()
}

/// A program's call with a token.
pub async fn call(url: &str, token: &str) -> Response {
    let browser = Browser::new();
    let request = browser.request(Method::GET, url);
    let bearer = format!("Bearer {token}");
    request.header("authorization", &bearer).send().await
}
