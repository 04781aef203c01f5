//! What the provider says about a user or a caller, typed.
//!
//! Nothing here knows Rocket, HTTP or cryptography. Parsing loses nothing: absent and null stay
//! distinct ([`Claim`]), claims without a field of their own are kept, and serializing gives back
//! the JSON that was read, except for fractions of seconds in a token's times.

mod access_token;
mod address;
mod audience;
mod claim;
mod id_token;
mod identity;
pub(crate) mod numeric_date;
mod standard;
#[cfg(test)]
mod tests;
mod timestamp;

pub use access_token::AccessTokenClaims;
pub use address::Address;
pub use audience::Audience;
pub use claim::Claim;
pub use id_token::IdTokenClaims;
pub use identity::{Identity, OrganizationData, SsoIdentity};
pub use standard::{StandardClaims, UserInfoClaims};
pub use timestamp::Timestamp;
