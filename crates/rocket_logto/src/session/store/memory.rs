//! Sessions in the memory of this process.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{LockStore, Record, SessionIndex, SessionStore, StoreError, TokenStore};

/// Sessions in the memory of this process: for tests of an app, and for one
/// instance that would rather keep sessions on its side than in cookies. The crate
/// itself keeps sessions here that are too large for cookies.
///
/// A restart signs everybody out, and a second instance knows nothing of these
/// sessions: use Redis or a store of your own for several.
///
/// # The bound
///
/// It holds as many sessions as [`MemoryStore::new`] is told, at about 10 kB each.
/// When a sign-in finds it full, it drops what has expired; when that is nothing, it
/// takes from the user who has the most sessions the one that would end first. So one
/// account that signs in again and again pushes out its own sessions, and nobody
/// else's. When all users have as many, the session that would end first is dropped,
/// and that user has to sign in again: the bound should be well above the number of
/// people who are signed in at once. Tokens and locks are not counted: tokens end
/// with their session, locks after their lifetime.
///
/// # Examples
///
/// ```rust,no_run
/// use rocket_logto::{Logto, MemoryStore};
///
/// #[rocket::launch]
/// fn rocket() -> _ {
///     rocket::build().attach(Logto::fairing().session_store(MemoryStore::new(10_000)))
/// }
/// ```
pub struct MemoryStore {
    bound: usize,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    sessions: HashMap<String, Kept>,
    locks: Locks,
}

/// Owners of locks, and when these end.
#[derive(Default)]
struct Locks {
    by_name: HashMap<String, (String, Instant)>,
    tidy_at: usize,
}

struct Kept {
    record: Record,
    tokens: HashMap<String, String>,
    ends: Instant,
}

