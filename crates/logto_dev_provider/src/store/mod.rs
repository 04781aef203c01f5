//! What the development provider remembers, in memory and bounded: sessions,
//! sign-ins under way, codes, grants and tokens.

mod kept;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::acr::Level;
use crate::auth_request::AuthRequest;
use crate::clients::{THIRD_PARTIES_MAX, ThirdParty};

pub(crate) use kept::KeptSessions;

pub(crate) const CODE_LIFETIME: u64 = 60;
pub(crate) const INTERACTION_LIFETIME: u64 = 60 * 60;
pub(crate) const SESSION_LIFETIME: u64 = 14 * 24 * 60 * 60;
pub(crate) const REFRESH_TOKEN_LIFETIME: u64 = 14 * 24 * 60 * 60;
pub(crate) const SUBJECT_TOKEN_LIFETIME: u64 = 10 * 60;
pub(crate) const ONE_TIME_TOKEN_LIFETIME: u64 = 10 * 60;
pub(crate) const VERIFICATION_LIFETIME: u64 = 10 * 60;
/// How long a rotated refresh token still works: parallel requests get through.
pub(crate) const REUSE_WINDOW: u64 = 3;

/// A map that forgets its oldest entry when it is full.
pub(crate) struct Bounded<V, const CAPACITY: usize = 20_000> {
    entries: HashMap<String, V>,
    order: VecDeque<String>,
    /// How often it may have changed.
    edits: u64,
}

impl<V, const CAPACITY: usize> Default for Bounded<V, CAPACITY> {
    fn default() -> Self {
        Bounded {
            entries: HashMap::new(),
            order: VecDeque::new(),
            edits: 0,
        }
    }
}

impl<V, const CAPACITY: usize> Bounded<V, CAPACITY> {
    pub(crate) fn insert(&mut self, key: String, value: V) {
        self.edits += 1;
        if self.entries.insert(key.clone(), value).is_none() {
            self.order.push_back(key);
        }
        if self.order.len() > CAPACITY
            && let Some(oldest) = self.order.pop_front()
        {
            self.entries.remove(&oldest);
        }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&V> {
        self.entries.get(key)
    }

    pub(crate) fn get_mut(&mut self, key: &str) -> Option<&mut V> {
        self.edits += 1;
        self.entries.get_mut(key)
    }

    pub(crate) fn remove(&mut self, key: &str) -> Option<V> {
        self.edits += 1;
        self.entries.remove(key)
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn any(&self, holds: impl Fn(&V) -> bool) -> bool {
        self.entries.values().any(holds)
    }

    pub(crate) fn keys(&self) -> Vec<String> {
        self.entries.keys().cloned().collect()
    }

    pub(crate) fn keys_where(&self, holds: impl Fn(&V) -> bool) -> Vec<String> {
        let found = self.entries.iter().filter(|(_, value)| holds(value));
        found.map(|(key, _)| key.clone()).collect()
    }

    pub(crate) fn retain(&mut self, keep: impl Fn(&V) -> bool) {
        self.edits += 1;
        self.entries.retain(|_, value| keep(value));
    }
}

/// A browser in which a user is signed in at the provider.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Session {
    pub(crate) user: String,
    pub(crate) sid: String,
    pub(crate) auth_time: u64,
    pub(crate) expires: u64,
    /// How strongly they have authenticated.
    #[serde(default)]
    pub(crate) level: Level,
    /// Scopes granted to the application in this session: `prompt=none` cannot add to them.
    pub(crate) consented: BTreeSet<String>,
}

/// A sign-in page that was shown.
pub(crate) struct Interaction {
    pub(crate) request: AuthRequest,
    pub(crate) expires: u64,
    pub(crate) stage: Stage,
}

/// How far a sign-in under way has come.
#[derive(Clone)]
pub(crate) enum Stage {
    /// Nobody has said who they are.
    Begun,
    /// Somebody has authenticated by one factor, and is asked for the second one.
    SecondFactor(FirstFactor),
    /// The user of this session is asked whether the client may have what it wants.
    Consent(String),
}

/// One factor is there.
#[derive(Clone)]
pub(crate) struct FirstFactor {
    pub(crate) user: String,
    pub(crate) auth_time: u64,
    /// What webhooks call it.
    pub(crate) event: &'static str,
}

/// What a user allowed the client in one sign-in. All tokens hang on it:
/// without their grant they are dead.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Grant {
    pub(crate) user: String,
    pub(crate) client: String,
    pub(crate) session: String,
    pub(crate) sid: String,
    /// Everything granted, OIDC and resource scopes alike, in the order asked for.
    pub(crate) scopes: Vec<String>,
    /// Scopes granted per resource indicator that was asked for.
    pub(crate) resources: BTreeMap<String, BTreeSet<String>>,
    pub(crate) nonce: Option<String>,
    /// Only when the tokens are to say it.
    pub(crate) auth_time: Option<u64>,
    /// The same of how strongly the user has authenticated.
    #[serde(default)]
    pub(crate) level: Option<Level>,
}

