//! OpenID Foundation's client plan "FAPI 2.0 Security Profile Final" (plain response, OpenID
//! Connect, `private_key_jwt`, DPoP): each of its modules, under its own name.

use logto_dev_provider::{Endpoint, Hooks, Signing, SigningAlg};
use serde_json::{Map, Value, json};

use crate::support::dpop::proof_of;
use crate::support::fapi::{CLIENT_ID, Fapi, ONE_SIGN_IN};
use crate::support::log::reason_of;
use crate::support::refusal::reference;

type Claims = Map<String, Value>;

/// Refused for the sake of the ID token, after one token request.
async fn rejected_claim(fault: fn(&mut Claims), reason: &str) {
    let prepare = |hooks: &Hooks| hooks.id_token(move |_, claims| fault(claims));
    let suite = Fapi::prepared(prepare).await;
    suite.rejects(reason, &ONE_SIGN_IN).await;
}

/// Refused for the sake of the authorization response: the code goes nowhere.
async fn rejected_response(fault: fn(&mut Vec<(String, String)>), reason: &str) {
    let suite = Fapi::prepared(|hooks| hooks.authorization_response(fault)).await;
    suite.rejects(reason, &ONE_SIGN_IN[..4]).await;
}

/// Nonces are demanded everywhere, and everything is as the profile has it.
#[rocket::async_test]
async fn fapi2_security_profile_final_client_test_happy_path() {
    let suite = Fapi::prepared(|hooks| hooks.demand_dpop_nonce("a-nonce")).await;
    suite.accepts().await;
    let pushed = suite.provider.requests_to(Endpoint::PushedAuth);
    assert_eq!(pushed.len(), 1);
    assert_eq!(pushed[0].form_value("code_challenge_method"), Some("S256"));
    // In this order: the suite compares it with its configuration as text.
    let scope = pushed[0].form_value("scope");
    assert_eq!(scope, Some("openid profile read offline_access"));
    assert!(pushed[0].form_value("dpop_jkt").is_some());
    assert!(
        pushed[0]
            .form_value("nonce")
            .is_some_and(|nonce| nonce.len() <= 64)
    );
    let auth = suite.provider.requests_to(Endpoint::Auth);
    let names: Vec<_> = auth[0]
        .query
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(names, ["client_id", "request_uri"], "nothing else");
    let tokens = suite.provider.requests_to(Endpoint::Token);
    // The code, again with the nonce, and the token for the resource.
    let grants: Vec<_> = tokens
        .iter()
        .map(|request| request.form_value("grant_type"))
        .collect();
    let expected = ["authorization_code", "authorization_code", "refresh_token"];
    assert_eq!(grants, expected.map(Some));
    for request in pushed.iter().chain(&tokens) {
        let assertion = request
            .form_value("client_assertion")
            .expect("an assertion");
        let header = crate::support::signer::header_of(assertion);
        assert_eq!(header["alg"], "PS256");
        let claims = crate::support::signer::claims_of(assertion);
        assert_eq!(claims["aud"], suite.provider.issuer(), "as a string");
        assert_eq!(
            (&claims["iss"], &claims["sub"]),
            (&json!(CLIENT_ID), &json!(CLIENT_ID))
        );
        assert_eq!(request.header("authorization"), None);
    }
    for (request, nonce) in tokens
        .iter()
        .zip([Value::Null, json!("a-nonce"), json!("a-nonce")])
    {
        let (_, claims) = proof_of(request).expect("a proof");
        assert_eq!(claims["nonce"], nonce);
    }
}

#[rocket::async_test]
async fn fapi2_security_profile_final_client_test_happy_path_no_dpop_nonce() {
    let suite = Fapi::start().await;
    suite.accepts().await;
    let calls = suite.calls();
    assert_eq!(calls[..5], ONE_SIGN_IN);
    // The resource loads the keys for itself.
    let is_own = |call: &&Endpoint| ![Endpoint::Discovery, Endpoint::Jwks].contains(call);
    let own: Vec<_> = calls[5..].iter().filter(is_own).collect();
    assert_eq!(own, [&Endpoint::UserInfo, &Endpoint::Token]);
}

