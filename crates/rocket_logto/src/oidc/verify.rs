//! Verification of ID tokens, check by check as OpenID Connect Core section
//! 3.1.3.7 lists them. The signature is `jsonwebtoken`'s; what the claims must
//! say is decided here, on typed values.

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::keys::KeySet;
use crate::claims::{Audience, IdTokenClaims};
use crate::clock::{Seconds, has_expired};
use crate::config::SigningAlg;

/// An ID token at sign-in is fresh from the token endpoint.
const MAX_AGE_AT_SIGN_IN: Seconds = 600;

/// What every token for this client must match.
pub(crate) struct ForClient<'a> {
    pub issuer: &'a str,
    pub client_id: &'a str,
    pub alg: SigningAlg,
    pub now: Seconds,
    pub tolerance: Seconds,
}

/// What the `nonce` claim must be.
#[derive(Clone, Copy)]
pub(crate) enum Nonce<'a> {
    /// At sign-in: that of the authorization request.
    Is(&'a str),
    /// After a refresh: absent, or as before (OpenID Connect Core section 12.2).
    IsNoneOr(Option<&'a str>),
}

impl ForClient<'_> {
    /// Whether it is from this issuer, exactly, and for this client among others.
    pub(super) fn concerns(&self, iss: &str, aud: &Audience) -> Result<(), Rejection> {
        if iss != self.issuer {
            return Err(Rejection::Issuer);
        }
        if !aud.contains(self.client_id) {
            return Err(Rejection::Audience);
        }
        Ok(())
    }
}

/// The one thing wrong with a token. `Display` is the machine-readable reason
/// of the log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Rejection {
    #[error("malformed")]
    Malformed,
    #[error("alg")]
    Algorithm,
    #[error("crit")]
    Critical,
    #[error("typ")]
    Type,
    #[error("unknown_key")]
    UnknownKey,
    #[error("signature")]
    Signature,
    #[error("claims")]
    Claims,
    /// Of those that must be there.
    #[error("missing_{0}")]
    Missing(&'static str),
    #[error("iss")]
    Issuer,
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
    #[error("events")]
    Events,
    #[error("neither_sub_nor_sid")]
    NobodyNamed,
    #[error("jti_seen_before")]
    Replayed,
    #[error("inactive")]
    Inactive,
}

/// Verifies an ID token, and that it came with `access_token`, against the keys
/// at hand. `Rejection::UnknownKey` means that newer keys might help.
pub(crate) fn id_token(
    token: &str,
    keys: &KeySet,
    expected: &ForClient<'_>,
    nonce: Nonce<'_>,
    access_token: Option<&str>,
) -> Result<IdTokenClaims, Rejection> {
    let claims: IdTokenClaims = jws(token, keys, expected.alg, &["JWT"])?;

    // Section 2: the subject is at most 255 ASCII characters.
    if claims.sub.len() > 255 || !claims.sub.is_ascii() {
        return Err(Rejection::Claims);
    }
    // 2, 3. The issuer, exactly; this client is the audience, and the only one:
    // nobody else is trusted.
    expected.concerns(&claims.iss, &claims.aud)?;
    let somebody_else = |audience: &str| audience != expected.client_id;
    if claims.aud.iter().any(somebody_else) {
        return Err(Rejection::Audience);
    }
    // 4, 5. Issued to this client, when it says to whom.
    if claims
        .azp
        .value()
        .is_some_and(|azp| azp != expected.client_id)
    {
        return Err(Rejection::AuthorizedParty);
    }
    // 9. Not expired.
    if has_expired(claims.exp, expected.now, expected.tolerance) {
        return Err(Rejection::Expired);
    }
    // 10. Issued just now: not in the future, not long ago.
    let age = expected.now.saturating_sub(claims.iat);
    if age < -expected.tolerance || age > MAX_AGE_AT_SIGN_IN.saturating_add(expected.tolerance) {
        return Err(Rejection::IssuedAt);
    }
    // RFC 7519 section 4.1.5.
    let latest = expected.now.saturating_add(expected.tolerance);
    if claims.nbf.value().is_some_and(|nbf| *nbf > latest) {
        return Err(Rejection::NotYetValid);
    }
    // 11. The nonce of this very sign-in.
    let said = claims.nonce.as_deref();
    let right = match nonce {
        Nonce::Is(expected) => said == Some(expected),
        Nonce::IsNoneOr(before) => said.is_none() || said == before,
    };
    if !right {
        return Err(Rejection::Nonce);
    }
    // 3.1.3.8. The access token that came with it, when it names one.
    if let (Some(at_hash), Some(access_token)) = (claims.at_hash.value(), access_token)
        && *at_hash != token_hash(access_token, expected.alg)
    {
        return Err(Rejection::AccessTokenHash);
    }
    Ok(claims)
}

