//! Verification of ID tokens, check by check as OpenID Connect Core section 3.1.3.7
//! lists them.

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::jws::jws;
use super::keys::KeySet;
use super::{ClientExpectations, Rejection};
use crate::claims::IdTokenClaims;
use crate::clock::Seconds;
use crate::config::SigningAlg;
use crate::oidc::tolerance;

/// In seconds. At sign-in an ID token comes straight from the token endpoint.
const MAX_AGE_AT_SIGN_IN: Seconds = 600;

/// What the `nonce` claim must be.
#[derive(Clone, Copy)]
pub(crate) enum Nonce<'a> {
    /// At sign-in: the nonce of the authorization request.
    Is(&'a str),
    /// After a refresh: absent, or the same as before (OpenID Connect Core section
    /// 12.2).
    IsNoneOr(Option<&'a str>),
}

/// Verifies an ID token by `keys`, and that it came with `access_token`.
/// `Rejection::UnknownKey` means that newer keys might help.
pub(crate) fn id_token(
    token: &str,
    keys: &KeySet,
    expected: &ClientExpectations<'_>,
    nonce: Nonce<'_>,
    access_token: Option<&str>,
) -> Result<IdTokenClaims, Rejection> {
    let (alg, claims): (_, IdTokenClaims) = jws(token, keys, &["JWT"])?;

    // Section 2: the subject has at most 255 ASCII characters.
    if claims.sub.len() > 255 || !claims.sub.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
        return Err(Rejection::Claims);
    }
    // 2, 3. The issuer, exactly; this client is the audience, and nobody else is who is
    // not trusted.
    expected.issuer_and_audience(token, &claims.iss, &claims.aud)?;
    let trusted = expected.trusted_audiences;
    let somebody_else = |audience: &str| {
        audience != expected.client_id && !trusted.iter().any(|trusted| trusted == audience)
    };
    if claims.aud.iter().any(somebody_else) {
        return Err(Rejection::Audience);
    }
    // 4, 5. Issued to this client, if it says to whom.
    if claims
        .azp
        .value()
        .is_some_and(|azp| azp != expected.client_id)
    {
        return Err(Rejection::AuthorizedParty);
    }
    // 9. Not expired.
    let times = &expected.token;
    times.not_expired(claims.exp)?;
    // 10. Issued just now: neither in the future nor long ago.
    let age = times.now.saturating_sub(claims.iat);
    if age < -times.tolerance || age > MAX_AGE_AT_SIGN_IN.saturating_add(times.tolerance) {
        return Err(Rejection::IssuedAt);
    }
    // RFC 7519 section 4.1.5.
    if claims.nbf.value().is_some_and(|nbf| times.is_to_come(*nbf)) {
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
    // 3.1.3.8. The access token that came with it, if it names one.
    if let (Some(at_hash), Some(access_token)) = (claims.at_hash.value(), access_token)
        && *at_hash != token_hash(access_token, alg)
    {
        return Err(Rejection::AccessTokenHash);
    }
    name_odd(&claims);
    Ok(claims)
}

/// Names what counts as absent, once.
fn name_odd(claims: &IdTokenClaims) {
    const PLACE: &str = "in an ID token";
    let is_null = [
        ("nbf", claims.nbf.is_null()),
        ("auth_time", claims.auth_time.is_null()),
        ("nonce", claims.nonce.is_null()),
        ("at_hash", claims.at_hash.is_null()),
        ("azp", claims.azp.is_null()),
        ("sid", claims.sid.is_null()),
        ("acr", claims.acr.is_null()),
        ("amr", claims.amr.is_null()),
    ];
    for (name, is_null) in is_null {
        let is_mistyped = claims.standard.extra.contains_key(name);
        let is_empty = match name {
            "sid" => claims.sid.as_deref() == Some(""),
            "acr" => claims.acr.as_deref() == Some(""),
            _ => false,
        };
        if is_null || is_mistyped || is_empty {
            tolerance::name(name, PLACE);
        }
    }
    tolerance::name_odd_claims(&claims.standard, PLACE);
}

/// The left half of the token's hash, by the hash function of the signature
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
    use crate::oidc::verify::{Algorithms, TokenExpectations};

    fn exchange(text: &str) -> serde_json::Value {
        serde_json::from_str(text).unwrap()
    }

    fn recorded_keys(accepted: Algorithms) -> KeySet {
        let jwks = exchange(include_str!("../../../fixtures/logto/02-jwks.json"));
        let keys = jwks["response"]["body"].to_string();
        KeySet::parse(keys.as_bytes(), accepted).unwrap()
    }

    /// A token that Logto issued, and the keys it published at the time.
    fn recorded() -> (String, String, KeySet) {
        let keys = recorded_keys(Algorithms::Announced(vec![SigningAlg::ES384]));
        let token = exchange(include_str!(
            "../../../fixtures/logto/04-token-response-authorization-code.json"
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
    const EXPECTED: ClientExpectations<'_> = ClientExpectations {
        client_id: "sz2oitlz9q69aql9v71p5",
        trusted_audiences: &[],
        token: TOKEN,
    };
    const TOKEN: TokenExpectations<'_> = TokenExpectations {
        issuer: "http://localhost:3001/oidc",
        tenants: &[],
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
        let refused = |expected: ClientExpectations<'_>| {
            id_token(&token, &keys, &expected, Nonce::Is(NONCE), access_token).unwrap_err()
        };
        let other = |token| ClientExpectations { token, ..EXPECTED };
        let issuer = "http://localhost:3001/oidc/";
        let other_issuer = other(TokenExpectations { issuer, ..TOKEN });
        assert_eq!(refused(other_issuer), Rejection::Issuer);
        let client_id = "sz2";
        let other_client = ClientExpectations {
            client_id,
            ..EXPECTED
        };
        assert_eq!(refused(other_client), Rejection::Audience);
        for (accepted, reason) in [
            (Algorithms::Pinned as fn(_) -> _, Rejection::Algorithm),
            (Algorithms::Announced, Rejection::UnannouncedAlgorithm),
        ] {
            let keys = recorded_keys(accepted(vec![SigningAlg::RS256]));
            let verdict = id_token(&token, &keys, &EXPECTED, Nonce::Is(NONCE), access_token);
            assert_eq!(verdict.unwrap_err(), reason);
        }

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
            let token_at = TokenExpectations { now, ..TOKEN };
            let expected = ClientExpectations {
                token: token_at,
                ..EXPECTED
            };
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
