//! The Account API: the sessions that a user has at Logto, for who has proven to be the user.

use logto_dev_provider::{Endpoint, Reply};
use rocket::figment::value::{Dict, Value};
use rocket::serde::json::{Json, Value as Data, json};
use rocket::{Build, Rocket, get, post, routes};
use rocket_logto::{Error, IdentityProof, LogtoSession, Revoke, User};

use crate::support::app::{ALICE, TestApp, keys};
use crate::support::browser::{Browser, Response};
use crate::support::log::lines_with;
use crate::support::pages::pages;

const SESSIONS: &str = "urn:logto:scope:sessions";

#[post("/prove?<password>")]
async fn prove(password: &str, user: User) -> Result<Json<Data>, Error> {
    let proof = user.account().verify_password(password).await?;
    if let Some(proof) = &proof {
        assert!(!format!("{proof:?}").contains(proof.id()));
    }
    Ok(Json(json!(proof.map(|proof| proof.id().to_owned()))))
}

#[get("/at-logto?<proof>")]
async fn list(proof: &str, user: User) -> Result<Json<Vec<LogtoSession>>, Error> {
    Ok(Json(
        user.account().sessions(&IdentityProof::new(proof)).await?,
    ))
}

#[post("/at-logto/end?<id>&<proof>&<all>")]
async fn end(id: &str, proof: &str, all: bool, user: User) -> Result<Json<bool>, Error> {
    let revoke = if all {
        Revoke::FirstParty
    } else {
        Revoke::SessionOnly
    };
    let proof = IdentityProof::new(proof);
    Ok(Json(user.account().end_session(id, &proof, revoke).await?))
}

fn rocket() -> Rocket<Build> {
    pages().mount("/", routes![prove, list, end])
}

async fn start() -> TestApp {
    TestApp::with(keys([("scopes", Value::from(vec![SESSIONS]))]), rocket()).await
}

async fn signed_in(app: &TestApp) -> Browser {
    let browser = Browser::new();
    app.sign_in(&browser, "/sign-in", ALICE).await;
    browser
}

async fn post(app: &TestApp, browser: &Browser, path: &str) -> Response {
    let request = browser.request(reqwest::Method::POST, app.url(path));
    request.header("accept", "application/json").send().await
}

async fn proof(app: &TestApp, browser: &Browser) -> String {
    let answer = post(app, browser, "/prove?password=any").await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    answer.json::<Data>().as_str().expect("a proof").to_owned()
}

#[rocket::async_test]
async fn a_user_lists_and_ends_sessions() {
    let app = start().await;
    let (here, there) = (signed_in(&app).await, signed_in(&app).await);
    let proof = proof(&app, &here).await;
    let list = async || {
        let answer = here
            .fetch_json(app.url(&format!("/at-logto?proof={proof}")))
            .await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
        answer.json::<Vec<LogtoSession>>()
    };
    let sessions = list().await;
    assert_eq!(sessions.len(), 2);
    let current: Vec<_> = sessions.iter().map(|session| session.is_current).collect();
    assert!(current.contains(&Some(true)) && current.contains(&Some(false)));
    assert!(
        sessions[0].expires_at.seconds() > sessions[0].signed_in_at().expect("a time").seconds()
    );
    let other = sessions
        .iter()
        .find(|session| session.is_current == Some(false));
    let id = other.expect("the other one").id().to_owned();

    for (id, ended) in [
        (id.as_str(), true),
        (&id, false),
        ("nobody's", false),
        ("..", false),
    ] {
        let path = format!("/at-logto/end?proof={proof}&all=true&id={id}");
        let answer = post(&app, &here, &path).await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
        assert_eq!(answer.json::<bool>(), ended, "{id}");
    }
    assert_eq!(list().await.len(), 1);
    // What the app was granted there has ended with it.
    let asked = app.provider.requests_to(Endpoint::Account);
    let ended = asked
        .iter()
        .find(|request| request.method == "DELETE")
        .expect("a request");
    assert_eq!(ended.query_value("revokeGrantsTarget"), Some("firstParty"));
    assert_eq!(ended.header("logto-verification-id"), Some(&*proof));
    drop(there);
}

#[rocket::async_test]
async fn who_has_not_proven_to_be_the_user_is_told_so() {
    let app = start().await;
    let alice = signed_in(&app).await;
    for proof in ["", "made-up", "a%0D%0Ab"] {
        let answer = alice
            .fetch_json(app.url(&format!("/at-logto?proof={proof}")))
            .await;
        let body: Data = answer.json();
        assert!([403, 502].contains(&answer.status()), "{proof:?}: {body}");
        if answer.status() == 403 {
            assert_eq!(
                body["code"], "verification_record.permission_denied",
                "{body}"
            );
            assert!(
                body["hint"]
                    .as_str()
                    .expect("a hint")
                    .starts_with("Confirm first"),
                "{body}"
            );
        }
    }
    // A password that is wrong is no error.
    app.provider.hooks().respond(Endpoint::Account, |_, reply| {
        let body = json!({ "code": "session.invalid_credentials", "message": "Wrong." });
        *reply = Reply::json(422, &body);
    });
    let answer = post(&app, &alice, "/prove?password=wrong").await;
    assert_eq!((answer.status(), answer.json::<Data>()), (200, Data::Null));
}

/// Each is for the operator, and the log names what to change.
#[rocket::async_test]
async fn what_is_not_set_up_names_the_key() {
    let app = TestApp::with(Dict::new(), rocket()).await;
    let alice = signed_in(&app).await;
    let answer = alice.fetch_json(app.url("/at-logto?proof=x")).await;
    assert_eq!(answer.status(), 500, "{}", answer.text());
    assert!(
        app.provider.requests_to(Endpoint::Account).is_empty(),
        "nobody is asked"
    );
    let lines = lines_with("Misconfigured reason=insufficient_scope");
    let is_told = |line: &String| line.contains(SESSIONS) && line.contains("logto.scopes");
    assert!(lines.iter().any(is_told), "{lines:?}");

    let app = start().await;
    let alice = signed_in(&app).await;
    app.provider.hooks().respond(Endpoint::Account, |_, reply| {
        let body = json!({ "code": "account_center.field_not_enabled", "message": "Off." });
        *reply = Reply::json(400, &body);
    });
    let answer = alice.fetch_json(app.url("/at-logto?proof=x")).await;
    assert_eq!(answer.status(), 500, "{}", answer.text());
    let lines = lines_with("reason=account_center.field_not_enabled");
    assert!(lines[0].contains("Account center"), "{lines:?}");
    assert!(lines[0].contains("answered 400"), "{lines:?}");
    // Whatever else comes is an answer, too.
    for (status, body, told) in [
        (401, json!({ "code": "auth.unauthorized" }), 403),
        (500, json!({}), 502),
        (404, json!("x"), 502),
        (302, json!({}), 502),
        (200, json!({ "sessions": 7 }), 502),
        (200, json!([]), 502),
    ] {
        app.provider
            .hooks()
            .respond(Endpoint::Account, move |_, reply| {
                *reply = Reply::json(status, &body);
            });
        let answer = alice.fetch_json(app.url("/at-logto?proof=x")).await;
        assert_eq!(answer.status(), told, "{status}: {}", answer.text());
    }
}
