//! The properties of the fuzz targets, on random input that resembles what the
//! parsers expect.

use proptest::prelude::*;

use super::properties;

/// A JSON value for a claim or a header, of any type.
fn json() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("1e400".to_owned()),
        Just("-1.5".to_owned()),
        Just("[]".to_owned()),
        Just("{}".to_owned()),
        Just("\"app\"".to_owned()),
        Just("[\"app\"]".to_owned()),
        Just("[\"app\",\"other\"]".to_owned()),
        Just("\"\"".to_owned()),
        Just("{\"http://schemas.openid.net/event/backchannel-logout\":{}}".to_owned()),
        (-700_i64..700).prop_map(|seconds| (1_800_000_000 + seconds).to_string()),
        any::<i64>().prop_map(|number| number.to_string()),
        "[a-zA-Z0-9./:+-]{0,12}".prop_map(|text| format!("\"{text}\"")),
    ]
}

/// An object of `good` members, a few of which are others, missing or twice.
fn object(good: &'static [(&'static str, &'static str)]) -> impl Strategy<Value = String> {
    let change = (0..good.len(), 0..4_u8, json());
    proptest::collection::vec(change, 0..3).prop_map(move |changes| {
        let mut members: Vec<(&str, String)> = good
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect();
        for (index, kind, value) in changes {
            match kind {
                0 => members.retain(|(name, _)| *name != good[index].0),
                1 => members.push((good[index].0, value)),
                _ => {
                    let named = |member: &&mut (&str, String)| member.0 == good[index].0;
                    if let Some(member) = members.iter_mut().find(named) {
                        member.1 = value;
                    }
                }
            }
        }
        let members: Vec<String> = members
            .iter()
            .map(|(name, value)| format!("\"{name}\":{value}"))
            .collect();
        format!("{{{}}}", members.join(","))
    })
}

const ID_TOKEN: &[(&str, &str)] = &[
    ("iss", "\"https://id.example/oidc\""),
    ("aud", "\"app\""),
    ("sub", "\"user\""),
    ("nonce", "\"n-0S6_WzA2Mj\""),
    ("iat", "1800000000"),
    ("exp", "1800003600"),
    ("azp", "\"app\""),
    ("nbf", "1800000000"),
];
const LOGOUT_TOKEN: &[(&str, &str)] = &[
    ("iss", "\"https://id.example/oidc\""),
    ("aud", "\"app\""),
    ("sub", "\"user\""),
    ("sid", "\"session\""),
    ("iat", "1800000000"),
    ("exp", "1800003600"),
    ("jti", "\"id\""),
    (
        "events",
        "{\"http://schemas.openid.net/event/backchannel-logout\":{}}",
    ),
];
const HEADER: &[(&str, &str)] = &[
    ("alg", "\"EdDSA\""),
    ("kid", "\"the-key\""),
    ("typ", "\"JWT\""),
];
const METADATA: &[(&str, &str)] = &[
    ("issuer", "\"https://id.example/oidc\""),
    ("authorization_endpoint", "\"https://id.example/oidc/auth\""),
    ("token_endpoint", "\"https://id.example/oidc/token\""),
    ("jwks_uri", "\"https://id.example/oidc/jwks\""),
    ("userinfo_endpoint", "\"https://id.example/oidc/me\""),
];
const KEY: &[(&str, &str)] = &[
    ("kty", "\"OKP\""),
    ("crv", "\"Ed25519\""),
    ("x", "\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\""),
    ("use", "\"sig\""),
    ("alg", "\"EdDSA\""),
];

const WEBHOOK: &[(&str, &str)] = &[
    ("hookId", "\"hook\""),
    ("event", "\"User.Deleted\""),
    ("createdAt", "\"2027-01-15T08:00:00Z\""),
    ("data", "{\"id\":\"alice\",\"isSuspended\":true}"),
    ("params", "{\"userId\":\"bob\"}"),
];

const PROOF_HEADER: &[(&str, &str)] = &[
    ("typ", "\"dpop+jwt\""),
    ("alg", "\"EdDSA\""),
    (
        "jwk",
        // The public part of the key that the properties sign with.
        "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"6kpsY-KcUgq-9VB7Ey7F-ZVHdq6-vnuSQh7qaRRG0iw\"}",
    ),
];
const PROOF_CLAIMS: &[(&str, &str)] = &[
    ("jti", "\"e1j3V_bKic8-LAEB\""),
    ("htm", "\"GET\""),
    ("htu", "\"https://api.example/cart\""),
    ("iat", "1800000000"),
    ("ath", "\"fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo\""),
    ("nonce", "\"n\""),
];

