//! `MachineToken` and `LogtoService::machine_token`: tokens for the app itself, by
//! client credentials (RFC 6749 section 4.4). One call serves everybody who
//! asks until shortly before the token ends.

use std::time::Duration;

use logto_dev_provider::Endpoint;
use rocket::figment::value::Dict;
use rocket::futures::future::join_all;
use rocket::serde::json::{Value as Json, json};
use rocket::tokio::time::sleep;
use rocket::{Build, Rocket, State, get, post, routes};
use rocket_logto::{Error, LogtoService, MachineToken, Permission, TokenFor, User};

use crate::support::api_app::{ApiApp, MACHINE, as_machine};
use crate::support::app::{TestApp, absent, keys};
use crate::support::browser::{Browser, Response};
use crate::support::log::{lines_with, reason_of};
use crate::support::targets::{
    ACME, GLOBEX, ORDERS, Read, ReadOrders, SHOPPING, Shopping, ViewReports,
};
use crate::support::token_app::shown;

struct Administer;

impl Permission for Administer {
    type Audience = Shopping;
    const SCOPES: &'static [&'static str] = &["read", "administer"];
}

#[get("/shopping")]
fn shopping(token: MachineToken<Read>) -> Json {
    shown(&token)
}

#[get("/administer")]
fn administer(token: MachineToken<Administer>) -> Json {
    shown(&token)
}

#[get("/organizations/<org_id>")]
fn organization(org_id: &str, token: MachineToken<ViewReports>) -> Json {
    json!({ "of": org_id, "token": shown(&token) })
}

#[get("/organizations/<org_id>/orders")]
fn orders(org_id: &str, token: MachineToken<ReadOrders>) -> Json {
    json!({ "of": org_id, "token": shown(&token) })
}

#[get("/safe")]
fn safe(token: MachineToken<Read>) -> String {
    let json = rocket::serde::json::to_string(&token).expect("claims");
    format!("{token:?} {json}")
}

#[get("/resource?<indicator>")]
async fn resource(indicator: &str, logto: &State<LogtoService>) -> Result<Json, Error> {
    let wanted = TokenFor::resource(indicator).scope("read");
    Ok(shown(&logto.machine_token(wanted).await?))
}

#[post("/clear")]
fn clear(logto: &State<LogtoService>) {
    logto.forget_machine_tokens();
}

#[get("/me")]
fn me(user: User) -> String {
    user.sub().to_owned()
}

fn rocket() -> Rocket<Build> {
    let handlers = routes![
        shopping,
        administer,
        organization,
        orders,
        safe,
        resource,
        clear
    ];
    rocket::build().mount("/", handlers)
}

async fn start() -> ApiApp {
    ApiApp::start(as_machine(), rocket()).await
}

async fn start_with_timeout(seconds: u32) -> ApiApp {
    let mut table = as_machine();
    table.insert("http_timeout".into(), seconds.into());
    ApiApp::start(table, rocket()).await
}

async fn get(app: &ApiApp, path: &str) -> Response {
    Browser::new().fetch_json(app.url(path)).await
}

/// Fifty requests at once, of one client.
async fn fifty(app: &ApiApp) -> Vec<Response> {
    let (browser, url) = (Browser::new(), app.url("/shopping"));
    join_all((0..50).map(|_| browser.fetch_json(&url))).await
}

async fn json(app: &ApiApp, path: &str) -> Json {
    let answer = get(app, path).await;
    assert_eq!(answer.status(), 200, "{path}: {}", answer.text());
    answer.json()
}

#[rocket::async_test]
async fn it_is_asked_for_in_the_standards_words() {
    let app = start().await;
    let token = json(&app, "/shopping").await;
    assert_eq!(token["claims"]["sub"], MACHINE);
    assert_eq!(token["claims"]["aud"], SHOPPING);
    assert_eq!(token["scopes"], json!(["read"]));
    let [request] = &app.token_requests()[..] else {
        panic!("one request");
    };
    let form: Vec<_> = request
        .form
        .iter()
        .map(|(n, v)| (n.as_str(), v.as_str()))
        .collect();
    let expected = [
        ("grant_type", "client_credentials"),
        ("resource", SHOPPING),
        ("scope", "read"),
    ];
    assert_eq!(form, expected);
    let basic = request.header("authorization").unwrap_or_default();
    assert!(basic.starts_with("Basic "), "{basic}");

    let acme = json(&app, &format!("/organizations/{ACME}")).await;
    assert_eq!(
        acme["token"]["claims"]["aud"],
        format!("urn:logto:organization:{ACME}")
    );
    let orders = json(&app, &format!("/organizations/{ACME}/orders")).await;
    assert_eq!(orders["token"]["claims"]["aud"], ORDERS);
    assert_eq!(orders["token"]["claims"]["organization_id"], ACME);

    let safe = get(&app, "/safe").await.text();
    let secret = token["secret"].as_str().expect("a token");
    assert!(
        !safe.contains(secret) && safe.contains("MachineToken"),
        "{safe}"
    );
}

