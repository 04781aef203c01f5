//! What the development provider remembers, in memory and bounded: sessions,
//! sign-ins under way, codes, grants and tokens.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use super::auth_request::AuthRequest;

pub(super) const CODE_LIFETIME: u64 = 60;
pub(super) const INTERACTION_LIFETIME: u64 = 60 * 60;
pub(super) const SESSION_LIFETIME: u64 = 14 * 24 * 60 * 60;
pub(super) const REFRESH_TOKEN_LIFETIME: u64 = 14 * 24 * 60 * 60;
pub(super) const SUBJECT_TOKEN_LIFETIME: u64 = 10 * 60;
/// How long a rotated refresh token still works: parallel requests get through.
pub(super) const REUSE_WINDOW: u64 = 3;

/// A map that forgets its oldest entry when it is full.
pub(super) struct Bounded<V> {
    entries: HashMap<String, V>,
    order: VecDeque<String>,
}

impl<V> Default for Bounded<V> {
    fn default() -> Self {
        Bounded {
            entries: HashMap::new(),
            order: VecDeque::new(),
        }
    }
}

impl<V> Bounded<V> {
    const CAPACITY: usize = 20_000;

    pub(super) fn insert(&mut self, key: String, value: V) {
        if self.entries.insert(key.clone(), value).is_none() {
            self.order.push_back(key);
        }
        if self.order.len() > Self::CAPACITY
            && let Some(oldest) = self.order.pop_front()
        {
            self.entries.remove(&oldest);
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<&V> {
        self.entries.get(key)
    }

    pub(super) fn get_mut(&mut self, key: &str) -> Option<&mut V> {
        self.entries.get_mut(key)
    }

    pub(super) fn remove(&mut self, key: &str) -> Option<V> {
        self.entries.remove(key)
    }

    pub(super) fn keys(&self) -> Vec<String> {
        self.entries.keys().cloned().collect()
    }

    pub(super) fn retain(&mut self, keep: impl Fn(&V) -> bool) {
        self.entries.retain(|_, value| keep(value));
    }
}

/// A browser in which a user is signed in at the provider.
#[derive(Clone)]
pub(super) struct Session {
    pub(super) user: String,
    pub(super) sid: String,
    pub(super) auth_time: u64,
    pub(super) expires: u64,
    /// Scopes granted in this session: `prompt=none` cannot add to them.
    pub(super) consented: BTreeSet<String>,
}

/// A sign-in page that was shown.
pub(super) struct Interaction {
    pub(super) request: AuthRequest,
    pub(super) expires: u64,
}

/// What a user allowed the client in one sign-in. All tokens hang on it:
/// without their grant they are dead.
#[derive(Clone)]
pub(super) struct Grant {
    pub(super) user: String,
    pub(super) client: String,
    pub(super) session: String,
    pub(super) sid: String,
    /// Everything granted, OIDC and resource scopes alike, in the order asked for.
    pub(super) scopes: Vec<String>,
    /// Scopes granted per resource indicator that was asked for.
    pub(super) resources: BTreeMap<String, BTreeSet<String>>,
    pub(super) nonce: Option<String>,
    /// Only when the ID token is to say it.
    pub(super) auth_time: Option<u64>,
}

impl Grant {
    /// `offline_access` outlives the session at the provider.
    pub(super) fn is_offline(&self) -> bool {
        self.scopes.iter().any(|scope| scope == "offline_access")
    }
}

pub(super) struct Code {
    pub(super) grant: String,
    pub(super) redirect_uri: String,
    pub(super) code_challenge: Option<String>,
    pub(super) expires: u64,
    pub(super) used: bool,
}

/// An opaque access token, for the userinfo endpoint.
pub(super) struct AccessToken {
    pub(super) grant: String,
    pub(super) scopes: Vec<String>,
    pub(super) issued: u64,
    pub(super) expires: u64,
}

/// What the Management API gives out to act as a user, once.
pub(super) struct SubjectToken {
    pub(super) user: String,
    pub(super) expires: u64,
}

pub(super) struct RefreshToken {
    pub(super) grant: String,
    pub(super) issued: u64,
    pub(super) rotated: Option<u64>,
}

#[derive(Default)]
pub(super) struct Store {
    pub(super) sessions: Bounded<Session>,
    pub(super) interactions: Bounded<Interaction>,
    pub(super) pushed: Bounded<(Vec<(String, String)>, u64)>,
    pub(super) codes: Bounded<Code>,
    pub(super) grants: Bounded<Grant>,
    pub(super) access_tokens: Bounded<AccessToken>,
    pub(super) refresh_tokens: Bounded<RefreshToken>,
    pub(super) subject_tokens: Bounded<SubjectToken>,
}

impl Store {
    /// Ends a session, and with it the grants that do not outlive it.
    pub(super) fn end_session(&mut self, id: &str) {
        self.sessions.remove(id);
        self.grants
            .retain(|grant| grant.session != id || grant.is_offline());
    }
}

#[cfg(test)]
mod tests {
    use super::Bounded;

    #[test]
    fn a_full_map_forgets_the_oldest() {
        let mut map = Bounded::default();
        for n in 0..Bounded::<usize>::CAPACITY + 2 {
            map.insert(n.to_string(), n);
            map.remove("5");
        }
        assert!(map.get("0").is_none() && map.get("1").is_none());
        assert_eq!(map.get("2"), Some(&2));
        assert!(map.keys().len() <= Bounded::<usize>::CAPACITY);
    }
}