#[rocket::async_test]
async fn fapi2_security_profile_final_client_test_discovery_issuer_mismatch() {
    let suite = Fapi::prepared(|hooks| {
        hooks.respond(Endpoint::Discovery, |_, reply| {
            reply.edit_json(|metadata| metadata["issuer"] = "https://other.example/".into());
        });
    })
    .await;
    let page = suite.begin().await;
    assert_eq!((page.status(), page.location()), (503, None));
    assert!(reason_of(&reference(&page)).contains("metadata: issuer is "));
    let others = suite
        .calls()
        .into_iter()
        .filter(|call| *call != Endpoint::Discovery);
    assert_eq!(others.count(), 0);
}

#[rocket::async_test]
async fn fapi2_security_profile_final_client_test_ensure_authorization_response_with_invalid_state_fails()
 {
    fn fault(params: &mut Vec<(String, String)>) {
        for (name, value) in params {
            if name == "state" {
                *value = format!("{value}x");
            }
        }
    }
    rejected_response(fault, "state_unknown").await;
}

#[rocket::async_test]
async fn fapi2_security_profile_final_client_test_ensure_authorization_response_with_invalid_missing_state_fails()
 {
    rejected_response(
        |params| params.retain(|(name, _)| name != "state"),
        "state_missing",
    )
    .await;
}

#[rocket::async_test]
async fn fapi2_security_profile_final_client_test_invalid_authorization_response_iss() {
    fn fault(params: &mut Vec<(String, String)>) {
        for (name, value) in params {
            if name == "iss" {
                *value = format!("{value}1");
            }
        }
    }
    rejected_response(fault, "iss_mismatch").await;
}

/// Also where the metadata do not announce it.
#[rocket::async_test]
async fn fapi2_security_profile_final_client_test_remove_authorization_response_iss() {
    for announced in [true, false] {
        let suite = Fapi::prepared(|hooks| {
            hooks.authorization_response(|params| params.retain(|(name, _)| name != "iss"));
            hooks.respond(Endpoint::Discovery, move |_, reply| {
                reply.edit_json(|metadata| {
                    let name = "authorization_response_iss_parameter_supported";
                    metadata[name] = announced.into();
                });
            });
        })
        .await;
        suite.rejects("iss_missing", &ONE_SIGN_IN[..4]).await;
    }
}

#[rocket::async_test]
async fn fapi2_security_profile_final_client_test_invalid_iss() {
    fn fault(claims: &mut Claims) {
        let iss = claims["iss"].as_str().expect("an issuer");
        claims.insert("iss".into(), json!(format!("{iss}1")));
    }
    rejected_claim(fault, "id_token_iss").await;
}

#[rocket::async_test]
async fn fapi2_security_profile_final_client_test_invalid_missing_iss() {
    rejected_claim(|claims| drop(claims.remove("iss")), "id_token_missing_iss").await;
}

#[rocket::async_test]
async fn fapi2_security_profile_final_client_test_invalid_aud() {
    let fault = |claims: &mut Claims| drop(claims.insert("aud".into(), json!("another")));
    rejected_claim(fault, "id_token_aud").await;
}

#[rocket::async_test]
async fn fapi2_security_profile_final_client_test_invalid_missing_aud() {
    rejected_claim(|claims| drop(claims.remove("aud")), "id_token_missing_aud").await;
}

#[rocket::async_test]
async fn fapi2_security_profile_final_client_test_invalid_secondary_aud() {
    fn fault(claims: &mut Claims) {
        claims.insert("aud".into(), json!([CLIENT_ID, "another"]));
    }
    rejected_claim(fault, "id_token_aud").await;
}

#[rocket::async_test]
async fn fapi2_security_profile_final_client_test_valid_aud_as_array() {
    fn as_array(claims: &mut Claims) {
        claims.insert("aud".into(), json!([CLIENT_ID]));
    }
    Fapi::prepared(|hooks| hooks.id_token(|_, claims| as_array(claims)))
        .await
        .accepts()
        .await;
}

#[rocket::async_test]
async fn fapi2_security_profile_final_client_test_invalid_expired_exp() {
    fn fault(claims: &mut Claims) {
        let exp = claims["iat"].as_i64().expect("a time") - 300;
        claims.insert("exp".into(), json!(exp));
    }
    rejected_claim(fault, "id_token_expired").await;
}

