//! The provider's signing keys: parsed one by one, and chosen by the `kid` in a
//! token's header. A key in the header itself is never used.

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;

use crate::config::SigningAlg;
use crate::oidc::object;

impl SigningAlg {
    pub(crate) fn to_jws(self) -> Algorithm {
        match self {
            SigningAlg::RS256 => Algorithm::RS256,
            SigningAlg::RS384 => Algorithm::RS384,
            SigningAlg::RS512 => Algorithm::RS512,
            SigningAlg::PS256 => Algorithm::PS256,
            SigningAlg::PS384 => Algorithm::PS384,
            SigningAlg::PS512 => Algorithm::PS512,
            SigningAlg::ES256 => Algorithm::ES256,
            SigningAlg::ES384 => Algorithm::ES384,
            SigningAlg::EdDSA => Algorithm::EdDSA,
        }
    }

    /// The key type and curve this algorithm needs (RFC 7518 section 6).
    fn fits(self, parameters: &AlgorithmParameters) -> bool {
        use SigningAlg::*;
        match (self, parameters) {
            (RS256 | RS384 | RS512 | PS256 | PS384 | PS512, AlgorithmParameters::RSA(_)) => true,
            (ES256, AlgorithmParameters::EllipticCurve(ec)) => ec.curve == EllipticCurve::P256,
            (ES384, AlgorithmParameters::EllipticCurve(ec)) => ec.curve == EllipticCurve::P384,
            (EdDSA, AlgorithmParameters::OctetKeyPair(okp)) => okp.curve == EllipticCurve::Ed25519,
            _ => false,
        }
    }

    fn names(self, algorithm: &KeyAlgorithm) -> bool {
        *algorithm == KeyAlgorithm::from(self.to_jws())
    }
}

/// The keys that can sign with the pinned algorithm, from one JWKS document.
pub(crate) struct KeySet {
    keys: Vec<(Option<String>, DecodingKey)>,
}

impl KeySet {
    /// Reads a JWKS document (RFC 7517 section 5). Keys that are of another kind, for
    /// encryption or not understood are skipped and never fatal.
    pub(crate) fn parse(document: &[u8], alg: SigningAlg) -> Result<KeySet, serde_json::Error> {
        #[derive(Deserialize)]
        struct Document {
            keys: Vec<serde_json::Value>,
        }
        let document: Document = object(document)?;
        let keys = document
            .keys
            .into_iter()
            .filter_map(|key| serde_json::from_value::<Jwk>(key).ok())
            .filter(|jwk| match &jwk.common.public_key_use {
                Some(key_use) => *key_use == PublicKeyUse::Signature,
                None => true,
            })
            .filter(|jwk| match &jwk.common.key_algorithm {
                Some(named) => alg.names(named),
                None => true,
            })
            .filter(|jwk| alg.fits(&jwk.algorithm))
            .filter_map(|jwk| {
                let key = DecodingKey::from_jwk(&jwk).ok()?;
                Some((jwk.common.key_id, key))
            })
            .collect();
        Ok(KeySet { keys })
    }

    /// The keys that may have signed a token with this `kid`; all of them if it names
    /// none (OpenID Connect Core section 10.1).
    pub(crate) fn candidates<'a>(
        &'a self,
        kid: Option<&'a str>,
    ) -> impl Iterator<Item = &'a DecodingKey> {
        self.keys
            .iter()
            .filter(move |(key_id, _)| kid.is_none() || key_id.as_deref() == kid)
            .map(|(_, key)| key)
    }

    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const LOGTO: &str = include_str!("../../../fixtures/logto/02-jwks.json");

    #[test]
    fn reads_the_recorded_key_set() {
        let exchange: serde_json::Value = serde_json::from_str(LOGTO).unwrap();
        let document = exchange["response"]["body"].to_string();
        let keys = KeySet::parse(document.as_bytes(), SigningAlg::ES384).unwrap();
        assert_eq!(keys.len(), 1);
        let kid = "i7df42-0DCWqDKh2Q9E2YCBl9EMtzayt_l766fpqB9I";
        assert_eq!(keys.candidates(Some(kid)).count(), 1);
        assert_eq!(keys.candidates(Some("other")).count(), 0);
        assert_eq!(keys.candidates(None).count(), 1);
        // The same key is of no use for another algorithm.
        assert_eq!(
            KeySet::parse(document.as_bytes(), SigningAlg::RS256)
                .unwrap()
                .len(),
            0
        );
    }

    /// RFC 7518 sections 3.1 and 6: each algorithm has its type of key and its
    /// curve, whatever else is published.
    #[test]
    fn each_algorithm_takes_the_keys_that_are_for_it() {
        let p256 = json!({ "kty": "EC", "crv": "P-256",
            "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
            "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM" });
        let exchange: serde_json::Value = serde_json::from_str(LOGTO).unwrap();
        let mut p384 = exchange["response"]["body"]["keys"][0].clone();
        let p384 = p384.as_object_mut().unwrap();
        p384.retain(|name, _| !["use", "alg"].contains(&name.as_str()));
        let ed25519 = json!({ "kty": "OKP", "crv": "Ed25519",
            "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" });
        let rsa = json!({ "kty": "RSA", "n": "AQAB", "e": "AQAB" });
        let types = [p256, json!(p384), ed25519, rsa];
        use SigningAlg::*;
        for (alg, of) in [
            (ES256, 0),
            (ES384, 1),
            (EdDSA, 2),
            (RS256, 3),
            (RS384, 3),
            (RS512, 3),
            (PS256, 3),
            (PS384, 3),
            (PS512, 3),
        ] {
            let count = |keys: &[serde_json::Value]| {
                let document = json!({ "keys": keys }).to_string();
                KeySet::parse(document.as_bytes(), alg).unwrap().len()
            };
            for (index, key) in types.iter().enumerate() {
                let case = format!("{alg:?} {key}");
                assert_eq!(
                    count(std::slice::from_ref(key)),
                    usize::from(index == of),
                    "{case}"
                );
            }
            let named = |member: &str, value: &str| {
                let mut key = types[of].clone();
                key[member] = value.into();
                count(&[key])
            };
            assert_eq!(named("use", "sig"), 1, "{alg:?}");
            assert_eq!(named("use", "enc"), 0, "{alg:?}");
            assert_eq!(named("alg", &format!("{alg:?}")), 1);
            let other = if alg == RS256 { "PS256" } else { "RS256" };
            assert_eq!(named("alg", other), 0, "{alg:?}");
        }
    }

    #[test]
    fn skips_what_it_does_not_know() {
        let document = serde_json::json!({ "keys": [
            { "kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA", "kid": "k1" },
            { "kty": "OKP", "crv": "X25519", "x": "AA", "use": "enc" },
            { "kty": "oct", "k": "c2VjcmV0" },
            { "kty": "RSA", "n": "AQAB", "e": "AQAB", "use": "enc", "alg": "RSA-OAEP" },
            { "kty": "RSA", "n": "AQAB", "e": "AQAB", "use": "sig", "alg": "PS256" },
            { "kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "good" },
            { "kty": "AKP", "alg": "ML-DSA-44", "pub": "AA" },
            "nonsense", 7, null
        ]});
        let keys = KeySet::parse(document.to_string().as_bytes(), SigningAlg::RS256).unwrap();
        assert_eq!(keys.len(), 1);
        assert_eq!(keys.candidates(Some("good")).count(), 1);
    }
}
