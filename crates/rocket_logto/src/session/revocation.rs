//! Sessions that ended early. A cookie cannot be taken back, so copies of it must be
//! refused for as long as it could be valid. Kept in the memory of this process.
//!
//! What is kept is counted by user: one who signs in and out all day fills one entry,
//! and pays alone for what no longer fits into it.

mod aging;

use std::hash::{BuildHasher, RandomState};
use std::sync::{PoisonError, RwLock, RwLockWriteGuard};

use self::aging::Aging;
use super::model::{CLOCKS_DIFFER, Session, SessionRef};
use crate::clock::Seconds;

/// The most ends that are told apart for one user. An earlier one then stands for all
/// sessions of that user that are as old. Well above what restored tabs, which replace
/// each other's sessions, end within one second.
const PER_USER: usize = 64;
/// In seconds. A session begins no later than so long after its sign-in; of more ends of a
/// user within one second, the last ones refuse it until then. Clocks differ by more.
const PUT_OFF: Seconds = 30;
const _: () = assert!(PUT_OFF < CLOCKS_DIFFER);
/// For users beyond the bound: what ended of one of them has ended for the one in a
/// million who shares the place. 8 MiB, when they are needed.
const PLACES: usize = 1 << 20;

/// What is refused: single sessions, sessions at the provider, users.
pub(crate) struct Revocations {
    /// The most users, and the most sessions at the provider whose user is not known.
    bound: usize,
    /// In seconds. A session that ended was in use until then, so that no copy of its
    /// cookie lives on for longer.
    idle: Seconds,
    /// Random, so that nobody can choose whose entry or place is theirs.
    keys: RandomState,
    inner: RwLock<Inner>,
}

#[derive(Default)]
struct Inner {
    users: Aging<User>,
    /// Sessions at the provider whose logout token names no user: those begun by then.
    /// At the bound the oldest is forgotten; the provider, which has ended it, refuses
    /// to refresh it.
    sids: Aging<Begun>,
    /// By place: sessions begun by then, of users for whom there was no room.
    crowded_out: Vec<Begun>,
    /// Users of whom something has changed at the provider. At the bound the oldest is
    /// forgotten: `claims_max_age` is there for it.
    changed: Aging<Begun>,
    /// When something has changed of all of them, and of anybody.
    all_changed: Begun,
    last_changed: Begun,
}

/// Sessions begun by this time are refused.
#[derive(Clone, Copy)]
struct Begun(Seconds);

/// What has ended of one user.
#[derive(Default)]
struct User {
    all: Begun,
    /// When their last session begins that was put after an end of the same second.
    put_off: Seconds,
    without_sid: Begun,
    some: Vec<Ended>,
}

/// A session here, or at the provider.
struct Ended {
    name: u64,
    begun: Begun,
    at: Seconds,
}

impl Revocations {
    /// Remembers this many users. `idle` is how long a session lives unused.
    pub(crate) fn new(bound: usize, idle: Seconds) -> Revocations {
        Revocations {
            bound,
            idle,
            keys: RandomState::new(),
            inner: RwLock::default(),
        }
    }

    /// Refuses every copy of the cookie of `session`.
    pub(crate) fn revoke(&self, session: &SessionRef, now: Seconds) {
        let name = self.name(Kind::Id, session.id.as_str());
        self.end_one(&session.sub, name, session.created_at, now);
    }

    /// Ends all sessions begun by now that belong to the session `sid` at the provider,
    /// by a logout token that names this user, if any.
    pub(crate) fn revoke_sid(&self, sid: &str, sub: Option<&str>, now: Seconds) {
        let name = self.name(Kind::Sid, sid);
        match sub {
            Some(sub) => {
                let since = self.remembered_since(now);
                self.change(sub, now, |user| {
                    let begun = Begun(now.max(user.put_off));
                    user.end(
                        Ended {
                            name,
                            begun,
                            at: now,
                        },
                        since,
                    );
                });
            }
            None => {
                let mut inner = self.tidied(now);
                inner.sids.entry(name, now).extend(now);
                while inner.sids.len() > self.bound {
                    inner.sids.pop_oldest();
                }
            }
        }
    }

    /// Ends all sessions of a user begun by `begun_by`.
    pub(crate) fn revoke_sub(&self, sub: &str, begun_by: Seconds, now: Seconds) {
        self.change(sub, now, |user| {
            let begun_by = user.with_put_off(begun_by, now);
            user.all.extend(begun_by);
        });
    }

