//! Tokens that are bound to a key of the app's own (DPoP, RFC 9449): asked for with a proof,
//! used with a proof, and of no use to anybody else.

use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use logto_dev_provider::{Endpoint, Hooks, Received, Settings};
use rocket::figment::value::{Dict, Value};
use rocket::serde::json::{Value as Json, json};
use rocket::{Build, Rocket, State, get, post, routes};
use rocket_logto::{
    AccessToken, Error, Logto, LogtoService, MachineToken, SubjectToken, Token, TokenFor, User,
    UserInfo,
};

use crate::support::api_app::{MACHINE, MACHINE_SECRET, PERSONAL_ACCESS_TOKEN};
use crate::support::app::{ALICE, CLIENT_SECRET, TestApp, absent, configuration, keys, settings};
use crate::support::browser::{Browser, Response};
use crate::support::dpop::{hash, proof_of, thumbprint};
use crate::support::log::{lines_with, reason_of};
use crate::support::redis::Redis;
use crate::support::refusal::reference;
use crate::support::serve::{Served, free_port};
use crate::support::targets::{ORDERS, Read, SHOPPING, Shopping};

fn shown(token: &Token) -> Json {
    json!({
        "secret": token.secret(),
        "claims": token.claims(),
        "authorization": token.authorization(),
        "bound": token.is_dpop_bound(),
        "proof": token.dpop_proof("GET", "https://api.example/a?b=c", Some("n-1")),
    })
}

#[get("/protected")]
fn protected(user: User) -> String {
    user.sub().to_owned()
}

#[get("/userinfo")]
fn userinfo(info: UserInfo) -> Json {
    json!(info)
}

#[get("/default")]
fn default(token: AccessToken) -> Json {
    shown(&token)
}

#[get("/shopping")]
fn shopping(token: AccessToken<Shopping>) -> Json {
    shown(&token)
}

#[get("/machine")]
fn machine(token: MachineToken<Read>) -> Json {
    shown(&token)
}

#[get("/exchanged")]
async fn exchanged(logto: &State<LogtoService>) -> Result<Json, Error> {
    let subject = SubjectToken::personal_access_token(PERSONAL_ACCESS_TOKEN);
    let token = logto.exchange_token(subject, TokenFor::resource(SHOPPING).scope("read"));
    Ok(shown(&token.await?))
}

#[post("/refresh")]
async fn refresh(user: User) -> Result<String, Error> {
    Ok(user.refresh().await?.sub().to_owned())
}

fn rocket(secret: u8) -> Rocket<Build> {
    let figment = rocket::Config::figment().merge(("secret_key", vec![secret; 64]));
    let handlers = routes![
        protected, userinfo, default, shopping, machine, exchanged, refresh
    ];
    rocket::custom(figment).mount("/", handlers)
}

fn binding() -> Settings {
    let mut settings = settings();
    settings.offers_dpop = true;
    settings
}

fn table(dpop: &str) -> Dict {
    let machine = Dict::from([
        ("app_id".to_owned(), Value::from(MACHINE)),
        ("app_secret".to_owned(), Value::from(MACHINE_SECRET)),
    ]);
    keys([
        ("dpop", dpop.into()),
        ("scopes", Value::from(vec!["read"])),
        ("resources", Value::from(vec![SHOPPING, ORDERS])),
        ("machine", machine.into()),
    ])
}

async fn start(settings: Settings, table: Dict) -> TestApp {
    let app = TestApp::with_settings(settings, table, rocket(7)).await;
    app.provider.hooks().sign_in_as(Some(ALICE));
    app
}

/// Alice signs in; the last page of the way.
async fn sign_in(app: &TestApp, browser: &Browser) -> Response {
    let pages = browser.navigate_following(app.url("/protected"), 10).await;
    pages.into_iter().next_back().expect("a page")
}

async fn signed_in(app: &TestApp) -> Browser {
    let browser = Browser::new();
    let page = sign_in(app, &browser).await;
    assert_eq!(page.text(), ALICE);
    browser
}

