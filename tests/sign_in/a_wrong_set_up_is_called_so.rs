//! A wrong secret, an unknown application, resource or redirect URI: waiting does not
//! help, and the page does not say so. One line of the log names the key to look at and
//! what the provider says, as Logto's answers were recorded.

use logto_dev_provider::{DevProvider, Endpoint, Reply};
use rocket::figment::value::Dict;
use rocket::{Build, Rocket, State, get, routes};
use rocket_logto::{Error, LogtoService, SubjectToken, TokenFor};
use serde_json::{Value as Json, json};

use crate::support::api_app::{ApiApp, PERSONAL_ACCESS_TOKEN, as_machine};
use crate::support::app::{ALICE, CLIENT_ID, CLIENT_SECRET, TestApp, keys, settings};
use crate::support::browser::{Browser, Response};
use crate::support::log::{lines_with, reason_of};
use crate::support::pages::pages;
use crate::support::refusal::reference;
use crate::support::set_up::{self, Mistake, is_ready_or_not, is_told};
use crate::support::targets::SHOPPING;

macro_rules! recorded {
    ($name:literal) => {
        include_str!(concat!("../fixtures/", $name, ".json"))
    };
}

/// An answer as it was recorded, with its headers, and its `error_description`.
fn recorded(text: &str) -> (Reply, String) {
    let recorded: Json = serde_json::from_str(text).expect("a recording");
    let response = &recorded["response"];
    let status = response["status"].as_u64().expect("a status");
    let mut reply = Reply::json(u16::try_from(status).expect("a status"), &response["body"]);
    for (name, value) in response["headers"].as_object().into_iter().flatten() {
        reply.set_header(name, value.as_str().expect("a value"));
    }
    let said = response["body"]["error_description"].as_str();
    (reply, said.expect("words").to_owned())
}

fn own(error: &str, said: &str) -> (Reply, String) {
    let body = json!({ "error": error, "error_description": said });
    (Reply::json(400, &body), said.to_owned())
}

async fn app(offers_par: bool) -> TestApp {
    let mut settings = settings();
    settings.offers_par = offers_par;
    TestApp::with_settings(settings, Dict::new(), pages()).await
}

/// The page after the provider has answered a sign-in so at this endpoint.
async fn told(app: &TestApp, endpoint: Endpoint, answer: Reply) -> Response {
    app.provider.clear_requests();
    let (browser, back) = match endpoint {
        Endpoint::Token => app.on_the_way_back(ALICE).await,
        _ => (Browser::new(), Browser::new().get(app.url("/")).await),
    };
    app.provider.hooks().respond(endpoint, move |_, reply| {
        *reply = answer.clone();
    });
    let page = match endpoint {
        Endpoint::Token => browser.follow(&back).await,
        _ => browser.navigate(app.url("/sign-in")).await,
    };
    assert_eq!(app.provider.requests_to(endpoint).len(), 1, "no retry");
    app.provider.hooks().behave(endpoint);
    page
}

/// The page says whose task it is, and the log what to do.
fn is_for_the_operator(page: &Response, case: &str, reason: &str, key: &str, said: &str) {
    assert_eq!(page.status(), 500, "{case}: {}", page.text());
    let html = page.page();
    assert_eq!(html.title, "This app is not set up correctly", "{case}");
    for wrong in ["in a moment", "cookie", said] {
        assert!(!html.text.contains(wrong), "{case}: {}", html.text);
    }
    let lines = lines_with(&format!("reference={}", reference(page)));
    let [line] = &lines[..] else {
        panic!("{case}: not one line: {lines:#?}");
    };
    let begins = format!("ERROR logto: Misconfigured reason={reason} ");
    assert!(line.starts_with(&begins), "{case}: {line}");
    assert!(line.contains(key), "{case}: {line}");
    assert!(
        line.contains("; sent client_id \"test-app\""),
        "{case}: {line}"
    );
    assert!(line.contains("/callback\""), "{case}: {line}");
    assert!(line.ends_with(&format!("says {said:?}")), "{case}: {line}");
}

