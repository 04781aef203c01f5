//! `/readyz` says that nobody can sign in as soon as that is known, and that somebody can
//! as soon as that is proved. Neither a user's mistake nor a stranger has a say in it.

use logto_dev_provider::{DevProvider, Endpoint, Reply, SigningAlg};
use rocket::figment::value::Dict;
use rocket::{Build, Rocket, get, routes};
use rocket_logto::{Bearer, Logto};
use serde_json::{Value as Json, json};

use crate::support::api_app::{ApiApp, as_machine, introspecting};
use crate::support::app::{ALICE, CLIENT_ID, CLIENT_SECRET, TestApp, keys, settings};
use crate::support::browser::Browser;
use crate::support::eventually::eventually;
use crate::support::log::lines_with;
use crate::support::pages::pages;
use crate::support::targets::Read;

#[get("/cart")]
fn cart(caller: Bearer<Read>) -> String {
    caller.sub().to_owned()
}

fn rocket() -> Rocket<Build> {
    pages().mount("/", routes![cart])
}

async fn readiness(url: &str) -> (u16, Json) {
    let ready = Browser::new().get(url).await;
    (ready.status(), ready.json())
}

async fn is_ready(url: &str, case: &str) {
    let (status, body) = readiness(url).await;
    assert_eq!(status, 200, "{case}: {body}");
    assert_eq!(body["provider"], true, "{case}: {body}");
}

async fn is_unready(url: &str, case: &str, kind: &str, reason: &str) {
    let (status, body) = readiness(url).await;
    assert_eq!(status, 503, "{case}: {body}");
    assert_eq!(body["provider"], false, "{case}: {body}");
    assert_eq!(
        (&body["kind"], &body["reason"]),
        (&kind.into(), &reason.into()),
        "{case}"
    );
}

/// Lines about the readiness of an app; each app has a client id of its own for that.
fn told(client_id: &str, key: &str) -> usize {
    let lines = lines_with("logto: not ready: ");
    let about = |line: &&String| line.contains(&format!("{client_id:?}")) && line.contains(key);
    lines.iter().filter(about).count()
}

fn refused() -> Reply {
    Reply::json(401, &json!({ "error": "invalid_client" }))
}

/// An app that nobody else's log lines are about.
async fn app_of(client_id: &str, more: Dict) -> TestApp {
    let mut settings = settings();
    settings.client_id = client_id.to_owned();
    settings.offers_par = more.contains_key("use_par");
    let provider = DevProvider::start(settings).await.expect("a provider");
    let mut logto = keys([("app_id", client_id.into())]);
    logto.extend(more);
    TestApp::at(provider, logto, rocket()).await
}

#[rocket::async_test]
async fn a_secret_that_is_refused_is_told_until_one_is_taken() {
    let id = "refused-at-the-token-endpoint";
    let app = app_of(id, Dict::new()).await;
    let (ready, hooks) = (app.url("/readyz"), app.provider.hooks());
    is_ready(&ready, "nothing is known").await;
    for _ in 0..2 {
        let (browser, back) = app.on_the_way_back(ALICE).await;
        hooks.respond(Endpoint::Token, |_, reply| *reply = refused());
        browser.follow(&back).await;
        is_unready(&ready, id, "Misconfigured", "invalid_client").await;
    }
    assert_eq!(told(id, "logto.app_secret"), 1, "once");

    // Mended at the provider: the next call proves it.
    hooks.behave(Endpoint::Token);
    let browser = Browser::new();
    let hops = browser.navigate_following(app.url("/protected"), 10).await;
    assert_eq!(hops.last().expect("a page").text(), ALICE);
    is_ready(&ready, "mended").await;
    assert_eq!(
        lines_with(&format!(
            "ready again: the provider takes the credentials of {id:?}"
        ))
        .len(),
        1
    );
}

/// Nobody comes to an app that is not ready, so it finds out by itself.
#[rocket::async_test]
async fn a_mended_secret_is_found_without_any_user() {
    let id = "mended-without-a-user";
    let app = app_of(id, Dict::new()).await;
    let (ready, hooks) = (app.url("/readyz"), app.provider.hooks());
    let (browser, back) = app.on_the_way_back(ALICE).await;
    hooks.respond(Endpoint::Token, |_, reply| *reply = refused());
    browser.follow(&back).await;
    is_unready(&ready, id, "Misconfigured", "invalid_client").await;
    hooks.behave(Endpoint::Token);
    app.provider.clear_requests();
    eventually("ready", async || readiness(&ready).await.0 == 200).await;
    let asked = app.provider.requests_to(Endpoint::Token);
    assert_eq!(asked.len(), 1, "one question");
    assert_eq!(asked[0].form_value("grant_type"), Some("refresh_token"));
}

