//! What the claim sets promise, over recorded exchanges with Logto and over what other providers
//! might send.

mod profile;
mod properties;
mod recorded;
mod tokens;
mod values;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::fs;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// Reads `json` both as a tree and as text, and demands that it is written again unchanged.
fn round_trip<T>(json: &Value) -> T
where
    T: Serialize + DeserializeOwned + PartialEq + Debug,
{
    let claims: T = serde_json::from_value(json.clone()).expect("claims from a tree");
    assert_eq!(serde_json::to_value(&claims).expect("a tree"), *json);

    let text = json.to_string();
    let from_text: T = serde_json::from_str(&text).expect("claims from text");
    assert_eq!(from_text, claims);
    let from_reader: T = serde_json::from_reader(text.as_bytes()).expect("claims from a reader");
    assert_eq!(from_reader, claims);
    let written = serde_json::to_string(&claims).expect("text");
    let reread: Value = serde_json::from_str(&written).expect("JSON");
    assert_eq!(reread, *json);
    claims
}

/// The recorded exchanges by file name.
fn recordings() -> BTreeMap<String, Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/logto");
    let mut recordings = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("tests/fixtures/logto") {
        let path = entry.expect("entry").path();
        if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            let name = path
                .file_name()
                .expect("name")
                .to_string_lossy()
                .into_owned();
            let text = fs::read(&path).expect("recording");
            recordings.insert(name, serde_json::from_slice(&text).expect("JSON"));
        }
    }
    recordings
}

fn recording(name: &str) -> Value {
    recordings()
        .remove(name)
        .unwrap_or_else(|| panic!("no recording {name}"))
}

/// A value of the right type for every claim about a user, and one of a wrong type.
fn table() -> Vec<(&'static str, Value, Value)> {
    let texts = [
        "name",
        "family_name",
        "given_name",
        "middle_name",
        "nickname",
        "preferred_username",
        "profile",
        "picture",
        "website",
        "gender",
        "birthdate",
        "zoneinfo",
        "locale",
        "username",
        "email",
        "phone_number",
    ];
    let lists = ["roles", "organizations", "organization_roles"];
    let mut table = vec![
        (
            "updated_at",
            json!(1795333406707_i64),
            json!("2026-11-22T10:00:00Z"),
        ),
        ("created_at", json!(1795333281.5), json!({})),
        ("email_verified", json!(true), json!("true")),
        ("phone_number_verified", json!(false), json!(0)),
        (
            "address",
            json!({"streetAddress": "Musterstr. 1", "x": [1]}),
            json!("Musterstr. 1"),
        ),
        (
            "custom_data",
            json!({"plan": "pro", "nothing": null}),
            json!([]),
        ),
        (
            "identities",
            json!({"github": {"userId": "1", "details": {"id": "1"}, "x": 1}, "google": {"userId": "2"}}),
            json!({"github": {"userId": 1}}),
        ),
        (
            "sso_identities",
            json!([{"issuer": "https://idp.example.com", "identityId": "7", "detail": {}, "x": 1}]),
            json!([{"issuer": "https://idp.example.com"}]),
        ),
        (
            "organization_data",
            json!([{"id": "a", "name": "A", "description": null}, {"id": "b", "name": "B", "x": 1}]),
            json!([{"id": "a", "name": "A", "description": null}, {"id": "b"}]),
        ),
    ];
    table.extend(texts.map(|name| (name, json!("some text"), json!(["no text"]))));
    table.extend(lists.map(|name| (name, json!(["a:b", "c"]), json!(["a:b", 3]))));
    table
}

fn claims_with(name: &str, value: &Value) -> Value {
    json!({"sub": "qcw1a16z5jxs", name: value})
}

fn minimal_id_token() -> Value {
    json!({"iss": "https://op.example", "sub": "alice", "aud": "app", "exp": 2, "iat": 1})
}

fn minimal_access_token() -> Value {
    minimal_id_token()
}
