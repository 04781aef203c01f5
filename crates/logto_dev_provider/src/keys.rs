//! Signing keys of the development provider and what is published of them
//! (RFC 7515, RFC 7517, RFC 7518).

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::{self, SystemRandom};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{self, EcdsaKeyPair, KeyPair, RsaKeyPair, UnparsedPublicKey};
use aws_lc_rs::{digest, hmac};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};

use super::hooks::Signing;

/// A JWS algorithm the provider can sign with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SigningAlg {
    /// ECDSA on P-384 with SHA-384: what Logto uses by default.
    #[default]
    Es384,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// RSASSA-PKCS1-v1_5 with SHA-256: what older Logto tenants use.
    Rs256,
}

impl SigningAlg {
    /// The name in a JOSE header: `ES384`, `ES256`, `RS256`.
    pub fn name(self) -> &'static str {
        match self {
            SigningAlg::Es384 => "ES384",
            SigningAlg::Es256 => "ES256",
            SigningAlg::Rs256 => "RS256",
        }
    }

    /// `at_hash` of an access token: the left half of its hash by the hash
    /// function of the ID token's algorithm (OpenID Connect Core 3.1.3.6).
    pub(super) fn at_hash(self, access_token: &str) -> String {
        let algorithm = match self {
            SigningAlg::Es384 => &digest::SHA384,
            SigningAlg::Es256 | SigningAlg::Rs256 => &digest::SHA256,
        };
        let hash = digest::digest(algorithm, access_token.as_bytes());
        let hash = hash.as_ref();
        base64url(&hash[..hash.len() / 2])
    }
}

pub(super) fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// An unguessable string of 43 characters, as long as Logto's codes and tokens.
pub(super) fn random_token() -> String {
    let mut bytes = [0; 32];
    if rand::fill(&mut bytes).is_err() {
        log::error!("development provider: the system has no randomness");
    }
    base64url(&bytes)
}

enum Pair {
    Ec(EcdsaKeyPair),
    Rsa(RsaKeyPair),
}

pub(super) struct SigningKey {
    alg: SigningAlg,
    kid: String,
    pair: Pair,
}

impl SigningKey {
    pub(super) fn generate(alg: SigningAlg) -> Option<SigningKey> {
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
            Ok(pair) => Some(SigningKey {
                alg,
                kid: random_token(),
                pair,
            }),
            Err(_) => {
                log::error!("development provider: cannot make a key for {}", alg.name());
                None
            }
        }
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
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

    fn verify(&self, message: &[u8], signed: &[u8]) -> bool {
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

    fn jwk(&self, hide_kid: bool) -> Value {
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
                let n = key.modulus().big_endian_without_leading_zero().to_vec();
                let e = key.exponent().big_endian_without_leading_zero().to_vec();
                json!({ "kty": "RSA", "n": base64url(&n), "e": base64url(&e) })
            }
        };
        jwk["use"] = json!("sig");
        jwk["alg"] = json!(self.alg.name());
        if !hide_kid {
            jwk["kid"] = json!(self.kid);
        }
        jwk
    }

    fn der(&self) -> Vec<u8> {
        let der = match &self.pair {
            Pair::Ec(pair) => AsDer::<PublicKeyX509Der>::as_der(pair.public_key()),
            Pair::Rsa(pair) => AsDer::<PublicKeyX509Der>::as_der(pair.public_key()),
        };
        der.map(|der| der.as_ref().to_vec()).unwrap_or_default()
    }
}

/// All keys of one provider. Per algorithm the last key is the one that signs;
/// the one before it stays published, as Logto does after a rotation.
pub(super) struct KeyRing {
    pub(super) active: SigningAlg,
    pub(super) hide_kid: bool,
    pub(super) extra: Vec<Value>,
    keys: Vec<SigningKey>,
    unpublished: Option<SigningKey>,
}

impl KeyRing {
    pub(super) fn new(active: SigningAlg) -> Option<KeyRing> {
        let keys = vec![SigningKey::generate(active)?];
        Some(KeyRing {
            active,
            hide_kid: false,
            extra: Vec::new(),
            keys,
            unpublished: None,
        })
    }

    fn current(&self, alg: SigningAlg) -> Option<&SigningKey> {
        self.keys.iter().rev().find(|key| key.alg == alg)
    }

    /// Makes and publishes a key for `alg` when there is none.
    pub(super) fn ensure(&mut self, alg: SigningAlg) {
        if self.current(alg).is_none() {
            self.keys.extend(SigningKey::generate(alg));
        }
    }

    /// A new key of the active algorithm; of the old ones only the last stays.
    pub(super) fn rotate(&mut self) {
        let Some(new) = SigningKey::generate(self.active) else {
            return;
        };
        let active = self.active;
        let previous = self.keys.iter().rposition(|key| key.alg == active);
        let mut index = 0;
        self.keys.retain(|key| {
            let keep = key.alg != active || Some(index) == previous;
            index += 1;
            keep
        });
        self.keys.push(new);
    }

