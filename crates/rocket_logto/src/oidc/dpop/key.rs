//! The keys that the app proves to have. They are derived from Rocket's `secret_key`, so
//! that there is nothing to keep, all instances have the same, and a token that one of them
//! has got is good for the others.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::agreement::{self, ECDH_P256};
use aws_lc_rs::encoding::{AsBigEndian, EcPublicKeyUncompressedBin};
use aws_lc_rs::hkdf::{self, HKDF_SHA256};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use super::{base64url, thumbprint, without_query};
use crate::clock::Clock;
use crate::config::SecretBytes;
use crate::sha256::sha256;

/// Of the derivation: no other use of the secret has it.
const SALT: &[u8] = b"rocket_logto DPoP proof key";
/// One in 2^32 numbers is no key of P-256, so the second attempt is never seen either.
const ATTEMPTS: u8 = 4;
/// In characters of the thumbprint: enough to tell the few keys of an app apart.
const NAME: usize = 8;

/// Which of the app's keys, by the beginning of its thumbprint: short, because it has to fit
/// a cookie. It is no secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeyName(String);

/// A key (ES256), with its public part as proofs and requests have it.
pub(crate) struct ProofKey {
    pair: EcdsaKeyPair,
    jwk: Map<String, Value>,
    thumbprint: String,
    clock: Clock,
}

impl ProofKey {
    fn derive(secret: &[u8], issuer: &str, clock: Clock) -> Option<ProofKey> {
        (0..ATTEMPTS).find_map(|attempt| {
            let scalar = scalar(secret, issuer, attempt)?;
            let private = agreement::PrivateKey::from_private_key(&ECDH_P256, &*scalar).ok()?;
            let public = private.compute_public_key().ok()?;
            let point: EcPublicKeyUncompressedBin<'_> = public.as_be_bytes().ok()?;
            let point = point.as_ref();
            let pair = EcdsaKeyPair::from_private_key_and_public_key(
                &ECDSA_P256_SHA256_FIXED_SIGNING,
                &*scalar,
                point,
            );
            // 0x04, then both coordinates.
            let (x, y) = (point.get(1..33)?, point.get(33..65)?);
            let jwk = json!({ "crv": "P-256", "kty": "EC", "x": base64url(x), "y": base64url(y) });
            let Value::Object(jwk) = jwk else { return None };
            Some(ProofKey {
                pair: pair.ok()?,
                thumbprint: thumbprint(&jwk)?,
                jwk,
                clock,
            })
        })
    }

    /// `dpop_jkt` (section 10), and `jkt` of a token that is bound to it (section 6.1).
    pub(crate) fn thumbprint(&self) -> &str {
        &self.thumbprint
    }

    pub(crate) fn name(&self) -> KeyName {
        KeyName(self.thumbprint.chars().take(NAME).collect())
    }

    /// A proof for one request (section 4.2), which must not be sent twice. `None` only where
    /// there is no randomness.
    pub(crate) fn proof(
        &self,
        method: &str,
        url: &str,
        nonce: Option<&str>,
        token: Option<&str>,
    ) -> Option<String> {
        let mut jti = [0; 16];
        aws_lc_rs::rand::fill(&mut jti).ok()?;
        let header = json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": self.jwk });
        let mut claims = json!({
            "jti": base64url(jti),
            "htm": method,
            "htu": without_query(url),
            "iat": (self.clock)(),
        });
        if let Some(nonce) = nonce {
            claims["nonce"] = nonce.into();
        }
        if let Some(token) = token {
            claims["ath"] = base64url(sha256(token)).into();
        }
        let encode = |part: &Value| base64url(part.to_string());
        let signed = format!("{}.{}", encode(&header), encode(&claims));
        let signature = self.pair.sign(&SystemRandom::new(), signed.as_bytes());
        Some(format!("{signed}.{}", base64url(signature.ok()?)))
    }
}

/// Only what everybody who gets a proof knows.
impl fmt::Debug for ProofKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProofKey")
            .field("thumbprint", &self.thumbprint)
            .finish_non_exhaustive()
    }
}

/// 32 octets that follow from the secret, and say nothing about it (RFC 5869).
fn scalar(secret: &[u8], issuer: &str, attempt: u8) -> Option<Zeroizing<[u8; 32]>> {
    struct Length;

    impl hkdf::KeyType for Length {
        fn len(&self) -> usize {
            32
        }
    }

    let pseudorandom = hkdf::Salt::new(HKDF_SHA256, SALT).extract(secret);
    let info = [issuer.as_bytes(), &[attempt]];
    let mut scalar = Zeroizing::new([0; 32]);
    let okm = pseudorandom.expand(&info, Length).ok()?;
    okm.fill(&mut *scalar).ok()?;
    Some(scalar)
}

/// The key of today's `secret_key` first, then those of the previous ones: what was bound
/// to them goes on working.
#[derive(Default)]
pub(crate) struct ProofKeys(Vec<Arc<ProofKey>>);

impl ProofKeys {
    pub(super) fn derive(secret: &SecretBytes, issuer: &str, clock: Clock) -> Option<ProofKeys> {
        let derive = |secret: &[u8]| ProofKey::derive(secret, issuer, clock).map(Arc::new);
        secret
            .all()
            .map(derive)
            .collect::<Option<_>>()
            .map(ProofKeys)
    }

    /// The one for what is new. `None` where no proofs are sent.
    pub(crate) fn current(&self) -> Option<&Arc<ProofKey>> {
        self.0.first()
    }

    /// The one of this name, if the app still has it.
    pub(crate) fn named(&self, name: &KeyName) -> Option<&Arc<ProofKey>> {
        self.0.iter().find(|key| key.name() == *name)
    }
}
