//! Where sessions are kept when not in a cookie: what a store has to do, in
//! four small traits, and the stores of this crate. Imports the crate's errors
//! and nothing else of it.

pub(super) mod joint_check;
pub(crate) mod measured;
mod memory;
#[cfg(feature = "redis")]
pub(crate) mod redis;

use std::time::Duration;

pub use self::memory::MemoryStore;
use crate::error::{Error, ErrorKind};

/// One session, as a store keeps it.
///
/// A store writes down what it is given and never looks into `data`.
///
/// ```rust
/// use std::time::Duration;
/// use rocket_logto::Record;
///
/// let record = Record::new("id", "alice", "sealed", Duration::from_secs(3600))
///     .with_sid("session-at-the-provider")
///     .with_version(1)
///     .with_begun_at(1_800_000_000);
/// assert_eq!(record.sid.as_deref(), Some("session-at-the-provider"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record {
    /// Names the session. 43 characters of the URL-safe base64 alphabet, of 256
    /// random bits; case matters.
    pub id: String,
    /// The session at the provider (`sid` of the ID token), when the provider
    /// named one. Several records may have the same. Any text.
    pub sid: Option<String>,
    /// The user (`sub` of the ID token). Any text.
    pub sub: String,
    /// The session itself, encrypted: printable ASCII, usually 2 to 10 kB.
    pub data: String,
    /// Counts the refreshes of the session. Of two states, the one with the higher
    /// version is the newer one.
    pub version: u32,
    /// How long to keep it, counted from now. Whole seconds, at least one.
    pub lifetime: Duration,
    /// When the user signed in, in seconds since 1970. The same for all states of
    /// a session.
    pub begun_at: i64,
}

impl Record {
    /// A record without a `sid`, at version 0, begun in 1970.
    pub fn new(
        id: impl Into<String>,
        sub: impl Into<String>,
        data: impl Into<String>,
        lifetime: Duration,
    ) -> Record {
        Record {
            id: id.into(),
            sid: None,
            sub: sub.into(),
            data: data.into(),
            version: 0,
            lifetime,
            begun_at: 0,
        }
    }

    /// Sets the session at the provider.
    pub fn with_sid(self, sid: impl Into<String>) -> Record {
        Record {
            sid: Some(sid.into()),
            ..self
        }
    }

    /// Sets the version.
    pub fn with_version(self, version: u32) -> Record {
        Record { version, ..self }
    }

    /// Sets when the user signed in, in seconds since 1970.
    pub fn with_begun_at(self, begun_at: i64) -> Record {
        Record { begun_at, ..self }
    }
}

/// Why a store could not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There is a session with this id already.
    #[error("the session id is taken")]
    Collision,
    /// The store cannot be reached, did not answer in time, or refused. The text
    /// goes into the log: write no id, no data and no password of the store into it.
    #[error("the session store is not available: {0}")]
    Unavailable(String),
    /// The store does not do this at all; see [`SessionIndex::list_by_sub`].
    #[error("the session store cannot list sessions")]
    Unsupported,
}

/// Without the store, nobody can be told who they are: no answer to guess.
pub(crate) fn store_failed(error: StoreError) -> Error {
    Error::new(ErrorKind::StoreUnavailable, error.to_string())
}

/// Keeps sessions by their id. The heart of a [`SharedStore`].
///
/// # What breaks when it is wrong
///
/// When [`load`](SessionStore::load) gives what has been deleted, a user who
/// signed out is still signed in. When [`save`](SessionStore::save) brings a
/// session back or replaces a newer state by an older one, the same happens, or a
/// spent refresh token comes back and the provider ends the session.
///
/// # Contract
///
/// - What a call has written, every later call sees, from whatever instance of the
///   app it comes.
/// - A record whose lifetime is over is gone: it is not loaded, saved or found by
///   its names, and its id is free. A store may round a lifetime up to the next
///   second, never down.
/// - Two calls at once have the result of one after the other.
/// - A call ends within a second or so, with [`StoreError::Unavailable`] when it
///   must. A store that hangs makes every request of a signed-in user hang.
/// - Errors are never answers: `Ok(None)` says that the session does not exist and
///   signs its user out.
///
/// An `id` alone signs nobody in, because the cookie that carries it is encrypted
/// with Rocket's `secret_key`.
///
/// # Examples
///
/// ```rust
/// use std::time::Duration;
/// use rocket_logto::{MemoryStore, Record, SessionStore, StoreError};
///
/// # rocket::async_test(async {
/// let store = MemoryStore::new(1000);
/// let record = Record::new("id", "sub", "data", Duration::from_secs(60));
/// store.create(&record).await?;
/// assert_eq!(store.create(&record).await, Err(StoreError::Collision));
/// assert_eq!(store.load("id").await?.as_deref(), Some("data"));
///
/// store.delete("id").await?;
/// assert_eq!(store.load("id").await?, None);
/// assert_eq!(store.save(&record).await, Ok(false), "it must not come back");
/// # Ok::<(), StoreError>(()) }).unwrap();
/// ```
#[rocket::async_trait]
pub trait SessionStore: Send + Sync + 'static {
    /// Keeps a new session.
    ///
    /// # Errors
    ///
    /// [`StoreError::Collision`] when the id is taken; then nothing has changed.
    /// [`StoreError::Unavailable`] when it could not be kept.
    async fn create(&self, record: &Record) -> Result<(), StoreError>;

    /// The `data` of a session, `None` when there is no such session.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when that cannot be told.
    async fn load(&self, id: &str) -> Result<Option<String>, StoreError>;

    /// Replaces `data`, `version` and `lifetime` of a session. `sid`, `sub` and
    /// `begun_at` are what they were at [`create`](SessionStore::create).
    ///
    /// `false` when the session is gone: it has been ended and must not come
    /// back. `true` when it is there, also when the store has a newer `version`,
    /// which stays as it is. The same version replaces: the session was used and
    /// lives longer now.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when it could not be kept.
    async fn save(&self, record: &Record) -> Result<bool, StoreError>;

    /// Ends a session. No error when there is none.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when it may still be there.
    async fn delete(&self, id: &str) -> Result<(), StoreError>;
}

