//! Sign-in with Logto (and any OpenID Connect provider) for Rocket.

#![forbid(unsafe_code)]
#![deny(missing_docs)]

#[cfg(feature = "dev-provider")]
pub mod dev_provider;
