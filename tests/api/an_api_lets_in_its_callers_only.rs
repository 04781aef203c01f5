//! `Bearer<P>`: an API lets in callers with a good access token for it, and
//! answers everybody else in the words of RFC 6750.

use logto_dev_provider::{Endpoint, Reply, Signing, SigningAlg};
use reqwest::Method;
use rocket::futures::future::join_all;
use rocket::serde::json::{Json, Value, json};
use rocket::tokio::io::{AsyncReadExt, AsyncWriteExt};
use rocket::tokio::net::TcpStream;
use rocket::{Build, Rocket, get, routes};
use rocket_logto::{AccessToken, Bearer, BearerError, Permission, Resource, User};

use crate::support::api_app::{ApiApp, introspecting};
use crate::support::app::{ALICE, BOB, CLIENT_ID, TestApp, keys};
use crate::support::bearer_api;
use crate::support::browser::{Browser, Response};
use crate::support::targets::{ACME, GLOBEX, Orders, Read, ReadOrders, Shopping, ViewReports};

struct WriteCart;
impl Permission for WriteCart {
    type Audience = Shopping;
    const SCOPES: &'static [&'static str] = &["read", "write"];
}

#[get("/api/cart")]
fn cart(caller: Bearer<Read>) -> Json<Value> {
    Json(json!({
        "sub": caller.sub(),
        "client_id": caller.client_id(),
        "organization_id": caller.organization_id(),
        "scopes": caller.scopes().collect::<Vec<_>>(),
    }))
}

#[get("/api/cart/change")]
fn change(caller: Bearer<WriteCart>) -> String {
    caller.sub().to_owned()
}

#[get("/api/organizations/<org_id>/reports")]
fn reports(org_id: &str, caller: Bearer<ViewReports>) -> String {
    format!("{} in {org_id}", caller.sub())
}

#[get("/api/organizations/<org_id>/orders")]
fn orders(org_id: &str, caller: Bearer<ReadOrders>) -> String {
    format!("{} in {org_id}", caller.sub())
}

#[get("/api/maybe")]
fn maybe(caller: Option<Bearer<Read>>) -> &'static str {
    if caller.is_some() { "known" } else { "unknown" }
}

#[get("/api/why")]
fn why(caller: Result<Bearer<Read>, BearerError>) -> Result<String, BearerError> {
    Ok(caller?.sub().to_owned())
}

/// Hands the user's own tokens out, for the tests to call the API with.
#[get("/token")]
fn token(token: AccessToken<Shopping>) -> String {
    token.secret().to_owned()
}

#[get("/opaque")]
fn opaque(token: AccessToken) -> String {
    token.secret().to_owned()
}

#[get("/token/<org_id>?<resource>")]
async fn organization_token(org_id: &str, resource: bool, user: User) -> String {
    let token = match resource {
        true => {
            user.organization_access_token(org_id, Orders::INDICATOR)
                .await
        }
        false => user.organization_token(org_id).await,
    };
    token.expect("a token").secret().to_owned()
}

fn app() -> Rocket<Build> {
    rocket::build().mount(
        "/",
        routes![
            cart,
            change,
            reports,
            orders,
            maybe,
            why,
            token,
            opaque,
            organization_token
        ],
    )
}

async fn start() -> TestApp {
    started(app()).await
}

async fn started(rocket: Rocket<Build>) -> TestApp {
    let scopes = "urn:logto:scope:organizations read write orders:read view:reports";
    let resources = vec![Shopping::INDICATOR.to_owned(), Orders::INDICATOR.to_owned()];
    TestApp::with(
        keys([("scopes", scopes.into()), ("resources", resources.into())]),
        rocket,
    )
    .await
}

/// A caller without a browser and without a session.
async fn call(app: &TestApp, path: &str, authorization: &[&str]) -> Response {
    let browser = Browser::new();
    let mut request = browser.request(Method::GET, app.url(path));
    for value in authorization {
        request = request.header("authorization", value);
    }
    request.send().await
}

async fn with(app: &TestApp, path: &str, token: &str) -> Response {
    call(app, path, &[&format!("Bearer {token}")]).await
}

async fn token_of(app: &TestApp, user: &str, path: &str) -> String {
    let browser = Browser::new();
    app.sign_in(&browser, path, user).await.text()
}

