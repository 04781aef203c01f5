//! Sessions in the memory of this process.

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
/// When a sign-in finds it full, it drops what has expired; when that is nothing,
/// it drops the session that would end first, and that user has to sign in again.
/// So the bound should be well above the number of people who are signed in at
/// once: someone who signs in often enough pushes others out. Tokens and locks are
/// not counted: tokens end with their session, locks after their lifetime.
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
    locks: HashMap<String, (String, Instant)>,
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

    fn make_room(&mut self, bound: usize) {
        if self.sessions.len() < bound {
            return;
        }
        let now = Instant::now();
        self.sessions.retain(|_, kept| kept.ends > now);
        while self.sessions.len() >= bound {
            let first = self.sessions.iter().min_by_key(|(_, kept)| kept.ends);
            let Some(id) = first.map(|(id, _)| id.clone()) else {
                return;
            };
            self.sessions.remove(&id);
        }
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
        let now = Instant::now();
        let mut inner = self.inner();
        inner.locks.retain(|_, (_, ends)| *ends > now);
        if inner.locks.contains_key(name) {
            return Ok(false);
        }
        inner
            .locks
            .insert(name.to_owned(), (owner.to_owned(), now + lifetime));
        Ok(true)
    }

    async fn renew(&self, name: &str, owner: &str, lifetime: Duration) -> Result<bool, StoreError> {
        let now = Instant::now();
        let mut inner = self.inner();
        let held = inner.locks.get_mut(name);
        Ok(
            match held.filter(|(holder, ends)| holder == owner && *ends > now) {
                Some((_, ends)) => {
                    *ends = now + lifetime;
                    true
                }
                None => false,
            },
        )
    }

    async fn unlock(&self, name: &str, owner: &str) -> Result<(), StoreError> {
        let mut inner = self.inner();
        if inner
            .locks
            .get(name)
            .is_some_and(|(holder, _)| holder == owner)
        {
            inner.locks.remove(name);
        }
        Ok(())
    }
}
