//! `introspect_opaque_tokens`: the provider is asked about an access token that
//! is no JWT (RFC 7662), and what it says is held against the same conditions.

use std::time::Duration;

use logto_dev_provider::{DevProvider, Endpoint};
use rocket::figment::value::Dict;
use rocket::futures::future::{join, join_all};
use rocket::serde::json::{Json, Value, json};
use rocket::{Build, Rocket, State, get, post, routes};
use rocket_logto::{Bearer, Error, Logto, LogtoService, PathOrg, Permission, TokenFor, Within};

use crate::support::api_app::{
    ApiApp, PERSONAL_ACCESS_TOKEN, as_machine, introspecting, machine_token,
};
use crate::support::app::{ALICE, CLIENT_ID, settings};
use crate::support::browser::Browser;
use crate::support::eventually::asked;
use crate::support::log::reason_of;
use crate::support::targets::{ACME, Orders, Read, SHOPPING};

struct ReadOrders;

impl Permission for ReadOrders {
    type Audience = Within<Orders, PathOrg>;
    const SCOPES: &'static [&'static str] = &["read"];
}

#[get("/cart")]
fn cart(caller: Bearer<Read>) -> Json<Value> {
    Json(json!({ "sub": caller.sub(), "scopes": caller.scopes().collect::<Vec<_>>() }))
}

#[get("/organizations/<org_id>/orders")]
fn orders(org_id: &str, caller: Bearer<ReadOrders>) -> String {
    format!("{} in {org_id}", caller.sub())
}

#[post("/forget", data = "<token>")]
async fn forget(token: &str, logto: &State<LogtoService>) {
    match token {
        "all" => logto.forget_bearer_tokens(),
        token => logto.forget_bearer_token(token).await,
    }
}

/// A call to the provider of another kind.
#[get("/machine?<scope>")]
async fn machine(scope: Option<&str>, logto: &State<LogtoService>) -> Result<(), Error> {
    let wanted = TokenFor::resource(SHOPPING).scope(scope.unwrap_or("read"));
    logto.machine_token(wanted).await.map(drop)
}

fn rocket() -> Rocket<Build> {
    rocket::build().mount("/", routes![cart, orders, forget, machine])
}

async fn start() -> ApiApp {
    ApiApp::start(introspecting(CLIENT_ID), rocket()).await
}

/// An opaque token of Alice's. At Logto it is for userinfo; the provider is made
/// to say that it is for this API.
async fn opaque(app: &ApiApp) -> String {
    let form = [
        (
            "grant_type",
            "urn:ietf:params:oauth:grant-type:token-exchange",
        ),
        ("subject_token", PERSONAL_ACCESS_TOKEN),
        (
            "subject_token_type",
            "urn:logto:token-type:personal_access_token",
        ),
        ("scope", "openid profile"),
    ];
    machine_token(&app.provider, &form).await
}

/// Adds these members to what the provider says of a token that is active.
fn says(app: &ApiApp, members: Value) {
    app.provider
        .hooks()
        .respond(Endpoint::Introspection, move |_, reply| {
            reply.edit_json(|body| {
                if body["active"] == true {
                    for (name, value) in members.as_object().into_iter().flatten() {
                        body[name] = value.clone();
                    }
                }
            });
        });
}

fn for_shopping() -> Value {
    json!({ "aud": SHOPPING, "scope": "read" })
}

fn questions(app: &ApiApp) -> usize {
    app.provider.requests_to(Endpoint::Introspection).len()
}

#[rocket::async_test]
async fn an_active_token_for_this_api_opens_it_and_is_asked_about_once() {
    let app = start().await;
    says(&app, for_shopping());
    let token = opaque(&app).await;
    app.provider
        .hooks()
        .delay(Endpoint::Introspection, Duration::from_millis(200));
    let answers = join_all((0..20).map(|_| app.call("/cart", &token))).await;
    for answer in &answers {
        assert_eq!(answer.status(), 200, "{}", answer.text());
        assert_eq!(
            answer.json::<Value>(),
            json!({ "sub": ALICE, "scopes": ["read"] })
        );
    }
    assert_eq!(questions(&app), 1);
    let request = &app.provider.requests_to(Endpoint::Introspection)[0];
    let form: Vec<_> = request
        .form
        .iter()
        .map(|(n, v)| (n.as_str(), v.as_str()))
        .collect();
    assert_eq!(
        form,
        [
            ("token", token.as_str()),
            ("token_type_hint", "access_token")
        ]
    );
    let basic = request.header("authorization").unwrap_or_default();
    assert!(basic.starts_with("Basic "), "{basic}");
    // A JWT says everything itself.
    let jwt = app.token(&[("resource", SHOPPING)], "read").await;
    assert_eq!(app.call("/cart", &jwt).await.status(), 200);
    assert_eq!(questions(&app), 1);
}

