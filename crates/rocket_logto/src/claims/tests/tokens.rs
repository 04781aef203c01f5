//! The claims that verification rests on: there once, of the right type, or nothing is read.

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{minimal_access_token, minimal_id_token, round_trip};
use crate::claims::{AccessTokenClaims, IdTokenClaims, StandardClaims};

#[test]
fn sub_must_be_text_that_is_not_empty() {
    for sub in [json!(null), json!(""), json!(7), json!(["a"]), json!({})] {
        let mut id_token = minimal_id_token();
        let mut access_token = minimal_access_token();
        for claims in [&mut id_token, &mut access_token] {
            claims["sub"] = sub.clone();
        }
        assert!(
            serde_json::from_value::<StandardClaims>(json!({"sub": sub})).is_err(),
            "{sub}"
        );
        assert!(
            serde_json::from_value::<IdTokenClaims>(id_token).is_err(),
            "{sub}"
        );
        assert!(
            serde_json::from_value::<AccessTokenClaims>(access_token).is_err(),
            "{sub}"
        );
    }
    assert!(serde_json::from_value::<StandardClaims>(json!({"name": "Alice"})).is_err());
    assert!(serde_json::from_value::<StandardClaims>(json!(["sub"])).is_err());
}

/// Each claim that verification rests on, with every wrong type refused.
fn refuses_wrong_types<T: DeserializeOwned>(minimal: &Value, name: &str, good: &[Value]) {
    let all = [
        json!("text"),
        json!(5),
        json!(5.5),
        json!(u64::MAX),
        json!(true),
        json!(["text"]),
        json!([5]),
        json!({"a": 1}),
    ];
    for value in &all {
        let mut claims = minimal.clone();
        claims[name] = value.clone();
        let outcome = serde_json::from_value::<T>(claims);
        assert_eq!(outcome.is_ok(), good.contains(value), "{name}: {value}");
    }
}

#[test]
fn claims_that_matter_to_security_keep_their_type() {
    let text = [json!("text")];
    let number = [json!(5), json!(5.5)];
    let audience = [json!("text"), json!(["text"])];

    let id_token = minimal_id_token();
    for name in ["iss", "sub", "nonce", "at_hash", "azp"] {
        refuses_wrong_types::<IdTokenClaims>(&id_token, name, &text);
    }
    for name in ["exp", "iat", "nbf", "auth_time"] {
        refuses_wrong_types::<IdTokenClaims>(&id_token, name, &number);
    }
    refuses_wrong_types::<IdTokenClaims>(&id_token, "aud", &audience);

    let access_token = minimal_access_token();
    for name in ["iss", "sub", "jti", "client_id", "scope", "organization_id"] {
        refuses_wrong_types::<AccessTokenClaims>(&access_token, name, &text);
    }
    for name in ["exp", "iat", "nbf"] {
        refuses_wrong_types::<AccessTokenClaims>(&access_token, name, &number);
    }
    refuses_wrong_types::<AccessTokenClaims>(&access_token, "aud", &audience);
}

#[test]
fn claims_that_must_be_there() {
    for name in ["iss", "sub", "aud", "exp", "iat"] {
        let mut claims = minimal_id_token();
        claims.as_object_mut().expect("object").remove(name);
        assert!(
            serde_json::from_value::<IdTokenClaims>(claims.clone()).is_err(),
            "{name}"
        );
        assert!(
            serde_json::from_value::<AccessTokenClaims>(claims).is_err(),
            "{name}"
        );

        let mut claims = minimal_id_token();
        claims[name] = Value::Null;
        assert!(
            serde_json::from_value::<IdTokenClaims>(claims.clone()).is_err(),
            "null {name}"
        );
        assert!(
            serde_json::from_value::<AccessTokenClaims>(claims).is_err(),
            "null {name}"
        );
    }
}

#[test]
fn optional_token_claims_are_absent_null_or_a_value() {
    let mut everything = minimal_id_token();
    for (name, value) in [
        ("nbf", json!(1)),
        ("auth_time", json!(-1)),
        ("nonce", json!("n")),
        ("at_hash", json!("h")),
        ("sid", json!("s")),
        ("azp", json!("app")),
        ("acr", json!("0")),
        ("amr", json!(["pwd", "otp"])),
    ] {
        for value in [Value::Null, value] {
            everything[name] = value;
            let claims: IdTokenClaims = round_trip(&everything);
            assert!(claims.extra.is_empty(), "{name}");
        }
    }
    let mut everything = minimal_access_token();
    for (name, value) in [
        ("nbf", json!(1)),
        ("jti", json!("j")),
        ("client_id", json!("app")),
        ("scope", json!("read")),
        ("organization_id", json!("o")),
    ] {
        for value in [Value::Null, value] {
            everything[name] = value;
            let claims: AccessTokenClaims = round_trip(&everything);
            assert!(claims.extra.is_empty(), "{name}");
        }
    }
}

