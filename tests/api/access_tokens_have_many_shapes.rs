//! Access tokens of providers that are older than RFC 9068, or go their own way: scopes
//! as a list or as `scp`, the client as `azp`, `cid` or `appid`, no audience (AWS
//! Cognito). What looks like another kind of token opens nothing.

use logto_dev_provider::{DevProvider, Endpoint, Hooks, Signing};
use rocket::figment::value::Dict;
use rocket::serde::json::serde_json::{Map, json};
use rocket::serde::json::{Json, Value};
use rocket::{Build, Rocket, get, routes};
use rocket_logto::{Bearer, Logto, Organization, PathOrg, Permission, Within};

use crate::support::api_app::{ApiApp, introspecting};
use crate::support::app::{CLIENT_ID, keys, settings};
use crate::support::bearer_api::{claims, is_refusal};
use crate::support::log::lines_with;
use crate::support::targets::{ACME, Orders, Read, SHOPPING, Shopping};

const COGNITO: &str = "1example23456789";

struct Anything;

impl Permission for Anything {
    type Audience = Shopping;
    const SCOPES: &'static [&'static str] = &[];
}

struct OfOrganization;

impl Permission for OfOrganization {
    type Audience = Organization<PathOrg>;
    const SCOPES: &'static [&'static str] = &[];
}

struct InOrganization;

impl Permission for InOrganization {
    type Audience = Within<Orders, PathOrg>;
    const SCOPES: &'static [&'static str] = &[];
}

#[get("/cart")]
fn cart(caller: Bearer<Read>) -> Json<Value> {
    let scopes: Vec<_> = caller.scopes().collect();
    Json(json!({ "client": caller.client_id(), "scopes": scopes }))
}

#[get("/anything")]
fn anything(_caller: Bearer<Anything>) {}

#[get("/organizations/<org_id>")]
fn organization(org_id: &str, _caller: Bearer<OfOrganization>) -> String {
    org_id.to_owned()
}

#[get("/organizations/<org_id>/within")]
fn within(org_id: &str, _caller: Bearer<InOrganization>) -> String {
    org_id.to_owned()
}

fn rocket() -> Rocket<Build> {
    rocket::build().mount("/", routes![cart, anything])
}

async fn with(logto: Dict) -> ApiApp {
    ApiApp::start(logto, rocket()).await
}

/// A JWT with these members in its claims; null takes one away.
fn token(app: &ApiApp, typ: &str, members: &Value) -> String {
    let edit = |_: &mut Map<String, Value>, claims: &mut Map<String, Value>| {
        for (name, value) in members.as_object().into_iter().flatten() {
            match value {
                Value::Null => claims.remove(name),
                value => claims.insert(name.clone(), value.clone()),
            };
        }
    };
    let hooks: &Hooks = app.provider.hooks();
    hooks.forge(&Signing::Key, typ, claims(app), edit)
}

