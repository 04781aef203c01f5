//! A permission with an `AUTHENTICATION`: how the user of a token has authenticated is held
//! against it, and who falls short is told what is needed in the words of RFC 9470.

use std::time::Duration;

use logto_dev_provider::{DevProvider, Signing, SigningAlg};
use rocket::figment::value::Dict;
use rocket::serde::json::{Value, json};
use rocket::{Build, Rocket, get, routes};
use rocket_logto::{
    Authentication, Bearer, BearerError, BearerErrorKind, Logto, Permission, StepUpPolicy,
    logto_acr,
};

use crate::support::api_app::{ApiApp, introspecting};
use crate::support::app::{ALICE, CLIENT_ID, keys, settings};
use crate::support::bearer_api::{forge, now};
use crate::support::browser::Response;
use crate::support::log::{lines_with, reason_of};
use crate::support::targets::{Read, SHOPPING, Shopping};

/// A permission that demands what its policy does.
macro_rules! permissions {
    ($($name:ident { $($policy:tt)* })*) => {$(
        struct $name;
        impl StepUpPolicy for $name { $($policy)* }
        impl Permission for $name {
            type Audience = Shopping;
            const SCOPES: &'static [&'static str] = &["read"];
            const AUTHENTICATION: Authentication = Authentication::of::<$name>();
        }
    )*};
}

permissions! {
    SecondFactor { const ACR_VALUES: &'static [&'static str] = &[logto_acr::MFA]; }
    OneFactor { const ACR_VALUES: &'static [&'static str] = &["urn:x\\\"y", logto_acr::ONE_FACTOR]; }
    Recent { const MAX_AGE: Option<Duration> = Some(Duration::from_secs(300)); }
    ByCode { const AMR: &'static [&'static str] = &["otp", "mfa"]; }
    All {
        const MAX_AGE: Option<Duration> = Some(Duration::from_secs(300));
        const ACR_VALUES: &'static [&'static str] = &[logto_acr::MFA];
        const AMR: &'static [&'static str] = &["otp"];
    }
}

#[get("/mfa")]
fn mfa(caller: Bearer<SecondFactor>) -> Value {
    let amr: Vec<_> = caller.amr().collect();
    let at = caller.auth_time().map(|at| at.unix_timestamp());
    json!({ "acr": caller.acr(), "amr": amr, "auth_time": at })
}

#[get("/one")]
fn one(caller: Bearer<OneFactor>) -> String {
    caller.sub().to_owned()
}

#[get("/recent")]
fn recent(caller: Bearer<Recent>) -> String {
    caller.sub().to_owned()
}

#[get("/code")]
fn code(caller: Bearer<ByCode>) -> String {
    caller.sub().to_owned()
}

#[get("/all")]
fn all(caller: Bearer<All>) -> String {
    caller.sub().to_owned()
}

#[get("/any")]
fn any(caller: Bearer<Read>) -> String {
    caller.sub().to_owned()
}

#[get("/perhaps")]
fn perhaps(caller: Option<Bearer<SecondFactor>>) -> String {
    caller.is_some().to_string()
}

#[get("/why")]
fn why(caller: Result<Bearer<SecondFactor>, BearerError>) -> String {
    let kind = caller.err().map(|error| error.kind().clone());
    let is_it = matches!(
        kind,
        Some(BearerErrorKind::InsufficientAuthentication { required, .. })
            if *required == Authentication::of::<SecondFactor>()
    );
    is_it.to_string()
}

fn rocket() -> Rocket<Build> {
    rocket::build().mount("/", routes![mfa, one, recent, code, all, any, perhaps, why])
}

async fn start(logto: Dict) -> ApiApp {
    ApiApp::start(logto, rocket()).await
}

/// A token with these claims besides the usual ones.
fn token(app: &ApiApp, claims: &Value) -> String {
    let more = claims.as_object().cloned().expect("an object");
    forge(app, &Signing::Alg(SigningAlg::Es384), |_, all| {
        all.extend(more)
    })
}

fn full() -> Value {
    json!({ "acr": logto_acr::MFA, "amr": ["pwd", "otp", "mfa"], "auth_time": now() })
}

/// The reason in the log, once status, body and log agree on what it is about.
fn reason(answer: &Response, case: &str) -> String {
    assert_eq!(answer.status(), 401, "{case}: {}", answer.text());
    let body: Value = answer.json();
    assert_eq!(body["error"], "insufficient_user_authentication", "{case}");
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{case}");
    let reference = body["reference"].as_str().expect("a reference");
    reason_of(reference)
}

