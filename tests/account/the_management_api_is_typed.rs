//! The calls of Logto's Management API that most apps make, with a token of the app itself.

use std::time::Duration;

use logto_dev_provider::{Endpoint, Reply};
use rocket::serde::json::{Json, Value, json};
use rocket::{Build, Rocket, State, get, post, routes};
use rocket_logto::{
    Error, LogtoService, MachineToken, ManagedOrganization, ManagedUser, OneTimeTokenRequest,
    Permission, Resource, Revoke, TokenFor, UserKey,
};

use crate::support::api_app::{ApiApp, MANAGEMENT_API, as_machine};
use crate::support::app::{ALICE, BOB};
use crate::support::browser::{Browser, Response};
use crate::support::log::lines_with;
use crate::support::targets::{ACME, Read};

struct ManagementApi;

impl Resource for ManagementApi {
    const INDICATOR: &'static str = MANAGEMENT_API;
}

struct Manage;

impl Permission for Manage {
    type Audience = ManagementApi;
    const SCOPES: &'static [&'static str] = &["all"];
}

type Token = MachineToken<Manage>;
type Service = State<LogtoService>;

#[get("/user?<id>")]
async fn user(id: &str, token: Token, logto: &Service) -> Result<Json<Option<ManagedUser>>, Error> {
    Ok(Json(logto.management(&token).user(id).await?))
}

#[get("/find?<email>&<username>")]
async fn find(
    email: Option<&str>,
    username: Option<&str>,
    token: Token,
    logto: &Service,
) -> Result<Json<Option<String>>, Error> {
    let key = email.map_or(
        UserKey::Username(username.unwrap_or_default()),
        UserKey::Email,
    );
    let found = logto.management(&token).find_user(key).await?;
    Ok(Json(found.map(|user| user.id)))
}

#[post("/plan?<id>&<plan>")]
async fn plan(id: &str, plan: &str, token: Token, logto: &Service) -> Result<Json<Value>, Error> {
    let members = json!({ "plan": plan });
    Ok(Json(json!(
        logto
            .management(&token)
            .set_custom_data(id, &members)
            .await?
    )))
}

#[get("/organizations?<id>")]
async fn organizations(
    id: &str,
    token: Token,
    logto: &Service,
) -> Result<Json<Option<Vec<ManagedOrganization>>>, Error> {
    Ok(Json(logto.management(&token).organizations_of(id).await?))
}

#[post("/end?<id>")]
async fn end(id: &str, token: Token, logto: &Service) -> Result<Json<usize>, Error> {
    let management = logto.management(&token);
    let mut ended = 0;
    for session in management.sessions_of(id).await? {
        ended += usize::from(
            management
                .end_session(id, session.id(), Revoke::All)
                .await?,
        );
    }
    assert!(!management.end_session(id, "no such", Revoke::All).await?);
    Ok(Json(ended))
}

#[post("/invite?<email>")]
async fn invite(email: &str, token: Token, logto: &Service) -> Result<Json<Value>, Error> {
    let request = OneTimeTokenRequest::new(email)
        .lasting(Duration::from_secs(60))
        .organization(ACME);
    let token = logto.management(&token).one_time_token(request).await?;
    assert!(!format!("{token:?}").contains(token.secret()));
    let expires = token.expires_at.seconds();
    Ok(Json(
        json!({ "email": token.email, "length": token.secret().len(), "expires": expires }),
    ))
}

/// With a token for something else.
#[get("/wrong-resource")]
async fn wrong_resource(token: MachineToken<Read>, logto: &Service) -> Result<(), Error> {
    logto.management(&token).user(ALICE).await.map(drop)
}

/// With a token that allows nothing.
#[get("/without-permission")]
async fn without_permission(logto: &Service) -> Result<(), Error> {
    let token = logto
        .machine_token(TokenFor::resource(MANAGEMENT_API))
        .await?;
    logto.management(&token).user(ALICE).await.map(drop)
}

async fn start() -> ApiApp {
    let rocket: Rocket<Build> = rocket::build().mount(
        "/",
        routes![
            user,
            find,
            plan,
            organizations,
            end,
            invite,
            wrong_resource,
            without_permission
        ],
    );
    ApiApp::start(as_machine(), rocket).await
}

async fn get(app: &ApiApp, path: &str) -> Response {
    Browser::new().fetch_json(app.url(path)).await
}

async fn post(app: &ApiApp, path: &str) -> Response {
    Browser::new()
        .request(reqwest::Method::POST, app.url(path))
        .send()
        .await
}

fn json_of(answer: Response) -> Value {
    assert_eq!(answer.status(), 200, "{}", answer.text());
    answer.json()
}