    pub(super) fn drop_previous(&mut self) {
        let mut keys = std::mem::take(&mut self.keys);
        while let Some(key) = keys.pop() {
            if self.current(key.alg).is_none() {
                self.keys.push(key);
            }
        }
        self.keys.reverse();
    }

    pub(super) fn jwks(&self) -> Value {
        let own = self.keys.iter().rev().map(|key| key.jwk(self.hide_kid));
        json!({ "keys": self.extra.iter().cloned().chain(own).collect::<Vec<_>>() })
    }

    pub(super) fn kid(&self) -> String {
        self.current(self.active)
            .map(|key| key.kid.clone())
            .unwrap_or_default()
    }

    pub(super) fn public_jwk(&mut self, alg: SigningAlg) -> Value {
        self.ensure(alg);
        self.current(alg)
            .map(|key| key.jwk(self.hide_kid))
            .unwrap_or_default()
    }

    pub(super) fn public_der(&mut self, alg: SigningAlg) -> Vec<u8> {
        self.ensure(alg);
        self.current(alg).map(SigningKey::der).unwrap_or_default()
    }

    pub(super) fn public_pem(&mut self, alg: SigningAlg) -> String {
        let encoded = STANDARD.encode(self.public_der(alg));
        let mut pem = String::from("-----BEGIN PUBLIC KEY-----\n");
        let mut rest = encoded.as_str();
        while !rest.is_empty() {
            let (line, more) = rest.split_at(rest.len().min(64));
            pem.push_str(line);
            pem.push('\n');
            rest = more;
        }
        pem + "-----END PUBLIC KEY-----\n"
    }

    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.current(self.active)
            .map(|key| key.sign(message))
            .unwrap_or_default()
    }

    /// Whether this provider signed the compact JWS with a key it still publishes.
    /// Expiry is not looked at: an old `id_token_hint` is still a hint
    /// (RP-Initiated Logout 1.0, section 4).
    pub(super) fn verified_claims(&self, token: &str) -> Option<Map<String, Value>> {
        let (input, signed) = token.rsplit_once('.')?;
        let (_, payload) = input.split_once('.')?;
        let signed = URL_SAFE_NO_PAD.decode(signed).ok()?;
        if !self
            .keys
            .iter()
            .any(|key| key.verify(input.as_bytes(), &signed))
        {
            return None;
        }
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
    }

    /// The algorithm an ID token signed in this way should be taken to have.
    pub(super) fn alg_of(&self, signing: &Signing) -> SigningAlg {
        match signing {
            Signing::Alg(alg) => *alg,
            Signing::Hmac(_) => SigningAlg::Es256,
            _ => self.active,
        }
    }

    /// The JOSE header of a token of this `typ`, signed in this way.
    pub(super) fn header(&mut self, signing: &Signing, typ: &str) -> Map<String, Value> {
        let (alg, kid) = match signing {
            Signing::None => ("none", None),
            Signing::Hmac(_) => ("HS256", Some(self.kid())),
            Signing::Alg(alg) => {
                self.ensure(*alg);
                (alg.name(), self.current(*alg).map(|key| key.kid.clone()))
            }
            Signing::UnpublishedKey => {
                let kid = self.unpublished().map(|key| key.kid.clone());
                (self.active.name(), kid)
            }
            Signing::Key | Signing::Corrupt | Signing::Raw(_) => {
                (self.active.name(), Some(self.kid()))
            }
        };
        let mut header = Map::new();
        header.insert("alg".into(), json!(alg));
        header.insert("typ".into(), json!(typ));
        if let (Some(kid), false) = (kid, self.hide_kid) {
            header.insert("kid".into(), json!(kid));
        }
        header
    }

    /// The compact serialization (RFC 7515, section 3.1), signed or missigned.
    pub(super) fn encode(
        &mut self,
        signing: &Signing,
        header: &Map<String, Value>,
        claims: &Map<String, Value>,
    ) -> String {
        let header = Value::from(header.clone()).to_string();
        let claims = Value::from(claims.clone()).to_string();
        let input = format!(
            "{}.{}",
            base64url(header.as_bytes()),
            base64url(claims.as_bytes())
        );
        let message = input.as_bytes();
        let signed = match signing {
            Signing::None => Vec::new(),
            Signing::Hmac(secret) => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
                hmac::sign(&key, message).as_ref().to_vec()
            }
            Signing::Alg(alg) => {
                self.ensure(*alg);
                self.current(*alg)
                    .map(|key| key.sign(message))
                    .unwrap_or_default()
            }
            Signing::UnpublishedKey => self
                .unpublished()
                .map(|key| key.sign(message))
                .unwrap_or_default(),
            Signing::Corrupt => {
                let mut signed = self.sign(message);
                if let Some(byte) = signed.last_mut() {
                    *byte ^= 1;
                }
                signed
            }
            Signing::Key | Signing::Raw(_) => self.sign(message),
        };
        format!("{input}.{}", base64url(&signed))
    }

    fn unpublished(&mut self) -> Option<&SigningKey> {
        if self
            .unpublished
            .as_ref()
            .is_none_or(|key| key.alg != self.active)
        {
            self.unpublished = SigningKey::generate(self.active);
        }
        self.unpublished.as_ref()
    }
}