#[rocket::async_test]
async fn who_has_authenticated_so_is_let_in() {
    let app = start(Dict::new()).await;
    let token_of = |claims: &Value| token(&app, claims);
    let good = token_of(&full());
    for path in ["/mfa", "/one", "/recent", "/code", "/all", "/any"] {
        let answer = app.call(path, &good).await;
        assert_eq!(answer.status(), 200, "{path}: {}", answer.text());
    }
    let said: Value = app.call("/mfa", &good).await.json();
    let expected = full();
    assert_eq!(
        (&said["acr"], &said["amr"]),
        (&expected["acr"], &expected["amr"])
    );
    assert!(said["auth_time"].is_i64());
    assert_eq!(app.call("/perhaps", &good).await.text(), "true");

    // An older API, or one that does not care, does not look.
    let bare = token_of(&json!({}));
    assert_eq!(app.call("/any", &bare).await.text(), ALICE);
    let odd = token_of(&json!({ "acr": 2, "amr": "pwd", "auth_time": "now" }));
    assert_eq!(app.call("/any", &odd).await.text(), ALICE);
    assert_eq!(app.call("/perhaps", &bare).await.text(), "false");
    assert_eq!(app.call("/why", &bare).await.text(), "true");
}

#[rocket::async_test]
async fn who_has_not_is_told_what_is_needed() {
    let app = start(Dict::new()).await;
    let (mfa, one) = (logto_acr::MFA, logto_acr::ONE_FACTOR);
    let at = |ago: i64| now() - ago;
    let cases = [
        ("/mfa", json!({ "acr": one }), "acr"),
        ("/mfa", json!({ "acr": "urn:logto:acr:mfa " }), "acr"),
        ("/mfa", json!({ "acr": [mfa] }), "no_authentication"),
        ("/mfa", json!({ "acr": null }), "no_authentication"),
        ("/mfa", json!({ "acr": "", "auth_time": at(0) }), "acr"),
        ("/mfa", json!({}), "no_authentication"),
        ("/one", json!({ "acr": "urn:x" }), "acr"),
        ("/recent", json!({ "acr": mfa }), "auth_time"),
        (
            "/recent",
            json!({ "auth_time": at(300 + 60 + 30) }),
            "auth_time",
        ),
        ("/recent", json!({ "auth_time": at(-3600) }), "auth_time"),
        (
            "/recent",
            json!({ "auth_time": now().to_string() }),
            "no_authentication",
        ),
        ("/code", json!({ "amr": ["otp"] }), "amr"),
        ("/code", json!({ "amr": "otp mfa", "acr": mfa }), "amr"),
        ("/code", json!({ "amr": [] }), "no_authentication"),
        ("/all", json!({ "acr": mfa, "amr": ["otp"] }), "auth_time"),
        (
            "/all",
            json!({ "acr": one, "amr": ["otp"], "auth_time": at(0) }),
            "acr",
        ),
        (
            "/all",
            json!({ "acr": mfa, "amr": ["pwd"], "auth_time": at(0) }),
            "amr",
        ),
    ];
    for (path, claims, expected) in cases {
        let case = format!("{path} {claims}");
        let answer = app.call(path, &token(&app, &claims)).await;
        assert_eq!(reason(&answer, &case), expected, "{case}");
    }

    let answer = app
        .call(
            "/all",
            &token(&app, &json!({ "acr": one, "auth_time": at(0) })),
        )
        .await;
    let challenge = "Bearer error=\"insufficient_user_authentication\", \
                     error_description=\"a stronger authentication is required\", \
                     acr_values=\"urn:logto:acr:mfa\", max_age=\"300\", scope=\"read\", ";
    let told = answer.header("www-authenticate").unwrap_or_default();
    assert!(told.starts_with(challenge), "{told}");
    let mut body: Value = answer.json();
    let reference = body
        .as_object_mut()
        .and_then(|body| body.remove("reference"));
    let reference = reference
        .as_ref()
        .and_then(Value::as_str)
        .expect("a reference");
    let needed = json!({
        "error": "insufficient_user_authentication",
        "error_description": "a stronger authentication is required",
        "acr_values": "urn:logto:acr:mfa", "max_age": 300, "amr": ["otp"],
    });
    assert_eq!(body, needed);
    let lines = lines_with(reference);
    let [line] = &lines[..] else {
        panic!("{lines:?}")
    };
    for part in [
        "acr is \"urn:logto:acr:1fa\"",
        "required is max_age=\"300\" acr_values=",
    ] {
        assert!(line.contains(part), "{part} not in {line}");
    }

    // Names of the app's own fit the header, whatever is in them.
    let answer = app.call("/one", &token(&app, &json!({ "acr": "x" }))).await;
    let challenge = answer.header("www-authenticate").unwrap_or_default();
    let escaped = r#"acr_values="urn:x\\\"y urn:logto:acr:1fa""#;
    assert!(challenge.contains(escaped), "{challenge}");
    // And a scope that is missing is told first: no sign-in would help.
    let weak = token(&app, &json!({ "scope": "write" }));
    assert_eq!(app.call("/mfa", &weak).await.status(), 403);
}

