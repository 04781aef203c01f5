//! Sessions that are over before their time. A cookie cannot be taken back,
//! so a copy of it must be refused: kept in process, as long as it could live.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use super::{Session, SessionId};
use crate::oidc::verify::Seconds;

const BOUND: usize = 100_000;

/// Revoked session ids, oldest session first.
pub(crate) struct Revocations {
    bound: usize,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    revoked: BTreeSet<(Seconds, SessionId)>,
    /// Sessions begun before this are refused: what was forgotten about them
    /// to stay within the bound must not let one back in.
    refused_before: Seconds,
}

impl Default for Revocations {
    fn default() -> Self {
        Revocations {
            bound: BOUND,
            inner: Mutex::default(),
        }
    }
}

impl Revocations {
    /// Ends `session` for every copy of its cookie. `absolute` is how long a
    /// session can live, in seconds; what is older needs no mention.
    pub(crate) fn revoke(&self, session: &Session, absolute: Seconds, now: Seconds) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner
            .revoked
            .insert((session.created_at, session.id.clone()));
        let expired = now.saturating_sub(absolute);
        while inner
            .revoked
            .first()
            .is_some_and(|(created_at, _)| *created_at < expired)
        {
            inner.revoked.pop_first();
        }
        while inner.revoked.len() > self.bound {
            if let Some((created_at, _)) = inner.revoked.pop_first() {
                inner.refused_before = inner.refused_before.max(created_at.saturating_add(1));
            }
        }
    }

    pub(crate) fn is_revoked(&self, session: &Session) -> bool {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        session.created_at < inner.refused_before
            || inner
                .revoked
                .contains(&(session.created_at, session.id.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(id: &str, created_at: Seconds) -> Session {
        serde_json::from_value(serde_json::json!({
            "i": id, "u": "sub", "t": "token", "c": created_at, "s": created_at, "f": created_at,
        }))
        .unwrap()
    }

    #[test]
    fn refuses_the_revoked_session_and_no_other() {
        let revocations = Revocations::default();
        revocations.revoke(&session("a", 10), 1000, 20);
        assert!(revocations.is_revoked(&session("a", 10)));
        assert!(!revocations.is_revoked(&session("b", 10)));
    }

    #[test]
    fn at_its_bound_refuses_the_oldest_rather_than_forget() {
        let revocations = Revocations {
            bound: 2,
            inner: Mutex::default(),
        };
        for (id, created_at) in [("a", 10), ("b", 11), ("c", 12)] {
            revocations.revoke(&session(id, created_at), 1000, 20);
        }
        assert!(revocations.is_revoked(&session("a", 10)));
        assert!(revocations.is_revoked(&session("never revoked, as old", 10)));
        assert!(!revocations.is_revoked(&session("younger", 11)));
    }

    #[test]
    fn forgets_what_can_no_longer_live() {
        let revocations = Revocations::default();
        revocations.revoke(&session("a", 10), 1000, 20);
        revocations.revoke(&session("b", 2000), 1000, 2000);
        assert_eq!(revocations.inner.lock().unwrap().revoked.len(), 1);
    }
}
