//! Token exchange (RFC 8693): a personal access token, or Logto's token for
//! acting as a user, becomes an access token of that user.

use logto_dev_provider::Endpoint;
use rocket::serde::json::{Json, Value, json};
use rocket::{Build, Rocket, State, get, post, routes};
use rocket_logto::{Error, LogtoService, SubjectToken, TokenFor};

use crate::support::api_app::{ApiApp, MANAGEMENT_API, PERSONAL_ACCESS_TOKEN, as_machine};
use crate::support::app::{ALICE, BOB};
use crate::support::browser::{Browser, Response};
use crate::support::log::lines_with;
use crate::support::targets::{ACME, GLOBEX, SHOPPING};
use crate::support::token_app::shown;

const PERSONAL: &str = "urn:logto:token-type:personal_access_token";
const IMPERSONATION: &str = "urn:logto:token-type:impersonation_token";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

#[post("/personal?<resource>&<organization>&<scope>&<none>", data = "<token>")]
async fn personal(
    token: String,
    resource: Option<&str>,
    organization: Option<&str>,
    scope: Vec<&str>,
    none: bool,
    logto: &State<LogtoService>,
) -> Result<Value, Error> {
    let wanted = resource.map_or_else(TokenFor::default, TokenFor::resource);
    let wanted = organization.map_or(wanted.clone(), |id| wanted.within(id));
    let wanted = scope
        .iter()
        .fold(wanted, |wanted, scope| wanted.scope(*scope));
    let wanted = if none {
        wanted.without_scopes()
    } else {
        wanted
    };
    let token = SubjectToken::personal_access_token(token);
    assert!(!format!("{token:?}").contains(PERSONAL_ACCESS_TOKEN));
    Ok(shown(&logto.exchange_token(token, wanted).await?))
}

/// As Logto describes it: the Management API gives a token for acting as the
/// user, and that is exchanged.
#[get("/as/<user>")]
async fn act_as(user: &str, logto: &State<LogtoService>) -> Result<Json<Value>, Error> {
    let manage = TokenFor::resource(MANAGEMENT_API).scope("all");
    let manage = logto.machine_token(manage).await?;
    let endpoint = logto.issuer().trim_end_matches("/oidc");
    let request = reqwest::Client::new().post(format!("{endpoint}/api/subject-tokens"));
    let body = json!({ "userId": user }).to_string();
    let answer = request.bearer_auth(manage.secret()).body(body).send().await;
    let answer = answer.expect("an answer").bytes().await.expect("a body");
    let answer: Value = rocket::serde::json::from_slice(&answer).expect("JSON");
    let subject = answer["subjectToken"].as_str().unwrap_or_default();
    let shopping = TokenFor::resource(SHOPPING).scope("read").scope("write");
    let token = SubjectToken::impersonation(subject).actor("who acts");
    let token = logto.exchange_token(token, shopping.clone()).await?;
    let again = logto
        .exchange_token(SubjectToken::impersonation(subject), shopping)
        .await;
    let again = again.err().map(|error| error.reason().to_owned());
    Ok(Json(json!({ "token": shown(&token), "again": again })))
}

fn rocket() -> Rocket<Build> {
    rocket::build().mount("/", routes![personal, act_as])
}

async fn exchange(app: &ApiApp, query: &str, token: &str) -> Response {
    let browser = Browser::new();
    let request = browser.request(
        reqwest::Method::POST,
        app.url(&format!("/personal?{query}")),
    );
    request.body("text/plain", token).send().await
}

/// A provider without organizations ignores the parameter.
#[rocket::async_test]
async fn a_token_that_is_not_within_the_organization_is_none_of_it() {
    let app = ApiApp::start(as_machine(), rocket()).await;
    app.provider.hooks().access_token(|_, claims| {
        claims.insert("aud".into(), SHOPPING.into());
        claims.remove("organization_id");
    });
    for query in [
        format!("organization={ACME}&scope=view:reports"),
        format!("organization={ACME}&resource={SHOPPING}&scope=read"),
    ] {
        let answer = exchange(&app, &query, PERSONAL_ACCESS_TOKEN).await;
        assert_eq!(answer.status(), 502, "{query}: {}", answer.text());
    }
}

#[rocket::async_test]
async fn a_personal_access_token_becomes_a_token_of_its_owner() {
    let app = ApiApp::start(as_machine(), rocket()).await;
    let query = format!("resource={SHOPPING}&scope=read");
    for times in 1..=2 {
        let answer = exchange(&app, &query, PERSONAL_ACCESS_TOKEN).await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
        let token: Value = answer.json();
        assert_eq!(token["claims"]["sub"], ALICE);
        assert_eq!(token["scopes"], json!(["read"]));
        // Each exchange is one call: the answer belongs to who brought the token.
        assert_eq!(app.token_requests().len(), times);
    }
    let request = &app.token_requests()[0];
    let form = [
        (
            "grant_type",
            "urn:ietf:params:oauth:grant-type:token-exchange",
        ),
        ("subject_token", PERSONAL_ACCESS_TOKEN),
        ("subject_token_type", PERSONAL),
        ("resource", SHOPPING),
        ("scope", "read"),
    ];
    let sent: Vec<_> = request
        .form
        .iter()
        .map(|(n, v)| (n.as_str(), v.as_str()))
        .collect();
    assert_eq!(sent, form);

    let query = format!("organization={ACME}&scope=manage:members");
    let token: Value = exchange(&app, &query, PERSONAL_ACCESS_TOKEN).await.json();
    assert_eq!(
        token["claims"]["aud"],
        format!("urn:logto:organization:{ACME}")
    );
    assert_eq!(token["scopes"], json!(["manage:members"]));
    let token: Value = exchange(&app, "scope=openid", PERSONAL_ACCESS_TOKEN)
        .await
        .json();
    assert_eq!(token["claims"], Value::Null, "the opaque one");
    assert_ne!(GLOBEX, ACME);
}

