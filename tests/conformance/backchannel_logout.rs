//! OpenID Foundation's relying-party plan "Back-Channel Logout": each of its
//! modules, under its own name. What else a logout token must be is in
//! `sign_out::logout_tokens_are_verified`.

use logto_dev_provider::{Signing, SigningAlg};
use rocket_logto::ResponseMode;
use serde_json::{Map, Value, json};

use crate::support::app::ALICE;
use crate::support::browser::Response;
use crate::support::conformance::{Plan, Suite};
use crate::support::log::reason_of;
use crate::support::refusal::NOBODY;
use crate::support::signer::claims_of;

/// Changes the claims of a logout token.
type Fault = fn(&mut Map<String, Value>);

/// As the suite sends it: no `typ`, a claim and a form field that nobody knows.
fn logout_token(suite: &Suite, signing: &Signing, fault: Fault) -> String {
    let id_token = suite.issued(0)["id_token"].clone();
    let id_token = claims_of(id_token.as_str().expect("an ID token"));
    let mut claims = suite
        .provider
        .logout_claims(Some(ALICE), id_token["sid"].as_str());
    claims.insert("https://example.com/unknown".into(), json!({ "a": [1] }));
    fault(&mut claims);
    suite.hooks().forge(signing, "", claims, |header, _| {
        header.remove("typ");
    })
}

async fn send(suite: &Suite, token: &str) -> Response {
    let form = [("unknown", "field"), ("logout_token", token)];
    suite.send_back_channel(&form).await
}

#[rocket::async_test]
async fn oidcc_client_test_rp_backchannel_rpinitlogout() {
    for plan in Plan::runs(ResponseMode::Query) {
        for signed_out_first in [true, false] {
            let suite = Suite::start(plan).await;
            suite.accepts().await;
            if signed_out_first {
                // The provider sends the token while the browser is with it.
                assert_eq!(suite.sign_out().await.status(), 303, "{plan:?}");
            }
            let token = logout_token(&suite, &Signing::Key, |_| {});
            assert_eq!(send(&suite, &token).await.status(), 200, "{plan:?}");
            assert_eq!(suite.who().await, NOBODY, "{plan:?}");
        }
    }
}

/// The token is refused, nobody is signed out, and the log says why.
async fn refused(plan: Plan, signing: Signing, fault: Fault, reason: &str) {
    let suite = Suite::start(plan).await;
    if let Signing::Alg(alg) = &signing {
        // Published before the app fetches the keys, so that it has them.
        suite.hooks().publish_alg(*alg);
    }
    suite.accepts().await;
    let token = logout_token(&suite, &signing, fault);
    let answer = send(&suite, &token).await;
    assert_eq!(answer.status(), 400, "{plan:?}");
    let body: Value = answer.json();
    let reference = body["reference"].as_str().expect("a reference");
    assert_eq!(reason_of(reference), reason, "{plan:?}");
    assert_eq!(suite.who().await, ALICE, "{plan:?}");
    // Nothing else was wrong with it.
    let right = logout_token(&suite, &Signing::Key, |_| {});
    assert_eq!(send(&suite, &right).await.status(), 200, "{plan:?}");
    assert_eq!(suite.who().await, NOBODY, "{plan:?}");
}

async fn refused_for(fault: Fault, reason: &str) {
    for plan in Plan::runs(ResponseMode::Query) {
        refused(plan, Signing::Key, fault, reason).await;
    }
}

#[rocket::async_test]
async fn oidcc_client_test_rp_backchannel_rpinitlogout_alg_none() {
    for plan in Plan::runs(ResponseMode::Query) {
        refused(plan, Signing::None, |_| {}, "alg").await;
    }
}

#[rocket::async_test]
async fn oidcc_client_test_rp_backchannel_rpinitlogout_no_event() {
    refused_for(|claims| drop(claims.remove("events")), "missing_events").await;
}

#[rocket::async_test]
async fn oidcc_client_test_rp_backchannel_rpinitlogout_with_nonce() {
    let fault: Fault = |claims| drop(claims.insert("nonce".into(), json!("n")));
    refused_for(fault, "nonce").await;
}

/// A right signature, by a key that is published, of another algorithm.
#[rocket::async_test]
async fn oidcc_client_test_rp_backchannel_rpinitlogout_wrong_alg() {
    for plan in Plan::runs(ResponseMode::Query) {
        let all = [SigningAlg::Rs256, SigningAlg::Es256, SigningAlg::Es384];
        for other in all.into_iter().filter(|other| *other != plan.alg) {
            refused(plan, Signing::Alg(other), |_| {}, "alg").await;
        }
    }
}

#[rocket::async_test]
async fn oidcc_client_test_rp_backchannel_rpinitlogout_wrong_aud() {
    let fault: Fault = |claims| drop(claims.insert("aud".into(), json!("client:2")));
    refused_for(fault, "aud").await;
}

#[rocket::async_test]
async fn oidcc_client_test_rp_backchannel_rpinitlogout_wrong_event() {
    let fault: Fault = |claims| {
        let other = json!({ "http://schemas.openid.net/event/frontchannel-logout": {} });
        claims.insert("events".into(), other);
    };
    refused_for(fault, "events").await;
}

#[rocket::async_test]
async fn oidcc_client_test_rp_backchannel_rpinitlogout_wrong_iss() {
    let fault: Fault = |claims| {
        claims.insert("iss".into(), json!("https://other.example/"));
    };
    refused_for(fault, "iss").await;
}