/// Finds sessions by what the provider calls them, lists them, and ends them.
///
/// [Back-channel logout](https://openid.net/specs/openid-connect-backchannel-1_0.html)
/// names a session at the provider or a user, never a session of this app.
///
/// # What breaks when it is wrong
///
/// Users who signed out at the provider, or were suspended there, stay signed in
/// here; or other users are signed out with them.
///
/// # Contract
///
/// - The comparison is exact: of `alice`, `Alice` and `alice ` only one is meant.
///   Collations of some databases see it otherwise.
/// - A record without a `sid` is found by none, not by the empty one either.
/// - A session is found as long as it lives: saving it with a longer lifetime
///   makes its index entries live longer, too.
#[rocket::async_trait]
pub trait SessionIndex: Send + Sync + 'static {
    /// Ends all sessions with this `sid`. No error when there is none.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when one may still be there. The provider is
    /// then told to try again.
    async fn delete_by_sid(&self, sid: &str) -> Result<(), StoreError>;

    /// Ends those sessions of a user that have no `sid` and whose `begun_at` is at most
    /// `begun_by`: a logout token that names a session and its user means them, too,
    /// because nothing says that they belong to another session at the provider.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when one may still be there. The provider is
    /// then told to try again.
    async fn delete_by_sub_without_sid(&self, sub: &str, begun_by: i64) -> Result<(), StoreError>;

    /// Ends all sessions of a user whose `begun_at` is at most `begun_by`. Later
    /// ones are not meant, however late the provider's message arrives.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when one may still be there. The provider is
    /// then told to try again.
    async fn delete_by_sub(&self, sub: &str, begun_by: i64) -> Result<(), StoreError>;

    /// The `data` of the sessions of a user that are there, at most `limit` of them: of
    /// more, those that would end last. In any order.
    ///
    /// One that has ended before the call is not among them. One that begins or ends
    /// during the call may be or not.
    ///
    /// Unless it is written, it says [`StoreError::Unsupported`]: then users cannot see
    /// their sessions ([`Sessions`](crate::Sessions)), and `session.max_per_user` is not
    /// kept.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when that cannot be told.
    async fn list_by_sub(&self, sub: &str, limit: usize) -> Result<Vec<String>, StoreError> {
        let _ = (sub, limit);
        Err(StoreError::Unsupported)
    }
}

/// Keeps access tokens beside a session, so that one instance of the app can use
/// what another one has fetched.
///
/// All methods do nothing unless they are written: a token that is not shared is
/// not lost, because an instance without it asks the provider itself.
///
/// ```rust
/// # struct MyStore;
/// use rocket_logto::TokenStore;
///
/// impl TokenStore for MyStore {}
/// ```
///
/// # What breaks when it is wrong
///
/// When [`clear_tokens`](TokenStore::clear_tokens) forgets nothing while
/// [`token`](TokenStore::token) finds something, users keep permissions that the
/// app wanted to have checked anew. Write all three methods, or none.
///
/// # Contract
///
/// - Tokens live and end with their session, whatever ends it. A session that is
///   created under the same id later has none.
/// - Saving the session keeps them.
#[rocket::async_trait]
pub trait TokenStore: Send + Sync + 'static {
    /// Keeps `sealed`, an encrypted token of about 2 kB, under `name` beside the
    /// session `id`, in the place of an earlier one. Nothing happens when there
    /// is no such session.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when it could not be kept. That is logged, and
    /// the request goes on.
    async fn put_token(&self, id: &str, name: &str, sealed: &str) -> Result<(), StoreError> {
        let _ = (id, name, sealed);
        Ok(())
    }

    /// The token that was kept under `name` beside the session `id`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when that cannot be told.
    async fn token(&self, id: &str, name: &str) -> Result<Option<String>, StoreError> {
        let _ = (id, name);
        Ok(None)
    }

    /// Forgets all tokens of a session. The session stays.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when one may still be there. That is logged,
    /// and the request goes on.
    async fn clear_tokens(&self, id: &str) -> Result<(), StoreError> {
        let _ = id;
        Ok(())
    }
}

