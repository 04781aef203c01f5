//! Sign-in with Logto (and any OpenID Connect provider) for Rocket.
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![allow(dead_code)]

mod config;
mod oidc;
mod return_to;

pub use config::*;
pub use oidc::authorize::{DirectSignIn, FirstScreen, Identifier, Prompt};
