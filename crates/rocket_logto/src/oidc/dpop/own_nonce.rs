//! The nonces that this app, as an API, demands (RFC 9449 sections 8 and 9). They follow from
//! the time and a secret, so nothing is kept, and instances with one `secret_key` agree.

use aws_lc_rs::hmac;

use super::base64url;
use crate::clock::Seconds;
use crate::config::SecretBytes;

/// In seconds: how long one is given out. It is good for as long again.
const EACH: Seconds = 150;

/// By each secret: instances get a new one after each other.
pub(crate) struct OwnNonces(Vec<hmac::Key>);

impl OwnNonces {
    pub(crate) fn new(secret: &SecretBytes) -> OwnNonces {
        let key = |secret| hmac::Key::new(hmac::HMAC_SHA256, secret);
        OwnNonces(secret.all().map(key).collect())
    }

    /// The one to give out now.
    pub(crate) fn current(&self, now: Seconds) -> String {
        let first = self.0.first();
        first.map_or_else(String::new, |key| of(key, now.div_euclid(EACH)))
    }

    /// Whether it was given out a short while ago, here or by an instance whose clock is a
    /// little ahead.
    pub(crate) fn has_given(&self, nonce: &str, now: Seconds) -> bool {
        let slot = now.div_euclid(EACH);
        let slots = [slot, slot - 1, slot + 1];
        // It goes out to everybody, so there is nothing to hide in how long this takes.
        let is_of = |key: &hmac::Key| slots.into_iter().any(|slot| of(key, slot) == nonce);
        self.0.iter().any(is_of)
    }
}

fn of(key: &hmac::Key, slot: Seconds) -> String {
    let text = format!("rocket_logto DPoP nonce {slot}");
    base64url(&hmac::sign(key, text.as_bytes()).as_ref()[..18])
}