#[rocket::async_test]
async fn users_are_looked_up_and_changed() {
    let app = start().await;
    let alice = json_of(get(&app, &format!("/user?id={ALICE}")).await);
    assert_eq!(alice["primaryEmail"], "alice@example.com");
    assert_eq!(alice["customData"]["plan"], "pro");
    assert_eq!(alice["isSuspended"], false);
    assert_eq!(json_of(get(&app, "/user?id=nobody").await), Value::Null);

    for (query, found) in [
        ("email=alice@example.com", json!(ALICE)),
        ("email=ALICE@example.com", json!(ALICE)),
        ("email=alice@example", Value::Null),
        ("email=%25", Value::Null),
        ("email=", Value::Null),
        ("username=bob", json!(BOB)),
        ("username=bo", Value::Null),
    ] {
        assert_eq!(
            json_of(get(&app, &format!("/find?{query}")).await),
            found,
            "{query}"
        );
    }

    // A Logto that ignores the mode finds somebody else, too.
    app.provider
        .hooks()
        .respond(Endpoint::Management, |_, reply| {
            let body = json!([{ "id": BOB, "primaryEmail": "alice@example.com.evil.example" }]);
            *reply = Reply::json(200, &body);
        });
    assert_eq!(
        json_of(get(&app, "/find?email=alice@example.com").await),
        Value::Null
    );
    app.provider.hooks().behave(Endpoint::Management);

    let data = json_of(post(&app, &format!("/plan?id={ALICE}&plan=free")).await);
    assert_eq!(data["plan"], "free");
    assert_eq!(data["tags"], json!(["a", "b"]), "what was not named stays");
    let alice = json_of(get(&app, &format!("/user?id={ALICE}")).await);
    assert_eq!(alice["customData"], data);
    assert_eq!(
        json_of(post(&app, "/plan?id=nobody&plan=x").await),
        Value::Null
    );

    let of_bob = json_of(get(&app, &format!("/organizations?id={BOB}")).await);
    assert_eq!(of_bob[0]["id"], ACME);
    assert_eq!(of_bob[0]["organizationRoles"], json!([]));
    let of_alice = json_of(get(&app, &format!("/organizations?id={ALICE}")).await);
    assert_eq!(of_alice[0]["organizationRoles"][0]["name"], "admin");
    assert_eq!(
        json_of(get(&app, "/organizations?id=nobody").await),
        Value::Null
    );
}

#[rocket::async_test]
async fn sessions_end_and_invitations_are_made() {
    let app = start().await;
    assert_eq!(
        json_of(post(&app, &format!("/end?id={ALICE}")).await),
        json!(0)
    );
    let asked = app.provider.requests_to(Endpoint::Management);
    assert!(asked.iter().any(|request| request.method == "DELETE"));

    let invited = json_of(post(&app, "/invite?email=new@example.com").await);
    assert_eq!(invited["email"], "new@example.com");
    assert!(invited["length"].as_u64().expect("a length") > 20);
    let asked = app
        .provider
        .requests_to(Endpoint::Management)
        .pop()
        .expect("a request");
    let sent: Value = rocket::serde::json::from_slice(&asked.body).expect("JSON");
    let wanted = json!({
        "email": "new@example.com",
        "expiresIn": 60,
        "context": { "jitOrganizationIds": [ACME] },
    });
    assert_eq!(sent, wanted);
    let refused = post(&app, "/invite?email=no-address").await;
    assert_eq!(refused.status(), 403, "{}", refused.text());
    assert!(!lines_with("Denied reason=guard.invalid_input").is_empty());
}

/// An id is an id, whatever it looks like.
#[rocket::async_test]
async fn an_id_leads_to_no_other_call() {
    let app = start().await;
    for (id, path) in [
        (
            "..%2Fsubject-tokens",
            Some("/api/users/..%2Fsubject-tokens"),
        ),
        ("a%2Fb%3Fc%23d", Some("/api/users/a%2Fb%3Fc%23d")),
        ("%252e%252e", Some("/api/users/%252e%252e")),
        ("..", None),
        (".", None),
        ("", None),
    ] {
        app.provider.clear_requests();
        assert_eq!(
            json_of(get(&app, &format!("/user?id={id}")).await),
            Value::Null,
            "{id}"
        );
        let asked = app.provider.requests_to(Endpoint::Management);
        let asked = asked.first().map(|request| request.path.clone());
        assert_eq!(asked.as_deref(), path, "{id}");
    }
}

#[rocket::async_test]
async fn a_refusal_says_what_is_missing_and_to_whom() {
    let app = start().await;
    for (path, code, words) in [
        (
            "/wrong-resource",
            "auth.unauthorized",
            "https://<tenant id>.logto.app/api",
        ),
        (
            "/without-permission",
            "auth.forbidden",
            "Logto Management API access",
        ),
    ] {
        let answer = get(&app, path).await;
        assert_eq!(answer.status(), 500, "{}", answer.text());
        assert!(!answer.text().contains("logto.app"), "that is for the log");
        let line = lines_with(&format!("Misconfigured reason={code}")).remove(0);
        assert!(line.contains(words), "{line}");
    }
    for (status, body, told) in [
        (500, json!({}), 502),
        (429, json!({}), 503),
        (301, json!({}), 502),
        (200, json!({ "id": 7 }), 502),
        (200, json!([]), 502),
        (200, json!("x"), 502),
        (418, json!(7), 502),
        (422, json!({ "code": "user.unknown", "message": "no" }), 403),
    ] {
        app.provider
            .hooks()
            .respond(Endpoint::Management, move |_, reply| {
                *reply = Reply::json(status, &body);
            });
        let answer = get(&app, &format!("/user?id={ALICE}")).await;
        assert_eq!(answer.status(), told, "{status}: {}", answer.text());
    }
    app.provider
        .hooks()
        .delay(Endpoint::Management, Duration::from_secs(60));
    let late = get(&app, &format!("/user?id={ALICE}")).await;
    assert_eq!(late.status(), 504, "{}", late.text());
}