/// What the test client would not send.
async fn raw(app: &TestApp, request: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", app.app.port()))
        .await
        .unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

fn refused(answer: &Response, status: u16, error: &str, case: &str) {
    assert_eq!(answer.status(), status, "{case}: {}", answer.text());
    let body: Value = answer.json();
    assert_eq!(body["error"], error, "{case}");
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{case}");
    assert!(answer.set_cookies().is_empty(), "{case}");
    let challenge = answer.header("www-authenticate");
    match error {
        "unauthorized" => {
            let challenge = challenge.unwrap_or_default();
            assert!(
                challenge.starts_with("Bearer scope=\""),
                "{case}: {challenge}"
            );
        }
        "temporarily_unavailable" => assert_eq!(challenge, None, "{case}"),
        _ => {
            let named = format!("Bearer error=\"{error}\"");
            let challenge = challenge.unwrap_or_default();
            assert!(challenge.starts_with(&named), "{case}: {challenge}");
        }
    }
}

#[rocket::async_test]
async fn a_global_api_resource() {
    let app = start().await;
    let alice = token_of(&app, ALICE, "/token").await;
    let answer = with(&app, "/api/cart", &alice).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let body: Value = answer.json();
    assert_eq!(body["sub"], ALICE);
    assert_eq!(body["client_id"], "test-app");
    assert_eq!(body["organization_id"], Value::Null);
    assert_eq!(with(&app, "/api/cart/change", &alice).await.status(), 200);
    assert_eq!(with(&app, "/api/maybe", &alice).await.text(), "known");
    assert_eq!(with(&app, "/api/why", &alice).await.text(), ALICE);
    // The scheme's name has no case (RFC 9110 section 11.1).
    let lower = call(&app, "/api/cart", &[&format!("bearer {alice}")]).await;
    assert_eq!(lower.status(), 200);

    // Bob's role gives him `read` and no more.
    let bob = token_of(&app, BOB, "/token").await;
    assert_eq!(with(&app, "/api/cart", &bob).await.status(), 200);
    let answer = with(&app, "/api/cart/change", &bob).await;
    refused(&answer, 403, "insufficient_scope", "Bob writes");
    assert_eq!(
        answer.header("www-authenticate"),
        Some(
            "Bearer error=\"insufficient_scope\", scope=\"read write\", resource_metadata=\
             \"https://shopping.your-app.com/.well-known/oauth-protected-resource/api\""
        )
    );
}

#[rocket::async_test]
async fn an_organization_and_an_api_within_one() {
    let app = start().await;
    let reports = |org: &str| format!("/api/organizations/{org}/reports");
    let orders = |org: &str| format!("/api/organizations/{org}/orders");
    let acme = token_of(&app, ALICE, &format!("/token/{ACME}?resource=false")).await;
    assert_eq!(with(&app, &reports(ACME), &acme).await.status(), 200);
    let elsewhere = with(&app, &reports(GLOBEX), &acme).await;
    refused(&elsewhere, 401, "invalid_token", "another organization");
    let as_resource = with(&app, &orders(ACME), &acme).await;
    refused(&as_resource, 401, "invalid_token", "no token for the API");

    let acme_orders = token_of(&app, ALICE, &format!("/token/{ACME}?resource=true")).await;
    assert_eq!(with(&app, &orders(ACME), &acme_orders).await.status(), 200);
    let elsewhere = with(&app, &orders(GLOBEX), &acme_orders).await;
    refused(
        &elsewhere,
        401,
        "invalid_token",
        "orders of another organization",
    );
    let as_organization = with(&app, &reports(ACME), &acme_orders).await;
    refused(
        &as_organization,
        401,
        "invalid_token",
        "no organization token",
    );
    let shopping = token_of(&app, ALICE, "/token").await;
    let global = with(&app, &orders(ACME), &shopping).await;
    refused(&global, 401, "invalid_token", "another API");
}

#[rocket::async_test]
async fn credentials_that_cannot_be_read() {
    let app = start().await;
    let good = format!("Bearer {}", token_of(&app, ALICE, "/token").await);
    let long = format!("Bearer {}", "a".repeat(20_000));
    let cases: [(&str, &[&str], u16, &str); 8] = [
        ("none", &[], 401, "unauthorized"),
        ("another scheme", &["Basic YTpi"], 401, "unauthorized"),
        ("only the scheme", &["Bearer"], 400, "invalid_request"),
        ("an empty token", &["Bearer  "], 400, "invalid_request"),
        ("two words", &["Bearer a b"], 400, "invalid_request"),
        ("a quote", &["Bearer a\"b.c.d"], 400, "invalid_request"),
        ("endless", &[&long], 400, "invalid_request"),
        ("nonsense", &["Bearer a.b.c"], 401, "invalid_token"),
    ];
    for (case, headers, status, error) in cases {
        refused(&call(&app, "/api/cart", headers).await, status, error, case);
    }
    let twice = format!(
        "GET /api/cart HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Authorization: {good}\r\nAuthorization: {good}\r\n\r\n"
    );
    let answer = raw(&app, &twice).await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "two headers: {answer}");
    assert!(answer.contains("invalid_request"), "two headers: {answer}");
    // Made up: Rocket writes addresses to the log.
    let in_query = "/api/cart?access_token=e30.e30.c2ln";
    refused(
        &call(&app, in_query, &[]).await,
        400,
        "invalid_request",
        "in the query",
    );
    let both = call(&app, in_query, &[&good]).await;
    refused(&both, 400, "invalid_request", "header and query");
    let opaque = token_of(&app, ALICE, "/opaque").await;
    let answer = with(&app, "/api/cart", &opaque).await;
    refused(&answer, 401, "invalid_token", "opaque");
    assert!(answer.text().contains("opaque"), "{}", answer.text());
    assert_eq!(call(&app, "/api/maybe", &[]).await.text(), "unknown");
    refused(
        &call(&app, "/api/why", &[]).await,
        401,
        "unauthorized",
        "why",
    );
}