    /// Ends all sessions of a user begun by `begun_by` that have no `sid`.
    pub(crate) fn revoke_sub_without_sid(&self, sub: &str, begun_by: Seconds, now: Seconds) {
        self.change(sub, now, |user| {
            let begun_by = user.with_put_off(begun_by, now);
            user.without_sid.extend(begun_by);
        });
    }

    pub(crate) fn is_revoked(&self, session: &Session) -> bool {
        let inner = self.inner.read().unwrap_or_else(PoisonError::into_inner);
        if inner.is_empty() {
            return false;
        }
        let begun = session.created_at;
        let (sub, sid) = self.names(session);
        let id = || self.name(Kind::Id, session.id.as_str());
        inner.has_ended_all(sub, sid, begun) || inner.has_ended_it(sub, sid, begun, id)
    }

    /// When a new session begins: now, or after the ends of all sessions of its user that
    /// happened within the same second. They were about those before it.
    pub(crate) fn begins_at(&self, session: &Session) -> Seconds {
        let now = session.created_at;
        let (sub, sid) = self.names(session);
        let later = {
            let inner = self.inner.read().unwrap_or_else(PoisonError::into_inner);
            let id = || self.name(Kind::Id, session.id.as_str());
            if !inner.has_ended_all(sub, sid, now) || inner.has_ended_it(sub, sid, now, id) {
                return now;
            }
            let seconds = now..=now.saturating_add(PUT_OFF);
            let mut seconds = seconds.filter(|at| !inner.has_ended_all(sub, sid, *at));
            seconds.next().unwrap_or(now)
        };
        self.change(&session.unique_sub(), now, |user| {
            user.put_off = later.max(user.put_off)
        });
        later
    }

    fn names(&self, session: &Session) -> (u64, Option<u64>) {
        let sid = session.unique_sid();
        let sid = sid.map(|sid| self.name(Kind::Sid, &sid));
        (self.name(Kind::Sub, &session.unique_sub()), sid)
    }

    /// Notes that something has changed of a user at the provider. A change after another
    /// one of the same second says a later one: claims may have been confirmed between them.
    pub(crate) fn note_change(&self, sub: &str, now: Seconds) {
        let user = self.name(Kind::Sub, sub);
        let mut inner = self.tidied(now);
        let at = inner.all_changed.after(now);
        let changed = inner.changed.entry(user, now);
        changed.0 = changed.after(at);
        let at = changed.0;
        inner.last_changed.extend(at);
        while inner.changed.len() > self.bound {
            inner.changed.pop_oldest();
        }
    }

    /// The same of all users.
    pub(crate) fn note_change_of_all(&self, now: Seconds) {
        let mut inner = self.tidied(now);
        let at = inner.last_changed.after(now);
        inner.last_changed = Begun(at);
        inner.all_changed = Begun(at);
    }

    /// When something has last changed of its user.
    pub(crate) fn changed_at(&self, session: &Session) -> Seconds {
        let inner = self.inner.read().unwrap_or_else(PoisonError::into_inner);
        let of_all = inner.all_changed.0;
        if inner.changed.len() == 0 {
            return of_all;
        }
        let sub = self.name(Kind::Sub, &session.unique_sub());
        inner
            .changed
            .get(sub)
            .map_or(of_all, |of_user| of_all.max(of_user.0))
    }

    fn end_one(&self, sub: &str, name: u64, begun_by: Seconds, now: Seconds) {
        let since = self.remembered_since(now);
        let begun = Begun(begun_by);
        let ended = Ended {
            name,
            begun,
            at: now,
        };
        self.change(sub, now, |user| user.end(ended, since));
    }

    fn change(&self, sub: &str, now: Seconds, change: impl FnOnce(&mut User)) {
        let sub = self.name(Kind::Sub, sub);
        let mut inner = self.tidied(now);
        change(inner.users.entry(sub, now));
        while inner.users.len() > self.bound
            && let Some((sub, user)) = inner.users.pop_oldest()
        {
            inner.crowd_out(sub, &user);
        }
    }

