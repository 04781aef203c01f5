//! Callers that prove to have a key (DPoP, RFC 9449), by code that shares nothing with the
//! library's: with every algorithm, and wrong in any way.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    self, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair, RsaEncoding, RsaKeyPair,
};
use logto_dev_provider::Received;
use rocket::serde::json::serde_json::{Map, Value, json};

use super::bearer_api::now;
use super::signer::{base64url, claims_of, header_of};

pub const PROOF_ALGORITHMS: [&str; 5] = ["ES256", "PS256", "EdDSA", "ES384", "RS256"];

enum Pair {
    Ec(EcdsaKeyPair),
    Rsa(RsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

/// The key of a caller.
pub struct CallerKey {
    pair: Pair,
    alg: &'static str,
}

impl CallerKey {
    pub fn make(alg: &'static str) -> CallerKey {
        let ec = |algorithm: &'static EcdsaSigningAlgorithm| {
            Pair::Ec(EcdsaKeyPair::generate(algorithm).expect("a key"))
        };
        let pair = match alg {
            "ES256" => ec(&signature::ECDSA_P256_SHA256_FIXED_SIGNING),
            "ES384" => ec(&signature::ECDSA_P384_SHA384_FIXED_SIGNING),
            "EdDSA" => Pair::Ed25519(Ed25519KeyPair::generate().expect("a key")),
            _ => Pair::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).expect("a key")),
        };
        CallerKey { pair, alg }
    }

    pub fn jwk(&self) -> Value {
        match &self.pair {
            Pair::Ec(pair) => {
                let point = &pair.public_key().as_ref()[1..];
                let (x, y) = point.split_at(point.len() / 2);
                let crv = if x.len() == 32 { "P-256" } else { "P-384" };
                json!({ "kty": "EC", "crv": crv, "x": base64url(x), "y": base64url(y) })
            }
            Pair::Rsa(pair) => {
                let key = pair.public_key();
                let n = base64url(key.modulus().big_endian_without_leading_zero());
                let e = base64url(key.exponent().big_endian_without_leading_zero());
                json!({ "kty": "RSA", "n": n, "e": e })
            }
            Pair::Ed25519(pair) => {
                let x = base64url(pair.public_key().as_ref());
                json!({ "kty": "OKP", "crv": "Ed25519", "x": x })
            }
        }
    }

    pub fn thumbprint(&self) -> String {
        thumbprint(&self.jwk())
    }

    fn sign(&self, alg: &str, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Ec(pair) => pair
                .sign(&random, message)
                .expect("signed")
                .as_ref()
                .to_vec(),
            Pair::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
            Pair::Rsa(pair) => {
                let padding: &'static dyn RsaEncoding = match alg {
                    "PS256" => &signature::RSA_PSS_SHA256,
                    _ => &signature::RSA_PKCS1_SHA256,
                };
                let mut signed = vec![0; pair.public_modulus_len()];
                pair.sign(padding, &random, message, &mut signed)
                    .expect("signed");
                signed
            }
        }
    }

    /// A good proof for a call.
    pub fn proof(&self, method: &str, url: &str, token: &str) -> String {
        self.edited((method, url, token), |_, _| {})
    }

    /// The same, after `edit` has had the last word on header and claims.
    pub fn edited(
        &self,
        (method, url, token): (&str, &str, &str),
        edit: impl FnOnce(&mut Map<String, Value>, &mut Map<String, Value>),
    ) -> String {
        let mut jti = [0; 12];
        aws_lc_rs::rand::fill(&mut jti).expect("randomness");
        let header = json!({ "typ": "dpop+jwt", "alg": self.alg, "jwk": self.jwk() });
        let claims = json!({
            "jti": base64url(jti), "htm": method, "htu": url, "iat": now(),
            "ath": hash(token),
        });
        let object = |value: Value| value.as_object().cloned().expect("an object");
        let (mut header, mut claims) = (object(header), object(claims));
        edit(&mut header, &mut claims);
        let alg = header["alg"].as_str().unwrap_or_default().to_owned();
        let encode = |part: Map<String, Value>| base64url(Value::Object(part).to_string());
        let message = format!("{}.{}", encode(header), encode(claims));
        let signed = self.sign(&alg, message.as_bytes());
        format!("{message}.{}", base64url(signed))
    }
}

/// RFC 7638.
pub fn thumbprint(jwk: &Value) -> String {
    let members = ["crv", "e", "kty", "n", "x", "y"]
        .iter()
        .filter_map(|name| {
            let value = jwk.get(*name)?;
            Some(format!("\"{name}\":{value}"))
        });
    hash(&format!("{{{}}}", members.collect::<Vec<_>>().join(",")))
}

/// As `ath` has it.
pub fn hash(text: &str) -> String {
    base64url(digest(&SHA256, text.as_bytes()).as_ref())
}

/// Header and claims of the proof of a request to a provider.
pub fn proof_of(request: &Received) -> Option<(Value, Value)> {
    let proof = request.header("dpop")?;
    Some((header_of(proof).into(), claims_of(proof).into()))
}
