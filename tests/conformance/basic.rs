//! OpenID Foundation's relying-party plan "Basic": each of its modules, under
//! its own name, and beside them what the plan leaves out.

use logto_dev_provider::{Endpoint, Signing, SigningAlg};
use rocket_logto::ResponseMode;
use serde_json::json;

use crate::support::app::{ALICE, CLIENT_SECRET};
use crate::support::conformance::{ONE_SIGN_IN, Plan, Suite, modules};

modules! {
    ResponseMode::Query,
    oidcc_client_test,
    oidcc_client_test_invalid_iss,
    oidcc_client_test_missing_sub,
    oidcc_client_test_invalid_aud,
    oidcc_client_test_missing_iat,
    oidcc_client_test_invalid_sig_rs256,
    oidcc_client_test_nonce_invalid,
    oidcc_client_test_kid_absent_single_jwks,
    oidcc_client_test_kid_absent_multiple_jwks,
    oidcc_client_test_idtoken_sig_rs256,
    oidcc_client_test_scope_userinfo_claims,
    oidcc_client_test_client_secret_basic,
    oidcc_client_test_idtoken_sig_none,
    oidcc_client_test_userinfo_invalid_sub,
}

// Beside the plan, by the names the suite has elsewhere.

#[rocket::async_test]
async fn oidcc_client_test_missing_aud() {
    for plan in Plan::runs(ResponseMode::Query) {
        let suite = Suite::start(plan).await;
        suite
            .hooks()
            .id_token(|_, claims| drop(claims.remove("aud")));
        suite.rejects("id_token_missing_aud").await;
        assert_eq!(suite.calls(), ONE_SIGN_IN[..4], "{plan:?}");
    }
}

/// Signed with what everybody knows, the public key, or with the client's secret.
#[rocket::async_test]
async fn oidcc_client_test_invalid_sig_hs256() {
    for plan in Plan::runs(ResponseMode::Query) {
        let suite = Suite::start(plan).await;
        let public = suite.hooks().public_key_pem(plan.alg).into_bytes();
        for secret in [public, CLIENT_SECRET.into()] {
            suite.hooks().sign_id_tokens(Signing::Hmac(secret));
            suite.rejects("id_token_alg").await;
        }
    }
}

#[rocket::async_test]
async fn oidcc_client_test_invalid_sig_es256() {
    let plan = Plan {
        mode: ResponseMode::Query,
        alg: SigningAlg::Es256,
    };
    let suite = Suite::start(plan).await;
    suite.hooks().sign_id_tokens(Signing::Corrupt);
    suite.rejects("id_token_signature").await;
    suite.hooks().sign_id_tokens(Signing::Key);
    suite.accepts().await;
}

/// Claims of others (OpenID Connect Core section 5.6.2) are neither fetched nor
/// taken for the user's own.
async fn foreign_claims_are_ignored(name: &str, source: serde_json::Value) {
    for plan in Plan::runs(ResponseMode::Query) {
        let suite = Suite::start(plan).await;
        let foreign = json!({
            "_claim_names": { "email": "src1", "credit_score": "src1" },
            "_claim_sources": { "src1": source },
        });
        suite.hooks().respond(Endpoint::UserInfo, move |_, reply| {
            reply.edit_json(|claims| {
                for (name, value) in foreign.as_object().expect("an object") {
                    claims[name] = value.clone();
                }
            });
        });
        suite.accepts().await;
        let info = suite.userinfo().await;
        assert_eq!(info["sub"], ALICE, "{name}: {plan:?}");
        assert_eq!(info["email"], "alice@example.com", "{name}: {plan:?}");
        assert!(!info.contains_key("credit_score"), "{name}: {plan:?}");
        let fetched = suite.provider.requests_to(Endpoint::Unknown);
        assert!(fetched.is_empty(), "{name}: {plan:?}: {fetched:?}");
        let calls = [&ONE_SIGN_IN[..], &[Endpoint::UserInfo]].concat();
        assert_eq!(suite.calls(), calls, "{name}: {plan:?}");
    }
}

#[rocket::async_test]
async fn oidcc_client_test_aggregated_claims() {
    let jwt = "eyJhbGciOiJub25lIn0.eyJjcmVkaXRfc2NvcmUiOjY1MCwiZW1haWwiOiJldmlsIn0.";
    foreign_claims_are_ignored("aggregated", json!({ "JWT": jwt })).await;
}

#[rocket::async_test]
async fn oidcc_client_test_distributed_claims() {
    let source = json!({ "endpoint": "http://localhost:1/claims", "access_token": "ksj3n283dke" });
    foreign_claims_are_ignored("distributed", source).await;
}
