//! Keys of clients, and what they sign.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaEncoding, RsaKeyPair};
use serde_json::{Value, json};

use crate::crypto::base64url;

pub(super) enum Key {
    Ec(EcdsaKeyPair),
    Rsa(RsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl Key {
    pub(super) fn generate(alg: &str) -> Key {
        let ec = |algorithm| Key::Ec(EcdsaKeyPair::generate(algorithm).unwrap());
        match alg {
            "ES256" => ec(&signature::ECDSA_P256_SHA256_FIXED_SIGNING),
            "ES384" => ec(&signature::ECDSA_P384_SHA384_FIXED_SIGNING),
            "EdDSA" => Key::Ed25519(Ed25519KeyPair::generate().unwrap()),
            _ => Key::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).unwrap()),
        }
    }

    pub(super) fn jwk(&self) -> Value {
        match self {
            Key::Ec(pair) => {
                let point = &pair.public_key().as_ref()[1..];
                let (x, y) = point.split_at(point.len() / 2);
                let crv = if x.len() == 32 { "P-256" } else { "P-384" };
                json!({ "kty": "EC", "crv": crv, "x": base64url(x), "y": base64url(y) })
            }
            Key::Rsa(pair) => {
                let key = pair.public_key();
                let n = base64url(key.modulus().big_endian_without_leading_zero());
                let e = base64url(key.exponent().big_endian_without_leading_zero());
                json!({ "kty": "RSA", "n": n, "e": e })
            }
            Key::Ed25519(pair) => {
                json!({ "kty": "OKP", "crv": "Ed25519", "x": base64url(pair.public_key()) })
            }
        }
    }

    pub(super) fn sign(&self, header: &Value, claims: &Value) -> String {
        let random = SystemRandom::new();
        let encode = |part: &Value| base64url(part.to_string());
        let message = format!("{}.{}", encode(header), encode(claims));
        let bytes = message.as_bytes();
        let signed = match self {
            Key::Ec(pair) => pair.sign(&random, bytes).unwrap().as_ref().to_vec(),
            Key::Ed25519(pair) => pair.sign(bytes).as_ref().to_vec(),
            Key::Rsa(pair) => {
                let padding: &'static dyn RsaEncoding = match header["alg"].as_str() {
                    Some("PS256") => &signature::RSA_PSS_SHA256,
                    _ => &signature::RSA_PKCS1_SHA256,
                };
                let mut signed = vec![0; pair.public_modulus_len()];
                pair.sign(padding, &random, bytes, &mut signed).unwrap();
                signed
            }
        };
        format!("{message}.{}", base64url(signed))
    }
}