/// A session in the browser is no credential for the API: another site could
/// make the browser use it.
#[rocket::async_test]
async fn a_session_opens_nothing_and_a_head_tells_nothing() {
    let app = start().await;
    let browser = Browser::new();
    app.sign_in(&browser, "/token", ALICE).await;
    let answer = browser.navigate(app.url("/api/cart")).await;
    refused(&answer, 401, "unauthorized", "a signed-in browser");
    for method in [Method::HEAD, Method::OPTIONS] {
        let answer = browser
            .request(method.clone(), app.url("/api/cart"))
            .send()
            .await;
        assert_ne!(answer.status(), 200, "{method}");
        assert!(!answer.text().contains(ALICE), "{method}");
        assert_eq!(
            answer.header("access-control-allow-origin"),
            None,
            "{method}"
        );
    }
}

#[rocket::async_test]
async fn keys_are_fetched_when_needed_and_missed_when_not_to_be_had() {
    let app = start().await;
    let alice = token_of(&app, ALICE, "/token").await;
    app.provider.clear_requests();
    for _ in 0..5 {
        assert_eq!(with(&app, "/api/cart", &alice).await.status(), 200);
    }
    assert_eq!(app.provider.requests().len(), 0, "keys are known");

    app.provider.hooks().rotate_keys();
    let after = token_of(&app, BOB, "/token").await;
    assert_eq!(with(&app, "/api/cart", &after).await.status(), 200);

    // An API that has never reached the provider cannot tell.
    let hooks = app.provider.hooks();
    hooks.respond(Endpoint::Discovery, |_, reply| reply.status = 500);
    let port = crate::support::serve::free_port();
    let table = keys([(
        "resources",
        vec![Shopping::INDICATOR, Orders::INDICATOR].into(),
    )]);
    let alone = rocket::build().mount("/", routes![cart]);
    let alone = TestApp::serve(port, &app.provider.endpoint(), table, alone).await;
    let browser = Browser::new();
    let request = browser.request(Method::GET, alone.url("/api/cart"));
    let answer = request
        .header("authorization", format!("Bearer {alice}"))
        .send()
        .await;
    refused(&answer, 503, "temporarily_unavailable", "no keys");
    assert!(answer.header("retry-after").is_some());
}