#[rocket::async_test]
async fn any_endpoint_can_tell_of_the_secret() {
    let id = "refused-at-par";
    let app = app_of(id, keys([("use_par", true.into())])).await;
    app.provider
        .hooks()
        .respond(Endpoint::PushedAuth, |_, reply| *reply = refused());
    Browser::new().navigate(app.url("/sign-in")).await;
    is_unready(&app.url("/readyz"), id, "Misconfigured", "invalid_client").await;
    assert_eq!(told(id, "logto.app_id"), 1);

    let id = "refused-at-introspection";
    let mut settings = settings();
    settings.client_id = id.to_owned();
    let provider = DevProvider::start(settings).await.expect("a provider");
    let rocket = rocket::build()
        .mount("/", routes![cart])
        .attach(Logto::api());
    let app = ApiApp::attached(provider, introspecting(id), rocket).await;
    let hooks = app.provider.hooks();
    // Said in the header only (RFC 9110 section 11.6.1).
    hooks.respond(Endpoint::Introspection, |_, reply| {
        *reply = Reply::json(401, &json!({}));
        reply.set_header("www-authenticate", "Basic realm=\"x\"");
    });
    let answer = app.call("/cart", "opaque").await;
    assert_eq!(answer.status(), 503, "{}", answer.text());
    assert_eq!(answer.json::<Json>()["error"], "server_error");
    assert!(answer.text().contains("trying again does not help"));
    let reference = answer.json::<Json>()["reference"].clone();
    let reference = format!("reference={}", reference.as_str().expect("a reference"));
    let line = lines_with(&reference).remove(0);
    assert!(
        line.starts_with("ERROR") && line.contains("logto.app_secret"),
        "{line}"
    );
    is_unready(&app.url("/readyz"), id, "Misconfigured", "invalid_client").await;
    hooks.behave(Endpoint::Introspection);
    assert_eq!(app.call("/cart", "another").await.status(), 401);
    is_ready(&app.url("/readyz"), "asked again").await;
}

