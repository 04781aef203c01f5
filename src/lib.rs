//! Sign-in with Logto (and any OpenID Connect provider) for Rocket.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod claims;
mod config;
#[cfg(feature = "dev-provider")]
pub mod dev_provider;
mod error;
mod fairing;
mod guards;
mod logto;
mod oidc;
mod pages;
mod request;
mod return_to;
mod routes;
mod session;

pub use claims::{
    AccessTokenClaims, Address, Audience, Claim, IdTokenClaims, Identity, OrganizationData,
    SsoIdentity, StandardClaims, Timestamp, UserInfoClaims,
};
pub use config::{
    AppSecret, ClientAuthMethod, LogtoConfig, ResponseMode, RoutePaths, SessionConfig, SigningAlg,
};
pub use error::{Error, ErrorKind};
pub use fairing::LogtoFairing;
pub use guards::{User, UserInfo};
pub use logto::Logto;
pub use oidc::authorize::{DirectSignIn, FirstScreen, Identifier, Prompt};
pub use routes::sign_in::SignIn;
pub use routes::sign_out::SignOut;

/// The README's examples compile, too.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
