//! Optional members of the provider's answers. One that cannot be read counts as
//! absent: nobody who signs in can do anything about it. The log names it, once.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Deserializer};
use serde_json::Value;
use url::Url;

use crate::claims::StandardClaims;

/// Name and place of what was named.
static NAMED: Mutex<BTreeSet<(&str, &str)>> = Mutex::new(BTreeSet::new());

/// Names a member that counts as absent, once in the life of the process.
pub(super) fn name(name: &'static str, place: &'static str) {
    let mut named = NAMED.lock().unwrap_or_else(PoisonError::into_inner);
    if named.insert((name, place)) {
        log::warn!("logto: \"{name}\" of the provider cannot be read {place}: it counts as absent");
    }
}

/// What `read` makes of the member; null and empty text are nothing, too.
pub(super) fn optional<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    member: &'static str,
    read: impl FnOnce(&Value) -> Option<T>,
) -> Result<Option<T>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    let read = match value == "" {
        true => None,
        false => read(&value),
    };
    if read.is_none() {
        name(member, "in an answer");
    }
    Ok(read)
}

/// Names the claims about a user that are not of their type. Null is how Logto writes
/// what a user has not filled in.
pub(crate) fn name_odd_claims(claims: &StandardClaims, place: &'static str) {
    for claim in StandardClaims::NAMES {
        // What is not of its type is kept among those without a field of their own.
        if claims.extra.contains_key(*claim) {
            name(claim, place);
        }
    }
}

pub(super) fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

pub(super) fn url(value: &Value) -> Option<Url> {
    Url::parse(value.as_str()?).ok()
}

/// A truth value, or its name.
pub(super) fn truth(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(truth) => Some(*truth),
        Value::String(name) => name.to_ascii_lowercase().parse().ok(),
        _ => None,
    }
}

/// Readers of single members, for `deserialize_with`.
macro_rules! optional_members {
    ($($name:ident: $type:ty = $read:path;)*) => {$(
        pub(super) fn $name<'de, D: serde::Deserializer<'de>>(
            deserializer: D,
        ) -> Result<Option<$type>, D::Error> {
            crate::oidc::tolerance::optional(deserializer, stringify!($name), $read)
        }
    )*};
}
pub(super) use optional_members;