#[rocket::async_test]
async fn a_pushed_request_that_logto_refuses_names_the_key() {
    let app = app(true).await;
    for (case, text, reason, key) in [
        (
            "redirect URI not registered",
            recorded!("logto-1.42/e-par-unregistered-redirect_uri"),
            "pushed_request_oidc.invalid_request",
            "logto.routes.callback",
        ),
        (
            "wrong secret",
            recorded!("logto-1.42/e-par-wrong-secret"),
            "pushed_request_oidc.invalid_client",
            "logto.app_secret and logto.token_endpoint_auth_method",
        ),
        (
            "unknown app id",
            recorded!("logto-1.42/e-par-unknown-client"),
            "pushed_request_oidc.invalid_client",
            "logto.app_id",
        ),
        (
            "unknown resource",
            recorded!("logto-1.42/e-par-unknown-resource"),
            "pushed_request_oidc.invalid_target",
            "logto.resources",
        ),
    ] {
        let (answer, said) = recorded(text);
        let page = told(&app, Endpoint::PushedAuth, answer).await;
        is_for_the_operator(&page, case, reason, key, &said);
    }
}

#[rocket::async_test]
async fn a_code_that_the_app_may_not_redeem_names_the_key() {
    let app = app(false).await;
    let redirect = "logto.redirect_uri";
    for (case, answer, key) in [
        (
            "wrong secret",
            recorded(recorded!("logto/e-token-wrong-client-secret-basic")),
            "logto.app_secret",
        ),
        (
            "unknown app id",
            recorded(recorded!("logto/e-token-unknown-client")),
            "logto.app_id",
        ),
        (
            "wrong grant",
            recorded(recorded!("logto/e-token-unsupported-grant")),
            "the application's type and grants",
        ),
        (
            "not for this client",
            own("unauthorized_client", "Client not allowed this grant"),
            "the application's type and grants",
        ),
        (
            "unknown resource",
            own("invalid_target", "unknown resource"),
            "logto.resources",
        ),
        (
            "Keycloak's redirect URI",
            own("invalid_grant", "Incorrect redirect_uri"),
            redirect,
        ),
        (
            "Hydra's redirect URI",
            own(
                "invalid_grant",
                "The 'redirect_uri' from this request does not match",
            ),
            redirect,
        ),
        (
            "Keycloak's wrong secret",
            own(
                "unauthorized_client",
                "Invalid client or Invalid client credentials",
            ),
            "logto.app_secret",
        ),
        (
            "GitHub's wrong secret",
            own(
                "incorrect_client_credentials",
                "The client_id and/or client_secret passed are incorrect.",
            ),
            "logto.app_secret",
        ),
        (
            "Logto's grant type",
            recorded(recorded!("logto-1.42/e-m2m-of-a-web-application")),
            "the application's type and grants",
        ),
        (
            "Entra's redirect URI",
            own(
                "invalid_client",
                "AADSTS50011: The redirect URI does not match",
            ),
            redirect,
        ),
    ] {
        let (answer, said) = answer;
        let body: Json = serde_json::from_slice(&answer.body).expect("a body");
        let reason = format!(
            "token_endpoint_{}",
            body["error"].as_str().unwrap_or_default()
        );
        let page = told(&app, Endpoint::Token, answer).await;
        is_for_the_operator(&page, case, &reason, key, &said);
    }
}

