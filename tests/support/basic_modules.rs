//! The fourteen modules that the plans Basic and Form Post Basic share; they
//! differ in how the authorization response comes back.

use logto_dev_provider::{Endpoint, Hooks, Signing};
use serde_json::{Map, Value, json};

use super::app::{ALICE, CLIENT_SECRET};
use super::conformance::{CLIENT_ID, ONE_SIGN_IN, Plan, Suite, publish_without_kid};
use super::log::reason_of;
use super::refusal::reference;
use super::signer::header_of;

type Claims = Map<String, Value>;

/// A sign-in that is accepted, with no call to the provider but those it needs.
async fn accepted(plan: Plan, prepare: impl FnOnce(&Hooks)) -> Suite {
    let suite = Suite::prepared(plan, prepare).await;
    suite.accepts().await;
    let bearer = suite.provider.requests_to(Endpoint::UserInfo);
    let bearer = bearer[0].header("authorization").map(str::to_owned);
    let token = suite.issued(0)["access_token"].clone();
    let token = token.as_str().expect("an access token");
    assert_eq!(bearer, Some(format!("Bearer {token}")), "{plan:?}");
    assert_eq!(suite.calls(), ONE_SIGN_IN, "{plan:?}");
    suite
}

/// A sign-in that is refused after one token request.
async fn rejected(plan: Plan, prepare: impl FnOnce(&Hooks), reason: &str) {
    let suite = Suite::prepared(plan, prepare).await;
    suite.rejects(reason).await;
    assert_eq!(suite.calls(), ONE_SIGN_IN[..4], "{plan:?}");
}

/// Refused for the sake of one claim of the ID token.
async fn rejected_claim(plan: Plan, fault: fn(&mut Claims), reason: &str) {
    let prepare = |hooks: &Hooks| hooks.id_token(move |_, claims| fault(claims));
    rejected(plan, prepare, reason).await;
}

pub async fn oidcc_client_test(plan: Plan) {
    accepted(plan, |_| {}).await;
}

pub async fn oidcc_client_test_invalid_iss(plan: Plan) {
    fn fault(claims: &mut Claims) {
        // The least there can be: without the slash at the end.
        let iss = claims["iss"].as_str().expect("an issuer");
        let other = iss.strip_suffix('/').expect("a slash").to_owned();
        claims.insert("iss".into(), json!(other));
    }
    rejected_claim(plan, fault, "id_token_iss").await;
}

pub async fn oidcc_client_test_missing_sub(plan: Plan) {
    let fault = |claims: &mut Claims| drop(claims.remove("sub"));
    rejected_claim(plan, fault, "id_token_missing_sub").await;
}

pub async fn oidcc_client_test_invalid_aud(plan: Plan) {
    let fault = |claims: &mut Claims| drop(claims.insert("aud".into(), json!("client:2")));
    rejected_claim(plan, fault, "id_token_aud").await;
}

pub async fn oidcc_client_test_missing_iat(plan: Plan) {
    let fault = |claims: &mut Claims| drop(claims.remove("iat"));
    rejected_claim(plan, fault, "id_token_missing_iat").await;
}

/// The suite's RS256; the same fault with ES384.
pub async fn oidcc_client_test_invalid_sig_rs256(plan: Plan) {
    let prepare = |hooks: &Hooks| hooks.sign_id_tokens(Signing::Corrupt);
    rejected(plan, prepare, "id_token_signature").await;
}

pub async fn oidcc_client_test_nonce_invalid(plan: Plan) {
    let fault = |claims: &mut Claims| drop(claims.insert("nonce".into(), json!("another")));
    rejected_claim(plan, fault, "id_token_nonce").await;
}

pub async fn oidcc_client_test_kid_absent_single_jwks(plan: Plan) {
    accepted(plan, |hooks| publish_without_kid(hooks, plan.alg, 1)).await;
}

/// A client may give up here. This one tries the three that fit.
pub async fn oidcc_client_test_kid_absent_multiple_jwks(plan: Plan) {
    accepted(plan, |hooks| publish_without_kid(hooks, plan.alg, 3)).await;
}

pub async fn oidcc_client_test_idtoken_sig_rs256(plan: Plan) {
    let suite = accepted(plan, |_| {}).await;
    let id_token = suite.issued(0)["id_token"].clone();
    let header = header_of(id_token.as_str().expect("an ID token"));
    assert_eq!(header["alg"], plan.alg.name());
}

pub async fn oidcc_client_test_scope_userinfo_claims(plan: Plan) {
    let suite = Suite::start(plan).await;
    suite.accepts().await;
    let requests = suite.provider.requests_to(Endpoint::Auth);
    let scope = requests[0].query_value("scope").expect("scopes");
    let scopes: Vec<_> = scope.split(' ').collect();
    for wanted in ["openid", "profile", "email", "phone", "address"] {
        assert!(scopes.contains(&wanted), "{plan:?}: {scope}");
    }
    let info = suite.userinfo().await;
    assert_eq!(info["sub"], ALICE, "{plan:?}");
    assert_eq!(info["name"], "Alice Example", "{plan:?}");
    assert_eq!(info["email"], "alice@example.com", "{plan:?}");
    assert_eq!(info["phone_number"], "15555550101", "{plan:?}");
    assert_eq!(info["address"]["country"], "DE", "{plan:?}");
}

pub async fn oidcc_client_test_client_secret_basic(plan: Plan) {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    let suite = Suite::start(plan).await;
    suite.accepts().await;
    let requests = suite.provider.requests_to(Endpoint::Token);
    let encode = |text: &str| {
        let text = url::form_urlencoded::byte_serialize(text.as_bytes());
        text.collect::<String>()
    };
    let pair = format!("{}:{}", encode(CLIENT_ID), encode(CLIENT_SECRET));
    let basic = format!("Basic {}", STANDARD.encode(pair));
    assert_eq!(
        requests[0].header("authorization"),
        Some(&*basic),
        "{plan:?}"
    );
    assert_eq!(requests[0].form_value("client_secret"), None, "{plan:?}");
}

pub async fn oidcc_client_test_idtoken_sig_none(plan: Plan) {
    let prepare = |hooks: &Hooks| hooks.sign_id_tokens(Signing::None);
    rejected(plan, prepare, "id_token_alg").await;
}

/// The user stays signed in, and sees nothing of the other one.
pub async fn oidcc_client_test_userinfo_invalid_sub(plan: Plan) {
    let suite = Suite::start(plan).await;
    suite.hooks().respond(Endpoint::UserInfo, |_, reply| {
        reply.edit_json(|claims| claims["sub"] = "somebody else".into());
    });
    let response = suite.response().await;
    assert_eq!(suite.pass_on(&response).await.status(), 303, "{plan:?}");
    let page = suite.browser.navigate(suite.url("/userinfo")).await;
    assert_eq!(page.status(), 502, "{plan:?}: {}", page.text());
    assert_eq!(reason_of(&reference(&page)), "userinfo_sub", "{plan:?}");
    for of_another in ["somebody else", "alice@example.com", "Alice Example"] {
        assert!(!page.text().contains(of_another), "{plan:?}: {of_another}");
    }
    assert_eq!(suite.calls(), ONE_SIGN_IN, "{plan:?}: asked once");
    assert_eq!(suite.who().await, ALICE, "{plan:?}");
}
