//! The response of the introspection endpoint (RFC 7662 section 2.2), read as the
//! claims of an access token and checked like those of a JWT.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::tolerance::{self, optional_members, text};
use super::verify::{
    AccessExpectations, Rejection, access_token_claims, is_used_for_access, unreadable,
};
use crate::claims::AccessTokenClaims;
use crate::config::issuer::is_template;

#[derive(Deserialize)]
pub(super) struct Introspection {
    active: bool,
    #[serde(default, deserialize_with = "token_type")]
    token_type: Option<String>,
    #[serde(flatten)]
    claims: Map<String, Value>,
}

optional_members! {
    token_type: String = text;
}

/// The members that are optional and text (RFC 7662 section 2.2).
const TEXTS: [&str; 5] = ["sub", "iss", "client_id", "jti", "organization_id"];
/// Those that are optional and a time.
const TIMES: [&str; 2] = ["iat", "nbf"];

/// Takes out what is null, empty, or not of its type, where it is optional: it counts as
/// absent. What limits a token stays, to refuse it: `exp`, `aud`, and a time that is
/// text.
fn tidy(claims: &mut Map<String, Value>) {
    let mut take = |name: &'static str, is_odd: fn(&Value) -> bool| {
        if claims.get(name).is_some_and(is_odd) {
            claims.remove(name);
            tolerance::name(name, "in the answer of introspection");
        }
    };
    for name in TEXTS {
        take(name, |value| value.as_str().is_none_or(str::is_empty));
    }
    for name in TIMES {
        take(name, |value| value.is_null() || value == "");
    }
}

/// The claims of an active access token.
pub(super) fn claims(
    introspection: Introspection,
    expected: &AccessExpectations<'_>,
) -> Result<AccessTokenClaims, Rejection> {
    if !introspection.active {
        return Err(Rejection::Inactive);
    }
    // A refresh token is active, too.
    let kind = introspection.token_type.as_deref();
    let is = |kind: &str, names: &[&str]| names.iter().any(|name| name.eq_ignore_ascii_case(kind));
    let is_ours = |kind: &str| is(kind, &["bearer", "access_token", "dpop"]);
    if !kind.is_none_or(is_ours) {
        return Err(Rejection::Type);
    }
    let mut claims = introspection.claims;
    is_used_for_access(claims.get("token_use").and_then(Value::as_str))?;
    tidy(&mut claims);
    // Everything but `active` is optional. The response comes from the issuer, and
    // the subject of a token without one is the client (RFC 9068 section 2.2).
    let issuer = expected.token.issuer;
    if !is_template(issuer) {
        claims.entry("iss").or_insert_with(|| issuer.into());
    }
    if let (None, Some(client_id)) = (claims.get("sub"), claims.get("client_id").cloned()) {
        claims.insert("sub".into(), client_id);
    }
    claims
        .entry("iat")
        .or_insert_with(|| expected.token.now.into());
    // A token without an audience is for the provider itself, not for this API, unless
    // the configuration says otherwise of its client.
    let has_audience = claims.get("aud").is_some_and(|aud| !aud.is_null());
    if !has_audience {
        claims.remove("aud");
    }
    let claims: AccessTokenClaims =
        serde_json::from_value(claims.into()).map_err(|error| unreadable(&error))?;
    // RFC 9449 section 6.2: which key it is bound to stands there.
    if kind.is_some_and(|kind| is(kind, &["dpop"])) && claims.thumbprint().is_none() {
        return Err(Rejection::Type);
    }
    match access_token_claims(claims, expected, || !has_audience) {
        Err(Rejection::Missing("aud")) => Err(Rejection::Audience),
        verdict => verdict,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::oidc::verify::TokenExpectations;

    const NOW: i64 = 1_795_333_532;
    const ISSUER: &str = "http://localhost:3001/oidc";

    fn read(body: &Value) -> Result<AccessTokenClaims, Rejection> {
        let expected = AccessExpectations {
            token: TokenExpectations {
                issuer: ISSUER,
                tenants: &[],
                now: NOW,
                tolerance: 60,
            },
            clients_without_audience: &["cognito".to_owned()],
            takes_id_tokens: false,
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
            ("token_type", json!("DPoP"), Rejection::Type),
            ("token_use", json!("refresh_token"), Rejection::Type),
            ("token_use", json!("id"), Rejection::IdToken),
            ("aud", json!(null), Rejection::Audience),
            ("aud", json!([]), Rejection::Audience),
            ("scp", json!(7), Rejection::Claims),
            ("scope", json!(["read", 7]), Rejection::Claims),
            ("iss", json!("https://evil.example"), Rejection::Issuer),
            ("sub", json!(""), Rejection::Missing("sub")),
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
        for (name, value) in [
            ("token_type", json!("bearer")),
            ("token_type", json!("access_token")),
            ("token_type", json!(7)),
            ("token_type", json!(null)),
            ("token_use", json!("access_token")),
            ("scope", json!(["read", "write"])),
            ("scp", json!("read write")),
        ] {
            let mut body = good();
            body[name] = value.clone();
            assert!(read(&body).is_ok(), "{name} {value}");
        }
        let mut of_cognito = good();
        of_cognito.as_object_mut().unwrap().remove("aud");
        of_cognito["client_id"] = "cognito".into();
        assert!(read(&of_cognito).is_ok());
        of_cognito["client_id"] = "another".into();
        assert_eq!(read(&of_cognito).unwrap_err(), Rejection::Audience);
        let mut endless = good();
        endless.as_object_mut().unwrap().remove("exp");
        assert_eq!(read(&endless).unwrap_err(), Rejection::Missing("exp"));
    }
}
