//! Verification of what the provider signed: ID tokens, logout tokens, access tokens
//! and userinfo responses. `jsonwebtoken` checks the signature (in `jws`); the claims
//! are checked here, on typed values. Never touches the network.

mod access_token;
mod explain;
mod id_token;
mod jws;
mod keys;
mod logout_token;
#[cfg(test)]
mod tests;
mod user_info;

pub(crate) use access_token::{AccessExpectations, access_token};
pub(super) use access_token::{check as access_token_claims, is_used_for_access};
pub(crate) use explain::Refused;
pub(super) use explain::explain;
pub(crate) use id_token::{Nonce, id_token};
pub(crate) use jws::claims;
pub(super) use jws::{typ_is, unreadable};
pub(super) use keys::is_signed_by;
pub(crate) use keys::{Algorithms, KeySet};
pub(crate) use logout_token::{Logout, logout_token};
pub(super) use user_info::user_info;

use crate::claims::Audience;
use crate::clock::{self, Seconds};
use crate::config::issuer;

/// What every token of the provider must match.
#[derive(Clone, Copy)]
pub(crate) struct TokenExpectations<'a> {
    /// As it is configured: perhaps the template of many tenants.
    pub issuer: &'a str,
    /// With a template: whose users are let in; none: all.
    pub tenants: &'a [String],
    pub now: Seconds,
    pub tolerance: Seconds,
}

impl TokenExpectations<'_> {
    /// The issuer, byte for byte. Under a template it is that of the tenant that the
    /// token itself names, which `tenant` reads.
    fn issuer(&self, iss: &str, tenant: impl FnOnce() -> Option<String>) -> Result<(), Rejection> {
        if !issuer::is_template(self.issuer) {
            return match iss == self.issuer {
                true => Ok(()),
                false => Err(Rejection::Issuer),
            };
        }
        let tenant = tenant().ok_or(Rejection::Missing("tid"))?;
        if issuer::of_tenant(self.issuer, &tenant).as_deref() != Some(iss) {
            return Err(Rejection::Issuer);
        }
        match issuer::lets_in(self.tenants, &tenant) {
            true => Ok(()),
            false => Err(Rejection::Tenant),
        }
    }

    fn not_expired(&self, exp: Seconds) -> Result<(), Rejection> {
        match clock::has_expired(exp, self.now, self.tolerance) {
            true => Err(Rejection::Expired),
            false => Ok(()),
        }
    }

    /// Whether a time is still in the future.
    fn is_to_come(&self, time: Seconds) -> bool {
        time > self.now.saturating_add(self.tolerance)
    }
}

/// What a token for this client must match.
#[derive(Clone, Copy)]
pub(crate) struct ClientExpectations<'a> {
    pub client_id: &'a str,
    /// Who may be in the audience beside it.
    pub trusted_audiences: &'a [String],
    pub token: TokenExpectations<'a>,
}

impl ClientExpectations<'_> {
    /// The issuer of `token` is right, and this client is in the audience.
    fn issuer_and_audience(&self, token: &str, iss: &str, aud: &Audience) -> Result<(), Rejection> {
        self.token.issuer(iss, || jws::tenant(token))?;
        match aud.contains(self.client_id) {
            true => Ok(()),
            false => Err(Rejection::Audience),
        }
    }
}

/// The first thing found wrong with a token. `Display` gives the machine-readable
/// reason for the log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Rejection {
    #[error("malformed")]
    Malformed,
    #[error("alg")]
    Algorithm,
    /// One that the provider may announce by now.
    #[error("alg")]
    UnannouncedAlgorithm,
    #[error("crit")]
    Critical,
    #[error("typ")]
    Type,
    /// Where an access token belongs.
    #[error("id_token")]
    IdToken,
    #[error("unknown_key")]
    UnknownKey,
    #[error("signature")]
    Signature,
    #[error("claims")]
    Claims,
    /// A required claim, by its name.
    #[error("missing_{0}")]
    Missing(&'static str),
    #[error("iss")]
    Issuer,
    /// Right, but of a tenant that is not let in.
    #[error("tid")]
    Tenant,
    /// The key it is signed with is another issuer's.
    #[error("key_issuer")]
    KeyIssuer,
    #[error("aud")]
    Audience,
    #[error("azp")]
    AuthorizedParty,
    #[error("expired")]
    Expired,
    #[error("iat")]
    IssuedAt,
    #[error("nbf")]
    NotYetValid,
    #[error("nonce")]
    Nonce,
    #[error("at_hash")]
    AccessTokenHash,
    #[error("auth_time")]
    AuthenticationTime,
    #[error("acr")]
    AuthenticationContext,
    #[error("amr")]
    AuthenticationMethods,
    #[error("events")]
    Events,
    #[error("neither_sub_nor_sid")]
    NobodyNamed,
    #[error("jti_seen_before")]
    Replayed,
    /// Bound to what nobody looks at here: a client's certificate, or something unknown.
    #[error("cnf")]
    Bound,
    #[error("inactive")]
    Inactive,
}