async fn json_of(app: &TestApp, browser: &Browser, path: &str) -> Json {
    let answer = browser.fetch_json(app.url(path)).await;
    assert_eq!(answer.status(), 200, "{path}: {}", answer.text());
    answer.json()
}

fn token_requests(app: &TestApp) -> Vec<Received> {
    app.provider.requests_to(Endpoint::Token)
}

/// What every proof of the app has, and the key that it is of.
fn proven(request: &Received, url: &str) -> (String, Json) {
    let (header, claims) = proof_of(request).expect("a proof");
    assert_eq!(header["typ"], "dpop+jwt");
    assert_eq!(header["alg"], "ES256");
    let members: Vec<_> = header["jwk"].as_object().expect("a key").keys().collect();
    assert_eq!(
        members,
        ["crv", "kty", "x", "y"],
        "public, and nothing else"
    );
    assert_eq!(claims["htm"], request.method.as_str());
    assert_eq!(claims["htu"], url);
    (thumbprint(&header["jwk"]), claims)
}

#[rocket::async_test]
async fn every_request_for_tokens_has_a_proof_and_every_use_as_well() {
    let app = start(binding(), table("required")).await;
    let browser = signed_in(&app).await;
    let token_url = format!("{}/token", app.provider.issuer());
    let auth = app.provider.requests_to(Endpoint::Auth);
    let key = auth[0]
        .query_value("dpop_jkt")
        .expect("dpop_jkt")
        .to_owned();

    let user = json_of(&app, &browser, "/default").await;
    assert_eq!(json_of(&app, &browser, "/userinfo").await["sub"], ALICE);
    let asked = app.provider.requests_to(Endpoint::UserInfo);
    let secret = user["secret"].as_str().expect("a token");
    let authorization = format!("DPoP {secret}");
    assert_eq!(asked[0].header("authorization"), Some(&*authorization));
    let (of_use, claims) = proven(&asked[0], &format!("{}/me", app.provider.issuer()));
    assert_eq!(of_use, key);
    assert_eq!(claims["ath"], hash(secret));

    for path in ["/shopping", "/machine", "/exchanged"] {
        let token = json_of(&app, &browser, path).await;
        assert_eq!(token["bound"], true, "{path}");
        assert_eq!(token["claims"]["cnf"]["jkt"], key, "{path}");
        let secret = token["secret"].as_str().expect("a token");
        assert_eq!(token["authorization"], format!("DPoP {secret}"), "{path}");
    }
    let refreshed = browser.post_form(app.url("/refresh"), &[]).await;
    assert_eq!(refreshed.text(), ALICE);

    let requests = token_requests(&app);
    let mut grants: Vec<_> = requests
        .iter()
        .map(|r| r.form_value("grant_type"))
        .collect();
    grants.sort_unstable();
    let exchange = "urn:ietf:params:oauth:grant-type:token-exchange";
    let expected = [
        "authorization_code",
        "client_credentials",
        "refresh_token",
        "refresh_token",
        exchange,
    ];
    assert_eq!(grants, expected.map(Some));
    let mut jtis = std::collections::BTreeSet::new();
    for request in &requests {
        let (of_request, claims) = proven(request, &token_url);
        assert_eq!(of_request, key);
        assert!(claims["ath"].is_null(), "there is no token yet");
        jtis.insert(claims["jti"].to_string());
    }
    assert_eq!(jtis.len(), requests.len(), "each proof is a new one");
}

/// The app's own calls: the proof is for the address without its query, and has the nonce.
#[rocket::async_test]
async fn the_app_can_prove_it_to_an_api() {
    let app = start(binding(), table("required")).await;
    let browser = signed_in(&app).await;
    let token = json_of(&app, &browser, "/shopping").await;
    let proof = token["proof"].as_str().expect("a proof");
    let claims = crate::support::signer::claims_of(proof);
    assert_eq!(claims["htu"], "https://api.example/a");
    assert_eq!(claims["htm"], "GET");
    assert_eq!(claims["nonce"], "n-1");
    assert_eq!(
        claims["ath"],
        hash(token["secret"].as_str().expect("a token"))
    );
    let header = crate::support::signer::header_of(proof);
    assert_eq!(thumbprint(&header["jwk"]), token["claims"]["cnf"]["jkt"]);
}

