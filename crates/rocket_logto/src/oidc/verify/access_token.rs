//! Verification of access tokens that callers of an API send (RFC 9068 section 4),
//! and of those that look otherwise, because most providers are older than that.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::jws::{self, jws};
use super::keys::KeySet;
use super::{Rejection, TokenExpectations};
use crate::claims::{AccessTokenClaims, Claim};

/// What an access token must match.
#[derive(Clone, Copy)]
pub(crate) struct AccessExpectations<'a> {
    pub token: TokenExpectations<'a>,
    /// Clients whose tokens need no audience.
    pub clients_without_audience: &'a [String],
    /// Whether what looks like an ID token may be one.
    pub takes_id_tokens: bool,
}

/// Verifies an access token. Its audience and scopes are left to each route.
pub(crate) fn access_token(
    token: &str,
    keys: &KeySet,
    expected: &AccessExpectations<'_>,
) -> Result<AccessTokenClaims, Rejection> {
    // Logto sends `at+jwt`, older servers only `JWT`.
    let claims: AccessTokenClaims = jws(token, keys, &["at+jwt", "JWT"])?.1;
    // RFC 9068 section 2.1: it is an access token and nothing else.
    if !jws::says_it_is(token, "at+jwt") {
        is_no_other_kind(&claims, expected.takes_id_tokens)?;
    }
    #[derive(Deserialize)]
    struct Named {
        #[serde(default)]
        aud: Claim<IgnoredAny>,
    }
    let names_no_audience = || jws::claims(token).is_none_or(|Named { aud }| aud.is_absent());
    check(claims, expected, names_no_audience)
}

/// The tenant that the claims name.
fn tenant(claims: &AccessTokenClaims) -> Option<String> {
    claims.extra.get("tid")?.as_str().map(str::to_owned)
}

/// RFC 8725 section 3.12: an ID token, a logout token or a refresh token of the same
/// provider is signed with the same keys, and at some providers it has the same audience.
fn is_no_other_kind(claims: &AccessTokenClaims, takes_id_tokens: bool) -> Result<(), Rejection> {
    let there = |name: &str| claims.extra.get(name).is_some_and(|value| !value.is_null());
    // Back-Channel Logout 1.0 section 2.4, RFC 8417 section 2.2.
    if there("events") {
        return Err(Rejection::Type);
    }
    let text = |name: &str| claims.extra.get(name).and_then(Value::as_str);
    // Keycloak's own claim, not the header.
    let kind = text("typ");
    if kind.is_some_and(|kind| ["ID", "Refresh", "Offline", "Logout"].contains(&kind)) {
        return Err(Rejection::Type);
    }
    is_used_for_access(text("token_use"))?;
    let is_said_to_be_one =
        kind.is_some_and(|kind| ["Bearer", "DPoP"].contains(&kind)) || there("token_use");
    // OpenID Connect Core sections 2 and 3.3.2.11: what only ID tokens need.
    let is_id_token = ["nonce", "at_hash", "c_hash"].into_iter().any(there);
    match is_id_token && !is_said_to_be_one && !takes_id_tokens {
        true => Err(Rejection::IdToken),
        false => Ok(()),
    }
}

/// AWS Cognito has `id` and `access` here; in Hydra's introspection it is `access_token`
/// or `refresh_token`.
pub(in crate::oidc) fn is_used_for_access(token_use: Option<&str>) -> Result<(), Rejection> {
    match token_use {
        None | Some("access" | "access_token") => Ok(()),
        Some("id" | "id_token") => Err(Rejection::IdToken),
        Some(_) => Err(Rejection::Type),
    }
}

/// Checks the claims, whether from a JWT or from introspection. `names_no_audience`
/// tells `aud` that is not there from a list of nobody.
pub(in crate::oidc) fn check(
    claims: AccessTokenClaims,
    expected: &AccessExpectations<'_>,
    names_no_audience: impl FnOnce() -> bool,
) -> Result<AccessTokenClaims, Rejection> {
    let AccessExpectations {
        token,
        clients_without_audience,
        ..
    } = expected;
    token.issuer(&claims.iss, || tenant(&claims))?;
    // RFC 8705 section 3: nobody here looks at the certificate of a caller. Whoever takes the
    // token looks for the proof of a key (RFC 9449 section 7.1).
    if claims.is_bound() && claims.thumbprint().is_none() {
        return Err(Rejection::Bound);
    }
    if claims.aud.iter().next().is_none() {
        let client = claims.client_id.as_deref();
        let may = client.is_some_and(|id| clients_without_audience.iter().any(|may| may == id));
        if !(may && names_no_audience()) {
            return Err(Rejection::Missing("aud"));
        }
    }
    if claims.sub.is_empty() || claims.sub.len() > 255 {
        return Err(Rejection::Claims);
    }
    token.not_expired(claims.exp)?;
    if token.is_to_come(claims.iat) {
        return Err(Rejection::IssuedAt);
    }
    let nbf = claims.nbf.value();
    if nbf.is_some_and(|nbf| token.is_to_come(*nbf)) {
        return Err(Rejection::NotYetValid);
    }
    Ok(claims)
}
