//! The nonces that servers have given this app (RFC 9449 section 8): the last one of each.

use std::sync::{Mutex, PoisonError};

use url::Url;

/// The most servers remembered. A provider has one or two.
const SERVERS: usize = 16;

#[derive(Default)]
pub(super) struct Nonces(Mutex<Vec<(String, String)>>);

impl Nonces {
    /// Of the server of this address: a nonce of one authority is for no other (section 8.2).
    pub(super) fn of(&self, url: &Url) -> Option<String> {
        let server = url.origin().ascii_serialization();
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = known.iter().find(|(other, _)| *other == server);
        found.map(|(_, nonce)| nonce.clone())
    }

    pub(super) fn set(&self, url: &Url, nonce: &str) {
        let server = url.origin().ascii_serialization();
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|(other, _)| *other != server);
        if known.len() == SERVERS {
            known.remove(0);
        }
        known.push((server, nonce.to_owned()));
    }
}