impl Grant {
    /// What the tokens say of the user's authentication: ID tokens, JWT access tokens and
    /// introspection the same.
    pub(crate) fn authentication(&self) -> Map<String, Value> {
        let mut claims = Map::new();
        if let Some(auth_time) = self.auth_time {
            claims.insert("auth_time".into(), json!(auth_time));
        }
        if let Some(level) = self.level {
            claims.insert("acr".into(), json!(level.acr()));
            claims.insert("amr".into(), json!(level.amr()));
        }
        claims
    }

    /// `offline_access` outlives the session at the provider.
    pub(crate) fn is_offline(&self) -> bool {
        self.scopes.iter().any(|scope| scope == "offline_access")
    }
}

pub(crate) struct Code {
    pub(crate) grant: String,
    pub(crate) redirect_uri: String,
    pub(crate) code_challenge: Option<String>,
    /// The thumbprint of the key without which it is of no use (RFC 9449, section 10).
    pub(crate) dpop_jkt: Option<String>,
    pub(crate) expires: u64,
    pub(crate) used: bool,
}

/// An opaque access token, for the userinfo endpoint.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AccessToken {
    pub(crate) grant: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) issued: u64,
    pub(crate) expires: u64,
    /// The key that it is bound to, by its thumbprint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<String>,
}

/// What the Management API gives out to act as a user, once.
pub(crate) struct SubjectToken {
    pub(crate) user: String,
    pub(crate) expires: u64,
}

/// That a user has proven who they are, to the Account API.
pub(crate) struct Verification {
    pub(crate) user: String,
    pub(crate) expires: u64,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RefreshToken {
    pub(crate) grant: String,
    pub(crate) issued: u64,
    pub(crate) rotated: Option<u64>,
    /// The key that it is bound to: only a public client's is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<String>,
}

#[derive(Default)]
pub(crate) struct Store {
    pub(crate) sessions: Bounded<Session>,
    pub(crate) interactions: Bounded<Interaction>,
    pub(crate) pushed: Bounded<(Vec<(String, String)>, u64)>,
    pub(crate) codes: Bounded<Code>,
    pub(crate) grants: Bounded<Grant>,
    pub(crate) access_tokens: Bounded<AccessToken>,
    pub(crate) refresh_tokens: Bounded<RefreshToken>,
    pub(crate) subject_tokens: Bounded<SubjectToken>,
    /// Users who have just proven who they are to the Account API.
    pub(crate) verifications: Bounded<Verification>,
    /// Client and `jti` of the assertions that were taken: each is good once.
    pub(crate) assertions: Bounded<()>,
    /// Clients that have registered themselves.
    pub(crate) registered_clients: Bounded<ThirdParty, THIRD_PARTIES_MAX>,
    /// The same of proofs of possession, by key.
    pub(crate) proofs: Bounded<()>,
}

impl Store {
    /// Ends a session, and with it the grants that do not outlive it.
    pub(crate) fn end_session(&mut self, id: &str) {
        self.sessions.remove(id);
        self.grants
            .retain(|grant| grant.session != id || grant.is_offline());
    }

    /// The same, and all its grants with it.
    pub(crate) fn end_session_and_grants(&mut self, id: &str) {
        self.sessions.remove(id);
        self.grants.retain(|grant| grant.session != id);
    }

    /// Ends all that a user has here: sessions, grants, and the tokens with them.
    pub(crate) fn forget_user(&mut self, id: &str) {
        self.sessions.retain(|session| session.user != id);
        self.grants.retain(|grant| grant.user != id);
        self.subject_tokens.retain(|token| token.user != id);
    }
}

#[cfg(test)]
mod tests {
    use super::Bounded;

    #[test]
    fn a_full_map_forgets_the_oldest() {
        const CAPACITY: usize = 10;
        let mut map = Bounded::<usize, CAPACITY>::default();
        for n in 0..CAPACITY + 2 {
            map.insert(n.to_string(), n);
            map.remove("5");
        }
        assert!(map.get("0").is_none() && map.get("1").is_none());
        assert_eq!(map.get("2"), Some(&2));
        assert!(map.keys().len() <= CAPACITY);
    }
}
