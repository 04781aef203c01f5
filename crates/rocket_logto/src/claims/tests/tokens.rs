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
    for name in ["iss", "sub", "jti", "client_id", "organization_id"] {
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
        // Who may have none is up to the verification.
        assert_eq!(
            serde_json::from_value::<AccessTokenClaims>(claims).is_ok(),
            name == "aud",
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

/// RFC 9068 section 2.2.3 has text; other providers have lists, and `scp`.
#[test]
fn scopes_are_text_or_a_list_under_one_of_two_names() {
    let read = |members: Value| {
        let mut claims = minimal_access_token();
        let claims_of = claims.as_object_mut().expect("an object");
        claims_of.remove("scope");
        claims_of.extend(members.as_object().cloned().expect("an object"));
        serde_json::from_value::<AccessTokenClaims>(claims)
    };
    for (members, scopes) in [
        (json!({}), vec![]),
        (json!({ "scope": "a b" }), vec!["a", "b"]),
        (json!({ "scope": ["a", "b"] }), vec!["a", "b"]),
        (json!({ "scope": ["a"] }), vec!["a"]),
        (json!({ "scp": "a  b " }), vec!["a", "b"]),
        (json!({ "scp": ["a", "b"] }), vec!["a", "b"]),
        (json!({ "scp": ["", "b"] }), vec!["b"]),
        (json!({ "scope": null, "scp": "b" }), vec!["b"]),
        // One of them counts.
        (json!({ "scope": "a", "scp": "b" }), vec!["a"]),
        (json!({ "scope": "", "scp": "b" }), vec![]),
        (json!({ "scope": [], "scp": ["b"] }), vec![]),
        (json!({ "permissions": ["a"], "roles": ["a"] }), vec![]),
    ] {
        let claims = read(members.clone()).expect("claims");
        assert_eq!(claims.scopes().collect::<Vec<_>>(), scopes, "{members}");
        assert!(
            !claims.has_scope("") && !claims.has_scope("a b"),
            "{members}"
        );
    }
    for name in ["scope", "scp"] {
        for wrong in [
            json!(7),
            json!(true),
            json!({ "a": true }),
            json!(["a", 7]),
            json!(["a b"]),
            json!([["a"]]),
            json!([null]),
        ] {
            let mut members = json!({});
            members[name] = wrong.clone();
            assert!(read(members).is_err(), "{name} {wrong}");
        }
    }
}

#[test]
fn a_client_has_one_of_four_names() {
    let read = |members: Value| {
        let mut claims = minimal_access_token();
        let claims_of = claims.as_object_mut().expect("an object");
        claims_of.remove("client_id");
        claims_of.extend(members.as_object().cloned().expect("an object"));
        serde_json::from_value::<AccessTokenClaims>(claims).expect("claims")
    };
    for (members, client) in [
        (json!({}), None),
        (json!({ "client_id": "c", "azp": "z" }), Some("c")),
        (json!({ "azp": "z", "cid": "o" }), Some("z")),
        (json!({ "cid": "o", "appid": "a" }), Some("o")),
        (json!({ "appid": "a" }), Some("a")),
        (json!({ "azp": 7, "cid": "", "appid": "a" }), Some("a")),
        (json!({ "client_id": null, "azp": "z" }), Some("z")),
    ] {
        assert_eq!(read(members.clone()).client_id(), client, "{members}");
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

/// Most APIs do not look at them; those that do refuse a token without.
#[test]
fn an_access_token_says_how_its_user_has_authenticated() {
    let with = |members: &str| {
        let claims = minimal_access_token().to_string();
        serde_json::from_str::<AccessTokenClaims>(&claims.replacen(
            '{',
            &format!("{{{members},"),
            1,
        ))
    };
    let read = with(r#""acr":"urn:logto:acr:mfa","amr":["pwd","otp"],"auth_time":1795333406.5"#);
    let read = read.expect("claims");
    assert_eq!(read.acr.as_deref(), Some("urn:logto:acr:mfa"));
    assert_eq!(
        read.amr.as_deref(),
        Some(&["pwd".to_owned(), "otp".to_owned()][..])
    );
    assert_eq!(read.auth_time.value(), Some(&1_795_333_406));
    assert!(read.extra.is_empty(), "{:?}", read.extra);
    for odd in [
        r#""acr":2,"amr":"pwd","auth_time":"1795333406""#,
        r#""acr":["a"],"amr":[1],"auth_time":[1]"#,
        r#""acr":{},"amr":{},"auth_time":1e300"#,
    ] {
        let read = with(odd).expect(odd);
        assert!(read.acr.is_absent() && read.amr.is_absent(), "{odd}");
        assert!(read.auth_time.is_absent(), "{odd}");
    }
    let null = with(r#""acr":null,"amr":null,"auth_time":null"#).expect("claims");
    assert!(null.acr.is_null() && null.amr.is_null() && null.auth_time.is_null());
    for twice in [
        r#""acr":"urn:a","acr":"urn:b""#,
        r#""acr":7,"acr":"urn:b""#,
        r#""amr":["a"],"amr":["b"]"#,
        r#""auth_time":1,"auth_time":2"#,
    ] {
        assert!(with(twice).is_err(), "{twice}");
    }
}