const SCOPES: [(&str, &[&str]); 7] = [
    (r#"{"scope":"read write"}"#, &["read", "write"]),
    (r#"{"scope":["read","write"]}"#, &["read", "write"]),
    (r#"{"scope":null,"scp":"read write"}"#, &["read", "write"]),
    (r#"{"scope":null,"scp":["read"]}"#, &["read"]),
    (r#"{"scope":"read","scp":"write"}"#, &["read"]),
    (r#"{"scope":["read"],"scp":["write"]}"#, &["read"]),
    (
        r#"{"scope":null,"scp":["openid","read"],"permissions":["write"]}"#,
        &["openid", "read"],
    ),
];

const TOO_LITTLE: [&str; 6] = [
    r#"{"scope":null}"#,
    r#"{"scope":null,"permissions":["read"]}"#,
    r#"{"scope":null,"roles":["read"],"groups":["read"]}"#,
    r#"{"scope":"write","scp":"read"}"#,
    r#"{"scope":"","scp":["read"]}"#,
    r#"{"scope":null,"scp":["READ","reader"]}"#,
];

const NO_SCOPES: [&str; 5] = [
    r#"{"scp":7}"#,
    r#"{"scp":{"read":true}}"#,
    r#"{"scope":["read",7]}"#,
    r#"{"scope":null,"scp":["read write"]}"#,
    r#"{"scope":[["read"]]}"#,
];

fn parsed(members: &str) -> Value {
    rocket::serde::json::from_str(members).expect("an object")
}

#[rocket::async_test]
async fn scopes_are_text_or_a_list_by_either_name() {
    let app = with(Dict::new()).await;
    for typ in ["JWT", "at+jwt"] {
        for (members, scopes) in SCOPES {
            let answer = app.call("/cart", &token(&app, typ, &parsed(members))).await;
            assert_eq!(answer.status(), 200, "{members}: {}", answer.text());
            assert_eq!(answer.json::<Value>()["scopes"], json!(scopes), "{members}");
        }
        for members in TOO_LITTLE {
            let answer = app.call("/cart", &token(&app, typ, &parsed(members))).await;
            is_refusal(&answer, members, "insufficient_scope");
        }
        for members in NO_SCOPES {
            let answer = app.call("/cart", &token(&app, typ, &parsed(members))).await;
            is_refusal(&answer, members, "claims");
        }
    }
}

#[rocket::async_test]
async fn the_client_is_told_by_whichever_name_it_has() {
    let app = with(Dict::new()).await;
    for (members, client) in [
        (json!({}), json!(CLIENT_ID)),
        (json!({ "client_id": "c", "azp": "z" }), json!("c")),
        // Keycloak, Entra ID v2.
        (
            json!({ "client_id": null, "azp": "z", "typ": "Bearer" }),
            json!("z"),
        ),
        // Okta.
        (
            json!({ "client_id": null, "cid": "o", "uid": "u" }),
            json!("o"),
        ),
        // Entra ID v1.
        (
            json!({ "client_id": null, "appid": "a", "ver": "1.0" }),
            json!("a"),
        ),
        (json!({ "client_id": null }), Value::Null),
        (json!({ "client_id": null, "azp": ["z"] }), Value::Null),
    ] {
        let answer = app.call("/cart", &token(&app, "JWT", &members)).await;
        assert_eq!(answer.status(), 200, "{members}: {}", answer.text());
        assert_eq!(answer.json::<Value>()["client"], client, "{members}");
    }
}

/// As AWS Cognito documents it.
fn of_cognito(more: Value) -> Value {
    let mut members = json!({ "aud": null, "client_id": COGNITO, "token_use": "access", "version": 2,
        "username": "alice", "origin_jti": "o" });
    for (name, value) in more.as_object().into_iter().flatten() {
        members[name] = value.clone();
    }
    members
}

fn listed() -> Dict {
    keys([("clients_without_audience", vec![COGNITO].into())])
}

#[rocket::async_test]
async fn without_an_audience_a_token_needs_a_client_that_is_named() {
    let app = with(Dict::new()).await;
    let answer = app
        .call("/cart", &token(&app, "JWT", &of_cognito(json!({}))))
        .await;
    is_refusal(&answer, "not configured", "missing_aud");

    let app = with(listed()).await;
    let answer = app
        .call("/cart", &token(&app, "JWT", &of_cognito(json!({}))))
        .await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let body: Value = answer.json();
    assert_eq!(body, json!({ "client": COGNITO, "scopes": ["read"] }));
    for (more, reason) in [
        (json!({ "client_id": "another" }), "missing_aud"),
        (json!({ "client_id": null, "azp": COGNITO }), "missing_aud"),
        (json!({ "client_id": [COGNITO] }), "claims"),
        (json!({ "token_use": "id" }), "id_token"),
        (json!({ "token_use": "refresh" }), "typ"),
        (json!({ "scope": "write" }), "insufficient_scope"),
        // It names somebody, or nobody on purpose.
        (json!({ "aud": "https://another.example" }), "aud"),
        (json!({ "aud": COGNITO }), "aud"),
        (json!({ "aud": [] }), "missing_aud"),
        (json!({ "aud": [""] }), "aud"),
        (json!({ "aud": {} }), "claims"),
        (json!({ "organization_id": ACME }), "aud"),
        (json!({ "iss": "https://cognito.example" }), "iss"),
        (json!({ "exp": 1 }), "expired"),
    ] {
        let case = more.to_string();
        let answer = app
            .call("/cart", &token(&app, "JWT", &of_cognito(more)))
            .await;
        is_refusal(&answer, &case, reason);
    }
    // Other clients go on as before.
    let answer = app.call("/cart", &token(&app, "JWT", &json!({}))).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
}

/// No audience is no organization.
#[rocket::async_test]
async fn without_an_audience_a_token_is_for_no_organization() {
    let rocket = rocket().mount("/", routes![organization, within]);
    let app = ApiApp::start(listed(), rocket).await;
    let plain = token(&app, "JWT", &of_cognito(json!({})));
    let members = json!({ "organization_id": ACME });
    let in_acme = token(&app, "JWT", &of_cognito(members));
    for token in [&plain, &in_acme] {
        for path in [
            format!("/organizations/{ACME}"),
            format!("/organizations/{ACME}/within"),
        ] {
            is_refusal(&app.call(&path, token).await, &path, "aud");
        }
    }
    assert_eq!(app.call("/anything", &plain).await.status(), 200);
    is_refusal(&app.call("/anything", &in_acme).await, "in ACME", "aud");
}

/// RFC 8725 section 3.12: even where it is for the API by its audience.
#[rocket::async_test]
async fn no_other_kind_of_token_opens_an_api() {
    let app = with(Dict::new()).await;
    let event = json!({ "http://schemas.openid.net/event/backchannel-logout": {} });
    for (members, reason) in [
        (json!({ "nonce": "n" }), "id_token"),
        (json!({ "at_hash": "h" }), "id_token"),
        (json!({ "c_hash": "h" }), "id_token"),
        (json!({ "token_use": "id" }), "id_token"),
        (json!({ "typ": "ID" }), "typ"),
        (json!({ "typ": "Refresh" }), "typ"),
        (json!({ "events": event }), "typ"),
    ] {
        let case = members.to_string();
        for path in ["/cart", "/anything"] {
            let answer = app.call(path, &token(&app, "JWT", &members)).await;
            is_refusal(&answer, &case, reason);
        }
        // What RFC 9068 demands says it more clearly.
        let answer = app.call("/cart", &token(&app, "at+jwt", &members)).await;
        assert_eq!(answer.status(), 200, "{case}: {}", answer.text());
    }
    let answer = app
        .call("/anything", &token(&app, "logout+jwt", &json!({})))
        .await;
    is_refusal(&answer, "a logout token", "typ");
    // The operator is told what it may be about.
    for key in ["bearer_takes_id_tokens", "clients_without_audience"] {
        let lines = lines_with(&format!("logto.{key}"));
        assert!(lines.len() <= 1, "{lines:#?}");
    }
    assert_eq!(lines_with("logto.bearer_takes_id_tokens").len(), 1);
}

/// Dex makes its access tokens as it makes ID tokens. Who has no others may say so; what
/// says itself that it is something else stays out.
#[rocket::async_test]
async fn tokens_like_id_tokens_can_be_let_in() {
    let app = with(keys([("bearer_takes_id_tokens", true.into())])).await;
    for members in [
        json!({ "nonce": "n" }),
        json!({ "nonce": "n", "at_hash": "h" }),
    ] {
        let answer = app.call("/cart", &token(&app, "JWT", &members)).await;
        assert_eq!(answer.status(), 200, "{members}: {}", answer.text());
    }
    for (members, reason) in [
        (json!({ "token_use": "id" }), "id_token"),
        (json!({ "typ": "ID", "nonce": "n" }), "typ"),
        (json!({ "events": {} }), "typ"),
        (json!({ "aud": CLIENT_ID, "nonce": "n" }), "aud"),
    ] {
        let answer = app.call("/cart", &token(&app, "JWT", &members)).await;
        is_refusal(&answer, &members.to_string(), reason);
    }
}

/// The provider says of an opaque token what others write into a JWT (RFC 7662).
#[rocket::async_test]
async fn introspection_has_the_same_shapes() {
    let mut logto = listed();
    logto.extend(introspecting(CLIENT_ID));
    let provider = DevProvider::start(settings()).await.expect("a provider");
    let app = ApiApp::attached(provider, logto, rocket().attach(Logto::api())).await;
    let says = |members: &Value| {
        let mut body = json!({ "active": true, "sub": "u", "aud": SHOPPING, "scope": "read",
            "exp": 4_000_000_000_u64, "token_type": "Bearer" });
        for (name, value) in members.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        body.as_object_mut()
            .expect("an object")
            .retain(|_, value| !value.is_null());
        let hooks = app.provider.hooks();
        hooks.respond(Endpoint::Introspection, move |_, reply| {
            reply.status = 200;
            reply.edit_json(|said| *said = body.clone());
        });
    };
    let mut number = 0;
    let mut ask = async |members: Value| {
        says(&members);
        number += 1;
        app.call("/cart", &format!("opaque-{number}")).await
    };
    for (members, scopes) in SCOPES {
        let answer = ask(parsed(members)).await;
        assert_eq!(answer.status(), 200, "{members}: {}", answer.text());
        assert_eq!(answer.json::<Value>()["scopes"], json!(scopes), "{members}");
    }
    for members in TOO_LITTLE {
        is_refusal(&ask(parsed(members)).await, members, "insufficient_scope");
    }
    for members in NO_SCOPES {
        is_refusal(&ask(parsed(members)).await, members, "claims");
    }
    for (members, client) in [
        (json!({ "azp": "z" }), "z"),
        (json!({ "cid": "o", "token_use": "access_token" }), "o"),
        (json!({ "client_id": COGNITO, "aud": null }), COGNITO),
        (
            json!({ "client_id": "c", "token_type": "access_token" }),
            "c",
        ),
    ] {
        let answer = ask(members.clone()).await;
        assert_eq!(answer.status(), 200, "{members}: {}", answer.text());
        assert_eq!(answer.json::<Value>()["client"], client, "{members}");
    }
    for (members, reason) in [
        (json!({ "aud": null }), "aud"),
        (json!({ "aud": null, "client_id": "another" }), "aud"),
        (json!({ "aud": [], "client_id": COGNITO }), "aud"),
        // Hydra's.
        (json!({ "token_use": "refresh_token" }), "typ"),
        (json!({ "token_type": "refresh_token" }), "typ"),
    ] {
        is_refusal(&ask(members.clone()).await, &members.to_string(), reason);
    }
}
