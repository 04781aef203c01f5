//! One signing key, and what is published of it (RFC 7517, RFC 7518).

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{self, EcdsaKeyPair, KeyPair, RsaKeyPair, UnparsedPublicKey};
use serde_json::{Value, json};

use super::SigningAlg;
use crate::crypto::{base64url, random_token};

pub(super) enum Pair {
    Ec(EcdsaKeyPair),
    Rsa(RsaKeyPair),
}

pub(crate) struct SigningKey {
    alg: SigningAlg,
    kid: String,
    pub(super) pair: Pair,
    /// Published by a hook, and by no rotation.
    pub(super) is_beside: bool,
}

impl SigningKey {
    pub(crate) fn generate(alg: SigningAlg) -> Option<SigningKey> {
        let pair = match alg {
            SigningAlg::Es384 => {
                EcdsaKeyPair::generate(&signature::ECDSA_P384_SHA384_FIXED_SIGNING).map(Pair::Ec)
            }
            SigningAlg::Es256 => {
                EcdsaKeyPair::generate(&signature::ECDSA_P256_SHA256_FIXED_SIGNING).map(Pair::Ec)
            }
            SigningAlg::Rs256 => RsaKeyPair::generate(KeySize::Rsa2048).map(Pair::Rsa),
        };
        match pair {
            Ok(pair) => Some(SigningKey::from_pair(alg, random_token(), pair)),
            Err(_) => {
                log::error!("development provider: cannot make a key for {}", alg.name());
                None
            }
        }
    }

    pub(super) fn from_pair(alg: SigningAlg, kid: String, pair: Pair) -> SigningKey {
        SigningKey {
            alg,
            kid,
            pair,
            is_beside: false,
        }
    }

    pub(crate) fn alg(&self) -> SigningAlg {
        self.alg
    }

    pub(crate) fn kid(&self) -> String {
        self.kid.clone()
    }

    /// The signature of a JWS (RFC 7515, section 5.1).
    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        let signed = match &self.pair {
            Pair::Ec(pair) => pair.sign(&random, message).map(|s| s.as_ref().to_vec()),
            Pair::Rsa(pair) => {
                let mut signed = vec![0; pair.public_modulus_len()];
                pair.sign(&signature::RSA_PKCS1_SHA256, &random, message, &mut signed)
                    .map(|()| signed)
            }
        };
        signed.unwrap_or_else(|_| {
            log::error!(
                "development provider: signing with {} failed",
                self.alg.name()
            );
            Vec::new()
        })
    }

    pub(crate) fn verify(&self, message: &[u8], signed: &[u8]) -> bool {
        match &self.pair {
            Pair::Ec(pair) => {
                let algorithm: &dyn signature::VerificationAlgorithm = match self.alg {
                    SigningAlg::Es256 => &signature::ECDSA_P256_SHA256_FIXED,
                    _ => &signature::ECDSA_P384_SHA384_FIXED,
                };
                let key = UnparsedPublicKey::new(algorithm, pair.public_key().as_ref());
                key.verify(message, signed).is_ok()
            }
            Pair::Rsa(pair) => {
                let algorithm = &signature::RSA_PKCS1_2048_8192_SHA256;
                let key = UnparsedPublicKey::new(algorithm, pair.public_key().as_ref());
                key.verify(message, signed).is_ok()
            }
        }
    }

    /// The public key as a JWK.
    pub(crate) fn jwk(&self) -> Value {
        let mut jwk = match &self.pair {
            Pair::Ec(pair) => {
                // The point is uncompressed: 0x04, then both coordinates (RFC 5480 2.2).
                let point = pair.public_key().as_ref();
                let (x, y) = point[1..].split_at((point.len() - 1) / 2);
                let crv = if self.alg == SigningAlg::Es256 {
                    "P-256"
                } else {
                    "P-384"
                };
                json!({ "kty": "EC", "crv": crv, "x": base64url(x), "y": base64url(y) })
            }
            Pair::Rsa(pair) => {
                let key = pair.public_key();
                let n = key.modulus().big_endian_without_leading_zero();
                let e = key.exponent().big_endian_without_leading_zero();
                json!({ "kty": "RSA", "n": base64url(n), "e": base64url(e) })
            }
        };
        jwk["use"] = json!("sig");
        // Logto's RSA keys do not say it: they might sign in two ways.
        if self.alg != SigningAlg::Rs256 {
            jwk["alg"] = json!(self.alg.name());
        }
        jwk["kid"] = json!(self.kid);
        jwk
    }
}
