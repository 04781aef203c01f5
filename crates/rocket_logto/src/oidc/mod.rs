//! OpenID Connect from the client's side. No Rocket request or response in here:
//! everything takes values and returns values.
//!
//! A call goes `client` or `service` → `token_endpoint`, `pushed`, `userinfo`, … →
//! `provider` → `client_authentication`, `http`, and its response through `answer`.

mod answer;
pub(crate) mod attempt;
pub(crate) mod authentication;
pub(crate) mod authorize;
pub(crate) mod client;
mod client_authentication;
mod discovery;
pub(crate) mod error;
pub(crate) mod failure;
mod http;
mod introspection;
pub(crate) mod metadata;
pub(crate) mod provider;
mod pushed;
pub(crate) mod service;
mod token_endpoint;
pub(crate) mod tokens;
mod tolerance;
mod userinfo;
pub(crate) mod verify;

use serde::de::{DeserializeOwned, Error};

/// A parameter of a request for tokens: `resource`, `organization_id`, `scope`, …
pub(crate) type Param = (&'static str, String);

/// Reads a JSON object. Without this check, a derived type would be read from an
/// array as well, member by member.
pub(crate) fn object<T: DeserializeOwned>(json: &[u8]) -> Result<T, serde_json::Error> {
    let json = without_bom(json);
    match is_object(json) {
        true => serde_json::from_slice(json),
        false => Err(serde_json::Error::custom("no object")),
    }
}

/// RFC 8259 section 8.1: a byte order mark must not be sent, and may be ignored.
fn without_bom(json: &[u8]) -> &[u8] {
    json.strip_prefix("\u{feff}".as_bytes()).unwrap_or(json)
}

fn is_object(json: &[u8]) -> bool {
    json.trim_ascii_start().first() == Some(&b'{')
}