#[rocket::async_test]
async fn what_is_no_good_here_opens_nothing() {
    let app = start().await;
    let orders = format!("/organizations/{ACME}/orders");
    let issuer = app.provider.issuer();
    let cases = [
        (json!({}), "/cart", 401, "aud"),
        (
            json!({ "aud": "https://other.example" }),
            "/cart",
            401,
            "aud",
        ),
        (
            json!({ "aud": CLIENT_ID, "scope": "read" }),
            "/cart",
            401,
            "aud",
        ),
        (
            json!({ "aud": SHOPPING }),
            "/cart",
            403,
            "insufficient_scope",
        ),
        (
            json!({ "aud": SHOPPING, "scope": { "read": true } }),
            "/cart",
            401,
            "claims",
        ),
        (
            json!({ "aud": SHOPPING, "scope": "read", "organization_id": ACME }),
            "/cart",
            401,
            "aud",
        ),
        (for_shopping(), &orders, 401, "aud"),
        (
            json!({ "aud": SHOPPING, "iss": format!("{issuer}/") }),
            "/cart",
            401,
            "iss",
        ),
        (
            json!({ "aud": SHOPPING, "token_type": "Refresh" }),
            "/cart",
            401,
            "typ",
        ),
        (
            json!({ "aud": SHOPPING, "exp": 1 }),
            "/cart",
            401,
            "expired",
        ),
        (json!({ "active": false }), "/cart", 401, "inactive"),
    ];
    for (members, path, status, reason) in cases {
        let case = members.to_string();
        says(&app, members);
        let answer = app.call(path, &opaque(&app).await).await;
        assert_eq!(answer.status(), status, "{case}: {}", answer.text());
        let body: Value = answer.json();
        assert_eq!(
            reason_of(body["reference"].as_str().expect("a reference")),
            reason,
            "{case}"
        );
    }
    // A token nobody has issued. The answer is kept, too.
    let before = questions(&app);
    for _ in 0..3 {
        let answer = app.call("/cart", "nobody-has-issued-this").await;
        assert_eq!(answer.status(), 401);
        let challenge = answer.header("www-authenticate").unwrap_or_default();
        assert!(
            challenge.starts_with("Bearer error=\"invalid_token\""),
            "{challenge}"
        );
    }
    assert_eq!(questions(&app), before + 1);
}

#[rocket::async_test]
async fn a_revoked_token_is_out_once_it_is_forgotten() {
    let app = start().await;
    says(&app, for_shopping());
    let (first, second) = (opaque(&app).await, opaque(&app).await);
    for token in [&first, &second] {
        assert_eq!(app.call("/cart", token).await.status(), 200);
    }
    says(&app, json!({ "active": false }));
    let forget = async |what: &str| {
        let browser = Browser::new();
        let request = browser.request(reqwest::Method::POST, app.url("/forget"));
        request.body("text/plain", what).send().await;
    };
    assert_eq!(
        app.call("/cart", &first).await.status(),
        200,
        "for half a minute"
    );
    forget(&first).await;
    assert_eq!(app.call("/cart", &first).await.status(), 401);
    assert_eq!(app.call("/cart", &second).await.status(), 200);
    forget("all").await;
    assert_eq!(app.call("/cart", &second).await.status(), 401);
}

/// As Logto 1.42 says it of a token that it does not introspect: no fault of the provider's or
/// of ours, so nothing passes by itself.
#[rocket::async_test]
async fn what_the_provider_does_not_introspect_is_the_callers_mistake() {
    let app = start().await;
    says(&app, for_shopping());
    let token = opaque(&app).await;
    let recorded = include_str!("../fixtures/logto-1.42/32-introspection-jwt.json");
    let recorded: Value = serde_json::from_str(recorded).expect("JSON");
    let hooks = app.provider.hooks();
    hooks.respond(Endpoint::Introspection, move |_, reply| {
        reply.status = 400;
        reply.body = recorded["response"]["body"].to_string().into_bytes();
    });
    let answer = app.call("/cart", &token).await;
    assert_eq!(answer.status(), 401, "{}", answer.text());
    assert_eq!(answer.json::<Value>()["error"], "invalid_token");
    assert_eq!(questions(&app), 1);
}

