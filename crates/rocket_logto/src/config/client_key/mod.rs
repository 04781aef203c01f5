//! The private key with which the app proves who it is (`private_key_jwt`): read from
//! PEM or from a JWK, at launch and never again. No error shows anything of it.

mod file;

use std::fmt;
use std::sync::Once;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    self, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair, RsaEncoding, RsaKeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use self::file::Found;
use super::SigningAlg;
use crate::sha256::sha256;

/// What a key of each type can sign with, what nearly every provider knows first.
const RSA: &[SigningAlg] = &[
    SigningAlg::RS256,
    SigningAlg::PS256,
    SigningAlg::RS384,
    SigningAlg::PS384,
    SigningAlg::RS512,
    SigningAlg::PS512,
];
const CURVES: [(&str, SigningAlg, &EcdsaSigningAlgorithm); 2] = [
    ("P-256", SigningAlg::ES256, &ECDSA_P256_SHA256_FIXED_SIGNING),
    ("P-384", SigningAlg::ES384, &ECDSA_P384_SHA384_FIXED_SIGNING),
];

/// A private key, and what the provider knows it by.
pub(crate) struct ClientKey {
    pair: Pair,
    /// One at least.
    algs: Vec<SigningAlg>,
    kid: String,
    /// Of the certificate that came with it (RFC 7515 section 4.1.8): Entra ID finds the
    /// key by that, and not by `kid`.
    certificate: Option<String>,
    warned: Once,
}

enum Pair {
    Rsa(RsaKeyPair),
    Ec(SigningAlg, EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl ClientKey {
    /// The key in `text`: one private key in PEM, or one JWK. `kid` chooses among those of
    /// a JWK set, and names the key whatever it calls itself; `alg` pins the algorithm.
    ///
    /// # Errors
    ///
    /// What is wrong with the file or the key, to follow its name.
    pub(super) fn read(
        text: &str,
        kid: Option<&str>,
        alg: Option<SigningAlg>,
    ) -> Result<ClientKey, String> {
        let found = Found::read(text, kid)?;
        let mut algs = found.pair.algs();
        if let Some(name) = &found.alg {
            algs.retain(|alg| SigningAlg::named(name) == Some(*alg));
            if algs.is_empty() {
                return Err(format!(
                    "is a key whose \"alg\" is {name:?}, with which a key of its type ({}) cannot \
                     sign here",
                    found.pair.type_name()
                ));
            }
        }
        if let Some(alg) = alg {
            if !algs.contains(&alg) {
                return Err(format!(
                    "is a key ({}) that cannot sign with {alg:?}, only with {}",
                    found.pair.type_name(),
                    names(&algs)
                ));
            }
            algs = vec![alg];
        }
        let kid = kid.map(str::to_owned).or(found.kid);
        Ok(ClientKey {
            kid: kid.unwrap_or_else(|| found.pair.thumbprint()),
            pair: found.pair,
            algs,
            certificate: found.certificate,
            warned: Once::new(),
        })
    }

    /// The same key, for no other algorithms than these. `None` where none is left.
    pub(super) fn limited_to(mut self, algs: &[SigningAlg]) -> Option<ClientKey> {
        self.algs.retain(|alg| algs.contains(alg));
        (!self.algs.is_empty()).then_some(self)
    }

    pub(crate) fn kid(&self) -> &str {
        &self.kid
    }

    /// `x5t#S256` of the header.
    pub(crate) fn certificate(&self) -> Option<&str> {
        self.certificate.as_deref()
    }

    /// The algorithm to sign with, at a provider that announces these, if any.
    pub(crate) fn alg(&self, announced: &[String]) -> SigningAlg {
        let is_announced = |alg: &&SigningAlg| {
            let mut names = announced.iter();
            names.any(|name| SigningAlg::named(name) == Some(**alg))
        };
        match self.algs.iter().find(is_announced) {
            Some(alg) => *alg,
            None => {
                // The provider may take it all the same; if not, it says so itself.
                if !announced.is_empty() {
                    self.warned.call_once(|| {
                        log::warn!(
                            "logto: the key of logto.app_key_file signs with {}, and the provider \
                             announces others (token_endpoint_auth_signing_alg_values_supported): \
                             {:.200}",
                            names(&self.algs),
                            format!("{announced:?}")
                        );
                    });
                }
                self.algs[0]
            }
        }
    }

    /// A signature as JWS has it (RFC 7518 section 3). `alg` is one that
    /// [`alg`](ClientKey::alg) has given.
    pub(crate) fn sign(&self, alg: SigningAlg, message: &[u8]) -> Option<Vec<u8>> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Ec(_, pair) => Some(pair.sign(&random, message).ok()?.as_ref().to_vec()),
            Pair::Ed25519(pair) => Some(pair.try_sign(message).ok()?.as_ref().to_vec()),
            Pair::Rsa(pair) => {
                let padding: &'static dyn RsaEncoding = match alg {
                    SigningAlg::RS256 => &signature::RSA_PKCS1_SHA256,
                    SigningAlg::RS384 => &signature::RSA_PKCS1_SHA384,
                    SigningAlg::RS512 => &signature::RSA_PKCS1_SHA512,
                    SigningAlg::PS256 => &signature::RSA_PSS_SHA256,
                    SigningAlg::PS384 => &signature::RSA_PSS_SHA384,
                    SigningAlg::PS512 => &signature::RSA_PSS_SHA512,
                    SigningAlg::ES256 | SigningAlg::ES384 | SigningAlg::EdDSA => return None,
                };
                let mut signed = vec![0; pair.public_modulus_len()];
                pair.sign(padding, &random, message, &mut signed).ok()?;
                Some(signed)
            }
        }
    }
}