/// CVE-2026-40155: every caller, with any kind of token, is answered as themselves,
/// the first time and from what is remembered.
#[rocket::async_test]
async fn callers_are_not_mixed_up() {
    let mut table = introspecting(CLIENT_ID);
    // All of them are asked about at once, on a busy machine.
    table.insert("http_timeout".into(), "60s".into());
    // Strangers get a quarter of the turns: each a turn of its own, however slow the answers.
    table.insert("max_concurrent_op_calls".into(), 800.into());
    let app = ApiApp::start(table, bearer_api::rocket()).await;
    let template = Value::from(bearer_api::claims(&app));
    bearer_api::hooks(&app).respond(Endpoint::Introspection, move |request, reply| {
        let mut body = template.clone();
        body["active"] = true.into();
        body["sub"] = request.form_value("token").into();
        *reply = Reply::json(200, &body);
    });
    let tokens: Vec<_> = (0..200)
        .map(|n| {
            let sub = format!("user-{n}");
            let jwt = bearer_api::forge(&app, &Signing::Key, |_, claims| {
                claims.insert("sub".into(), sub.clone().into());
            });
            let token = if n % 2 == 0 { jwt } else { sub.clone() };
            (sub, token)
        })
        .collect();
    let (browser, url) = (Browser::new(), app.url("/cart"));
    for round in 0..2 {
        let calls = tokens.iter().map(async |(sub, token)| {
            let request = browser.request(Method::GET, &url);
            let bearer = format!("Bearer {token}");
            let answer = request.header("authorization", &bearer).send().await;
            assert_eq!(answer.status(), 200, "{round}: {}", answer.text());
            assert_eq!(answer.text(), *sub, "round {round}");
        });
        join_all(calls).await;
    }
    assert_eq!(app.provider.requests_to(Endpoint::Introspection).len(), 100);
}

/// A preflight carries no credentials and learns nothing; a `HEAD` is a `GET`
/// without the body.
#[rocket::async_test]
async fn preflights_and_heads_tell_nothing() {
    let app = bearer_api::app(SigningAlg::Es384).await;
    let (good, bad) = (
        bearer_api::forge(&app, &Signing::Key, bearer_api::plain),
        bearer_api::forge(&app, &Signing::Corrupt, bearer_api::plain),
    );
    let browser = Browser::new();
    let preflight = browser
        .request(Method::OPTIONS, app.url("/cart"))
        .header("origin", "https://evil.example")
        .header("access-control-request-method", "GET")
        .header("access-control-request-headers", "authorization")
        .send()
        .await;
    assert_eq!(preflight.status(), 404);
    for (token, status) in [(Some(&good), 200), (Some(&bad), 401), (None, 401)] {
        let send = async |method: Method| {
            let mut request = browser.request(method, app.url("/cart"));
            request = request.header("origin", "https://evil.example");
            if let Some(token) = token {
                request = request.header("authorization", format!("Bearer {token}"));
            }
            request.send().await
        };
        let (head, get) = (send(Method::HEAD).await, send(Method::GET).await);
        assert_eq!((head.status(), get.status()), (status, status));
        assert_eq!(head.text(), "");
        for answer in [&preflight, &head, &get] {
            for name in [
                "access-control-allow-origin",
                "access-control-allow-credentials",
                "access-control-allow-headers",
                "access-control-allow-methods",
            ] {
                assert_eq!(answer.header(name), None, "{name}");
            }
        }
    }
}

#[get("/api/whose-cart")]
fn whose_cart(caller: Bearer<Read>) -> Json<Value> {
    Json(json!([null, caller.audience(), caller.organization_id()]))
}

#[get("/api/organizations/<org_id>/whose-reports")]
fn whose_reports(org_id: &str, caller: Bearer<ViewReports>) -> Json<Value> {
    Json(json!([org_id, caller.audience(), caller.organization_id()]))
}

#[get("/api/organizations/<org_id>/whose-orders")]
fn whose_orders(org_id: &str, caller: Bearer<ReadOrders>) -> Json<Value> {
    Json(json!([org_id, caller.audience(), caller.organization_id()]))
}

#[rocket::async_test]
async fn a_caller_says_what_the_token_is_for_and_in_which_organization() {
    let routes = routes![whose_cart, whose_reports, whose_orders];
    let app = started(app().mount("/", routes)).await;
    let cases = [
        (
            "/token".to_owned(),
            "/api/whose-cart".to_owned(),
            json!([null, Shopping::INDICATOR, null]),
        ),
        (
            format!("/token/{ACME}?resource=false"),
            format!("/api/organizations/{ACME}/whose-reports"),
            json!([ACME, format!("urn:logto:organization:{ACME}"), ACME]),
        ),
        (
            format!("/token/{ACME}?resource=true"),
            format!("/api/organizations/{ACME}/whose-orders"),
            json!([ACME, Orders::INDICATOR, ACME]),
        ),
    ];
    for (token, path, expected) in cases {
        let token = token_of(&app, ALICE, &token).await;
        let answer = with(&app, &path, &token).await;
        assert_eq!(answer.status(), 200, "{path}: {}", answer.text());
        assert_eq!(answer.json::<Value>(), expected, "{path}");
    }
}