/// The claims of a token with a good signature by the pinned algorithm and of
/// one of these types, if it names any; nothing else is checked.
pub(super) fn jws<C: DeserializeOwned>(
    token: &str,
    keys: &KeySet,
    alg: SigningAlg,
    types: &[&str],
) -> Result<C, Rejection> {
    let header = header(token, alg.to_jws())?;
    // RFC 8725 section 3.11: tokens of other kinds say so in `typ`, a media type
    // that may leave out its first half (RFC 7515 section 4.1.9).
    let right = |typ: &str| {
        let typ = typ.strip_prefix("application/").unwrap_or(typ);
        types.iter().any(|right| right.eq_ignore_ascii_case(typ))
    };
    if !header.typ.as_deref().is_none_or(right) {
        return Err(Rejection::Type);
    }
    signature(token, keys, header.kid.as_deref(), alg.to_jws())
}

/// The claims of a token that was verified before, in a type of choice. No
/// check happens here.
pub(crate) fn claims<C: DeserializeOwned>(token: &str) -> Option<C> {
    let payload = token.split('.').nth(1)?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
}

/// Reads the header and lets through what RFC 8725 section 3.1 and RFC 7515
/// section 4.1.11 let through. Keys a header brings along (`jwk`, `jku`,
/// `x5c`, `x5u`) are never looked at.
fn header(token: &str, alg: Algorithm) -> Result<Header, Rejection> {
    #[derive(Deserialize)]
    struct Name {
        alg: String,
    }
    let encoded = token.split('.').next().unwrap_or_default();
    let decoded = URL_SAFE_NO_PAD
        .decode(encoded)
        .map_err(|_| Rejection::Malformed)?;
    let name: Name = serde_json::from_slice(&decoded).map_err(|_| Rejection::Malformed)?;
    if name.alg.parse::<Algorithm>().ok() != Some(alg) {
        return Err(Rejection::Algorithm);
    }
    let header: Header = jsonwebtoken::decode_header(token).map_err(|_| Rejection::Malformed)?;
    if header.crit.is_some() || header.extras.inner().contains_key("b64") {
        return Err(Rejection::Critical);
    }
    Ok(header)
}

