//! Where sessions are kept when not in a cookie: the `SessionStore` trait, and
//! the store in memory.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::error::{Error, ErrorKind};

/// One session, as a store sees it. `data` is sealed: a store can read nothing
/// in it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record {
    /// Unguessable, and unique.
    pub id: String,
    /// The session at the provider (`sid` of the ID token), when it named one.
    pub sid: Option<String>,
    /// The user.
    pub sub: String,
    /// The session itself, encrypted.
    pub data: String,
    /// Grows with every refresh: an older state must not replace a newer one.
    pub version: u32,
    /// How long to keep it.
    pub lifetime: Duration,
    /// When the user signed in, in seconds since 1970.
    pub begun_at: i64,
}

impl Record {
    /// The same at another version.
    pub fn at_version(self, version: u32) -> Record {
        Record { version, ..self }
    }

    /// The same, begun at another time.
    pub fn begun_at(self, begun_at: i64) -> Record {
        Record { begun_at, ..self }
    }

    /// A record of these parts, for the tests of a store.
    pub fn new(
        id: impl Into<String>,
        sid: Option<&str>,
        sub: impl Into<String>,
        data: impl Into<String>,
        lifetime: Duration,
    ) -> Record {
        Record {
            id: id.into(),
            sid: sid.map(str::to_owned),
            sub: sub.into(),
            data: data.into(),
            version: 0,
            lifetime,
            begun_at: 0,
        }
    }
}

/// Why a store could not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There is a session with this id already.
    #[error("the session id is taken")]
    Collision,
    /// The store cannot be reached, or did not answer in time. The text goes into
    /// the log.
    #[error("the session store is not available: {0}")]
    Unavailable(String),
}

/// Nobody can be told who they are: not an answer to guess.
pub(crate) fn store_failed(error: StoreError) -> Error {
    Error::new(ErrorKind::StoreUnavailable, error.to_string())
}

/// Keeps sessions outside of cookies, for several instances of an app to share.
///
/// The fairing's own stores are in memory and, with the feature `redis`, in
/// Redis (`session.store = { redis = "redis://…" }`). A store of your own goes
/// to [`LogtoFairing::session_store`](crate::LogtoFairing::session_store).
///
/// Every method is one exchange with the store and must end within a second or
/// so: a store that hangs makes every request of a signed-in user hang. What
/// has expired is as good as gone. `GET /readyz` asks the store, too: it takes the
/// lock `readiness` for a second, so that a store that cannot be written to is
/// not ready.
///
/// An `id` alone signs nobody in, because the cookie that carries it is sealed
/// under Rocket's `secret_key`. The text of [`StoreError::Unavailable`] goes into
/// the log: write no id, no data and no password of the store into it.
///
/// ```rust
/// use std::time::Duration;
/// use rocket_logto::{MemoryStore, Record, SessionStore, StoreError};
///
/// # rocket::async_test(async {
/// let store = MemoryStore::new(1000);
/// let record = Record::new("id", Some("sid"), "sub", "data", Duration::from_secs(60));
/// store.create(&record).await?;
/// assert_eq!(store.create(&record).await, Err(StoreError::Collision));
/// assert_eq!(store.load("id").await?.as_deref(), Some("data"));
/// store.delete_by_sid("sid").await?;
/// assert_eq!(store.load("id").await?, None);
/// # Ok::<(), StoreError>(()) }).unwrap();
/// ```
#[rocket::async_trait]
pub trait SessionStore: Send + Sync + 'static {
    /// Keeps a new session; [`StoreError::Collision`] when the id is taken.
    async fn create(&self, record: &Record) -> Result<(), StoreError>;

    /// The `data` of a session.
    async fn load(&self, id: &str) -> Result<Option<String>, StoreError>;

    /// Replaces a session that is there, and its lifetime. `false` when it is
    /// gone: it has been ended meanwhile and must not come back. Nothing
    /// happens, and `true`, when a newer `version` is there already.
    async fn save(&self, record: &Record) -> Result<bool, StoreError>;

    /// Ends a session. No error when there is none.
    async fn delete(&self, id: &str) -> Result<(), StoreError>;

    /// Ends all sessions with this `sid`.
    async fn delete_by_sid(&self, sid: &str) -> Result<(), StoreError>;

    /// Ends all sessions of a user that were begun by then, in seconds since
    /// 1970: later ones are not meant, however late it is told.
    async fn delete_by_sub(&self, sub: &str, begun_by: i64) -> Result<(), StoreError>;

    /// Keeps a sealed text beside a session, as long as the session. Nothing
    /// happens when the session is gone.
    async fn put_note(&self, id: &str, name: &str, note: &str) -> Result<(), StoreError>;

    /// A text kept beside a session.
    async fn note(&self, id: &str, name: &str) -> Result<Option<String>, StoreError>;

    /// Forgets all texts beside a session.
    async fn clear_notes(&self, id: &str) -> Result<(), StoreError>;

    /// Takes a lock for `owner`, unless somebody has it; it ends by itself
    /// after `lifetime`.
    async fn lock(&self, name: &str, owner: &str, lifetime: Duration) -> Result<bool, StoreError>;

    /// Gives a lock back, if it is still `owner`'s.
    async fn unlock(&self, name: &str, owner: &str) -> Result<(), StoreError>;
}

/// Sessions in the memory of this process: for tests, and for what does not
/// fit a cookie. A restart signs everybody out.
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
    notes: HashMap<String, String>,
    ends: Instant,
}

impl MemoryStore {
    /// A store for `bound` sessions; beyond that, the one that would end first
    /// has to go.
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
            notes: HashMap::new(),
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
            kept.record = record.clone();
            kept.ends = Instant::now() + record.lifetime;
        }
        Ok(true)
    }

    async fn delete(&self, id: &str) -> Result<(), StoreError> {
        self.inner().sessions.remove(id);
        Ok(())
    }

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

    async fn put_note(&self, id: &str, name: &str, note: &str) -> Result<(), StoreError> {
        if let Some(kept) = self.inner().live(id) {
            kept.notes.insert(name.to_owned(), note.to_owned());
        }
        Ok(())
    }

    async fn note(&self, id: &str, name: &str) -> Result<Option<String>, StoreError> {
        Ok(self
            .inner()
            .live(id)
            .and_then(|kept| kept.notes.get(name).cloned()))
    }

    async fn clear_notes(&self, id: &str) -> Result<(), StoreError> {
        if let Some(kept) = self.inner().live(id) {
            kept.notes.clear();
        }
        Ok(())
    }

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
