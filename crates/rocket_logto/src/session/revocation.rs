//! Sessions that ended early. A cookie cannot be taken back, so copies of it must be
//! refused for as long as it could be valid. Kept in the memory of this process.

use std::collections::{BTreeSet, HashMap};
use std::sync::{PoisonError, RwLock, RwLockWriteGuard};

use super::model::{Session, SessionId, SessionRef};
use crate::clock::Seconds;

/// The most entries of each kind.
const BOUND: usize = 100_000;

/// What is refused: single sessions, sessions at the provider, users.
pub(crate) struct Revocations {
    bound: usize,
    inner: RwLock<Inner>,
}

#[derive(Default)]
struct Inner {
    /// Revoked session ids, oldest session first.
    ids: BTreeSet<(Seconds, SessionId)>,
    sids: Names,
    subs: Names,
    /// Users, of whom only sessions without a `sid` are refused.
    subs_without_sid: Names,
    /// Sessions begun before this are refused, because entries about them were dropped
    /// to stay within the bound.
    refused_before: Seconds,
}

/// Names, each with a time: its sessions begun by then are refused.
#[derive(Default)]
struct Names(HashMap<String, Seconds>);

impl Default for Revocations {
    fn default() -> Self {
        Revocations {
            bound: BOUND,
            inner: RwLock::default(),
        }
    }
}

impl Revocations {
    /// Refuses every copy of the cookie of `session`. `absolute` is how long a session
    /// can live, in seconds; older entries are dropped.
    pub(crate) fn revoke(&self, session: &SessionRef, absolute: Seconds, now: Seconds) {
        let mut inner = self.inner();
        inner.ids.insert((session.created_at, session.id.clone()));
        inner.tidy(self.bound, now.saturating_sub(absolute));
    }

    /// Ends all sessions begun by now that belong to the session `sid` at the provider.
    pub(crate) fn revoke_sid(&self, sid: &str, absolute: Seconds, now: Seconds) {
        let mut inner = self.inner();
        inner.sids.refuse(sid, now);
        inner.tidy(self.bound, now.saturating_sub(absolute));
    }

    /// Ends all sessions of a user begun by now.
    pub(crate) fn revoke_sub(&self, sub: &str, absolute: Seconds, now: Seconds) {
        let mut inner = self.inner();
        inner.subs.refuse(sub, now);
        inner.tidy(self.bound, now.saturating_sub(absolute));
    }

    /// Ends all sessions of a user begun by now that have no `sid`.
    pub(crate) fn revoke_sub_without_sid(&self, sub: &str, absolute: Seconds, now: Seconds) {
        let mut inner = self.inner();
        inner.subs_without_sid.refuse(sub, now);
        inner.tidy(self.bound, now.saturating_sub(absolute));
    }

    pub(crate) fn is_revoked(&self, session: &Session) -> bool {
        let inner = self.inner.read().unwrap_or_else(PoisonError::into_inner);
        let begun = session.created_at;
        begun < inner.refused_before
            || inner.ids.contains(&(begun, session.id.clone()))
            || inner.subs.refuses(&session.unique_sub(), begun)
            || match session.unique_sid() {
                Some(sid) => inner.sids.refuses(&sid, begun),
                None => inner.subs_without_sid.refuses(&session.unique_sub(), begun),
            }
    }

    fn inner(&self) -> RwLockWriteGuard<'_, Inner> {
        self.inner.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Drops entries about sessions that have expired, then the oldest.
    fn tidy(&mut self, bound: usize, expired: Seconds) {
        while self
            .ids
            .first()
            .is_some_and(|(created_at, _)| *created_at < expired)
        {
            self.ids.pop_first();
        }
        while self.ids.len() > bound {
            if let Some((created_at, _)) = self.ids.pop_first() {
                self.refused_before = self.refused_before.max(created_at.saturating_add(1));
            }
        }
        for names in [&mut self.sids, &mut self.subs, &mut self.subs_without_sid] {
            if let Some(forgotten) = names.tidy(bound, expired) {
                self.refused_before = self.refused_before.max(forgotten.saturating_add(1));
            }
        }
    }
}

impl Names {
    fn refuse(&mut self, name: &str, until: Seconds) {
        // Logout tokens may arrive out of order.
        let at = self.0.entry(name.to_owned()).or_insert(until);
        *at = until.max(*at);
    }

    /// Whether a session of `name` that began then is refused.
    fn refuses(&self, name: &str, begun: Seconds) -> bool {
        self.0.get(name).is_some_and(|until| begun <= *until)
    }

