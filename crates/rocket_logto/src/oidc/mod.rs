//! OpenID Connect as a client speaks it. No Rocket request or response in
//! here: everything takes values and returns values.

pub(crate) mod access_token;
pub(crate) mod authentication;
pub(crate) mod authorize;
pub(crate) mod client;
mod credentials;
pub(crate) mod failure;
pub(crate) mod http;
mod introspection;
pub(crate) mod keys;
pub(crate) mod logout;
pub(crate) mod metadata;
pub(crate) mod provider;
mod pushed;
pub(crate) mod service;
#[cfg(test)]
mod tests;
pub(crate) mod tokens;
mod userinfo;
pub(crate) mod verify;

use serde::de::{DeserializeOwned, Error};

/// A JSON object in a type of choice. A derived type would be read from an array
/// as well, member by member.
pub(crate) fn object<T: DeserializeOwned>(json: &[u8]) -> Result<T, serde_json::Error> {
    match json.trim_ascii_start().first() {
        Some(b'{') => serde_json::from_slice(json),
        _ => Err(serde_json::Error::custom("no object")),
    }
}