    /// Without what can no longer live.
    fn tidied(&self, now: Seconds) -> RwLockWriteGuard<'_, Inner> {
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        let since = self.remembered_since(now);
        inner.users.drop_before(since);
        inner.sids.drop_before(since);
        inner.changed.drop_before(since);
        inner
    }

    /// What ended before that can no longer live. Another instance, whose clock may be
    /// ahead, may have seen it last.
    fn remembered_since(&self, now: Seconds) -> Seconds {
        now.saturating_sub(self.idle.saturating_add(CLOCKS_DIFFER))
    }

    fn name(&self, kind: Kind, name: &str) -> u64 {
        self.keys.hash_one((kind as u8, name))
    }
}

enum Kind {
    Sub,
    Sid,
    Id,
}

impl Inner {
    fn is_empty(&self) -> bool {
        self.users.len() == 0 && self.sids.len() == 0 && self.crowded_out.is_empty()
    }

    /// Whether all sessions of the user that had begun by then have ended.
    fn has_ended_all(&self, sub: u64, sid: Option<u64>, begun: Seconds) -> bool {
        let crowded_out = self.crowded_out.get(place(sub));
        crowded_out.is_some_and(|by| by.includes(begun))
            || self.users.get(sub).is_some_and(|user| {
                user.all.includes(begun) || sid.is_none() && user.without_sid.includes(begun)
            })
    }

    /// Whether this session has ended, or the one at the provider that it belongs to.
    fn has_ended_it(
        &self,
        sub: u64,
        sid: Option<u64>,
        begun: Seconds,
        id: impl FnOnce() -> u64,
    ) -> bool {
        let of_sid = sid.and_then(|sid| self.sids.get(sid));
        of_sid.is_some_and(|by| by.includes(begun))
            || self
                .users
                .get(sub)
                .is_some_and(|user| user.has_ended(begun, sid, id))
    }

    fn crowd_out(&mut self, sub: u64, user: &User) {
        if self.crowded_out.is_empty() {
            log::warn!(
                "logto: more users have signed out than session.max_ended_users: some others may \
                 have to sign in again"
            );
            self.crowded_out = vec![Begun::default(); PLACES];
        }
        let some = user.some.iter().map(|ended| ended.begun);
        for Begun(begun) in some.chain([user.all, user.without_sid]) {
            self.crowded_out[place(sub)].extend(begun);
        }
    }
}

/// The place of a user for whom there is no room.
fn place(sub: u64) -> usize {
    // The lower bits of a keyed hash are as good as any.
    usize::try_from(sub % PLACES as u64).unwrap_or_default()
}

impl User {
    /// An end of all until now includes sessions that were put after now.
    fn with_put_off(&self, begun_by: Seconds, now: Seconds) -> Seconds {
        match begun_by >= now {
            true => begun_by.max(self.put_off),
            false => begun_by,
        }
    }

    /// Remembers one more end, beside those that happened `since` then.
    fn end(&mut self, ended: Ended, since: Seconds) {
        self.some.retain(|other| other.at >= since);
        match self.some.iter_mut().find(|other| other.name == ended.name) {
            Some(known) => {
                known.begun.extend(ended.begun.0);
                known.at = ended.at;
            }
            None => {
                if self.some.len() == PER_USER {
                    self.collapse_oldest();
                }
                self.some.push(ended);
            }
        }
    }

    fn collapse_oldest(&mut self) {
        let begun = |at: &usize| self.some[*at].begun.0;
        if let Some(oldest) = (0..self.some.len()).min_by_key(begun) {
            self.all.extend(self.some.swap_remove(oldest).begun.0);
        }
    }

    fn has_ended(&self, begun: Seconds, sid: Option<u64>, id: impl FnOnce() -> u64) -> bool {
        if self.some.is_empty() {
            return false;
        }
        let id = id();
        let is_it = |name| name == id || Some(name) == sid;
        let mut some = self.some.iter();
        some.any(|ended| ended.begun.includes(begun) && is_it(ended.name))
    }
}

impl Default for Begun {
    /// None.
    fn default() -> Begun {
        Begun(Seconds::MIN)
    }
}

impl Begun {
    fn includes(self, begun: Seconds) -> bool {
        begun <= self.0
    }

    /// This time, or the second after it.
    fn after(self, now: Seconds) -> Seconds {
        now.max(self.0.saturating_add(1))
    }

    /// Logout tokens may arrive out of order.
    fn extend(&mut self, begun_by: Seconds) {
        self.0 = begun_by.max(self.0);
    }
}

#[cfg(test)]
mod tests;
