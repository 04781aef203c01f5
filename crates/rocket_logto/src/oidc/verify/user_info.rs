//! Verification of signed userinfo responses (OpenID Connect Core section 5.3.2).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use super::jws::jws;
use super::keys::KeySet;
use super::{ClientExpectations, Rejection};
use crate::claims::{Audience, Claim, numeric_date};

/// A signed response names its issuer and its audience.
#[derive(Deserialize)]
struct Signed {
    iss: String,
    aud: Audience,
    #[serde(default, deserialize_with = "numeric_date::optional")]
    exp: Claim<i64>,
}

/// The claims of a valid response, as the JSON text that came.
pub(in crate::oidc) fn user_info(
    token: &str,
    keys: &KeySet,
    expected: &ClientExpectations<'_>,
) -> Result<Vec<u8>, Rejection> {
    let (_, claims): (_, Signed) = jws(token, keys, &["JWT"])?;
    expected.issuer_and_audience(token, &claims.iss, &claims.aud)?;
    if let Some(exp) = claims.exp.value() {
        expected.token.not_expired(*exp)?;
    }
    let payload = token.split('.').nth(1).ok_or(Rejection::Malformed)?;
    URL_SAFE_NO_PAD
        .decode(payload)
        .map_err(|_| Rejection::Malformed)
}