impl MemoryStore {
    /// A store for `bound` sessions, at least one.
    pub fn new(bound: usize) -> MemoryStore {
        MemoryStore {
            bound: bound.max(1),
            inner: Mutex::default(),
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn live(&mut self, id: &str) -> Option<&mut Kept> {
        self.sessions
            .get_mut(id)
            .filter(|kept| kept.ends > Instant::now())
    }

    /// Looks at every session, but only while the store is full.
    fn make_room(&mut self, bound: usize) {
        if self.sessions.len() < bound {
            return;
        }
        let now = Instant::now();
        self.sessions.retain(|_, kept| kept.ends > now);
        while self.sessions.len() >= bound {
            let mut held: HashMap<&str, usize> = HashMap::new();
            for kept in self.sessions.values() {
                *held.entry(&kept.record.sub).or_default() += 1;
            }
            let first_to_go = |(_, kept): &(&String, &Kept)| {
                let of_this_user = held.get(&*kept.record.sub).copied();
                (Reverse(of_this_user), kept.ends)
            };
            let Some((id, _)) = self.sessions.iter().min_by_key(first_to_go) else {
                return;
            };
            let id = id.clone();
            self.sessions.remove(&id);
        }
    }
}

impl Locks {
    /// The lock that is held under this name.
    fn held(&mut self, name: &str) -> Option<&mut (String, Instant)> {
        let now = Instant::now();
        self.by_name.get_mut(name).filter(|(_, ends)| *ends > now)
    }

    /// Those that have ended go when their number has doubled.
    fn take(&mut self, name: &str, owner: &str, lifetime: Duration) {
        let now = Instant::now();
        if self.by_name.len() >= self.tidy_at {
            self.by_name.retain(|_, (_, ends)| *ends > now);
            self.tidy_at = self.by_name.len() * 2;
        }
        let lock = (owner.to_owned(), now + lifetime);
        self.by_name.insert(name.to_owned(), lock);
    }
}

#[rocket::async_trait]
impl SessionStore for MemoryStore {
    async fn create(&self, record: &Record) -> Result<(), StoreError> {
        let mut inner = self.inner();
        if inner.live(&record.id).is_some() {
            return Err(StoreError::Collision);
        }
        inner.make_room(self.bound);
        let ends = Instant::now() + record.lifetime;
        let kept = Kept {
            record: record.clone(),
            tokens: HashMap::new(),
            ends,
        };
        inner.sessions.insert(record.id.clone(), kept);
        Ok(())
    }

    async fn load(&self, id: &str) -> Result<Option<String>, StoreError> {
        Ok(self.inner().live(id).map(|kept| kept.record.data.clone()))
    }

    async fn save(&self, record: &Record) -> Result<bool, StoreError> {
        let mut inner = self.inner();
        let Some(kept) = inner.live(&record.id) else {
            return Ok(false);
        };
        if kept.record.version <= record.version {
            kept.record.data.clone_from(&record.data);
            kept.record.version = record.version;
            kept.ends = Instant::now() + record.lifetime;
        }
        Ok(true)
    }

    async fn delete(&self, id: &str) -> Result<(), StoreError> {
        self.inner().sessions.remove(id);
        Ok(())
    }
}

#[rocket::async_trait]
impl SessionIndex for MemoryStore {
    async fn delete_by_sid(&self, sid: &str) -> Result<(), StoreError> {
        self.inner()
            .sessions
            .retain(|_, kept| kept.record.sid.as_deref() != Some(sid));
        Ok(())
    }

    async fn delete_by_sub(&self, sub: &str, begun_by: i64) -> Result<(), StoreError> {
        self.inner()
            .sessions
            .retain(|_, Kept { record, .. }| record.sub != sub || record.begun_at > begun_by);
        Ok(())
    }

    async fn delete_by_sub_without_sid(&self, sub: &str, begun_by: i64) -> Result<(), StoreError> {
        self.inner().sessions.retain(|_, Kept { record, .. }| {
            record.sub != sub || record.begun_at > begun_by || record.sid.is_some()
        });
        Ok(())
    }

    async fn list_by_sub(&self, sub: &str, limit: usize) -> Result<Vec<String>, StoreError> {
        let now = Instant::now();
        let inner = self.inner();
        let mut found: Vec<_> = inner
            .sessions
            .values()
            .filter(|kept| kept.record.sub == sub && kept.ends > now)
            .collect();
        found.sort_by_key(|kept| std::cmp::Reverse(kept.ends));
        let data = found.into_iter().map(|kept| kept.record.data.clone());
        Ok(data.take(limit).collect())
    }
}

#[rocket::async_trait]
impl TokenStore for MemoryStore {
    async fn put_token(&self, id: &str, name: &str, sealed: &str) -> Result<(), StoreError> {
        if let Some(kept) = self.inner().live(id) {
            kept.tokens.insert(name.to_owned(), sealed.to_owned());
        }
        Ok(())
    }

    async fn token(&self, id: &str, name: &str) -> Result<Option<String>, StoreError> {
        Ok(self
            .inner()
            .live(id)
            .and_then(|kept| kept.tokens.get(name).cloned()))
    }

    async fn clear_tokens(&self, id: &str) -> Result<(), StoreError> {
        if let Some(kept) = self.inner().live(id) {
            kept.tokens.clear();
        }
        Ok(())
    }
}

#[rocket::async_trait]
impl LockStore for MemoryStore {
    async fn lock(&self, name: &str, owner: &str, lifetime: Duration) -> Result<bool, StoreError> {
        let locks = &mut self.inner().locks;
        let is_free = locks.held(name).is_none();
        if is_free {
            locks.take(name, owner, lifetime);
        }
        Ok(is_free)
    }

    async fn renew(&self, name: &str, owner: &str, lifetime: Duration) -> Result<bool, StoreError> {
        let locks = &mut self.inner().locks;
        let held = locks.held(name).filter(|(holder, _)| holder == owner);
        let is_held = held.is_some();
        if let Some((_, ends)) = held {
            *ends = Instant::now() + lifetime;
        }
        Ok(is_held)
    }

    async fn unlock(&self, name: &str, owner: &str) -> Result<(), StoreError> {
        let locks = &mut self.inner().locks;
        if locks.held(name).is_some_and(|(holder, _)| holder == owner) {
            locks.by_name.remove(name);
        }
        Ok(())
    }

    async fn owner(&self, name: &str) -> Result<Option<String>, StoreError> {
        let locks = &mut self.inner().locks;
        Ok(locks.held(name).map(|(owner, _)| owner.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(sub: &str, id: impl ToString, seconds: u64) -> Record {
        Record::new(id.to_string(), sub, "data", Duration::from_secs(seconds))
    }

    #[rocket::async_test]
    async fn a_full_store_takes_from_who_has_the_most() {
        let store = MemoryStore::new(5);
        store.create(&of("victim", "v", 60)).await.unwrap();
        store.create(&of("other", "o", 90)).await.unwrap();
        for id in 0..1000 {
            store.create(&of("attacker", id, 3600)).await.unwrap();
        }
        for id in ["v", "o", "997", "998", "999"] {
            assert!(store.load(id).await.unwrap().is_some(), "{id}");
        }
        // All have one: who would have to sign in first anyway.
        let store = MemoryStore::new(3);
        for (sub, seconds) in [("a", 90), ("b", 60), ("c", 90), ("d", 90)] {
            store.create(&of(sub, sub, seconds)).await.unwrap();
        }
        assert_eq!(store.load("b").await, Ok(None));
        assert!(store.load("a").await.unwrap().is_some());
    }

    #[rocket::async_test]
    async fn locks_that_have_ended_do_not_pile_up() {
        let store = MemoryStore::new(1);
        store
            .lock("kept", "me", Duration::from_secs(3600))
            .await
            .unwrap();
        for at in 0..10_000 {
            let name = at.to_string();
            assert!(store.lock(&name, "me", Duration::ZERO).await.unwrap());
        }
        assert!(store.inner().locks.by_name.len() <= 4);
        assert!(!store.lock("kept", "me", Duration::ZERO).await.unwrap());
    }
}