#[rocket::async_test]
async fn a_demanded_nonce_is_sent_and_remembered() {
    let app = start(binding(), table("required")).await;
    app.provider.hooks().demand_dpop_nonce("first");
    let browser = signed_in(&app).await;
    let nonces = |requests: Vec<Received>| -> Vec<Json> {
        let claims = requests.iter().filter_map(proof_of);
        claims.map(|(_, claims)| claims["nonce"].clone()).collect()
    };
    let codes: Vec<_> = token_requests(&app)
        .iter()
        .map(|r| r.form_value("code").map(str::to_owned))
        .collect();
    assert_eq!(codes.len(), 2);
    assert_eq!(codes[0], codes[1], "the code was not used up");
    assert_eq!(nonces(token_requests(&app)), [Json::Null, json!("first")]);
    assert_eq!(json_of(&app, &browser, "/userinfo").await["sub"], ALICE);
    assert_eq!(
        nonces(app.provider.requests_to(Endpoint::UserInfo)),
        [json!("first")]
    );

    app.provider.clear_requests();
    app.provider.hooks().demand_dpop_nonce("second");
    assert_eq!(json_of(&app, &browser, "/userinfo").await["sub"], ALICE);
    let asked = nonces(app.provider.requests_to(Endpoint::UserInfo));
    assert_eq!(asked, [json!("first"), json!("second")]);
    json_of(&app, &browser, "/shopping").await;
    assert_eq!(nonces(token_requests(&app)), [json!("second")]);
}

/// A code is sent twice at most, and only after the very refusal that has not used it up.
#[rocket::async_test]
async fn nothing_is_sent_a_third_time() {
    type Demand = fn(&Hooks);
    let cases: [(Demand, usize, &str); 4] = [
        // Never content with the nonce it has given.
        (
            |hooks| demand(hooks, 400, "use_dpop_nonce", true),
            2,
            "use_dpop_nonce",
        ),
        // Says none.
        (
            |hooks| demand(hooks, 400, "use_dpop_nonce", false),
            1,
            "use_dpop_nonce",
        ),
        (
            |hooks| demand(hooks, 400, "invalid_dpop_proof", true),
            1,
            "invalid_dpop_proof",
        ),
        (
            |hooks| demand(hooks, 400, "invalid_grant", true),
            1,
            "invalid_grant",
        ),
    ];
    for (prepare, requests, told) in cases {
        let app = start(binding(), table("required")).await;
        prepare(app.provider.hooks());
        let page = sign_in(&app, &Browser::new()).await;
        assert!(page.status() >= 400, "{told}: {}", page.status());
        assert_eq!(token_requests(&app).len(), requests, "{told}");
        let reason = reason_of(&reference(&page));
        assert!(reason.contains(told), "{told}: {reason}");
        if told.contains("dpop") {
            // It is this app that has to do something, or the provider: not the user.
            assert!(page.status() >= 500, "{told}: {}", page.status());
        }
    }
}

/// Answers of the token endpoint from now on.
fn demand(hooks: &Hooks, status: u16, error: &'static str, with_nonce: bool) {
    let count = AtomicUsize::new(0);
    hooks.respond(Endpoint::Token, move |_, reply| {
        let number = count.fetch_add(1, Ordering::Relaxed);
        reply.status = status;
        reply.body = json!({ "error": error }).to_string().into_bytes();
        if with_nonce {
            reply.set_header("dpop-nonce", &format!("nonce-{number}"));
        }
    });
}

