//! Verification of JWT access tokens that callers of an API bring along (RFC
//! 9068 section 4).

use super::jws::jws;
use super::keys::KeySet;
use super::{Rejection, TokenExpectations};
use crate::claims::AccessTokenClaims;

/// Verifies an access token. Whom it is for and what it allows is for each route to
/// say.
pub(crate) fn access_token(
    token: &str,
    keys: &KeySet,
    expected: &TokenExpectations<'_>,
) -> Result<AccessTokenClaims, Rejection> {
    // Logto says `at+jwt`; older servers say nothing better than `JWT`. An ID
    // token has another audience.
    let claims = jws(token, keys, expected.alg, &["at+jwt", "JWT"])?;
    check(claims, expected)
}

/// What the claims must say, wherever they come from.
pub(in crate::oidc) fn check(
    claims: AccessTokenClaims,
    expected: &TokenExpectations<'_>,
) -> Result<AccessTokenClaims, Rejection> {
    expected.issuer(&claims.iss)?;
    if claims.sub.is_empty() || claims.sub.len() > 255 {
        return Err(Rejection::Claims);
    }
    expected.not_expired(claims.exp)?;
    if expected.is_to_come(claims.iat) {
        return Err(Rejection::IssuedAt);
    }
    let nbf = claims.nbf.value();
    if nbf.is_some_and(|nbf| expected.is_to_come(*nbf)) {
        return Err(Rejection::NotYetValid);
    }
    Ok(claims)
}