#[rocket::async_test]
async fn the_token_of_a_machine_says_nothing_and_is_told_so() {
    let app = start(Dict::new()).await;
    let token = app.token(&[("resource", SHOPPING)], "read").await;
    assert_eq!(app.call("/any", &token).await.status(), 200);
    let answer = app.call("/mfa", &token).await;
    assert_eq!(reason(&answer, "a machine"), "no_authentication");
    let body: Value = answer.json();
    let why = "the token does not say how its user has authenticated; that of a machine never does";
    assert_eq!(body["error_description"], why);
}

/// RFC 9470 section 6.2: introspection has the same members.
#[rocket::async_test]
async fn an_opaque_token_is_held_against_the_same() {
    let provider = DevProvider::start(settings()).await.expect("a provider");
    let rocket = rocket().attach(Logto::api());
    let app = ApiApp::attached(provider, introspecting(CLIENT_ID), rocket).await;
    let answers = [
        (full(), Ok(())),
        (
            json!({ "acr": logto_acr::ONE_FACTOR, "auth_time": now() }),
            Err("acr"),
        ),
        (json!({ "acr": null, "auth_time": now() }), Err("acr")),
        (json!({ "acr": 7, "amr": "x" }), Err("no_authentication")),
        (json!({}), Err("no_authentication")),
    ];
    for (at, (members, expected)) in answers.into_iter().enumerate() {
        let case = members.to_string();
        let mut body = json!({
            "active": true, "sub": ALICE, "aud": SHOPPING, "scope": "read", "exp": now() + 600,
        });
        for (name, value) in members.as_object().expect("an object") {
            body[name] = value.clone();
        }
        app.provider.hooks().respond(
            logto_dev_provider::Endpoint::Introspection,
            move |_, reply| {
                *reply = logto_dev_provider::Reply::json(200, &body);
            },
        );
        let answer = app.call("/mfa", &format!("opaque-{at}")).await;
        match expected {
            Ok(()) => assert_eq!(answer.status(), 200, "{case}: {}", answer.text()),
            Err(expected) => assert_eq!(reason(&answer, &case), expected, "{case}"),
        }
    }
}

/// Another provider's classes, in the order that the configuration tells.
#[rocket::async_test]
async fn the_order_of_the_classes_is_the_configured_one() {
    let order = vec![
        logto_acr::MFA.to_owned(),
        "urn:x\\\"y".into(),
        "urn:phr".into(),
    ];
    let app = start(keys([("acr_order", order.into())])).await;
    for (acr, status) in [
        ("urn:phr", 200),
        (logto_acr::MFA, 401),
        (logto_acr::ONE_FACTOR, 200),
    ] {
        let answer = app.call("/one", &token(&app, &json!({ "acr": acr }))).await;
        assert_eq!(answer.status(), status, "{acr}: {}", answer.text());
    }
}

/// Bound to a key of its client (RFC 9449, RFC 8705): as a bearer token it is refused, for every
/// permission, because a thief could send it just so.
#[rocket::async_test]
async fn a_token_that_is_bound_to_a_key_is_no_bearer_token() {
    let app = start(Dict::new()).await;
    for cnf in [
        json!({ "jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" }),
        json!({ "x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2" }),
        json!({}),
        json!("x"),
    ] {
        let bound = token(&app, &json!({ "cnf": cnf }));
        let answer = app.call("/any", &bound).await;
        assert_eq!(answer.status(), 401, "{cnf}: {}", answer.text());
        let body: Value = answer.json();
        assert_eq!(body["error"], "invalid_token", "{cnf}");
        assert_eq!(
            reason_of(body["reference"].as_str().expect("a reference")),
            "cnf"
        );
    }
    let unbound = token(&app, &json!({ "cnf": null }));
    assert_eq!(app.call("/any", &unbound).await.status(), 200);
}
