//! OpenID Connect from the client's side. No Rocket request or response in here:
//! everything takes values and returns values.
//!
//! A call goes `client` or `service` → `token_endpoint`, `pushed`, `userinfo`, … →
//! `provider` → `client_authentication`, `http`, and its response through `answer`.

mod answer;
pub(crate) mod attempt;
pub(crate) mod authentication;
pub(crate) mod authorize;
pub(crate) mod challenge;
pub(crate) mod client;
mod client_authentication;
mod discovery;
pub(crate) mod dpop;
pub(crate) mod error;
mod error_body;
pub(crate) mod failure;
pub(crate) mod http;
mod introspection;
pub(crate) mod logto_api;
pub(crate) mod metadata;
pub(crate) mod provider;
mod pushed;
pub(crate) mod service;
mod standing;
mod token_endpoint;
pub(crate) mod tokens;
pub(crate) mod tolerance;
mod userinfo;
pub(crate) mod verify;

use serde::de::DeserializeOwned;

use self::error::Unreadable;

/// A parameter of a request for tokens: `resource`, `organization_id`, `scope`, …
pub(crate) type Param = (&'static str, String);

/// Reads a JSON object. Without this check, a derived type would be read from an
/// array as well, member by member.
pub(crate) fn object<T: DeserializeOwned>(json: &[u8]) -> Result<T, Unreadable> {
    let json = without_bom(json);
    if !is_object(json) {
        let is_json = serde_json::from_slice::<serde::de::IgnoredAny>(json).is_ok();
        return Err(Unreadable::no_object(is_json));
    }
    let mut json = serde_json::Deserializer::from_slice(json);
    let value = serde_path_to_error::deserialize(&mut json);
    let value = value.map_err(|error| Unreadable::at(&error))?;
    json.end().map_err(|_| Unreadable::more())?;
    Ok(value)
}

/// RFC 8259 section 8.1: a byte order mark must not be sent, and may be ignored.
fn without_bom(json: &[u8]) -> &[u8] {
    json.strip_prefix("\u{feff}".as_bytes()).unwrap_or(json)
}

fn is_object(json: &[u8]) -> bool {
    json.trim_ascii_start().first() == Some(&b'{')
}
