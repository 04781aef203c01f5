//! Verification of JWT access tokens that callers of an API bring along (RFC
//! 9068 section 4).

use super::keys::KeySet;
use super::verify::{Rejection, jws};
use crate::claims::AccessTokenClaims;
use crate::clock::{self, Seconds};
use crate::config::SigningAlg;

/// What every access token must match; whom it is for and what it allows is
/// for each route to say.
pub(crate) struct Expected<'a> {
    pub issuer: &'a str,
    pub alg: SigningAlg,
    pub now: Seconds,
    pub tolerance: Seconds,
}

pub(crate) fn access_token(
    token: &str,
    keys: &KeySet,
    expected: &Expected<'_>,
) -> Result<AccessTokenClaims, Rejection> {
    // Logto says `at+jwt`; older servers say nothing better than `JWT`. An ID
    // token has another audience.
    let claims = jws(token, keys, expected.alg, &["at+jwt", "JWT"])?;
    check(claims, expected)
}

/// What the claims must say, wherever they come from.
pub(super) fn check(
    claims: AccessTokenClaims,
    expected: &Expected<'_>,
) -> Result<AccessTokenClaims, Rejection> {
    if claims.iss != expected.issuer {
        return Err(Rejection::Issuer);
    }
    if claims.sub.is_empty() || claims.sub.len() > 255 {
        return Err(Rejection::Claims);
    }
    if has_expired(&claims, expected.now, expected.tolerance) {
        return Err(Rejection::Expired);
    }
    let latest = expected.now.saturating_add(expected.tolerance);
    if claims.iat > latest {
        return Err(Rejection::IssuedAt);
    }
    if claims.nbf.value().is_some_and(|nbf| *nbf > latest) {
        return Err(Rejection::NotYetValid);
    }
    Ok(claims)
}

/// Whether a token that was good once has ended since.
pub(crate) fn has_expired(claims: &AccessTokenClaims, now: Seconds, tolerance: Seconds) -> bool {
    clock::has_expired(claims.exp, now, tolerance)
}
