//! Sign-in with Logto (and any OpenID Connect provider) for Rocket.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod claims;

pub use claims::{
    AccessTokenClaims, Address, Audience, Claim, IdTokenClaims, Identity, OrganizationData,
    SsoIdentity, StandardClaims, Timestamp, UserInfoClaims,
};