/// Codes, refresh tokens and bearer tokens that are made up, or are no longer good, say
/// nothing about the app; nor does a key that is not there.
#[rocket::async_test]
async fn neither_users_nor_strangers_turn_readiness_off() {
    let more = keys([("introspect_opaque_tokens", true.into())]);
    let app = TestApp::with(more, rocket()).await;
    let ready = app.url("/readyz");
    let stranger = Browser::new();
    let start = stranger.navigate(app.url("/sign-in")).await;
    let state = start.location_query("state").expect("a state");
    let iss = app.provider.issuer();
    let callback = format!("/callback?code=made-up&state={state}&iss={iss}");
    let page = stranger.navigate(app.url(&callback)).await;
    assert_eq!(page.status(), 400, "{}", page.text());
    is_ready(&ready, "a made-up code").await;

    for error in [
        "invalid_client",
        "server_error",
        "invalid_scope",
        "unauthorized_client",
    ] {
        let start = stranger.navigate(app.url("/sign-in")).await;
        let state = start.location_query("state").expect("a state");
        let callback = format!("/callback?error={error}&state={state}&iss={iss}");
        stranger.navigate(app.url(&callback)).await;
        is_ready(&ready, "an error that anybody can write").await;
    }

    let header = |text: &str| {
        use base64::Engine;
        base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(text)
    };
    for token in [
        "opaque".to_owned(),
        format!(
            "{}.e30.AAAA",
            header(r#"{"alg":"ES384","kid":"no-such-key"}"#)
        ),
        format!("{}.e30.AAAA", header(r#"{"alg":"RS256"}"#)),
        format!("{}.e30.", header(r#"{"alg":"none"}"#)),
        "a.b.c".to_owned(),
    ] {
        let request = stranger.request(reqwest::Method::GET, app.url("/cart"));
        let bearer = format!("Bearer {token}");
        let answer = request.header("authorization", &bearer).send().await;
        assert_eq!(answer.status(), 401, "{token}: {}", answer.text());
        is_ready(&ready, &token).await;
    }

    // One user's refresh token, at a provider that says so in each way.
    for error in [
        "invalid_grant",
        "access_denied",
        "login_required",
        "invalid_request",
    ] {
        app.provider
            .hooks()
            .respond(Endpoint::Token, move |request, reply| {
                if request.form_value("grant_type") == Some("refresh_token") {
                    *reply = Reply::json(400, &json!({ "error": error }));
                }
            });
        let alice = Browser::new();
        app.sign_in(&alice, "/protected", ALICE).await;
        app.provider
            .hooks()
            .respond(Endpoint::UserInfo, |_, reply| reply.status = 401);
        alice.navigate(app.url("/userinfo")).await;
        app.provider.hooks().behave(Endpoint::UserInfo);
        is_ready(&ready, error).await;
    }
}

/// No key to verify with: known from the start, and over once one is published.
#[rocket::async_test]
async fn a_provider_without_a_usable_key_is_told_until_it_has_one() {
    let provider = DevProvider::start(settings()).await.expect("a provider");
    let hooks = provider.hooks();
    hooks.respond(Endpoint::Jwks, |_, reply| {
        reply.edit_json(|body| body["keys"][0]["use"] = "enc".into());
    });
    let app = TestApp::at(provider, Dict::new(), rocket()).await;
    let ready = app.url("/readyz");
    eventually("the keys are read", async || {
        readiness(&ready).await.1["reason"] == "no_usable_key"
    })
    .await;
    is_unready(&ready, "no key", "Misconfigured", "no_usable_key").await;
    assert!(!lines_with("logto: not ready: the provider publishes no key for [ES384]").is_empty());

    let (browser, back) = app.on_the_way_back(ALICE).await;
    let page = browser.follow(&back).await;
    assert_eq!(page.page().title, "This app is not set up correctly");
    app.provider.hooks().behave(Endpoint::Jwks);
    eventually("a key", async || readiness(&ready).await.0 == 200).await;
    let browser = Browser::new();
    let hops = browser.navigate_following(app.url("/protected"), 10).await;
    assert_eq!(hops.last().expect("a page").text(), ALICE);

    // A key of another type than the configuration pins is none, either.
    let mut settings = settings();
    settings.signing_alg = SigningAlg::Rs256;
    let provider = DevProvider::start(settings).await.expect("a provider");
    let pinned = keys([("id_token_alg", "EdDSA".into())]);
    let app = TestApp::at(provider, pinned, rocket()).await;
    let ready = app.url("/readyz");
    eventually("no key", async || {
        readiness(&ready).await.1["reason"] == "no_usable_key"
    })
    .await;
}

/// What passes is told apart from what somebody has to end.
#[rocket::async_test]
async fn metadata_are_awaited_or_wrong() {
    for (status, kind) in [(503, "ProviderNotReady"), (404, "Misconfigured")] {
        let provider = DevProvider::start(settings()).await.expect("a provider");
        let hooks = provider.hooks();
        hooks.respond(Endpoint::Discovery, move |_, reply| reply.status = status);
        let app = TestApp::at(provider, Dict::new(), rocket()).await;
        let ready = app.url("/readyz");
        eventually(kind, async || readiness(&ready).await.1["kind"] == kind).await;
        is_unready(&ready, kind, kind, "provider_metadata").await;
        app.provider.hooks().behave(Endpoint::Discovery);
        eventually("metadata", async || readiness(&ready).await.0 == 200).await;
    }
}

/// The machine's credentials are credentials of the app.
#[rocket::async_test]
async fn a_machine_whose_secret_is_refused_is_told_with_its_keys() {
    #[get("/machine")]
    async fn machine(token: rocket_logto::MachineToken<Read>) -> String {
        token.has_scope("read").to_string()
    }
    let mut table = as_machine();
    table.extend(keys([
        ("app_id", CLIENT_ID.into()),
        ("app_secret", CLIENT_SECRET.into()),
    ]));
    let app = ApiApp::start(table, rocket::build().mount("/", routes![machine])).await;
    let hooks = app.provider.hooks();
    hooks.respond(Endpoint::Token, |_, reply| *reply = refused());
    assert_eq!(
        Browser::new()
            .fetch_json(app.url("/machine"))
            .await
            .status(),
        500
    );
    is_unready(
        &app.url("/readyz"),
        "machine",
        "Misconfigured",
        "invalid_client",
    )
    .await;
    assert!(told("dev-machine", "logto.machine.app_secret") > 0);
    hooks.behave(Endpoint::Token);
    assert_eq!(
        Browser::new()
            .fetch_json(app.url("/machine"))
            .await
            .status(),
        200
    );
    is_ready(&app.url("/readyz"), "machine").await;
}
