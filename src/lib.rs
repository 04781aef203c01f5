//! Sign-in with Logto (and any OpenID Connect provider) for Rocket.
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![allow(dead_code)]

mod claims;
mod config;
mod oidc;
mod pages;
mod return_to;

pub use claims::{
    AccessTokenClaims, Address, Audience, Claim, IdTokenClaims, Identity, OrganizationData,
    SsoIdentity, StandardClaims, Timestamp, UserInfoClaims,
};
pub use config::*;
pub use oidc::authorize::{DirectSignIn, FirstScreen, Identifier, Prompt};
