//! Makes claims readable: rows in a sensible order, and the JSON they came as.

use rocket::http::Status;
use rocket::serde::json::{self, Value};
use rocket::serde::{Deserialize, Serialize};
use rocket_logto::Timestamp;
use time::OffsetDateTime;

use crate::shown::{Time, visible};

/// Who, how to reach them, what they may do. Claims not named here follow in
/// alphabetical order, then [`LAST`].
const FIRST: &[&str] = &[
    "sub",
    "name",
    "username",
    "preferred_username",
    "given_name",
    "middle_name",
    "family_name",
    "nickname",
    "email",
    "email_verified",
    "phone_number",
    "phone_number_verified",
    "picture",
    "profile",
    "website",
    "gender",
    "birthdate",
    "zoneinfo",
    "locale",
    "address",
    "roles",
    "organizations",
    "organization_roles",
    "organization_data",
    "custom_data",
    "identities",
    "sso_identities",
];

/// When, and what makes the token valid.
const LAST: &[&str] = &[
    "created_at",
    "updated_at",
    "auth_time",
    "iat",
    "exp",
    "iss",
    "aud",
    "azp",
    "sid",
    "nonce",
    "at_hash",
];

/// In bytes. A longer value gets a box of its own that scrolls.
const LONG: usize = 400;

/// What the claims pages show.
#[derive(Serialize)]
#[serde(crate = "rocket::serde")]
pub struct ClaimsView {
    rows: Vec<Row>,
    json: String,
}

#[derive(Serialize)]
#[serde(crate = "rocket::serde")]
struct Row {
    name: String,
    text: String,
    kind: Kind,
    long: bool,
    time: Option<Time>,
}

/// How a value is shown: as text, as code, or greyed out because it is null.
#[derive(Serialize, Debug, PartialEq)]
#[serde(crate = "rocket::serde", rename_all = "lowercase")]
enum Kind {
    Text,
    Code,
    Null,
}

/// Claims, as JSON.
pub fn to_value(claims: &impl Serialize) -> Result<Value, Status> {
    json::to_value(claims).map_err(|error| {
        rocket::error!("claims cannot be shown: {error}");
        Status::InternalServerError
    })
}

impl ClaimsView {
    /// Shows the members of a JSON object. An absent claim has no row, a null one does.
    pub fn new(claims: &Value) -> Self {
        let mut members: Vec<_> = claims.as_object().into_iter().flatten().collect();
        members.sort_by_key(|(name, _)| (rank(name), name.as_str()));
        Self {
            rows: members
                .into_iter()
                .map(|(name, value)| Row::new(name, value))
                .collect(),
            json: visible(&format!("{claims:#}")),
        }
    }
}

impl Row {
    fn new(name: &str, value: &Value) -> Self {
        let (text, kind) = match value {
            Value::Null => ("null".to_owned(), Kind::Null),
            Value::String(text) if !text.is_empty() => (visible(text), Kind::Text),
            Value::Array(items) if !items.is_empty() && items.iter().all(Value::is_string) => {
                let items: Vec<_> = items.iter().filter_map(Value::as_str).collect();
                (visible(&items.join("\n")), Kind::Text)
            }
            other => (visible(&format!("{other:#}")), Kind::Code),
        };
        Self {
            name: visible(name),
            long: text.len() > LONG,
            text,
            kind,
            time: time_of(name, value),
        }
    }
}

fn time_of(name: &str, value: &Value) -> Option<Time> {
    let time = match name {
        "exp" | "iat" | "auth_time" => {
            let float = || value.as_f64().map(|number| number as i64);
            let seconds = value.as_i64().or_else(float)?;
            OffsetDateTime::from_unix_timestamp(seconds).ok()
        }
        // In seconds, or in milliseconds as Logto sends them.
        "created_at" | "updated_at" => {
            let timestamp = Timestamp::deserialize(value).ok()?;
            timestamp.to_offset_date_time()
        }
        _ => None,
    };
    time.map(Time::at)
}

