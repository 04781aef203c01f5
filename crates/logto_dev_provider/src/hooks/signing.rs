//! Tokens signed in any way, right or wrong.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::hmac;
use serde_json::{Map, Value, json};

use super::switches::Hooks;
use crate::keys::{SigningAlg, SigningKey, compact, signing_input};
use crate::provider::lock;

type RawToken = Arc<dyn Fn(&str, &str) -> String + Send + Sync>;

/// How a token is signed. Each variant also sets the header's `alg` and `kid`
/// to match; an edit of the header comes after that and wins.
#[derive(Clone, Default)]
pub enum Signing {
    /// Rightly, with the current key.
    #[default]
    Key,
    /// `alg` `none` and an empty signature (RFC 8725, section 2.1).
    None,
    /// `alg` `HS256` with this secret, for example the text of a public key.
    Hmac(Vec<u8>),
    /// With another algorithm. Its key is published from the moment the hook is set.
    Alg(SigningAlg),
    /// With a key, and its `kid`, that is not in the key set.
    UnpublishedKey,
    /// With the current key, then one bit is turned.
    Corrupt,
    /// Not by the provider: gets header and claims as JSON text, gives the
    /// whole token. [`Hooks::sign`] helps.
    Raw(RawToken),
}

impl Signing {
    /// [`Signing::Raw`] from a closure.
    pub fn raw(make: impl Fn(&str, &str) -> String + Send + Sync + 'static) -> Signing {
        Signing::Raw(Arc::new(make))
    }
}

impl fmt::Debug for Signing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Signing::Key => "Key",
            Signing::None => "None",
            Signing::Hmac(_) => "Hmac",
            Signing::Alg(alg) => alg.name(),
            Signing::UnpublishedKey => "UnpublishedKey",
            Signing::Corrupt => "Corrupt",
            Signing::Raw(_) => "Raw",
        })
    }
}

impl Hooks {
    /// A token of any kind (`at+jwt`, `logout+jwt`, …), signed or missigned.
    /// `edit` gets the header (`alg`, `typ`, `kid`) and the claims given.
    pub fn forge(
        &self,
        signing: &Signing,
        typ: &str,
        mut claims: Map<String, Value>,
        edit: impl FnOnce(&mut Map<String, Value>, &mut Map<String, Value>),
    ) -> String {
        let mut header = self.header(signing, typ);
        edit(&mut header, &mut claims);
        if let Signing::Raw(make) = signing {
            // Without a lock: the closure may want to sign something itself.
            let header = Value::from(header).to_string();
            return make(&header, &Value::from(claims).to_string());
        }
        let input = signing_input(header, claims);
        let signed = self.signature(signing, input.as_bytes());
        compact(&input, &signed)
    }

    fn header(&self, signing: &Signing, typ: &str) -> Map<String, Value> {
        let active = self.active();
        let (alg, kid) = match signing {
            Signing::None => ("none", None),
            Signing::Hmac(_) => ("HS256", Some(self.kid())),
            Signing::Alg(alg) => (alg.name(), self.with_key(*alg, SigningKey::kid)),
            Signing::UnpublishedKey => (active.name(), self.with_unpublished(SigningKey::kid)),
            Signing::Key | Signing::Corrupt | Signing::Raw(_) => (active.name(), Some(self.kid())),
        };
        let mut header = Map::new();
        header.insert("alg".into(), json!(alg));
        header.insert("typ".into(), json!(typ));
        if let (Some(kid), false) = (kid, self.state().hide_kid) {
            header.insert("kid".into(), json!(kid));
        }
        header
    }

    fn signature(&self, signing: &Signing, message: &[u8]) -> Vec<u8> {
        let sign = |key: &SigningKey| key.sign(message);
        match signing {
            Signing::None => Vec::new(),
            Signing::Hmac(secret) => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
                hmac::sign(&key, message).as_ref().to_vec()
            }
            Signing::Alg(alg) => self.with_key(*alg, sign).unwrap_or_default(),
            Signing::UnpublishedKey => self.with_unpublished(sign).unwrap_or_default(),
            Signing::Corrupt => {
                let mut signed = self.sign(message);
                if let Some(byte) = signed.last_mut() {
                    *byte ^= 1;
                }
                signed
            }
            Signing::Key | Signing::Raw(_) => self.sign(message),
        }
    }

    /// Looks at the current key of `alg`, made and published when there is none.
    pub(super) fn with_key<T>(
        &self,
        alg: SigningAlg,
        look: impl FnOnce(&SigningKey) -> T,
    ) -> Option<T> {
        let mut keys = self.keys();
        keys.ensure(alg);
        keys.current(alg).map(look)
    }

    /// Looks at a key of the active algorithm that is not in the key set.
    fn with_unpublished<T>(&self, look: impl FnOnce(&SigningKey) -> T) -> Option<T> {
        let active = self.active();
        let mut unpublished = lock(&self.unpublished);
        if unpublished.as_ref().is_none_or(|key| key.alg() != active) {
            *unpublished = SigningKey::generate(active);
        }
        unpublished.as_ref().map(look)
    }
}
