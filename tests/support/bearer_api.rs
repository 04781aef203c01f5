//! An API, tokens for it made by hand, and what must hold when it turns one
//! away: all of it, for every reason.

use logto_dev_provider::{DevProvider, Hooks, Signing, SigningAlg};
use rocket::serde::json::serde_json::{Map, json};
use rocket::serde::json::{Json, Value};
use rocket::{Build, Rocket, get, routes};
use rocket_logto::{Bearer, Logto};
use serde::Deserialize;

use super::api_app::ApiApp;
use super::app::{ALICE, CLIENT_ID, keys, settings};
use super::browser::Response;
use super::log::reason_of;
use super::targets::{Read, SHOPPING};

#[derive(Deserialize)]
struct Plan {
    plan: String,
    seats: Option<u32>,
}

#[get("/cart")]
fn cart(caller: Bearer<Read>) -> String {
    caller.sub().to_owned()
}

#[get("/plan")]
fn plan(caller: Bearer<Read, Plan>) -> Json<Value> {
    let Plan { plan, seats } = caller.custom_claims();
    Json(json!({ "sub": caller.sub(), "plan": plan, "seats": seats }))
}

pub fn rocket() -> Rocket<Build> {
    rocket::build().mount("/", routes![cart, plan])
}

/// An API and a provider that agree on `alg`.
pub async fn app(alg: SigningAlg) -> ApiApp {
    let mut settings = settings();
    settings.signing_alg = alg;
    let provider = DevProvider::start(settings).await.expect("a provider");
    let logto = keys([("id_token_alg", alg.name().into())]);
    ApiApp::attached(provider, logto, rocket().attach(Logto::api())).await
}

pub fn now() -> i64 {
    rocket::time::OffsetDateTime::now_utc().unix_timestamp()
}

pub fn claims(app: &ApiApp) -> Map<String, Value> {
    let claims = json!({
        "jti": "j", "iss": app.provider.issuer(), "sub": ALICE, "aud": SHOPPING,
        "client_id": CLIENT_ID, "iat": now(), "exp": now() + 600, "scope": "read",
    });
    claims.as_object().cloned().expect("an object")
}

pub fn hooks(app: &ApiApp) -> &Hooks {
    app.provider.hooks()
}

/// A token signed in this way; `edit` has the last word on header and claims.
pub fn forge(
    app: &ApiApp,
    signing: &Signing,
    edit: impl FnOnce(&mut Map<String, Value>, &mut Map<String, Value>),
) -> String {
    hooks(app).forge(signing, "at+jwt", claims(app), edit)
}

pub fn plain(_: &mut Map<String, Value>, _: &mut Map<String, Value>) {}

/// Members of a header in place of its own; null takes one away.
pub fn header_with(
    members: &Value,
) -> impl FnOnce(&mut Map<String, Value>, &mut Map<String, Value>) {
    let members = members.as_object().cloned().unwrap_or_default();
    move |header, _| header.extend(members)
}

pub async fn accepted(app: &ApiApp, case: &str, token: &str) -> String {
    let answer = app.call("/cart", token).await;
    assert_eq!(answer.status(), 200, "{case}: {}", answer.text());
    answer.text()
}

/// Turned away: status, challenge, body and log line agree.
pub async fn refused(app: &ApiApp, case: &str, token: &str, reason: &str) {
    let answer = app.call("/cart", token).await;
    is_refusal(&answer, case, reason);
}

pub fn is_refusal(answer: &Response, case: &str, reason: &str) {
    let case: String = case.chars().take(120).collect();
    let (status, error) = match reason {
        "insufficient_scope" => (403, "insufficient_scope"),
        "malformed_token" | "long_token" => (400, "invalid_request"),
        _ => (401, "invalid_token"),
    };
    assert_eq!(answer.status(), status, "{case}: {}", answer.text());
    let body: Value = answer.json();
    assert_eq!(body["error"], error, "{case}");
    let challenge = answer.header("www-authenticate").unwrap_or_default();
    let named = format!("Bearer error=\"{error}\"");
    assert!(challenge.starts_with(&named), "{case}: {challenge}");
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{case}");
    assert!(!answer.text().contains(ALICE), "{case}");
    let reference = body["reference"].as_str().expect("a reference");
    assert_eq!(reason_of(reference), reason, "{case}");
}
