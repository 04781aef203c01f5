//! The keys of a provider: which one signs, which are published, and how a JWT
//! is put together (RFC 7515, section 3.1).

mod kept;
mod key;
#[cfg(feature = "_hooks")]
mod rotation;

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest;
use serde_json::{Map, Value, json};
use thiserror::Error;

use crate::crypto::{base64url, from_base64url, left_half};

pub(crate) use kept::KeptKeys;
pub(crate) use key::SigningKey;

/// `typ` of an ID token, and of a JWT that is nothing in particular.
pub(crate) const ID_TOKEN_TYP: &str = "JWT";
/// `typ` of a JWT access token (RFC 9068, section 2.1).
pub(crate) const ACCESS_TOKEN_TYP: &str = "at+jwt";
/// `typ` of a logout token (Back-Channel Logout 1.0, section 2.4).
pub(crate) const LOGOUT_TOKEN_TYP: &str = "logout+jwt";

/// A JWS algorithm the provider can sign with.
///
/// ```
/// # use logto_dev_provider::SigningAlg;
/// assert_eq!("RS256".parse(), Ok(SigningAlg::Rs256));
/// assert_eq!(SigningAlg::default().to_string(), "ES384");
/// assert!("HS256".parse::<SigningAlg>().is_err());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SigningAlg {
    /// ECDSA on P-384 with SHA-384: what Logto uses by default.
    #[default]
    Es384,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// RSASSA-PKCS1-v1_5 with SHA-256: what older Logto tenants use.
    Rs256,
}

/// The error of parsing a [`SigningAlg`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("unknown signing algorithm: write ES384, ES256 or RS256")]
#[non_exhaustive]
pub struct UnknownSigningAlg;

impl SigningAlg {
    const ALL: [SigningAlg; 3] = [SigningAlg::Es384, SigningAlg::Es256, SigningAlg::Rs256];

    /// The name in a JOSE header: `ES384`, `ES256`, `RS256`.
    pub fn name(self) -> &'static str {
        match self {
            SigningAlg::Es384 => "ES384",
            SigningAlg::Es256 => "ES256",
            SigningAlg::Rs256 => "RS256",
        }
    }

    /// `at_hash` of an access token, by the hash function of the ID token's
    /// algorithm (OpenID Connect Core 3.1.3.6).
    pub(crate) fn at_hash(self, access_token: &str) -> String {
        let algorithm = match self {
            SigningAlg::Es384 => &digest::SHA384,
            SigningAlg::Es256 | SigningAlg::Rs256 => &digest::SHA256,
        };
        left_half(algorithm, access_token.as_bytes())
    }
}

impl fmt::Display for SigningAlg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for SigningAlg {
    type Err = UnknownSigningAlg;

    fn from_str(name: &str) -> Result<SigningAlg, UnknownSigningAlg> {
        let mut all = SigningAlg::ALL.into_iter();
        all.find(|alg| alg.name() == name).ok_or(UnknownSigningAlg)
    }
}

/// All keys of one provider. Per algorithm the last key is the one that signs;
/// the key that signed before stays published, as Logto does after a rotation.
pub(crate) struct KeyRing {
    /// The algorithm that signs now.
    pub(crate) active: SigningAlg,
    keys: Vec<SigningKey>,
}

impl KeyRing {
    pub(crate) fn new(active: SigningAlg) -> Option<KeyRing> {
        let keys = vec![SigningKey::generate(active)?];
        Some(KeyRing { active, keys })
    }

    /// The key that signs with `alg`.
    pub(crate) fn current(&self, alg: SigningAlg) -> Option<&SigningKey> {
        self.keys.iter().rev().find(|key| key.alg() == alg)
    }

    /// Signs with a new key of this algorithm from now on. The one before stays
    /// published, older ones are forgotten: Logto keeps two, of whatever type.
    pub(crate) fn rotate(&mut self, alg: SigningAlg) {
        let Some(new) = SigningKey::generate(alg) else {
            return;
        };
        let current = self.current(self.active).map(SigningKey::kid);
        self.keys.retain_mut(|key| {
            let is_current = current.as_ref() == Some(&key.kid());
            key.is_beside &= !is_current;
            is_current || key.is_beside
        });
        self.keys.push(new);
        self.active = alg;
    }

    /// What tokens may be signed with, by the keys that are published, in the order of
    /// their names. Logto says `PS256` of an RSA key, too, and signs with `RS256`.
    pub(crate) fn algs(&self) -> Vec<&'static str> {
        let own = self.keys.iter().filter(|key| !key.is_beside);
        let names = own.flat_map(|key| match key.alg() {
            SigningAlg::Rs256 => vec!["PS256", "RS256"],
            alg => vec![alg.name()],
        });
        let names: BTreeSet<&str> = names.collect();
        names.into_iter().collect()
    }

    /// `kid` and algorithm of the key that signs, and of the one before it.
    pub(crate) fn current_and_previous(&self) -> Vec<(String, SigningAlg)> {
        let own = self.keys.iter().rev().filter(|key| !key.is_beside);
        own.map(|key| (key.kid(), key.alg())).take(2).collect()
    }

    /// What is published, the newest key first.
    pub(crate) fn jwks(&self) -> Value {
        let keys = self.keys.iter().rev().map(SigningKey::jwk);
        json!({ "keys": keys.collect::<Vec<_>>() })
    }

    /// A JWT of this `typ`, signed by the current key.
    pub(crate) fn encode(&self, typ: &str, claims: Map<String, Value>) -> String {
        let key = self.current(self.active);
        let mut header = Map::new();
        header.insert("alg".into(), json!(self.active.name()));
        header.insert("typ".into(), json!(typ));
        header.insert("kid".into(), json!(key.map(SigningKey::kid)));
        let input = signing_input(header, claims);
        let signed = key.map(|key| key.sign(input.as_bytes()));
        compact(&input, &signed.unwrap_or_default())
    }

    /// The claims of a compact JWS, if this provider signed it with a key it
    /// still publishes. Expiry is not looked at: an old `id_token_hint` is
    /// still a hint (RP-Initiated Logout 1.0, section 4).
    pub(crate) fn verified_claims(&self, token: &str) -> Option<Map<String, Value>> {
        let (input, signed) = token.rsplit_once('.')?;
        let (_, payload) = input.split_once('.')?;
        let signed = from_base64url(signed)?;
        let mut keys = self.keys.iter();
        if !keys.any(|key| key.verify(input.as_bytes(), &signed)) {
            return None;
        }
        serde_json::from_slice(&from_base64url(payload)?).ok()
    }
}

/// What is signed of a JWS (RFC 7515, section 5.1).
pub(crate) fn signing_input(header: Map<String, Value>, claims: Map<String, Value>) -> String {
    let encode = |part| base64url(Value::Object(part).to_string());
    format!("{}.{}", encode(header), encode(claims))
}

/// The compact serialization (RFC 7515, section 3.1).
pub(crate) fn compact(input: &str, signature: &[u8]) -> String {
    format!("{input}.{}", base64url(signature))
}