/// Lets one instance of the app do what no other may do at the same time, or
/// again.
///
/// Locks are taken for a refresh (some seconds), for the answer to a sign-in and for the
/// session that it makes (ten minutes each) and for each logout token (until it is too old
/// to be used again). Those of a refresh are cut to three seconds as soon as they are
/// taken, and renewed as long as the refresh runs: an instance that crashes holds up
/// nobody for longer. That of a sign-in is cut to seconds when the provider has refused
/// the code.
///
/// # What breaks when it is wrong
///
/// Two instances use the same refresh token: a provider that rotates them takes
/// that for theft and ends the session. Or an authorization code is used twice, or
/// a logout token is replayed.
///
/// # Contract
///
/// - Of all who ask for a lock at once, one gets it.
/// - A lock ends by itself after its lifetime, for an owner that has crashed.
/// - Only its owner gives it back. An owner that comes too late must not give back
///   what is somebody else's by now.
/// - Names and owners are any text; an owner has up to 1 kB. Locks have nothing to do with
///   sessions of the same name.
///
/// # Readiness
///
/// `GET /readyz` does with a store what a sign-in does: it takes a lock and gives it
/// back, and creates, saves and deletes a session that nobody has. A store that can only be read, like a replica or a database on a
/// full disk, is not ready, nor is one that does not allow all of that.
#[rocket::async_trait]
pub trait LockStore: Send + Sync + 'static {
    /// Takes a lock for `owner`. `false` when it is held already, be it by the
    /// same owner.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when it was not taken, or that cannot be told.
    /// The lock is given back then, in case it was.
    async fn lock(&self, name: &str, owner: &str, lifetime: Duration) -> Result<bool, StoreError>;

    /// Makes a lock that is `owner`'s end after `lifetime`, counted from now, which may
    /// be earlier or later than before. `false` when it is not `owner`'s, or not any
    /// more; then nothing has changed.
    ///
    /// Unless it is written, it does nothing and says `true`. That is safe: a lock keeps
    /// the end it was taken with, and nobody asks for a later one. But where an instance
    /// has crashed in the middle of a refresh, its user waits until then, some 20 seconds.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when it may not have been renewed.
    async fn renew(&self, name: &str, owner: &str, lifetime: Duration) -> Result<bool, StoreError> {
        let _ = (name, owner, lifetime);
        Ok(true)
    }

    /// Gives a lock back, if it is still `owner`'s. No error when it is not.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when it may still be held. That is logged, and
    /// the lock ends by itself.
    async fn unlock(&self, name: &str, owner: &str) -> Result<(), StoreError>;

    /// Whose the lock is; `None` when nobody holds it.
    ///
    /// A sign-in notes its session as the owner of a lock, so that another sign-in of the
    /// same browser that finishes at the same moment finds it. Unless it is written, it
    /// says `None`: then each of the two begins a session, and the one whose cookie the
    /// browser did not keep lives until `session.idle`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when that cannot be told.
    async fn owner(&self, name: &str) -> Result<Option<String>, StoreError> {
        let _ = name;
        Ok(None)
    }
}

/// A store that all instances of an app share, for
/// [`LogtoFairing::session_store`](crate::LogtoFairing::session_store). Whatever
/// has the four traits has this one, too.
///
/// Of this crate: `RedisStore` (feature `redis`; the configuration
/// `session.store = { redis = "redis://…" }` makes one) and [`MemoryStore`].
///
/// # A store of your own
///
/// `examples/sqlite_store` in the repository is one on SQLite, with what to change
/// for PostgreSQL. With the feature `testing`,
/// `rocket_logto::testing::session_store_conformance` checks every promise of the
/// four traits on yours.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no store that sessions can be kept in",
    label = "no `SharedStore`",
    note = "implement `SessionStore`, `SessionIndex`, `TokenStore` and `LockStore` for `{Self}`: \
            `examples/sqlite_store` in the repository is a whole one, `MemoryStore` is one for tests"
)]
pub trait SharedStore: SessionStore + SessionIndex + TokenStore + LockStore {}

impl<T: SessionStore + SessionIndex + TokenStore + LockStore> SharedStore for T {}