/// Else the property below would hold for want of a good proof.
#[test]
fn a_good_proof_is_one() {
    let good = |members: &[(&str, &str)]| {
        let members: Vec<_> = members
            .iter()
            .map(|(name, value)| format!("\"{name}\":{value}"))
            .collect();
        format!("{{{}}}", members.join(","))
    };
    let (header, claims) = (good(PROOF_HEADER), good(PROOF_CLAIMS));
    assert_eq!(properties::verdict_on_proof(&header, &claims), Ok(()));
}

proptest! {
    #[test]
    fn hold_for_proofs(header in object(PROOF_HEADER), claims in object(PROOF_CLAIMS)) {
        properties::dpop_proof(format!("{header}\n{claims}").as_bytes());
    }

    #[test]
    fn hold_for_addresses_of_proofs(
        address in "(https?://)?[a-zA-Z.:0-9@%/]{0,12}(/|%2[eEfF]|%7e|\\.\\.?|[a-z?#%]){0,8}"
    ) {
        properties::dpop_proof(address.as_bytes());
    }

    #[test]
    fn hold_for_addresses(value in "/?[/\\\\a-z0-9.:@%#?&=;\" \\t\u{e9}\u{2028}-]{0,24}") {
        properties::return_to(value.as_bytes());
    }

    #[test]
    fn hold_for_queries(
        query in "((code|state|iss|error|x|%63ode)=[a-z%0+\u{e9}\\x00-\\x1f]{0,8}&){0,6}"
    ) {
        properties::callback_query(query.as_bytes());
    }

    #[test]
    fn hold_for_forms(form in "((logout_token|logout%5ftoken|x)=?[a-z.%0-9&]{0,8}&?){0,4}") {
        properties::logout_form(form.as_bytes());
    }

    #[test]
    fn hold_for_webhooks(
        header in "(sha256=)?([0-9a-f]{63,65}|[0-9a-gA-F=]{0,70})",
        body in object(WEBHOOK),
        suspends in any::<bool>(),
    ) {
        let event = if suspends { "User.SuspensionStatus.Updated" } else { "User.Deleted" };
        let body = body.replace("User.Deleted", event);
        properties::webhook(format!("{header}\n{body}").as_bytes());
    }

    #[test]
    fn hold_for_metadata(document in object(METADATA)) {
        properties::discovery(document.as_bytes());
    }

    #[test]
    fn hold_for_keys(key in object(KEY)) {
        properties::jwks(key.as_bytes());
        properties::jwks(format!("{{\"keys\":[{key},{key}]}}").as_bytes());
    }

    #[test]
    fn hold_for_headers(header in object(HEADER)) {
        properties::jwt_header(header.as_bytes());
    }

    #[test]
    fn hold_for_claims(id_token in object(ID_TOKEN), logout_token in object(LOGOUT_TOKEN)) {
        properties::jwt_claims(id_token.as_bytes());
        properties::jwt_claims(logout_token.as_bytes());
    }

    #[test]
    fn hold_for_tokens(token in "[A-Za-z0-9_-]{0,40}(\\.[A-Za-z0-9_-]{0,40}){0,3}") {
        properties::jwt_token(token.as_bytes());
    }

    #[test]
    fn hold_for_cookies(
        header in "([ \\t\u{a0}]?(__Host-logto_session|%5F_Host-logto_session|x)[ ]?=?[a-z0-9.=\"]{0,6};?){0,5}"
    ) {
        properties::cookie_header(header.as_bytes());
    }

    #[test]
    fn hold_for_chunks(edits in proptest::collection::vec(any::<u8>(), 2..12)) {
        properties::cookie_chunks(&edits);
    }

    #[test]
    fn hold_for_challenges(
        header in "((Bearer|DPoP|Basic|x)? ?(error|max_age|acr_values)?=?\"?(insufficient_user_authentication|[a-z0-9 \\\\=-]{0,6})\"?,? ?){0,5}"
    ) {
        properties::step_up_challenge(header.as_bytes());
    }

    #[test]
    fn hold_for_anything(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        for (_, property) in properties::ALL {
            property(&bytes);
        }
    }
}
