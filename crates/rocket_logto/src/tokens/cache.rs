//! The access tokens of one session that this process has fetched.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use super::token::{Token, TokenFor};
use crate::clock::Seconds;

/// Per session: one for each combination of organization, resource and scopes.
const MAX_TOKENS: usize = 64;

#[derive(Default)]
pub(crate) struct TokenCache(HashMap<TokenFor, Fetched>);

struct Fetched {
    token: Arc<Token>,
    at: Instant,
    /// The version of the session that it was fetched for.
    version: u32,
}

impl TokenCache {
    /// A token of `version` or later that is not about to expire.
    pub(crate) fn lasting(&self, key: &TokenFor, version: u32, now: Seconds) -> Option<Arc<Token>> {
        let fetched = self.0.get(key)?;
        (fetched.token.lasts(now) && fetched.version >= version).then(|| fetched.token.clone())
    }

    /// A token of `version` or later that was fetched since `asked`, however soon it
    /// expires.
    pub(crate) fn fetched_since(
        &self,
        key: &TokenFor,
        version: u32,
        asked: Instant,
    ) -> Option<Arc<Token>> {
        let fetched = self.0.get(key)?;
        (fetched.at >= asked && fetched.version >= version).then(|| fetched.token.clone())
    }

    pub(crate) fn insert(&mut self, key: TokenFor, token: Arc<Token>, version: u32, now: Seconds) {
        if self.0.len() >= MAX_TOKENS {
            self.0.retain(|_, fetched| fetched.token.ends_at() > now);
        }
        if self.0.len() >= MAX_TOKENS {
            let first = self
                .0
                .iter()
                .min_by_key(|(_, fetched)| fetched.token.ends_at());
            if let Some(key) = first.map(|(key, _)| key.clone()) {
                self.0.remove(&key);
            }
        }
        let at = Instant::now();
        self.0.insert(key, Fetched { token, at, version });
    }

    pub(crate) fn has(&self, token: &Token) -> bool {
        let mut known = self.0.values();
        known.any(|other| other.token.secret() == token.secret())
    }

    /// Forgets a token that was refused, but not a newer one that another request
    /// has fetched since.
    pub(crate) fn remove(&mut self, token: &Token) {
        self.0
            .retain(|_, other| other.token.secret() != token.secret());
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}
