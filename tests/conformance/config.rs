//! OpenID Foundation's relying-party plan "Config": each of its modules, under
//! its own name. Metadata and keys are what the provider says at the moment.

use logto_dev_provider::{Endpoint, Signing};
use rocket_logto::ResponseMode;
use serde_json::Value;

use crate::support::conformance::{ONE_SIGN_IN, Plan, Suite, offer};
use crate::support::log::reason_of;
use crate::support::refusal::reference;

/// Issuer and key set are at addresses nobody can know, and other ones each run.
#[rocket::async_test]
async fn oidcc_client_test_discovery_openid_config() {
    let mut issuers = Vec::new();
    for plan in Plan::runs(ResponseMode::Query) {
        let suite = Suite::start(plan).await;
        suite.accepts().await;
        let asked = suite.provider.requests_to(Endpoint::Discovery);
        let issuer = suite.provider.issuer();
        // One slash, not two.
        let path = format!("{issuer}.well-known/openid-configuration");
        assert!(issuer.ends_with('/') && path.ends_with(&asked[0].path));
        assert_eq!(asked[0].method, "GET");
        assert_eq!(suite.calls(), ONE_SIGN_IN, "{plan:?}");
        issuers.push(issuer);
    }
    issuers.dedup();
    assert_eq!(issuers.len(), 2);
}

#[rocket::async_test]
async fn oidcc_client_test_discovery_jwks_uri_keys() {
    let mut paths = Vec::new();
    for plan in Plan::runs(ResponseMode::Query) {
        let suite = Suite::start(plan).await;
        suite.accepts().await;
        let mut asked = suite.provider.requests_to(Endpoint::Jwks);
        assert_eq!(suite.calls(), ONE_SIGN_IN, "{plan:?}");
        paths.push(asked.remove(0).path);
    }
    paths.dedup();
    assert_eq!(paths.len(), 2);
}

/// No authorization request is made: not to this provider, not to any.
#[rocket::async_test]
async fn oidcc_client_test_discovery_issuer_mismatch() {
    let faults: [fn(&mut Value); 3] = [
        |metadata| metadata["issuer"] = "https://other.example/".into(),
        // Without the slash at the end it is another one.
        |metadata| {
            let issuer = metadata["issuer"].as_str().expect("an issuer");
            metadata["issuer"] = issuer.trim_end_matches('/').into();
        },
        |metadata| drop(metadata.as_object_mut().map(|all| all.remove("issuer"))),
    ];
    for plan in Plan::runs(ResponseMode::Query) {
        for (number, fault) in faults.into_iter().enumerate() {
            let case = format!("{plan:?}, fault {number}");
            let suite = Suite::prepared(plan, |hooks| offer(hooks, fault)).await;
            let page = suite.browser.navigate(suite.url("/again")).await;
            assert_eq!(page.status(), 503, "{case}: {}", page.text());
            assert_eq!(page.location(), None, "{case}");
            let reason = reason_of(&reference(&page));
            let expected = match number {
                2 => "metadata: ",
                _ => "metadata: issuer is ",
            };
            assert!(reason.contains(expected), "{case}: {reason}");
            assert_eq!(page.set_cookies(), [""; 0], "{case}");
            let others = suite.calls().into_iter();
            let others = others.filter(|call| *call != Endpoint::Discovery);
            assert_eq!(others.count(), 0, "{case}");
        }
    }
}

#[rocket::async_test]
async fn oidcc_client_test_idtoken_sig_none() {
    for plan in Plan::runs(ResponseMode::Query) {
        let suite = Suite::start(plan).await;
        suite.hooks().sign_id_tokens(Signing::None);
        suite.rejects("id_token_alg").await;
        assert_eq!(suite.calls(), ONE_SIGN_IN[..4], "{plan:?}");
    }
}

/// The keys were fetched a moment ago, and again in the very sign-in.
#[rocket::async_test]
async fn oidcc_client_test_signing_key_rotation_just_before_signing() {
    for plan in Plan::runs(ResponseMode::Query) {
        let suite = Suite::start(plan).await;
        let response = suite.response().await;
        let asked = [Endpoint::Discovery, Endpoint::Jwks, Endpoint::Auth];
        assert_eq!(suite.calls(), asked, "{plan:?}");
        suite.hooks().rotate_keys();
        suite.hooks().drop_previous_keys();
        suite.accepts_response(&response).await;
        let asked = [Endpoint::Token, Endpoint::Jwks, Endpoint::UserInfo];
        assert_eq!(suite.calls(), asked, "{plan:?}: one more fetch");
    }
}

/// Between two sign-ins, twice.
#[rocket::async_test]
async fn oidcc_client_test_signing_key_rotation() {
    for plan in Plan::runs(ResponseMode::Query) {
        let suite = Suite::start(plan).await;
        suite.accepts().await;
        assert_eq!(suite.calls(), ONE_SIGN_IN, "{plan:?}");
        for rotation in 1..=2 {
            suite.hooks().rotate_keys();
            suite.hooks().drop_previous_keys();
            suite.accepts().await;
            let asked = [
                Endpoint::Auth,
                Endpoint::Token,
                Endpoint::Jwks,
                Endpoint::UserInfo,
            ];
            assert_eq!(suite.calls(), asked, "{plan:?}: rotation {rotation}");
        }
    }
}
