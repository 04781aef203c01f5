//! OpenID Foundation's relying-party plan "Form Post Basic": each of its
//! modules, under its own name. The response comes from the provider's site by
//! POST, and the sign-in has survived that.

use logto_dev_provider::Endpoint;
use rocket_logto::ResponseMode;

use crate::support::conformance::{Plan, Suite, modules};

modules! {
    ResponseMode::FormPost,
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

/// Beside the plan: what comes by POST may be an error, too.
#[rocket::async_test]
async fn oidcc_client_test_form_post_error() {
    for plan in Plan::runs(ResponseMode::FormPost) {
        let suite = Suite::start(plan).await;
        suite.hooks().authorization_response(|response| {
            response.retain(|(name, _)| name != "code");
            response.push(("error".into(), "server_error".into()));
            response.push(("error_description".into(), "<b>no</b>".into()));
        });
        suite.rejects_as(502, "provider_said_server_error").await;
        let calls = [Endpoint::Discovery, Endpoint::Jwks, Endpoint::Auth];
        assert_eq!(suite.calls(), calls, "{plan:?}");
    }
}