fn rank(name: &str) -> usize {
    let position = |names: &[&str]| names.iter().position(|known| *known == name);
    match (position(FIRST), position(LAST)) {
        (Some(index), _) => index,
        (None, Some(index)) => FIRST.len() + 1 + index,
        (None, None) => FIRST.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rocket::serde::json::json;

    fn row(name: &str, value: Value) -> Row {
        Row::new(name, &value)
    }

    #[test]
    fn rows_tell_who_before_when() {
        let view = ClaimsView::new(&json!({
            "aud": "app", "exp": 1, "zebra": 1, "apple": 2, "sub": "u1", "name": null, "iat": 0,
        }));
        let names: Vec<_> = view.rows.iter().map(|row| row.name.as_str()).collect();
        assert_eq!(
            names,
            ["sub", "name", "apple", "zebra", "iat", "exp", "aud"]
        );
    }

    #[test]
    fn null_is_shown_and_differs_from_the_word_and_from_nothing() {
        assert_eq!(row("name", Value::Null).kind, Kind::Null);
        assert_eq!(row("name", json!("null")).kind, Kind::Text);
        let empty = row("name", json!(""));
        assert_eq!((empty.text.as_str(), empty.kind), ("\"\"", Kind::Code));
        assert!(ClaimsView::new(&json!({})).rows.is_empty());
    }

    #[test]
    fn lists_of_words_are_lines_and_the_rest_is_json() {
        let roles = row("roles", json!(["admin", "member"]));
        assert_eq!(
            (roles.text.as_str(), roles.kind),
            ("admin\nmember", Kind::Text)
        );
        assert_eq!(row("roles", json!([])).text, "[]");
        assert_eq!(row("email_verified", json!(true)).text, "true");
        assert_eq!(row("custom_data", json!({"a": 1})).text, "{\n  \"a\": 1\n}");
    }

    #[test]
    fn times_are_seconds_or_the_milliseconds_logto_sends() {
        let iso = |name: &str, value: Value| time_of(name, &value).map(Time::iso);
        let expected = Some("2026-11-22T08:23:26Z".to_owned());
        assert_eq!(iso("iat", json!(1_795_335_806)), expected);
        assert_eq!(iso("iat", json!(1_795_335_806.7)), expected);
        assert_eq!(iso("updated_at", json!(1_795_335_806)), expected);
        assert_eq!(iso("updated_at", json!(1_795_335_806_707_i64)), expected);
        assert_eq!(
            time_of("exp", &json!(0)).map(Time::iso),
            Some("1970-01-01T00:00:00Z".to_owned())
        );
    }

    #[test]
    fn what_is_no_time_is_left_as_it_is() {
        for value in [
            json!("1795335806"),
            json!(1e300),
            json!(i64::MIN),
            Value::Null,
        ] {
            assert_eq!(time_of("exp", &value), None, "{value}");
        }
        assert_eq!(time_of("custom_data", &json!(1_795_335_806)), None);
    }

    #[test]
    fn text_cannot_be_reordered_by_hidden_characters() {
        assert_eq!(
            row("name", json!("a\u{202e}gnp.exe")).text,
            r"a\u202egnp.exe"
        );
        assert_eq!(
            row("name", json!("می\u{200c}خواهم")).text,
            "می\u{200c}خواهم"
        );
        assert_eq!(row("roles", json!(["\u{2066}x"])).text, r"\u2066x");
    }

    #[test]
    fn json_shows_hidden_characters_and_stays_the_same_json() {
        let claims = json!({ "name": "a\u{202e}b\u{200b}c\u{7f}", "word": "שלום" });
        let shown = ClaimsView::new(&claims).json;
        assert!(shown.contains(r"a\u202eb\u200bc\u007f"), "{shown}");
        assert!(shown.contains("שלום"), "{shown}");
        assert_eq!(
            rocket::serde::json::from_str::<Value>(&shown).ok(),
            Some(claims)
        );
    }
}