#[test]
fn mistyped_acr_and_amr_are_kept() {
    let mut claims = minimal_id_token();
    claims["acr"] = json!(0);
    claims["amr"] = json!("pwd");
    claims["email_verified"] = json!("true");
    let read: IdTokenClaims = round_trip(&claims);
    assert!(read.acr.is_absent() && read.amr.is_absent() && read.email_verified.is_absent());
    assert_eq!(read.extra.len(), 3);
}

#[test]
fn audience_is_kept_as_sent() {
    for (aud, names) in [
        (json!("app"), vec!["app"]),
        (json!(["app"]), vec!["app"]),
        (json!(["app", "other"]), vec!["app", "other"]),
        (json!([]), vec![]),
    ] {
        let mut claims = minimal_id_token();
        claims["aud"] = aud;
        let claims: IdTokenClaims = round_trip(&claims);
        assert_eq!(claims.aud.iter().collect::<Vec<_>>(), names);
        assert_eq!(claims.aud.contains("app"), !names.is_empty());
        assert!(!claims.aud.contains("ap") && !claims.aud.contains(""));
    }
}

#[test]
fn empty_missing_and_null_scope_are_the_empty_set() {
    for (scope, scopes) in [
        (None, vec![]),
        (Some(json!(null)), vec![]),
        (Some(json!("")), vec![]),
        (Some(json!(" ")), vec![]),
        (Some(json!("read")), vec!["read"]),
        (Some(json!("read  write")), vec!["read", "write"]),
    ] {
        let mut claims = minimal_access_token();
        if let Some(scope) = scope {
            claims["scope"] = scope;
        }
        claims["tenant"] = json!({"plan": "pro"});
        let claims: AccessTokenClaims = round_trip(&claims);
        assert_eq!(claims.scopes().collect::<Vec<_>>(), scopes);
        assert!(!claims.has_scope(""));
        assert_eq!(claims.has_scope("read"), scopes.contains(&"read"));
        assert_eq!(claims.extra["tenant"]["plan"], "pro");
    }
}

#[test]
fn a_claim_sent_twice_never_panics() {
    for twice in [
        r#"{"sub":"a","sub":"b"}"#,
        r#"{"sub":"a","sub":"a","name":"Alice"}"#,
    ] {
        assert!(
            serde_json::from_str::<StandardClaims>(twice).is_err(),
            "{twice}"
        );
    }
    for name in [
        "iss",
        "sub",
        "aud",
        "exp",
        "iat",
        "nbf",
        "auth_time",
        "nonce",
        "at_hash",
        "sid",
        "azp",
        "jti",
        "client_id",
        "scope",
        "organization_id",
    ] {
        let value = if ["exp", "iat", "nbf", "auth_time"].contains(&name) {
            "1"
        } else {
            r#""a""#
        };
        let mut minimal = minimal_id_token();
        minimal.as_object_mut().expect("object").remove(name);
        let rest = minimal.to_string();
        let rest = rest.trim_start_matches('{');
        let once = format!(r#"{{"{name}":{value},{rest}"#);
        let twice = format!(r#"{{"{name}":{value},"{name}":{value},{rest}"#);
        if !["jti", "client_id", "scope", "organization_id"].contains(&name) {
            assert!(
                serde_json::from_str::<IdTokenClaims>(&once).is_ok(),
                "{once}"
            );
            assert!(
                serde_json::from_str::<IdTokenClaims>(&twice).is_err(),
                "{twice}"
            );
        }
        if !["auth_time", "nonce", "at_hash", "sid", "azp"].contains(&name) {
            assert!(
                serde_json::from_str::<AccessTokenClaims>(&once).is_ok(),
                "{once}"
            );
            assert!(
                serde_json::from_str::<AccessTokenClaims>(&twice).is_err(),
                "{twice}"
            );
        }
    }
}

#[test]
fn a_session_id_or_acr_of_another_type_is_none_and_neither_may_be_there_twice() {
    for name in ["sid", "acr"] {
        for value in [json!(7), json!(["a"]), json!({}), json!(true)] {
            let mut claims = minimal_id_token();
            claims[name] = value.clone();
            let read: IdTokenClaims = round_trip(&claims);
            assert!(
                read.sid.is_absent() && read.acr.is_absent(),
                "{name} {value}"
            );
        }
        let claims = minimal_id_token().to_string();
        let claims = &claims[..claims.len() - 1];
        for (first, second) in [("\"a\"", "\"b\""), ("null", "\"b\""), ("7", "\"b\"")] {
            let twice = format!("{claims},\"{name}\":{first},\"{name}\":{second}}}");
            assert!(
                serde_json::from_str::<IdTokenClaims>(&twice).is_err(),
                "{twice}"
            );
        }
    }
}
