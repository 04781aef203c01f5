//! The response of the introspection endpoint (RFC 7662 section 2.2), read as the
//! claims of an access token and checked like those of a JWT.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::verify::{Rejection, TokenExpectations, access_token_claims, unreadable};
use crate::claims::AccessTokenClaims;
use crate::config::issuer::is_template;

#[derive(Deserialize)]
pub(super) struct Introspection {
    active: bool,
    token_type: Option<String>,
    #[serde(flatten)]
    claims: Map<String, Value>,
}

/// The claims of an active access token.
pub(super) fn claims(
    introspection: Introspection,
    expected: &TokenExpectations<'_>,
) -> Result<AccessTokenClaims, Rejection> {
    if !introspection.active {
        return Err(Rejection::Inactive);
    }
    // A refresh token is active, too.
    let kind = introspection.token_type.as_deref();
    if kind.is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
        return Err(Rejection::Type);
    }
    let mut claims = introspection.claims;
    // Everything but `active` is optional. The response comes from the issuer, and
    // the subject of a token without one is the client (RFC 9068 section 2.2).
    if !is_template(expected.issuer) {
        claims
            .entry("iss")
            .or_insert_with(|| expected.issuer.into());
    }
    if let (None, Some(client_id)) = (claims.get("sub"), claims.get("client_id").cloned()) {
        claims.insert("sub".into(), client_id);
    }
    claims.entry("iat").or_insert_with(|| expected.now.into());
    // A token without an audience is for the provider itself, not for this API.
    if !claims.contains_key("aud") {
        return Err(Rejection::Audience);
    }
    let claims = serde_json::from_value(claims.into()).map_err(|error| unreadable(&error))?;
    access_token_claims(claims, expected)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: i64 = 1_795_333_532;
    const ISSUER: &str = "http://localhost:3001/oidc";

    fn read(body: &Value) -> Result<AccessTokenClaims, Rejection> {
        let expected = TokenExpectations {
            issuer: ISSUER,
            tenants: &[],
            now: NOW,
            tolerance: 60,
        };
        let introspection = serde_json::from_value(body.clone()).unwrap();
        claims(introspection, &expected)
    }

    fn good() -> Value {
        json!({ "active": true, "sub": "u", "aud": "https://api.example", "exp": NOW + 60 })
    }

    #[test]
    fn reads_the_recorded_answers() {
        for (text, verdict) in [
            (
                include_str!("../../fixtures/logto/15-introspection-garbage.json"),
                Rejection::Inactive,
            ),
            // Logto's opaque tokens are for its userinfo endpoint.
            (
                include_str!("../../fixtures/logto/15-introspection-opaque-at.json"),
                Rejection::Audience,
            ),
            (
                include_str!("../../fixtures/logto/15-introspection-refresh.json"),
                Rejection::Audience,
            ),
        ] {
            let exchange: Value = serde_json::from_str(text).unwrap();
            assert_eq!(read(&exchange["response"]["body"]).unwrap_err(), verdict);
        }
    }

    #[test]
    fn what_is_optional_may_be_missing() {
        let claims = read(&good()).unwrap();
        assert_eq!((claims.iss.as_str(), claims.iat), (ISSUER, NOW));
        let mut machine = good();
        machine["client_id"] = "m".into();
        assert_eq!(read(&machine).unwrap().sub, "u");
        machine.as_object_mut().unwrap().remove("sub");
        assert_eq!(read(&machine).unwrap().sub, "m");
    }

    #[test]
    fn what_is_there_must_be_right() {
        let cases = [
            ("active", json!(false), Rejection::Inactive),
            ("token_type", json!("Refresh"), Rejection::Type),
            ("iss", json!("https://evil.example"), Rejection::Issuer),
            ("iss", json!(null), Rejection::Claims),
            ("sub", json!(""), Rejection::Claims),
            ("aud", json!(7), Rejection::Claims),
            ("exp", json!(NOW - 60), Rejection::Expired),
            ("exp", json!("soon"), Rejection::Claims),
            ("nbf", json!(NOW + 61), Rejection::NotYetValid),
            ("iat", json!(NOW + 61), Rejection::IssuedAt),
        ];
        for (name, value, rejection) in cases {
            let mut body = good();
            body[name] = value.clone();
            assert_eq!(read(&body).unwrap_err(), rejection, "{name} {value}");
        }
        let mut endless = good();
        endless.as_object_mut().unwrap().remove("exp");
        assert_eq!(read(&endless).unwrap_err(), Rejection::Missing("exp"));
    }
}
