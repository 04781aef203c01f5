//! More keys, other keys, and every form of a public key: for tests.

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::signature::KeyPair;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::key::Pair;
use super::{KeyRing, SigningAlg, SigningKey};

impl KeyRing {
    /// Makes and publishes a key for `alg` when there is none.
    pub(crate) fn ensure(&mut self, alg: SigningAlg) {
        if self.current(alg).is_none() {
            let mut new = SigningKey::generate(alg);
            if let Some(key) = &mut new {
                key.is_beside = true;
            }
            self.keys.extend(new);
        }
    }

    /// Signs with `alg` from now on, and announces nothing else.
    pub(crate) fn sign_with_only(&mut self, alg: SigningAlg) {
        self.ensure(alg);
        self.active = alg;
        for key in &mut self.keys {
            key.is_beside = key.alg() != alg;
        }
    }

    pub(crate) fn drop_previous(&mut self) {
        let mut keys = std::mem::take(&mut self.keys);
        while let Some(key) = keys.pop() {
            if self.current(key.alg()).is_none() {
                self.keys.push(key);
            }
        }
        self.keys.reverse();
    }
}

impl SigningKey {
    /// The public key as DER (`SubjectPublicKeyInfo`).
    pub(crate) fn der(&self) -> Vec<u8> {
        let der = match &self.pair {
            Pair::Ec(pair) => AsDer::<PublicKeyX509Der>::as_der(pair.public_key()),
            Pair::Rsa(pair) => AsDer::<PublicKeyX509Der>::as_der(pair.public_key()),
        };
        der.map(|der| der.as_ref().to_vec()).unwrap_or_default()
    }

    /// The public key as PEM text.
    pub(crate) fn pem(&self) -> String {
        let encoded = STANDARD.encode(self.der());
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
}