    /// Drops entries about sessions that have expired; if that is not enough, drops the
    /// older half as well and returns the latest time among those.
    fn tidy(&mut self, bound: usize, expired: Seconds) -> Option<Seconds> {
        if self.0.len() > bound {
            self.0.retain(|_, until| *until >= expired);
        }
        if self.0.len() <= bound {
            return None;
        }
        let mut moments: Vec<_> = self.0.values().copied().collect();
        moments.sort_unstable();
        let cut = moments[moments.len() / 2];
        self.0.retain(|_, until| *until > cut);
        Some(cut)
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

    fn bounded(bound: usize) -> Revocations {
        Revocations {
            bound,
            ..Revocations::default()
        }
    }

    fn of_nobody_named(created_at: Seconds) -> Session {
        Session {
            sub: "nobody named".into(),
            ..session("a", created_at)
        }
    }

    #[test]
    fn refuses_the_revoked_session_and_no_other() {
        let revocations = Revocations::default();
        revocations.revoke(&session("a", 10).reference(), 1000, 20);
        assert!(revocations.is_revoked(&session("a", 10)));
        assert!(!revocations.is_revoked(&session("b", 10)));
    }

    #[test]
    fn at_its_bound_refuses_the_oldest_rather_than_forget() {
        let revocations = bounded(2);
        for (id, created_at) in [("a", 10), ("b", 11), ("c", 12)] {
            revocations.revoke(&session(id, created_at).reference(), 1000, 20);
        }
        assert!(revocations.is_revoked(&session("a", 10)));
        assert!(revocations.is_revoked(&session("never revoked, as old", 10)));
        assert!(!revocations.is_revoked(&session("younger", 11)));
    }

    #[test]
    fn forgets_what_can_no_longer_live() {
        let revocations = Revocations::default();
        revocations.revoke(&session("a", 10).reference(), 1000, 20);
        revocations.revoke(&session("b", 2000).reference(), 1000, 2000);
        assert_eq!(revocations.inner().ids.len(), 1);
    }

    #[test]
    fn remembers_up_to_the_last_second() {
        let revocations = Revocations::default();
        revocations.revoke(&session("a", 10).reference(), 1000, 20);
        revocations.revoke(&session("b", 20).reference(), 1000, 1010);
        assert!(revocations.is_revoked(&session("a", 10)));
        revocations.revoke(&session("c", 30).reference(), 1000, 1011);
        assert!(!revocations.is_revoked(&session("a", 10)));
        assert!(revocations.is_revoked(&session("b", 20)));
    }

    #[test]
    fn a_name_ends_the_sessions_begun_by_then() {
        let revocations = Revocations::default();
        revocations.revoke_sub("sub", 1000, 20);
        assert!(revocations.is_revoked(&session("a", 10)));
        assert!(revocations.is_revoked(&session("a", 20)));
        assert!(!revocations.is_revoked(&session("a", 21)));

        let revocations = Revocations::default();
        revocations.revoke_sid("sid", 1000, 20);
        let with_sid = Session {
            sid: Some("sid".into()),
            ..session("a", 10)
        };
        assert!(revocations.is_revoked(&with_sid));
        assert!(!revocations.is_revoked(&session("a", 10)));

        let revocations = Revocations::default();
        revocations.revoke_sub_without_sid("sub", 1000, 20);
        assert!(!revocations.is_revoked(&with_sid));
        assert!(revocations.is_revoked(&session("a", 20)));
        assert!(!revocations.is_revoked(&session("a", 21)));
        assert!(!revocations.is_revoked(&of_nobody_named(10)));
    }

    #[test]
    fn names_at_their_bound_refuse_rather_than_forget() {
        let revocations = bounded(3);
        for (sub, now) in [("w", 10), ("x", 11), ("y", 12), ("sub", 13)] {
            revocations.revoke_sub(sub, 1000, now);
        }
        assert!(revocations.is_revoked(&of_nobody_named(12)));
        assert!(!revocations.is_revoked(&of_nobody_named(13)));
        assert!(revocations.is_revoked(&session("a", 13)));
        assert!(!revocations.is_revoked(&session("a", 14)));
    }

    #[test]
    fn names_that_can_no_longer_live_make_room_at_nobodys_cost() {
        let revocations = bounded(2);
        for (sub, now) in [("old", 10), ("sub", 20), ("other", 1015)] {
            revocations.revoke_sub(sub, 1000, now);
        }
        assert!(!revocations.is_revoked(&of_nobody_named(18)));
        assert!(revocations.is_revoked(&session("a", 20)));
        let inner = revocations.inner();
        assert_eq!((inner.subs.0.len(), inner.refused_before), (2, 0));
    }
}