/// An error about the proof says nothing about the user: the session stays.
#[rocket::async_test]
async fn a_refused_proof_ends_no_session() {
    for error in ["invalid_dpop_proof", "use_dpop_nonce"] {
        let app = start(binding(), table("required")).await;
        let browser = signed_in(&app).await;
        demand(app.provider.hooks(), 400, error, false);
        let answer = browser.post_form(app.url("/refresh"), &[]).await;
        assert!(answer.status() >= 500, "{error}: {}", answer.text());
        app.provider.hooks().behave(Endpoint::Token);
        let page = browser.navigate(app.url("/protected")).await;
        assert_eq!(page.text(), ALICE, "{error}");
        let answer = browser.post_form(app.url("/refresh"), &[]).await;
        assert_eq!(answer.text(), ALICE, "{error}");
    }
}

fn answers_as(hooks: &Hooks, token_type: &'static str) {
    hooks.respond(Endpoint::Token, move |_, reply| {
        reply.edit_json(|body| body["token_type"] = token_type.into());
    });
}

/// RFC 9449 section 5, RFC 6749 section 5.1.
#[rocket::async_test]
async fn the_type_of_a_token_is_compared_without_case_and_must_fit() {
    for name in ["DPoP", "dpop", "DPOP", "dPoP"] {
        let app = start(binding(), table("required")).await;
        answers_as(app.provider.hooks(), name);
        let browser = signed_in(&app).await;
        assert_eq!(
            json_of(&app, &browser, "/default").await["bound"],
            true,
            "{name}"
        );
    }
    for (dpop, name, key) in [
        ("required", "Bearer", "logto.dpop"),
        ("off", "DPoP", "logto.dpop"),
        ("auto", "mac", "token_type"),
    ] {
        let app = start(binding(), table(dpop)).await;
        answers_as(app.provider.hooks(), name);
        let page = sign_in(&app, &Browser::new()).await;
        assert!(page.status() >= 500, "{dpop} {name}: {}", page.status());
        let line = &lines_with(&reference(&page))[0];
        assert!(line.contains("token_type") && line.contains(key), "{line}");
    }
    // Where it is not demanded, a provider may leave it.
    let app = start(binding(), table("auto")).await;
    answers_as(app.provider.hooks(), "bearer");
    let browser = signed_in(&app).await;
    let token = json_of(&app, &browser, "/default").await;
    assert_eq!(
        (&token["bound"], &token["proof"]),
        (&json!(false), &Json::Null)
    );
    let secret = token["secret"].as_str().expect("a token");
    assert_eq!(token["authorization"], format!("Bearer {secret}"));
}

/// `off` and `auto` at a provider without it send what they have always sent.
#[rocket::async_test]
async fn proofs_are_sent_where_the_configuration_and_the_provider_say_so() {
    for (dpop, offers, proves) in [
        ("off", true, false),
        ("auto", true, true),
        ("auto", false, false),
    ] {
        let mut settings = binding();
        settings.offers_dpop = offers;
        let app = start(settings, table(dpop)).await;
        signed_in(&app).await;
        let auth = app.provider.requests_to(Endpoint::Auth);
        let has_key = auth[0].query_value("dpop_jkt").is_some();
        let has_proof = token_requests(&app)[0].header("dpop").is_some();
        assert_eq!((has_key, has_proof), (proves, proves), "{dpop} {offers}");
    }
    // A provider that takes other signatures only.
    let app = start(binding(), table("required")).await;
    app.provider
        .hooks()
        .respond(Endpoint::Discovery, |_, reply| {
            reply.edit_json(|body| body["dpop_signing_alg_values_supported"] = json!(["PS256"]));
        });
    let mut app = app;
    app.restart(table("required"), rocket(7)).await;
    let page = sign_in(&app, &Browser::new()).await;
    assert!(page.status() >= 500, "{}", page.status());
    let line = &lines_with(&reference(&page))[0];
    assert!(
        line.contains("PS256") && line.contains("logto.dpop"),
        "{line}"
    );
}