#[rocket::async_test]
async fn while_the_provider_cannot_be_asked_nobody_is_let_in() {
    let mut table = introspecting(CLIENT_ID);
    table.insert("http_timeout".into(), 2.into());
    let app = ApiApp::start(table, rocket()).await;
    says(&app, for_shopping());
    let hooks = app.provider.hooks();
    let token = opaque(&app).await;
    for (case, spoil) in [
        (
            "an error",
            (|app| {
                app.provider
                    .hooks()
                    .respond(Endpoint::Introspection, |_, r| r.status = 500);
            }) as fn(&ApiApp),
        ),
        ("our credentials are wrong", |app| {
            app.provider
                .hooks()
                .respond(Endpoint::Introspection, |_, r| r.status = 401);
        }),
        ("nonsense", |app| {
            let hooks = app.provider.hooks();
            hooks.respond(Endpoint::Introspection, |_, r| r.body = b"{}".to_vec());
        }),
        ("active as text", |app| {
            app.provider
                .hooks()
                .respond(Endpoint::Introspection, |_, r| {
                    r.edit_json(|body| body["active"] = "true".into());
                });
        }),
        ("silence", |app| {
            app.provider
                .hooks()
                .delay(Endpoint::Introspection, Duration::from_secs(20));
        }),
    ] {
        spoil(&app);
        let answer = app.call("/cart", &token).await;
        assert_eq!(answer.status(), 503, "{case}: {}", answer.text());
        assert_eq!(
            answer.json::<Value>()["error"],
            "temporarily_unavailable",
            "{case}"
        );
        assert!(answer.header("retry-after").is_some(), "{case}");
        hooks.reset();
    }
    // And it was not kept.
    says(&app, for_shopping());
    assert_eq!(app.call("/cart", &token).await.status(), 200);
}

/// A caller who makes up tokens keeps the provider busy with questions about them,
/// and with nothing else.
#[rocket::async_test]
async fn a_flood_of_made_up_tokens_leaves_turns_for_others() {
    let mut table = introspecting(CLIENT_ID);
    table.extend(as_machine());
    table.insert("max_concurrent_op_calls".into(), 8.into());
    table.insert("http_timeout".into(), 20.into());
    let app = ApiApp::start(table, rocket()).await;
    assert_eq!(app.call("/machine", "").await.status(), 200, "warm");
    let hooks = app.provider.hooks();
    hooks.delay(Endpoint::Introspection, Duration::from_secs(8));
    let (browser, url) = (Browser::new(), app.url("/cart"));
    let flood = (0..40).map(async |n| {
        let request = browser.request(reqwest::Method::GET, &url);
        let request = request.header("authorization", format!("Bearer made-up-{n}"));
        request.send().await.status()
    });
    let other = async {
        asked(&app.provider, Endpoint::Introspection, 2).await;
        let status = app.call("/machine?scope=write", "").await.status();
        (status, questions(&app))
    };
    let (flooded, other) = join(join_all(flood), other).await;
    assert_eq!(other, (200, 2), "a quarter of eight");
    assert!(
        flooded.contains(&503) && !flooded.contains(&200),
        "{flooded:?}"
    );
}

/// Unless configured, and where the provider has no such endpoint.
#[rocket::async_test]
async fn without_introspection_opaque_tokens_are_turned_away() {
    let app = ApiApp::start(Dict::new(), rocket()).await;
    let token = opaque(&app).await;
    let answer = app.call("/cart", &token).await;
    assert_eq!(answer.status(), 401);
    assert!(
        answer.text().contains("opaque tokens are not accepted"),
        "{}",
        answer.text()
    );
    assert_eq!(questions(&app), 0);

    let provider = DevProvider::start(settings()).await.expect("a provider");
    provider.hooks().respond(Endpoint::Discovery, |_, reply| {
        reply.edit_json(|body| {
            body.as_object_mut()
                .expect("metadata")
                .remove("introspection_endpoint");
        });
    });
    let app = ApiApp::attached(
        provider,
        introspecting(CLIENT_ID),
        rocket().attach(Logto::api()),
    )
    .await;
    assert_eq!(app.call("/cart", &token).await.status(), 503);
}
