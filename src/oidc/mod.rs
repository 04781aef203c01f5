//! OpenID Connect as a client speaks it. No Rocket request or response in
//! here: everything takes values and returns values.

pub(crate) mod access_token;
pub(crate) mod authorize;
pub(crate) mod client;
mod credentials;
pub(crate) mod http;
mod introspection;
pub(crate) mod keys;
pub(crate) mod logout;
pub(crate) mod provider;
pub(crate) mod service;
pub(crate) mod tokens;
pub(crate) mod verify;