#[rocket::async_test]
async fn the_request_is_pushed_with_its_key() {
    let mut settings = binding();
    settings.offers_par = true;
    let app = start(settings, table("required")).await;
    signed_in(&app).await;
    let pushed = app.provider.requests_to(Endpoint::PushedAuth);
    let key = pushed[0].form_value("dpop_jkt").expect("dpop_jkt");
    let (of_request, _) = proven(
        &token_requests(&app)[0],
        &format!("{}/token", app.provider.issuer()),
    );
    assert_eq!(key, of_request);
    let auth = app.provider.requests_to(Endpoint::Auth);
    assert_eq!(auth[0].query_value("dpop_jkt"), None);
}

/// A new `secret_key` is a new key. A public client's refresh token is bound to the old one
/// (RFC 9449 section 5), and so is the code of a sign-in under way.
#[rocket::async_test]
async fn what_is_bound_to_the_key_of_an_old_secret_goes_on() {
    for secret in [Some(CLIENT_SECRET), None] {
        let mut settings = binding();
        settings.client_secret = secret.map(str::to_owned);
        let mut table = table("required");
        if secret.is_none() {
            table.insert("app_secret".into(), absent());
        }
        let mut app = start(settings, table.clone()).await;
        let browser = signed_in(&app).await;
        let under_way = Browser::new();
        let start = under_way
            .navigate(app.url("/sign-in?return_to=/protected"))
            .await;
        let response = under_way.follow(&start).await;

        let session = Dict::from([(
            "previous_secret_keys".to_owned(),
            Value::from(vec![STANDARD.encode([7; 64])]),
        )]);
        table.insert("session".into(), session.into());
        app.restart(table, rocket(8)).await;
        app.provider.clear_requests();
        let answer = browser.post_form(app.url("/refresh"), &[]).await;
        assert_eq!(answer.text(), ALICE, "{secret:?}");
        assert_eq!(
            json_of(&app, &browser, "/userinfo").await["sub"],
            ALICE,
            "{secret:?}"
        );
        let page = under_way
            .follow_all(response, 5)
            .await
            .pop()
            .expect("a page");
        assert_eq!(page.text(), ALICE, "{secret:?}: {}", page.text());
    }
}

/// Instances with one secret use each other's tokens; one with another secret gets its own.
#[rocket::async_test]
async fn instances_share_bound_tokens() {
    let redis = Redis::start().await;
    let mut table = table("required");
    table.extend(redis.table());
    let app = start(binding(), table.clone()).await;
    let browser = signed_in(&app).await;
    let token = json_of(&app, &browser, "/shopping").await;
    let port = free_port();
    table.insert("base_url".into(), app.url("").into());
    let second = rocket(7).attach(Logto::fairing());
    let figment = configuration(second.figment(), port, &app.provider.endpoint(), table);
    let second = Served::start_on(port, second.configure(figment)).await;
    app.provider.clear_requests();
    let answer = browser.fetch_json(second.url("/shopping")).await;
    let same: Json = answer.json();
    assert_eq!(same["secret"], token["secret"]);
    assert_eq!(token_requests(&app).len(), 0, "nothing was asked for");
    let header = |token: &Json| {
        let proof = token["proof"].as_str().expect("a proof");
        crate::support::signer::header_of(proof)["jwk"].clone()
    };
    assert_eq!(header(&same), header(&token), "one key");
}

/// Where the sign-in gave no refresh token, its access token is in the session's cookie.
#[rocket::async_test]
async fn a_bound_token_in_the_session_is_used_with_its_key() {
    let mut table = table("required");
    table.insert("include_reserved_scopes".into(), false.into());
    let mut app = start(binding(), table.clone()).await;
    let browser = signed_in(&app).await;
    app.restart(table.clone(), rocket(7)).await;
    assert_eq!(json_of(&app, &browser, "/default").await["bound"], true);
    assert_eq!(json_of(&app, &browser, "/userinfo").await["sub"], ALICE);
    // With another secret the session itself is gone, and nothing is sent without its proof.
    app.restart(table, rocket(9)).await;
    app.provider.clear_requests();
    browser.fetch_json(app.url("/userinfo")).await;
    assert_eq!(app.provider.requests_to(Endpoint::UserInfo).len(), 0);
}
