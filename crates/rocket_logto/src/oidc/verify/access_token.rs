//! Verification of JWT access tokens that callers of an API send (RFC 9068 section
//! 4).

use super::jws::jws;
use super::keys::KeySet;
use super::{Rejection, TokenExpectations};
use crate::claims::AccessTokenClaims;

/// Verifies an access token. Its audience and scopes are left to each route.
pub(crate) fn access_token(
    token: &str,
    keys: &KeySet,
    expected: &TokenExpectations<'_>,
) -> Result<AccessTokenClaims, Rejection> {
    // Logto sends `at+jwt`, older servers only `JWT`. An ID token cannot pass: it
    // has another audience.
    let claims = jws(token, keys, &["at+jwt", "JWT"])?.1;
    check(claims, expected)
}

/// The tenant that the claims name.
fn tenant(claims: &AccessTokenClaims) -> Option<String> {
    claims.extra.get("tid")?.as_str().map(str::to_owned)
}

/// Checks the claims, whether from a JWT or from introspection.
pub(in crate::oidc) fn check(
    claims: AccessTokenClaims,
    expected: &TokenExpectations<'_>,
) -> Result<AccessTokenClaims, Rejection> {
    expected.issuer(&claims.iss, || tenant(&claims))?;
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