#[rocket::async_test]
async fn fifty_who_ask_at_once_share_one_call() {
    let app = start().await;
    app.provider
        .hooks()
        .delay(Endpoint::Token, Duration::from_secs(2));
    let answers = fifty(&app).await;
    let first = answers[0].text();
    assert!(
        answers
            .iter()
            .all(|answer| answer.status() == 200 && answer.text() == first)
    );
    assert_eq!(app.token_requests().len(), 1);
    // At run time it is the same token.
    let path = format!("/resource?indicator={SHOPPING}");
    assert_eq!(json(&app, &path).await, answers[0].json::<Json>());
    assert_eq!(app.token_requests().len(), 1);
    // For another target it is another one.
    json(&app, &format!("/organizations/{ACME}")).await;
    assert_eq!(app.token_requests().len(), 2);

    let cleared = Browser::new().post_form(app.url("/clear"), &[]).await;
    assert_eq!(cleared.status(), 200);
    assert_ne!(
        json(&app, "/shopping").await["secret"],
        answers[0].json::<Json>()["secret"]
    );
}

#[rocket::async_test]
async fn tokens_for_different_targets_are_not_mixed_up() {
    let app = start().await;
    app.provider
        .hooks()
        .delay(Endpoint::Token, Duration::from_millis(500));
    let acme = format!("urn:logto:organization:{ACME}");
    let targets = [
        ("/shopping".to_owned(), "/claims/aud", SHOPPING),
        (format!("/organizations/{ACME}"), "/token/claims/aud", &acme),
        (
            format!("/organizations/{ACME}/orders"),
            "/token/claims/aud",
            ORDERS,
        ),
    ];
    let browser = Browser::new();
    let asked = targets.iter().cycle().take(60);
    join_all(asked.map(async |(path, pointer, audience)| {
        let answer = browser.fetch_json(app.url(path)).await;
        assert_eq!(answer.status(), 200, "{path}: {}", answer.text());
        let body: Json = answer.json();
        assert_eq!(body.pointer(pointer), Some(&json!(audience)), "{path}");
    }))
    .await;
    assert_eq!(app.token_requests().len(), 3);
}

/// Fifty who fail together fail by one call; the next one tries again.
#[rocket::async_test]
async fn a_failure_is_shared_and_not_kept() {
    let app = start_with_timeout(20).await;
    let hooks = app.provider.hooks();
    // All of them arrive before the answer.
    hooks.delay(Endpoint::Token, Duration::from_secs(4));
    hooks.respond(Endpoint::Token, |_, reply| reply.status = 500);
    let answers = fifty(&app).await;
    assert!(answers.iter().all(|answer| answer.status() == 502));
    assert_eq!(app.token_requests().len(), 1);
    hooks.reset();
    json(&app, "/shopping").await;
}

#[rocket::async_test]
async fn it_is_renewed_before_its_end() {
    let app = start().await;
    app.provider.hooks().token_lifetime(Duration::from_secs(8));
    let first = json(&app, "/shopping").await;
    assert_eq!(json(&app, "/shopping").await, first);
    sleep(Duration::from_millis(6_100)).await;
    assert_ne!(json(&app, "/shopping").await["secret"], first["secret"]);
    assert_eq!(app.token_requests().len(), 2);
    // One that is over at once serves those who have asked for it.
    app.provider.hooks().token_lifetime(Duration::ZERO);
    Browser::new().post_form(app.url("/clear"), &[]).await;
    let short = json(&app, "/shopping").await;
    assert_ne!(json(&app, "/shopping").await["secret"], short["secret"]);
}

