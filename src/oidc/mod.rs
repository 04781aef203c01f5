//! OpenID Connect as a client speaks it. No Rocket request or response in
//! here: everything takes values and returns values.

pub(crate) mod access_token;
pub(crate) mod authentication;
pub(crate) mod authorize;
pub(crate) mod client;
mod credentials;
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
