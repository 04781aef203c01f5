//! What of the store outlives the process, where a state file is named: who is signed
//! in at the provider, with which tokens, and which clients have registered themselves. Codes and sign-ins under way do not.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::clients::ThirdParty;

use super::{AccessToken, Bounded, Grant, REFRESH_TOKEN_LIFETIME, RefreshToken, Session, Store};

/// The most of each kind, the newest ones.
const KEPT_MAX: usize = 500;

#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct KeptSessions {
    sessions: Vec<(String, Session)>,
    grants: Vec<(String, Grant)>,
    access_tokens: Vec<(String, AccessToken)>,
    refresh_tokens: Vec<(String, RefreshToken)>,
    registered_clients: Vec<(String, ThirdParty)>,
}

impl<V: Clone, const CAPACITY: usize> Bounded<V, CAPACITY> {
    /// The newest ones, the oldest of them first.
    fn newest(&self, lasts: impl Fn(&str, &V) -> bool) -> Vec<(String, V)> {
        let newest = self.order.iter().rev().filter_map(|key| {
            let value = self.entries.get(key).filter(|value| lasts(key, value))?;
            Some((key.clone(), value.clone()))
        });
        let mut newest: Vec<_> = newest.take(KEPT_MAX).collect();
        newest.reverse();
        newest
    }

    fn fill(&mut self, kept: Vec<(String, V)>) {
        for (key, value) in kept {
            self.insert(key, value);
        }
    }
}

impl Store {
    pub(crate) fn to_kept(&self, now: u64) -> KeptSessions {
        let access_tokens = self.access_tokens.newest(|_, token| token.expires > now);
        let lasts = |token: &RefreshToken| token.issued + REFRESH_TOKEN_LIFETIME > now;
        let refresh_tokens = self.refresh_tokens.newest(|_, token| lasts(token));
        // Nothing hangs on the others any more.
        let of_access = access_tokens.iter().map(|(_, token)| token.grant.as_str());
        let of_refresh = refresh_tokens.iter().map(|(_, token)| token.grant.as_str());
        let alive: HashSet<&str> = of_access.chain(of_refresh).collect();
        let grants = self.grants.newest(|id, _| alive.contains(id));
        KeptSessions {
            sessions: self.sessions.newest(|_, session| session.expires > now),
            grants,
            access_tokens,
            refresh_tokens,
            registered_clients: self.registered_clients.newest(|_, _| true),
        }
    }

    pub(crate) fn from_kept(kept: KeptSessions) -> Store {
        let mut store = Store::default();
        store.sessions.fill(kept.sessions);
        store.grants.fill(kept.grants);
        store.access_tokens.fill(kept.access_tokens);
        store.refresh_tokens.fill(kept.refresh_tokens);
        store.registered_clients.fill(kept.registered_clients);
        store
    }

    /// Another number than before when something of this may have changed.
    pub(crate) fn edits(&self) -> u64 {
        let tokens = self.access_tokens.edits + self.refresh_tokens.edits;
        let clients = self.registered_clients.edits;
        self.sessions.edits + self.grants.edits + tokens + clients
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_kept_with_what_they_hang_on() {
        let mut store = Store::default();
        for n in 0..KEPT_MAX as u64 + 10 {
            let token = |grant: &str| RefreshToken {
                grant: grant.to_owned(),
                issued: n,
                rotated: None,
                key: None,
            };
            store.refresh_tokens.insert(n.to_string(), token("g"));
        }
        store.refresh_tokens.remove("300");
        let kept = store.to_kept(0).refresh_tokens;
        assert_eq!(kept.len(), KEPT_MAX);
        assert_eq!(kept[0].0, "9", "the oldest are left out");
        assert_eq!(kept[KEPT_MAX - 1].0, (KEPT_MAX + 9).to_string());
        let expired = store.to_kept(REFRESH_TOKEN_LIFETIME + 100);
        assert_eq!(expired.refresh_tokens[0].0, "101");
    }
}