#[rocket::async_test]
async fn fapi2_security_profile_final_client_test_invalid_missing_exp() {
    rejected_claim(|claims| drop(claims.remove("exp")), "id_token_missing_exp").await;
}

#[rocket::async_test]
async fn fapi2_security_profile_final_client_test_invalid_nonce() {
    let fault = |claims: &mut Claims| drop(claims.insert("nonce".into(), json!("another")));
    rejected_claim(fault, "id_token_nonce").await;
}

#[rocket::async_test]
async fn fapi2_security_profile_final_client_test_invalid_missing_nonce() {
    rejected_claim(|claims| drop(claims.remove("nonce")), "id_token_nonce").await;
}

/// A good signature by a published key, with RS256, which the profile does not have.
#[rocket::async_test]
async fn fapi2_security_profile_final_client_test_invalid_alternate_alg() {
    let prepare = |hooks: &Hooks| hooks.sign_id_tokens(Signing::Alg(SigningAlg::Rs256));
    let suite = Fapi::prepared(prepare).await;
    suite.rejects("id_token_alg", &ONE_SIGN_IN).await;
}

#[rocket::async_test]
async fn fapi2_security_profile_final_client_test_invalid_null_alg() {
    let suite = Fapi::prepared(|hooks| hooks.sign_id_tokens(Signing::None)).await;
    suite.rejects("id_token_alg", &ONE_SIGN_IN).await;
}

#[rocket::async_test]
async fn fapi2_security_profile_final_client_test_token_endpoint_response_without_expires_in() {
    let suite = Fapi::prepared(|hooks| {
        hooks.respond(Endpoint::Token, |_, reply| {
            reply.edit_json(|body| {
                let members = body.as_object_mut().expect("a token response");
                members.remove("expires_in");
            });
        });
    })
    .await;
    suite.accepts().await;
}

/// The challenge with the nonce has its scheme in another case, and says nothing in its body.
#[rocket::async_test]
async fn fapi2_security_profile_final_client_test_rs_dpop_auth_scheme_case_insensitivity() {
    let suite = Fapi::start().await;
    assert_eq!(suite.sign_in().await.status(), 303);
    suite.hooks().demand_dpop_nonce("a-nonce");
    suite.hooks().respond(Endpoint::UserInfo, |_, reply| {
        if let Some(challenge) = reply.header("www-authenticate").map(str::to_owned) {
            assert!(challenge.starts_with("DPoP "), "{challenge}");
            reply.set_header("www-authenticate", &challenge.replacen("DPoP", "dPOP", 1));
            reply.body.clear();
        }
    });
    suite.accepts().await;
}

#[rocket::async_test]
async fn fapi2_security_profile_final_client_test_token_type_case_insensitivity() {
    let suite = Fapi::prepared(|hooks| {
        hooks.respond(Endpoint::Token, |_, reply| {
            reply.edit_json(|body| body["token_type"] = "dpOp".into());
        });
    })
    .await;
    suite.accepts().await;
}

// Beside the plan.

/// Without them the profile cannot be kept: nobody can sign in, and the log says why.
#[rocket::async_test]
async fn a_provider_without_pushed_requests_is_refused() {
    let suite = Fapi::prepared(|hooks| {
        hooks.respond(Endpoint::Discovery, |_, reply| {
            reply.edit_json(|metadata| {
                let members = metadata.as_object_mut().expect("metadata");
                members.remove("pushed_authorization_request_endpoint");
            });
        });
    })
    .await;
    let page = suite.begin().await;
    assert_eq!((page.status(), page.location()), (503, None));
    let reason = reason_of(&reference(&page));
    assert!(
        reason.contains("pushed_authorization_request_endpoint"),
        "{reason}"
    );
}

/// A token that is not bound is none of the profile.
#[rocket::async_test]
async fn a_plain_token_is_refused() {
    let suite = Fapi::prepared(|hooks| {
        hooks.respond(Endpoint::Token, |_, reply| {
            reply.edit_json(|body| body["token_type"] = "Bearer".into());
        });
    })
    .await;
    let page = suite.sign_in().await;
    assert!(page.status() >= 500, "{}", page.text());
    assert!(reason_of(&reference(&page)).contains("token_type is Bearer"));
}