fn signature<C: DeserializeOwned>(
    token: &str,
    keys: &KeySet,
    kid: Option<&str>,
    alg: Algorithm,
) -> Result<C, Rejection> {
    let mut rejection = Rejection::UnknownKey;
    for key in keys.candidates(kid) {
        match decode(token, key, alg) {
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

    // Only the signature: the claims are checked above, on our own types.
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

/// The claim that is missing, when that is why. The text of any other error may
/// hold the value of one.
pub(super) fn unreadable(error: &serde_json::Error) -> Rejection {
    let text = error.to_string();
    let missing = |name: &&&str| text.starts_with(&format!("missing field `{name}`"));
    let names = ["iss", "sub", "aud", "exp", "iat", "jti", "events"];
    let name = names.iter().find(missing);
    name.map_or(Rejection::Claims, |name| Rejection::Missing(name))
}

/// The left half of the hash of the token, by the hash of the signature
/// algorithm (OpenID Connect Core section 3.1.3.6).
fn token_hash(token: &str, alg: SigningAlg) -> String {
    let algorithm = match alg {
        SigningAlg::RS256 | SigningAlg::PS256 | SigningAlg::ES256 => &digest::SHA256,
        SigningAlg::RS384 | SigningAlg::PS384 | SigningAlg::ES384 => &digest::SHA384,
        SigningAlg::RS512 | SigningAlg::PS512 | SigningAlg::EdDSA => &digest::SHA512,
    };
    let hash = digest::digest(algorithm, token.as_bytes());
    URL_SAFE_NO_PAD.encode(&hash.as_ref()[..hash.as_ref().len() / 2])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exchange(text: &str) -> serde_json::Value {
        serde_json::from_str(text).unwrap()
    }

    /// A token Logto really issued, at the moment it did.
    fn recorded() -> (String, String, KeySet) {
        let jwks = exchange(include_str!("../../fixtures/logto/02-jwks.json"));
        let keys = jwks["response"]["body"].to_string();
        let keys = KeySet::parse(keys.as_bytes(), SigningAlg::ES384).unwrap();
        let token = exchange(include_str!(
            "../../fixtures/logto/04-token-response-authorization-code.json"
        ));
        let body = &token["response"]["body"];
        (
            body["id_token"].as_str().unwrap().to_owned(),
            body["access_token"].as_str().unwrap().to_owned(),
            keys,
        )
    }

    const AT: Seconds = 1_795_333_406;
    const NONCE: &str = "jt0sabf5n1HJ7K0CtREWsA";
    const EXPECTED: ForClient<'_> = ForClient {
        issuer: "http://localhost:3001/oidc",
        client_id: "sz2oitlz9q69aql9v71p5",
        alg: SigningAlg::ES384,
        now: AT,
        tolerance: 60,
    };

    #[test]
    fn accepts_a_token_recorded_from_logto() {
        let (token, access_token, keys) = recorded();
        let access_token = Some(access_token.as_str());
        let verified = id_token(&token, &keys, &EXPECTED, Nonce::Is(NONCE), access_token);
        assert_eq!(verified.unwrap().sub, "qcw1a16z5jxs");
    }

    #[test]
    fn refuses_it_for_each_expectation_it_misses() {
        let (token, access_token, keys) = recorded();
        let access_token = Some(access_token.as_str());
        let refused = |expected: ForClient<'_>| {
            id_token(&token, &keys, &expected, Nonce::Is(NONCE), access_token).unwrap_err()
        };
        let issuer = "http://localhost:3001/oidc/";
        assert_eq!(refused(ForClient { issuer, ..EXPECTED }), Rejection::Issuer);
        let client_id = "sz2";
        let other_client = ForClient {
            client_id,
            ..EXPECTED
        };
        assert_eq!(refused(other_client), Rejection::Audience);
        let alg = SigningAlg::RS256;
        assert_eq!(refused(ForClient { alg, ..EXPECTED }), Rejection::Algorithm);

        let with = |nonce, access_token| id_token(&token, &keys, &EXPECTED, nonce, access_token);
        for nonce in [Nonce::Is("other"), Nonce::Is(""), Nonce::IsNoneOr(None)] {
            assert_eq!(with(nonce, access_token).unwrap_err(), Rejection::Nonce);
        }
        assert!(with(Nonce::IsNoneOr(Some(NONCE)), access_token).is_ok());
        let other_token = with(Nonce::Is(NONCE), Some("other"));
        assert_eq!(other_token.unwrap_err(), Rejection::AccessTokenHash);
    }

    #[test]
    fn tolerates_clocks_to_the_second() {
        let (token, access_token, keys) = recorded();
        let at = |now| {
            let expected = ForClient { now, ..EXPECTED };
            let access_token = Some(access_token.as_str());
            id_token(&token, &keys, &expected, Nonce::Is(NONCE), access_token)
        };
        assert!(at(AT - 60).is_ok());
        assert_eq!(at(AT - 61).unwrap_err(), Rejection::IssuedAt);
        assert!(at(AT + 660).is_ok());
        assert_eq!(at(AT + 661).unwrap_err(), Rejection::IssuedAt);
        assert_eq!(at(AT + 3600 + 60).unwrap_err(), Rejection::Expired);
    }

    #[test]
    fn refuses_a_token_changed_anywhere() {
        let (token, access_token, keys) = recorded();
        for (index, byte) in token.bytes().enumerate() {
            let other = if byte == b'A' { 'B' } else { 'A' };
            let mut changed = token.clone();
            changed.replace_range(index..=index, &other.to_string());
            if let Ok(verified) = id_token(
                &changed,
                &keys,
                &EXPECTED,
                Nonce::Is(NONCE),
                Some(&access_token),
            ) {
                panic!("byte {index} changed and still {verified:?}");
            }
        }
        for cut in [0, 1, 20, token.len() / 2, token.len() - 1] {
            let cut = &token[..cut];
            assert!(id_token(cut, &keys, &EXPECTED, Nonce::Is(NONCE), None).is_err());
        }
    }
}
