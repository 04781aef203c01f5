//! Signed JWTs (RFC 7515): the header, the signature and the JSON, for every kind of
//! token. Each kind checks its own claims.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Rejection;
use super::keys::KeySet;
use crate::claims::Claim;
use crate::config::SigningAlg;

/// The claims of a token with a good signature by an accepted algorithm, which is
/// told, and of one of these types, if it names any; nothing else is checked.
pub(super) fn jws<C: DeserializeOwned>(
    token: &str,
    keys: &KeySet,
    types: &[&str],
) -> Result<(SigningAlg, C), Rejection> {
    let (alg, header) = header(token, keys)?;
    // RFC 8725 section 3.11: other kinds of tokens say so in `typ`, a media type
    // that may omit `application/` (RFC 7515 section 4.1.9).
    let right = |typ: &str| {
        let typ = typ.strip_prefix("application/").unwrap_or(typ);
        types.iter().any(|right| right.eq_ignore_ascii_case(typ))
    };
    if !header.typ.as_deref().is_none_or(right) {
        return Err(Rejection::Type);
    }
    let claims = signature(token, keys, header.kid.as_deref(), alg)?;
    Ok((alg, claims))
}

/// The claims of a token, read into `C` without any check; for tokens that were
/// verified before.
pub(crate) fn claims<C: DeserializeOwned>(token: &str) -> Option<C> {
    let payload = token.split('.').nth(1)?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
}

/// The tenant that a token names, in its claim `tid` (Entra ID).
pub(super) fn tenant(token: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Named {
        tid: String,
    }
    claims(token).map(|named: Named| named.tid)
}

/// Reads the header and lets through what RFC 8725 section 3.1 and RFC 7515
/// section 4.1.11 let through. Keys a header brings along (`jwk`, `jku`,
/// `x5c`, `x5u`) are never looked at.
fn header(token: &str, keys: &KeySet) -> Result<(SigningAlg, Header), Rejection> {
    let named = named(token).ok_or(Rejection::Malformed)?;
    let alg = keys.accepted(&named.alg)?;
    let header: Header = jsonwebtoken::decode_header(token).map_err(|_| Rejection::Malformed)?;
    if !named.crit.is_absent() || header.extras.inner().contains_key("b64") {
        return Err(Rejection::Critical);
    }
    Ok((alg, header))
}

/// The `alg` of a token's header, which says nothing by itself.
pub(super) fn named_alg(token: &str) -> Option<String> {
    Some(named(token)?.alg)
}

/// What has to be known before the rest of the header is looked at.
#[derive(Deserialize)]
struct Named {
    alg: String,
    /// There at all: `null` asks for nothing that could be understood, either.
    #[serde(default)]
    crit: Claim<Value>,
}

fn named(token: &str) -> Option<Named> {
    let encoded = token.split('.').next().unwrap_or_default();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(encoded).ok()?).ok()
}

fn signature<C: DeserializeOwned>(
    token: &str,
    keys: &KeySet,
    kid: Option<&str>,
    alg: SigningAlg,
) -> Result<C, Rejection> {
    let mut rejection = Rejection::UnknownKey;
    for key in keys.candidates(kid, alg) {
        if !keys.is_for_issuer_of(key, token) {
            rejection = Rejection::KeyIssuer;
            continue;
        }
        match decode(token, key.verifying(), alg.to_jws()) {
            // Without a `kid` the right key may be one of the others, or new.
            Err(Rejection::Signature) if kid.is_none() => {}
            Err(Rejection::Signature) => rejection = Rejection::Signature,
            result => return result,
        }
    }
    Err(rejection)
}

fn decode<C: DeserializeOwned>(
    token: &str,
    key: &DecodingKey,
    alg: Algorithm,
) -> Result<C, Rejection> {
    use jsonwebtoken::errors::ErrorKind;

    // Only the signature: we check the claims ourselves, on our own types.
    let mut signature_only = Validation::new(alg);
    signature_only.required_spec_claims.clear();
    signature_only.validate_exp = false;
    signature_only.validate_nbf = false;
    signature_only.validate_aud = false;
    match jsonwebtoken::decode(token, key, &signature_only) {
        Ok(data) => Ok(data.claims),
        Err(error) => Err(match error.kind() {
            ErrorKind::Json(error) => unreadable(error),
            ErrorKind::Utf8(_) => Rejection::Claims,
            _ => Rejection::Signature,
        }),
    }
}

/// Names the claim if one is missing. The text of any other error may hold a claim's
/// value.
pub(in crate::oidc) fn unreadable(error: &serde_json::Error) -> Rejection {
    let text = error.to_string();
    let missing = |name: &&&str| text.starts_with(&format!("missing field `{name}`"));
    let names = ["iss", "sub", "aud", "exp", "iat", "jti", "events"];
    let name = names.iter().find(missing);
    name.map_or(Rejection::Claims, |name| Rejection::Missing(name))
}
