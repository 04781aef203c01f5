//! The claims about a user: three states each, and none of them breaks a sign-in.

use serde_json::{Value, json};

use super::{claims_with, round_trip, table};
use crate::claims::StandardClaims;

#[test]
fn the_table_names_every_claim() {
    let mut everything = json!({"sub": "qcw1a16z5jxs"});
    for (name, value, _) in table() {
        everything[name] = value;
    }
    let claims: StandardClaims = round_trip(&everything);
    assert!(claims.extra.is_empty(), "{:?}", claims.extra);
    // `Debug` lists every field, those too that the test's table might have forgotten.
    let debug = format!("{claims:#?}");
    let absent: Vec<&str> = debug
        .lines()
        .filter(|line| line.starts_with("    ") && !line.starts_with("     "))
        .filter(|line| line.ends_with(": Absent,"))
        .collect();
    assert!(absent.is_empty(), "{absent:?}");
}

#[test]
fn absent_null_and_value_are_three_things() {
    let absent: StandardClaims = round_trip(&json!({"sub": "qcw1a16z5jxs"}));
    for (name, value, _) in table() {
        let null: StandardClaims = round_trip(&claims_with(name, &Value::Null));
        let value: StandardClaims = round_trip(&claims_with(name, &value));
        assert_ne!(absent, null, "{name}");
        assert_ne!(absent, value, "{name}");
        assert_ne!(null, value, "{name}");
        for claims in [null, value] {
            assert!(claims.extra.is_empty(), "{name} went to {:?}", claims.extra);
        }
    }
}

#[test]
fn a_mistyped_claim_is_kept_and_does_not_fail() {
    for (name, _, mistyped) in table() {
        let claims: StandardClaims = round_trip(&claims_with(name, &mistyped));
        let mut expected = StandardClaims::new("qcw1a16z5jxs");
        expected.extra.insert(name.to_owned(), mistyped);
        assert_eq!(claims, expected, "{name}");
    }
}

#[test]
fn tagged_and_unknown_claims_are_kept() {
    let claims: StandardClaims = round_trip(&json!({
        "sub": "qcw1a16z5jxs", "name": "Alice", "name#ja": "アリス", "iss": "x", "deep": {"a": [null]},
    }));
    assert_eq!(claims.name.as_deref(), Some("Alice"));
    assert_eq!(claims.extra["name#ja"], "アリス");
    assert_eq!(claims.extra.len(), 3);
}

#[test]
fn the_last_of_two_profile_claims_counts() {
    for (json, last) in [
        (
            r#"{"sub":"a","name":1,"name":"Alice","x":1,"x":2}"#,
            json!("Alice"),
        ),
        (
            r#"{"sub":"a","name":"Alice","name":1,"x":1,"x":2}"#,
            json!(1),
        ),
        (
            r#"{"sub":"a","name":1,"name":null,"x":1,"x":2}"#,
            Value::Null,
        ),
        (
            r#"{"sub":"a","name":"Bob","n\u0061me":"Alice","x":2}"#,
            json!("Alice"),
        ),
    ] {
        let claims: StandardClaims = serde_json::from_str(json).expect("claims");
        let written = serde_json::to_string(&claims).expect("text");
        assert_eq!(written.matches(r#""name""#).count(), 1, "{written}");
        let written: Value = serde_json::from_str(&written).expect("JSON");
        assert_eq!(written, json!({"sub": "a", "name": last, "x": 2}));
    }
}

#[test]
fn display_name_passes_over_what_is_blank() {
    let mut claims = json!({"sub": "id"});
    for (name, value) in [
        ("email", "alice@example.com"),
        ("username", "alice"),
        ("preferred_username", "ali"),
        ("name", "Alice"),
    ] {
        for blank in [json!(null), json!(""), json!("  "), json!(7)] {
            let before: StandardClaims = round_trip(&claims);
            claims[name] = blank;
            let after: StandardClaims = round_trip(&claims);
            assert_eq!(after.display_name(), before.display_name());
            claims.as_object_mut().expect("object").remove(name);
        }
        claims[name] = json!(value);
        assert_eq!(round_trip::<StandardClaims>(&claims).display_name(), value);
    }
}

#[test]
fn organization_roles_are_parted_at_the_first_colon() {
    let claims: StandardClaims = round_trip(&claims_with(
        "organization_roles",
        &json!(["acme:admin", "globex:team:lead", "no role", "initech:"]),
    ));
    let pairs: Vec<_> = claims.organization_role_pairs().collect();
    assert_eq!(
        pairs,
        [("acme", "admin"), ("globex", "team:lead"), ("initech", "")]
    );
    assert_eq!(
        StandardClaims::new("alice")
            .organization_role_pairs()
            .count(),
        0
    );
}
