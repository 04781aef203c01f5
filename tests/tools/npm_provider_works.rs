//! The npm provider can be driven: a whole code flow by hand, so that a failure
//! of a later test is the library's.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use url::Url;

use crate::support::browser::{Browser, Response, query};
use crate::support::npm_provider::{CLIENT_ID, CLIENT_SECRET, NpmProvider, RESOURCE, Settings};
use crate::support::raw_server::{RawServer, Step, response};

const REDIRECT_URI: &str = "http://localhost:9/callback";
const POST_LOGOUT_REDIRECT_URI: &str = "http://localhost:9/signed-out";
/// RFC 7636, appendix B.
const CODE_VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CODE_CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

fn settings() -> Settings<'static> {
    Settings {
        redirect_uri: REDIRECT_URI,
        post_logout_redirect_uri: POST_LOGOUT_REDIRECT_URI,
        ..Settings::default()
    }
}

async fn discover(provider: &NpmProvider) -> Value {
    let url = format!("{}/.well-known/openid-configuration", provider.issuer());
    Browser::new().get(url).await.json()
}

/// An authorization request with everything, changed by `change`.
fn authorization_url(metadata: &Value, change: &[(&str, &str)]) -> Url {
    let mut parameters = vec![
        ("client_id", CLIENT_ID),
        ("redirect_uri", REDIRECT_URI),
        ("response_type", "code"),
        ("scope", "openid profile email offline_access read:cart"),
        ("resource", RESOURCE),
        ("prompt", "consent"),
        ("state", "a state"),
        ("nonce", "a nonce"),
        ("code_challenge", CODE_CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    parameters.retain(|(name, _)| !change.iter().any(|(changed, _)| changed == name));
    parameters.extend(change.iter().filter(|(_, value)| !value.is_empty()));
    let endpoint = metadata["authorization_endpoint"].as_str().unwrap();
    Url::parse_with_params(endpoint, parameters).unwrap()
}

/// What the client's page would answer: a redirect to the provider.
async fn redirect_to(browser: &Browser, target: &Url) -> Response {
    let location = target.to_string();
    let client = RawServer::start(move |_| {
        let head = format!("HTTP/1.1 303 See Other\r\nLocation: {location}\r\n");
        vec![Step::text(format!(
            "{head}Content-Length: 0\r\nConnection: close\r\n\r\n"
        ))]
    })
    .await;
    browser.navigate(client.url("/sign-in")).await
}

/// A request of the client's with `client_secret_basic`.
async fn post_as_client(endpoint: &Value, fields: &[(&str, &str)]) -> Response {
    let encode =
        |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair = format!("{}:{}", encode(CLIENT_ID), encode(CLIENT_SECRET));
    let basic = base64::engine::general_purpose::STANDARD.encode(pair);
    Browser::new()
        .request(reqwest::Method::POST, endpoint.as_str().unwrap())
        .header("authorization", format!("Basic {basic}"))
        .form(fields)
        .send()
        .await
}

async fn tokens_for(metadata: &Value, code: &str) -> Value {
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", REDIRECT_URI),
        ("code_verifier", CODE_VERIFIER),
    ];
    let answer = post_as_client(&metadata["token_endpoint"], &fields).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    answer.json()
}

/// The part of a JWT, not verified.
fn jwt_part(token: &Value, index: usize) -> Value {
    let part = token.as_str().unwrap().split('.').nth(index).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

#[rocket::async_test]
async fn a_code_flow_by_hand_from_sign_in_to_sign_out() {
    let provider = NpmProvider::start(settings()).await;
    let metadata = discover(&provider).await;
    assert_eq!(metadata["issuer"], provider.issuer());

    let browser = Browser::new();
    let start = redirect_to(&browser, &authorization_url(&metadata, &[])).await;
    let back = provider.sign_in(&browser, &start, "alice").await;
    let callback = back.location().unwrap();
    assert!(callback.as_str().starts_with(REDIRECT_URI), "{callback}");
    assert_eq!(query(&callback, "state").as_deref(), Some("a state"));
    assert_eq!(query(&callback, "iss").as_deref(), Some(provider.issuer()));
    let code = query(&callback, "code").unwrap();

    let tokens = tokens_for(&metadata, &code).await;
    let id_token = &tokens["id_token"];
    assert_eq!(jwt_part(id_token, 0)["alg"], "RS256");
    let claims = jwt_part(id_token, 1);
    assert_eq!(claims["sub"], "alice");
    assert_eq!(claims["nonce"], "a nonce");
    assert_eq!(claims["aud"], CLIENT_ID);

    let userinfo: Value = Browser::new()
        .request(
            reqwest::Method::GET,
            metadata["userinfo_endpoint"].as_str().unwrap(),
        )
        .header(
            "authorization",
            format!("Bearer {}", tokens["access_token"].as_str().unwrap()),
        )
        .send()
        .await
        .json();
    assert_eq!(userinfo["sub"], "alice");
    assert_eq!(userinfo["email"], "alice@example.com");

    let refresh_token = tokens["refresh_token"].as_str().unwrap();
    let fields = [
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh_token),
        ("resource", RESOURCE),
    ];
    let for_resource: Value = post_as_client(&metadata["token_endpoint"], &fields)
        .await
        .json();
    let resource_claims = jwt_part(&for_resource["access_token"], 1);
    assert_eq!(resource_claims["aud"], RESOURCE);
    assert_eq!(resource_claims["scope"], "read:cart");

    let revoked = post_as_client(
        &metadata["revocation_endpoint"],
        &[("token", refresh_token)],
    )
    .await;
    assert_eq!(revoked.status(), 200);
    let refused = post_as_client(&metadata["token_endpoint"], &fields).await;
    assert_eq!(
        (refused.status(), &refused.json::<Value>()["error"]),
        (400, &"invalid_grant".into())
    );

    let end_session = Url::parse_with_params(
        metadata["end_session_endpoint"].as_str().unwrap(),
        [
            ("id_token_hint", id_token.as_str().unwrap()),
            ("post_logout_redirect_uri", POST_LOGOUT_REDIRECT_URI),
            ("state", "bye"),
        ],
    );
    let start = redirect_to(&browser, &end_session.unwrap()).await;
    let back = provider.sign_out(&browser, &start).await;
    let target = back.location().unwrap();
    assert!(
        target.as_str().starts_with(POST_LOGOUT_REDIRECT_URI),
        "{target}"
    );
    assert_eq!(back.location_query("state").as_deref(), Some("bye"));
    assert_eq!(browser.violations(), []);
}

#[rocket::async_test]
async fn form_post_answers_with_a_form_to_submit() {
    let provider = NpmProvider::start(settings()).await;
    let metadata = discover(&provider).await;
    let url = authorization_url(&metadata, &[("response_mode", "form_post")]);
    let browser = Browser::new();
    let start = redirect_to(&browser, &url).await;
    let page = provider.sign_in(&browser, &start, "alice").await;
    let form = &page.page().forms[0];
    assert_eq!((form.action.as_str(), form.is_post), (REDIRECT_URI, true));
    assert!(
        form.fields.iter().any(|(name, _)| name == "code"),
        "{form:?}"
    );
}

#[rocket::async_test]
async fn pkce_and_the_registered_address_are_required() {
    let provider = NpmProvider::start(settings()).await;
    let metadata = discover(&provider).await;
    let without_pkce = [("code_challenge", ""), ("code_challenge_method", "")];
    let refused = Browser::new()
        .navigate(authorization_url(&metadata, &without_pkce))
        .await;
    assert_eq!(
        refused.location_query("error").as_deref(),
        Some("invalid_request")
    );
    let elsewhere = [("redirect_uri", "http://localhost:9/elsewhere")];
    let refused = Browser::new()
        .navigate(authorization_url(&metadata, &elsewhere))
        .await;
    assert_eq!(refused.status(), 400);
}

#[rocket::async_test]
async fn signing_out_sends_a_logout_token() {
    let client =
        RawServer::start(|_| vec![Step::Send(response("200 OK", "text/plain", b""))]).await;
    let backchannel_logout_uri = client.url("/backchannel-logout");
    let settings = Settings {
        backchannel_logout_uri: Some(&backchannel_logout_uri),
        id_token_alg: Some("ES384"),
        access_token_ttl: Some(7),
        ..settings()
    };
    let provider = NpmProvider::start(settings).await;
    let metadata = discover(&provider).await;
    let browser = Browser::new();
    let start = redirect_to(&browser, &authorization_url(&metadata, &[])).await;
    let back = provider.sign_in(&browser, &start, "bob").await;
    let tokens = tokens_for(&metadata, &back.location_query("code").unwrap()).await;
    assert_eq!(jwt_part(&tokens["id_token"], 0)["alg"], "ES384");
    assert_eq!(tokens["expires_in"], 7);

    let mut end_session = Url::parse(metadata["end_session_endpoint"].as_str().unwrap()).unwrap();
    let hint = tokens["id_token"].as_str().unwrap();
    end_session
        .query_pairs_mut()
        .append_pair("id_token_hint", hint);
    let start = redirect_to(&browser, &end_session).await;
    provider.sign_out(&browser, &start).await;

    let requests = client.requests();
    assert_eq!(requests.len(), 1, "{}", provider.output());
    assert_eq!(requests[0].path(), "/backchannel-logout");
    let body = String::from_utf8(requests[0].body.clone()).unwrap();
    let logout_token = Value::from(body.strip_prefix("logout_token=").unwrap());
    assert_eq!(jwt_part(&logout_token, 1)["sub"], "bob");
}