/// What the app lacks is its operator's to fix: the log says what, the answer
/// does not.
#[rocket::async_test]
async fn what_the_app_may_not_have_is_a_fault_of_its_own() {
    let app = start().await;
    let cases = [
        (
            "/administer",
            "insufficient_scope",
            "needs the scopes [administer]",
        ),
        (
            &*format!("/organizations/{GLOBEX}"),
            "oidc.access_denied",
            "does not belong to the organization",
        ),
        (
            "/resource?indicator=https://unknown.example/api",
            "oidc.invalid_target",
            "does not know the API resource",
        ),
    ];
    for (path, reason, hint) in cases {
        let answer = get(&app, path).await;
        assert_eq!(answer.status(), 500, "{path}: {}", answer.text());
        let body: Json = answer.json();
        assert_eq!(body["error"], "Misconfigured", "{path}");
        assert_eq!(
            body.as_object().map(|body| body.len()),
            Some(2),
            "{path}: {body}"
        );
        let reference = body["reference"].as_str().expect("a reference");
        let lines = lines_with(&format!("reference={reference}"));
        assert!(
            lines[0].contains(&format!("reason={reason} ")),
            "{path}: {lines:?}"
        );
        assert!(
            lines[0].starts_with("ERROR") && lines[0].contains(hint),
            "{path}: {lines:?}"
        );
    }

    let mut wrong = as_machine();
    wrong.insert(
        "machine".into(),
        keys([("app_id", MACHINE.into()), ("app_secret", "wrong".into())]).into(),
    );
    let app = ApiApp::start(wrong, rocket()).await;
    assert_eq!(get(&app, "/shopping").await.status(), 500);
    assert!(!lines_with("does not know these credentials").is_empty());
}

#[rocket::async_test]
async fn the_providers_faults_are_answered_as_everywhere() {
    let start = async |http_timeout| {
        let app = start_with_timeout(http_timeout).await;
        // Metadata is there.
        json(&app, &format!("/organizations/{ACME}")).await;
        app
    };
    let (patient, hasty) = (start(20).await, start(2).await);
    let faults: [(u16, &str, fn(&ApiApp)); 5] = [
        (502, "nonsense", |app| {
            let hooks = app.provider.hooks();
            hooks.respond(Endpoint::Token, |_, reply| reply.body = b"<html>".to_vec());
        }),
        (502, "another type of token", |app| {
            app.provider.hooks().respond(Endpoint::Token, |_, reply| {
                reply.edit_json(|body| body["token_type"] = "mac".into());
            });
        }),
        (502, "an error", |app| {
            app.provider
                .hooks()
                .respond(Endpoint::Token, |_, reply| reply.status = 500);
        }),
        (503, "asks to slow down", |app| {
            app.provider
                .hooks()
                .respond(Endpoint::Token, |_, reply| reply.status = 429);
        }),
        (504, "silence", |app| {
            app.provider
                .hooks()
                .delay(Endpoint::Token, Duration::from_secs(20));
        }),
    ];
    for (status, case, spoil) in faults {
        let app = if status == 504 { &hasty } else { &patient };
        spoil(app);
        let answer = get(app, "/shopping").await;
        assert_eq!(answer.status(), status, "{case}: {}", answer.text());
        let reference = answer.json::<Json>()["reference"].clone();
        assert!(!reason_of(reference.as_str().expect("a reference")).is_empty());
        app.provider.hooks().reset();
    }
    let ApiApp { app, provider } = patient;
    provider.stop().await;
    let answer = Browser::new().fetch_json(app.url("/shopping")).await;
    assert_eq!(answer.status(), 502, "{}", answer.text());
}

/// An app that signs people in is one client for that, and another one as a
/// machine: at Logto no application is both.
#[rocket::async_test]
async fn an_app_with_users_has_tokens_of_its_own_as_well() {
    let app = TestApp::with(as_machine(), rocket().mount("/", routes![me])).await;
    let browser = Browser::new();
    app.sign_in(&browser, "/me", crate::support::app::ALICE)
        .await;
    let answer = browser.fetch_json(app.url("/shopping")).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert_eq!(answer.json::<Json>()["claims"]["sub"], MACHINE);

    // With one client for both it depends on the provider.
    let table = Dict::from([("machine".to_owned(), absent())]);
    let app = TestApp::with(table, rocket()).await;
    let answer = Browser::new().fetch_json(app.url("/shopping")).await;
    assert_eq!(answer.status(), 500);
    let body: Json = answer.json();
    let reference = body["reference"].as_str().expect("a reference");
    let lines = lines_with(&format!("reference={reference}"));
    assert!(
        lines[0].contains("application of the type Machine-to-machine"),
        "{lines:?}"
    );
}