/// Only what the provider knows as well.
impl fmt::Debug for ClientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientKey")
            .field("kid", &self.kid)
            .field("algs", &self.algs)
            .finish_non_exhaustive()
    }
}

impl Pair {
    fn algs(&self) -> Vec<SigningAlg> {
        match self {
            Pair::Rsa(_) => RSA.to_vec(),
            Pair::Ec(alg, _) => vec![*alg],
            Pair::Ed25519(_) => vec![SigningAlg::EdDSA],
        }
    }

    fn type_name(&self) -> &'static str {
        match self {
            Pair::Rsa(_) => "RSA",
            Pair::Ec(SigningAlg::ES256, _) => "EC P-256",
            Pair::Ec(..) => "EC P-384",
            Pair::Ed25519(_) => "Ed25519",
        }
    }

    /// RFC 7638 section 3: the hash of the members that make the public key, in the order
    /// of their names.
    fn thumbprint(&self) -> String {
        let members = match self {
            Pair::Rsa(pair) => {
                let key = pair.public_key();
                let n = key.modulus().big_endian_without_leading_zero();
                let e = key.exponent().big_endian_without_leading_zero();
                json!({ "e": base64url(e), "kty": "RSA", "n": base64url(n) })
            }
            Pair::Ec(alg, pair) => {
                // Uncompressed: 0x04, then both coordinates.
                let point = &pair.public_key().as_ref()[1..];
                let (x, y) = point.split_at(point.len() / 2);
                let curve = CURVES.iter().find(|(_, known, _)| known == alg);
                let crv = curve.map_or("", |(name, ..)| name);
                json!({ "crv": crv, "kty": "EC", "x": base64url(x), "y": base64url(y) })
            }
            Pair::Ed25519(pair) => {
                let x = base64url(pair.public_key().as_ref());
                json!({ "crv": "Ed25519", "kty": "OKP", "x": x })
            }
        };
        base64url(&sha256(members.to_string()))
    }
}

fn names(algs: &[SigningAlg]) -> String {
    let names: Vec<_> = algs.iter().map(|alg| format!("{alg:?}")).collect();
    names.join(", ")
}

fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8037 appendix A.
    const ED25519: &str = r#"{"kty":"OKP","crv":"Ed25519",
        "d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
        "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

    #[test]
    fn signs_and_is_called_as_in_rfc_8037() {
        let key = ClientKey::read(ED25519, None, None).expect("a key");
        assert_eq!(key.kid(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
        let message = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
        let signed = key.sign(key.alg(&[]), message).expect("a signature");
        let rfc = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
        assert_eq!(base64url(&signed), rfc);
    }

    #[test]
    fn a_name_in_the_configuration_wins_over_that_in_the_file() {
        let named = ED25519.replacen('{', r#"{"kid":"in the file","#, 1);
        let kid = |text: &str, id| ClientKey::read(text, id, None).map(|key| key.kid.clone());
        assert_eq!(kid(&named, None), Ok("in the file".into()));
        assert_eq!(kid(&named, Some("written")), Ok("written".into()));
        assert_eq!(kid(ED25519, Some("written")), Ok("written".into()));
        // Of a set, it chooses.
        let other = named.replace("in the file", "other");
        let public = r#"{"kty":"OKP","crv":"Ed25519","x":"AA","kid":"public"}"#;
        let set = format!(r#"{{"keys":[{public},{named},{other}]}}"#);
        assert_eq!(kid(&set, Some("other")), Ok("other".into()));
        assert!(kid(&set, None).unwrap_err().contains("app_key_id"));
        assert!(
            kid(&set, Some("public"))
                .unwrap_err()
                .contains("app_key_id")
        );
        let set = format!(r#"{{"keys":[{public},{named}]}}"#);
        assert_eq!(kid(&set, None), Ok("in the file".into()));
    }

    #[test]
    fn the_algorithm_is_one_the_provider_announces() {
        let pair = RsaKeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).expect("a key");
        let key = |algs: &[SigningAlg]| ClientKey {
            pair: Pair::Ed25519(Ed25519KeyPair::generate().expect("a key")),
            algs: algs.to_vec(),
            kid: String::new(),
            certificate: None,
            warned: Once::new(),
        };
        let announced = |names: &[&str]| {
            names
                .iter()
                .map(|name| name.to_string())
                .collect::<Vec<_>>()
        };
        let all = Pair::Rsa(pair).algs();
        for (names, alg) in [
            (&[][..], SigningAlg::RS256),
            (&["ES256", "PS256"], SigningAlg::PS256),
            (&["PS256", "RS256"], SigningAlg::RS256),
            (&["PS512"], SigningAlg::PS512),
            // It may be wrong about that.
            (&["HS256", "ES256"], SigningAlg::RS256),
        ] {
            assert_eq!(key(&all).alg(&announced(names)), alg, "{names:?}");
        }
        let pinned = key(&[SigningAlg::PS256]);
        assert_eq!(pinned.alg(&announced(&["RS256"])), SigningAlg::PS256);
    }

    #[test]
    fn shows_itself_to_nobody() {
        let key = ClientKey::read(ED25519, Some("k"), None).expect("a key");
        assert_eq!(
            format!("{key:?}"),
            "ClientKey { kid: \"k\", algs: [EdDSA], .. }"
        );
    }
}
