//! The nonces that servers have given this app (RFC 9449 section 8): the last one of each.

use std::sync::{Mutex, PoisonError};

use openidconnect::http::HeaderMap;
use url::Url;

use super::{DPOP_NONCE, is_nonce};

/// The most servers remembered. A provider has one or two.
const SERVERS: usize = 16;

#[derive(Default)]
pub(crate) struct Nonces(Mutex<Vec<(String, String)>>);

impl Nonces {
    /// Of the server of this address: a nonce of one authority is for no other (section 8.2).
    pub(crate) fn of(&self, url: &Url) -> Option<String> {
        let server = url.origin().ascii_serialization();
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = known.iter().find(|(other, _)| *other == server);
        found.map(|(_, nonce)| nonce.clone())
    }

    /// Remembers the one of a response (section 8.2). Whether there was one.
    pub(crate) fn note(&self, url: &Url, headers: &HeaderMap) -> bool {
        let nonce = headers.get(DPOP_NONCE);
        let nonce = nonce.and_then(|nonce| nonce.to_str().ok());
        match nonce.filter(|nonce| is_nonce(nonce)) {
            Some(nonce) => {
                self.set(url, nonce);
                true
            }
            None => false,
        }
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