/// Logto does not say whether the code or the redirect URI is wrong.
#[rocket::async_test]
async fn a_code_that_is_no_longer_good_is_not_the_operators() {
    let app = app(false).await;
    let (answer, _) = recorded(recorded!("logto/e-token-redirect-uri-mismatch"));
    let page = told(&app, Endpoint::Token, answer).await;
    assert_eq!(page.status(), 400, "{}", page.text());
    let line = lines_with(&format!("reference={}", reference(&page))).remove(0);
    let begins = "WARN logto: SignInRejected reason=token_invalid_grant ";
    assert!(line.starts_with(begins), "{line}");
    assert!(
        line.ends_with(r#"says "grant request is invalid""#),
        "{line}"
    );
}

#[rocket::async_test]
async fn what_passes_is_to_be_tried_again_and_what_nobody_knows_is_a_refusal() {
    for endpoint in [Endpoint::PushedAuth, Endpoint::Token] {
        let app = app(endpoint == Endpoint::PushedAuth).await;
        for (error, status, title) in [
            ("server_error", 502, "The sign-in service had a problem"),
            (
                "temporarily_unavailable",
                503,
                "Signing in is not possible right now",
            ),
            ("made_up", 400, "The sign-in service refused"),
        ] {
            let page = told(&app, endpoint, Reply::json(400, &json!({ "error": error }))).await;
            let case = format!("{endpoint:?} {error}");
            assert_eq!(page.status(), status, "{case}: {}", page.text());
            assert_eq!(page.page().title, title, "{case}");
            let waits = page.page().text.contains("in a moment");
            assert_eq!(waits, status > 500, "{case}");
            assert_eq!(
                page.header("retry-after").is_some(),
                status == 503,
                "{case}"
            );
            assert!(!page.page().text.contains("cookie"), "{case}");
        }
    }
}

/// The same mistakes as they are really made, at a provider that says so in its own way:
/// by an error page of the app, or by one of the provider's.
async fn is_made(mistake: Mistake, offers_par: bool) {
    let mut settings = settings();
    settings.offers_par = offers_par;
    let provider = DevProvider::start(settings).await.expect("a provider");
    provider.hooks().sign_in_as(Some(ALICE));
    let app = TestApp::at(provider, mistake.logto.clone(), pages()).await;
    let ready = app.url("/readyz");
    let browser = Browser::new();
    let hops = browser.navigate_following(app.url("/sign-in"), 10).await;
    let page = hops.last().expect("a page");
    if page.url().as_str().starts_with(&app.provider.issuer()) {
        // Without a redirect URI, or a client, that it knows, the provider cannot send
        // anybody back.
        assert!(page.status() >= 400, "{}: {}", mistake.name, page.text());
        assert!(!offers_par, "{}: {}", mistake.name, page.text());
        return;
    }
    let line = is_told(page, &mistake);
    assert!(!line.contains("another-secret"), "{line}");
    is_ready_or_not(ready, &mistake).await;
}

#[rocket::async_test]
async fn a_mistake_in_the_configuration_names_its_key() {
    for offers_par in [true, false] {
        is_made(set_up::wrong_secret(), offers_par).await;
        is_made(set_up::unknown_client(), offers_par).await;
        is_made(set_up::unregistered_redirect_uri(), offers_par).await;
        is_made(set_up::unknown_resource(), offers_par).await;
        is_made(set_up::key_of_another_type(), offers_par).await;
    }
}

/// Logto takes scopes that it does not know; others refuse them, in the response.
#[rocket::async_test]
async fn a_scope_that_is_refused_names_its_key() {
    let mistake = set_up::unknown_scope();
    let app = TestApp::with(mistake.logto.clone(), pages()).await;
    app.provider.hooks().authorization_response(|response| {
        response.retain(|(name, _)| name != "code");
        response.push(("error".into(), "invalid_scope".into()));
        response.push((
            "error_description".into(),
            "Invalid scopes: no-such-scope".into(),
        ));
        response.push((
            "error_uri".into(),
            "https://docs.example/errors?id=1".into(),
        ));
    });
    let (browser, back) = app.on_the_way_back(ALICE).await;
    let page = browser.follow(&back).await;
    let line = is_told(&page, &mistake);
    assert!(line.contains("error_uri at docs.example"), "{line}");
    assert!(
        line.ends_with(r#"says "Invalid scopes: no-such-scope""#),
        "{line}"
    );
}

/// All that an answer says is in the line; what the request had of secrets is not, even
/// where the provider repeats it. Nor is anybody's address.
#[rocket::async_test]
async fn the_line_has_all_that_was_answered_and_no_secret() {
    let app = app(false).await;
    let (browser, back) = app.on_the_way_back(ALICE).await;
    app.provider.hooks().respond(Endpoint::Token, |request, reply| {
        let sent = |name: &str| request.form_value(name).expect("a parameter");
        let (code, verifier) = (sent("code"), sent("code_verifier"));
        *reply = Reply::json(
            400,
            &json!({
                "error": "invalid_client",
                "error_description": format!(
                    "{code} of alice@example.com with {verifier} and {CLIENT_SECRET}\n\u{1b}[31m is \
                     wrong{}", "!".repeat(5000)
                ),
                "error_uri": "https://docs.example/errors#7",
                "code": "oidc.invalid_client",
                "message": format!("Secret {CLIENT_SECRET} is wrong"),
            }),
        );
    });
    let page = browser.follow(&back).await;
    assert_eq!(page.status(), 500, "{}", page.text());
    let line = lines_with(&format!("reference={}", reference(&page))).remove(0);
    for part in [
        "token_endpoint_invalid_client",
        "answered 400 error=invalid_client code=oidc.invalid_client",
        "message=\"Secret […] is wrong\"",
        "error_uri at docs.example;",
        "says \"[…] of […] with […] and […][31m is wrong!!!",
        "grant_type \"authorization_code\"",
    ] {
        assert!(line.contains(part), "no {part} in {line}");
    }
    let request = app.provider.requests_to(Endpoint::Token).remove(0);
    for secret in [
        request.form_value("code"),
        request.form_value("code_verifier"),
    ] {
        assert!(!line.contains(secret.expect("a secret")), "{line}");
    }
    assert!(!line.contains(CLIENT_SECRET) && line.len() < 1000, "{line}");
}

#[get("/machine")]
async fn machine(logto: &State<LogtoService>) -> Result<(), Error> {
    let wanted = TokenFor::resource(SHOPPING).scope("read");
    logto.machine_token(wanted).await.map(drop)
}

#[get("/exchange")]
async fn exchange(logto: &State<LogtoService>) -> Result<(), Error> {
    let wanted = TokenFor::resource(SHOPPING).scope("read");
    let token = SubjectToken::personal_access_token(PERSONAL_ACCESS_TOKEN.to_owned());
    logto.exchange_token(token, wanted).await.map(drop)
}

fn service() -> Rocket<Build> {
    rocket::build().mount("/", routes![machine, exchange])
}

/// The line about an answer in JSON, which tells a program whose task it is.
async fn told_by(app: &ApiApp, path: &str) -> (Json, String) {
    let answer = Browser::new().fetch_json(app.url(path)).await;
    assert_eq!(answer.status(), 500, "{path}: {}", answer.text());
    let body: Json = answer.json();
    assert_eq!(body["error"], "Misconfigured", "{path}: {body}");
    let reference = body["reference"].as_str().expect("a reference");
    assert!(!reason_of(reference).is_empty());
    let line = lines_with(&format!("reference={reference}")).remove(0);
    assert!(
        line.starts_with("ERROR logto: Misconfigured reason="),
        "{line}"
    );
    (body, line)
}

/// A web application's credentials in the place of a machine's, and the like.
#[rocket::async_test]
async fn a_machine_that_is_none_names_the_key() {
    let app = ApiApp::start(as_machine(), service()).await;
    for (path, text, key) in [
        (
            "/machine",
            recorded!("logto-1.42/e-m2m-of-a-web-application"),
            "logto.machine.app_id",
        ),
        (
            "/exchange",
            recorded!("logto-1.42/e-token-exchange-not-allowed-for-app"),
            "allow token exchange in its settings",
        ),
        (
            "/machine",
            recorded!("logto-1.42/e-m2m-unknown-resource"),
            "the resource of the TokenFor",
        ),
        (
            "/machine",
            recorded!("logto/e-token-wrong-client-secret-basic"),
            "app_secret of logto.machine",
        ),
    ] {
        let (answer, said) = recorded(text);
        let hooks = app.provider.hooks();
        hooks.respond(Endpoint::Token, move |_, reply| *reply = answer.clone());
        let (body, line) = told_by(&app, path).await;
        assert!(line.contains(key), "{path}: no {key} in {line}");
        assert!(line.contains("client_id \"dev-machine\""), "{line}");
        assert!(line.contains(&format!("resource {SHOPPING:?}")), "{line}");
        assert!(line.ends_with(&format!("says {said:?}")), "{line}");
        assert!(!line.contains(PERSONAL_ACCESS_TOKEN), "{line}");
        let body = body.to_string();
        assert!(!body.contains(&said) && !body.contains("logto."), "{body}");
    }
}

/// The same as it is really made.
#[rocket::async_test]
async fn a_web_applications_credentials_get_no_machine_token() {
    let web = keys([
        ("app_id", CLIENT_ID.into()),
        ("app_secret", CLIENT_SECRET.into()),
    ]);
    let app = ApiApp::start(keys([("machine", web.into())]), service()).await;
    let (_, line) = told_by(&app, "/machine").await;
    for part in [
        "logto.machine.app_id",
        "grant_type \"client_credentials\"",
        "says \"requested grant type is not allowed for this client\"",
    ] {
        assert!(line.contains(part), "no {part} in {line}");
    }
    // The secret was right.
    let ready = Browser::new().get(app.url("/readyz")).await;
    assert_eq!(ready.status(), 200, "{}", ready.text());
}

/// Metadata that are there and are not the right ones.
#[rocket::async_test]
async fn metadata_that_do_not_fit_are_no_passing_fault() {
    type Edit = fn(&mut Reply);
    let cases: [(&str, Edit, &str); 6] = [
        (
            "another issuer",
            |reply| reply.edit_json(|body| body["issuer"] = "https://other.example".into()),
            "issuer is \"https://other.example\", configured is \"http://localhost:",
        ),
        (
            "a refused endpoint",
            |reply| reply.edit_json(|body| body["token_endpoint"] = "file:///etc/passwd".into()),
            "metadata: token_endpoint file:///etc/passwd is not https",
        ),
        (
            "no token endpoint",
            |reply| {
                reply.edit_json(|body| {
                    body.as_object_mut()
                        .expect("metadata")
                        .remove("token_endpoint");
                });
            },
            "metadata: token_endpoint is missing or no absolute URL",
        ),
        (
            "a number as an endpoint",
            |reply| reply.edit_json(|body| body["jwks_uri"] = 7.into()),
            "metadata: jwks_uri is missing or no absolute URL",
        ),
        ("nothing there", |reply| reply.status = 404, "answered 404"),
        ("not for us", |reply| reply.status = 403, "answered 403"),
    ];
    for (case, edit, told) in cases {
        let provider = DevProvider::start(settings()).await.expect("a provider");
        let hooks = provider.hooks();
        hooks.respond(Endpoint::Discovery, move |_, reply| edit(reply));
        let app = TestApp::at(provider, Dict::new(), pages()).await;
        let mistake = Mistake {
            name: case,
            logto: Dict::new(),
            key: "metadata: ",
            sent: told,
            is_unready: true,
        };
        let page = Browser::new().navigate(app.url("/sign-in")).await;
        assert_eq!(page.status(), 503, "{case}: {}", page.text());
        is_told(&page, &mistake);
        is_ready_or_not(app.url("/readyz"), &mistake).await;
        let program = Browser::new()
            .request(reqwest::Method::GET, app.url("/sign-in"))
            .header("Accept", "application/json")
            .send()
            .await;
        assert_eq!(program.json::<Json>()["error"], "Misconfigured", "{case}");
    }
}