#[rocket::async_test]
async fn a_token_for_acting_as_a_user_is_good_once() {
    let app = ApiApp::start(as_machine(), rocket()).await;
    let answer = Browser::new()
        .fetch_json(app.url(&format!("/as/{BOB}")))
        .await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let body: Value = answer.json();
    assert_eq!(body["token"]["claims"]["sub"], BOB);
    assert_eq!(
        body["token"]["scopes"],
        json!(["read"]),
        "what Bob's role gives"
    );
    assert_eq!(body["again"], "oidc.invalid_grant");
    let request = &app.token_requests()[1];
    assert_eq!(
        request.form_value("subject_token_type"),
        Some(IMPERSONATION)
    );
    assert_eq!(request.form_value("actor_token"), Some("who acts"));
    assert_eq!(request.form_value("actor_token_type"), Some(ACCESS_TOKEN));
}

/// The caller's fault is told to the caller, the app's own to its operator.
#[rocket::async_test]
async fn refusals_say_whose_fault_it_is() {
    let app = ApiApp::start(as_machine(), rocket()).await;
    let unknown = exchange(&app, "scope=read", "pat_unknown").await;
    assert_eq!(unknown.status(), 403);
    assert_eq!(unknown.json::<Value>()["code"], "oidc.invalid_grant");
    let nobody = exchange(
        &app,
        "organization=nobody&scope=read",
        PERSONAL_ACCESS_TOKEN,
    )
    .await;
    assert_eq!(nobody.status(), 403);
    assert_eq!(nobody.json::<Value>()["code"], "oidc.access_denied");
    let query = "resource=https://unknown.example/&scope=read";
    let target = exchange(&app, query, PERSONAL_ACCESS_TOKEN).await;
    assert_eq!(target.status(), 500, "{}", target.text());
    app.provider
        .hooks()
        .respond(Endpoint::Token, |_, reply| reply.status = 500);
    assert_eq!(
        exchange(&app, "scope=read", PERSONAL_ACCESS_TOKEN)
            .await
            .status(),
        502
    );
    assert!(lines_with(PERSONAL_ACCESS_TOKEN).is_empty() && lines_with("pat_unknown").is_empty());

    // Without credentials there is nobody to exchange it for.
    let app = ApiApp::start(Default::default(), rocket()).await;
    let answer = exchange(&app, "scope=read", PERSONAL_ACCESS_TOKEN).await;
    assert_eq!(answer.status(), 500);
    assert_eq!(app.token_requests().len(), 0);
}

/// Logto gives no scope that is not named: a token that allows nothing would be found out by
/// somebody else, later.
#[rocket::async_test]
async fn scopes_are_never_silently_none() {
    let app = ApiApp::start(as_machine(), rocket()).await;
    for query in [
        "",
        &format!("resource={SHOPPING}"),
        &format!("organization={ACME}"),
    ] {
        let answer = exchange(&app, query, PERSONAL_ACCESS_TOKEN).await;
        assert_eq!(answer.status(), 500, "{query}: {}", answer.text());
    }
    assert_eq!(app.token_requests().len(), 0);
    let lines = lines_with("Misconfigured reason=no_scope_named");
    assert!(lines[0].contains("TokenFor::scope"), "{lines:?}");
    let query = format!("resource={SHOPPING}&none=true");
    let token: Value = exchange(&app, &query, PERSONAL_ACCESS_TOKEN).await.json();
    assert_eq!(token["scopes"], json!([]));
    assert!(app.token_requests()[0].form_value("scope").is_none());
}

/// Access to the app is another thing than a membership, for whoever can give either.
#[rocket::async_test]
async fn a_user_without_access_is_no_stranger_to_the_organization() {
    let app = ApiApp::start(as_machine(), rocket()).await;
    assert!(app.provider.set_access("alice", false));
    let hint = async |query: &str| {
        let answer = exchange(&app, query, PERSONAL_ACCESS_TOKEN).await;
        assert_eq!(answer.status(), 403, "{}", answer.text());
        let body: Value = answer.json();
        assert_eq!(body["code"], "oidc.access_denied");
        body["hint"].as_str().expect("a hint").to_owned()
    };
    let query = format!("resource={SHOPPING}&scope=read");
    assert!(hint(&query).await.contains("no access to this app"));
    assert!(app.provider.set_access("alice", true));
    assert!(
        hint("organization=nobody&scope=read")
            .await
            .contains("not a member")
    );
}
