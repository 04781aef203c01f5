//! `Sessions`: from the cookies of a request to the session, and back. Knows
//! where a session is kept; nobody else needs to.

mod once;
mod opened;
mod shared;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ::cookie::{Key, SameSite};
use aws_lc_rs::digest;
use figment::Figment;
use rocket::config::SecretKey;
use rocket::{Orbit, Rocket};
use serde::{Deserialize, Serialize};

use self::once::Once;
pub(crate) use self::opened::Seal;
use self::opened::{Content, Opened, OpenedBefore};
use self::shared::Lock;
use crate::clock::{Seconds, seconds};
use crate::config::LogtoConfig;
use crate::oidc::logout::Logout;
use crate::session::context::{RequestContext, SessionCookies};
use crate::session::cookie::{self, CookieKeys, CookieSpec, TooLarge};
use crate::session::revocation::Revocations;
use crate::session::store::{MemoryStore, Record, SessionStore, StoreError};
use crate::session::{Home, Session, SessionId, SessionRef};

/// The name of the session cookie, before any prefix.
const SESSION_COOKIE: &str = "logto_session";
/// Sessions in memory that are too large for cookies.
const MAX_IN_MEMORY: usize = 1000;
/// RFC 6749 section 4.1.2: a code lives no longer.
const CODE_LIFETIME: Duration = Duration::from_secs(600);
/// How many sign-ins are known to have been answered.
const ANSWERED: usize = 1 << 12;
/// How long the trace of a look at the store lasts.
const READINESS: Duration = Duration::from_secs(1);

pub(crate) struct Sessions {
    config: Arc<LogtoConfig>,
    keys: OnceLock<CookieKeys>,
    /// What all instances share, when there is such a thing.
    shared: Option<Arc<dyn SessionStore>>,
    memory: Arc<MemoryStore>,
    revocations: Revocations,
    opened: OpenedBefore,
    /// Sign-ins whose authorization response has come, where nothing is shared.
    answered: Once,
    /// The name of the session cookie.
    name: String,
}

/// The right to answer a sign-in.
pub(crate) enum Claim {
    Shared(Lock),
    Here([u8; 16]),
}

/// A session could not be kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeepError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the session has ended meanwhile")]
    Gone,
}

/// What a cookie holds when the session is elsewhere.
#[derive(Serialize, Deserialize)]
struct Pointer {
    id: SessionId,
    #[serde(rename = "m", default)]
    in_memory: bool,
}

impl Sessions {
    pub(crate) fn new(config: Arc<LogtoConfig>, shared: Option<Arc<dyn SessionStore>>) -> Sessions {
        Sessions {
            name: cookie::name(&config, SESSION_COOKIE),
            opened: OpenedBefore::new(),
            answered: Once::with_places(ANSWERED),
            config,
            keys: OnceLock::new(),
            shared,
            memory: Arc::new(MemoryStore::new(MAX_IN_MEMORY)),
            revocations: Revocations::default(),
        }
    }

    /// The keys, once Rocket has its `secret_key`: generated ones included, its
    /// configuration is a figment provider that tells.
    pub(crate) fn keys(&self, rocket: &Rocket<Orbit>) -> &CookieKeys {
        self.keys.get_or_init(|| {
            let current = master(&rocket.config().secret_key).unwrap_or_else(|| {
                log::error!("logto: Rocket has no secret_key; sessions end with this process");
                Key::generate()
            });
            let previous = self
                .config
                .previous_secret_keys
                .iter()
                .filter_map(master)
                .collect();
            CookieKeys::new(current, previous)
        })
    }

    /// The live session of these cookies. `Err` only when it cannot be told.
    pub(crate) async fn load(
        &self,
        keys: &CookieKeys,
        cookies: &[(&str, &str)],
        now: Seconds,
    ) -> Result<Option<Loaded>, StoreError> {
        let opened = cookie::assemble(cookies, &self.name)
            .and_then(|sealed| self.opened.open(keys, &self.name, &sealed, Home::Cookie));
        let Some(Opened {
            content, old_key, ..
        }) = opened
        else {
            return Ok(None);
        };
        let session = match content {
            Content::Pointer(pointer) => match self.follow(keys, &pointer).await? {
                Some(session) => session,
                None => return Ok(None),
            },
            // A session in a cookie knows nothing of ends that other instances
            // have seen.
            Content::Session(_) if self.shared.is_some() => return Ok(None),
            Content::Session(session) => session,
        };
        if !session.is_live(&self.config.session, now) || self.revocations.is_revoked(&session) {
            self.opened.forget(&session);
            return Ok(None);
        }
        Ok(Some(Loaded { session, old_key }))
    }

    async fn follow(
        &self,
        keys: &CookieKeys,
        pointer: &Pointer,
    ) -> Result<Option<Arc<Session>>, StoreError> {
        let home = if pointer.in_memory {
            Home::Memory
        } else {
            Home::Store
        };
        let Some(store) = self.store_of(home) else {
            return Ok(None);
        };
        let id = pointer.id.as_str();
        // RequestedAuthentication each time: another instance may have ended it.
        let Some(data) = store.load(id).await? else {
            return Ok(None);
        };
        match self.opened.open(keys, id, &data, home) {
            Some(Opened {
                content: Content::Session(session),
                ..
            }) => Ok(Some(session)),
            _ => Ok(None),
        }
    }

    /// Keeps a new session, wherever it belongs, and sends its cookies.
    pub(crate) async fn create(
        &self,
        context: &RequestContext,
        session: &mut Session,
        now: Seconds,
    ) -> Result<(), KeepError> {
        let Some(keys) = self.keys.get() else {
            return Ok(());
        };
        session.home = match (&self.shared, self.in_cookies(keys, session, now)) {
            (Some(_), _) => Home::Store,
            (None, Ok(lines)) => {
                self.send(context, Arc::new(session.clone()), lines);
                return Ok(());
            }
            (None, Err(TooLarge(size))) => {
                warn_about_size(size);
                Home::Memory
            }
        };
        if let Some(store) = self.store_of(session.home) {
            store.create(&self.record(keys, session, now)).await?;
        }
        self.send_pointer(context, keys, Arc::new(session.clone()), now);
        Ok(())
    }

    /// Keeps a session as it is now, and sends its cookies.
    pub(crate) async fn save(
        &self,
        context: &RequestContext,
        session: &Arc<Session>,
        now: Seconds,
    ) -> Result<(), KeepError> {
        let Some(keys) = self.keys.get() else {
            return Ok(());
        };
        if session.home == Home::Cookie {
            match self.in_cookies(keys, session, now) {
                Ok(lines) => self.send(context, session.clone(), lines),
                // It has grown: it moves.
                Err(TooLarge(size)) => {
                    warn_about_size(size);
                    let moved = Session {
                        home: Home::Memory,
                        ..Session::clone(session)
                    };
                    let record = self.record(keys, &moved, now);
                    match self.memory.create(&record).await {
                        // A request beside this one has moved it already.
                        Err(StoreError::Collision) => {
                            self.memory.save(&record).await?;
                        }
                        moved => moved?,
                    }
                    self.send_pointer(context, keys, Arc::new(moved), now);
                }
            }
            return Ok(());
        }
        if let Some(store) = self.store_of(session.home)
            && !store.save(&self.record(keys, session, now)).await?
        {
            return Err(KeepError::Gone);
        }
        self.send_pointer(context, keys, session.clone(), now);
        Ok(())
    }

    /// Whether a session that was live a moment ago has not been ended since,
    /// here or where it is kept.
    pub(crate) async fn is_still_live(&self, session: &Session) -> bool {
        if self.is_revoked(session) {
            return false;
        }
        match self.store_of(session.home) {
            // Gone is gone; a store that does not answer has not said so.
            Some(store) => !matches!(store.load(session.id.as_str()).await, Ok(None)),
            None => true,
        }
    }

    /// Forgets what was read from the cookies of a session.
    pub(crate) fn forget(&self, session: &Session) {
        self.opened.forget(session);
    }

    /// Whether this process has ended the session.
    pub(crate) fn is_revoked(&self, session: &Session) -> bool {
        self.revocations.is_revoked(session)
    }

    /// Ends a session: copies of its cookies are refused from now on.
    pub(crate) async fn end(&self, session: &SessionRef, now: Seconds) -> Result<(), StoreError> {
        // If the store does not take it, nothing has happened: it can be tried again.
        if let Some(store) = self.store_of(session.home) {
            store.delete(session.id.as_str()).await?;
        }
        self.revocations.revoke(session, self.absolute(), now);
        Ok(())
    }

    /// Ends the sessions that a logout token names.
    pub(crate) async fn end_named(&self, logout: &Logout, now: Seconds) -> Result<(), StoreError> {
        self.opened.forget_named(logout);
        let (sid, sub) = (logout.sid.as_deref(), logout.sub.as_deref());
        let memory: &dyn SessionStore = &*self.memory;
        for store in self.shared.as_deref().into_iter().chain([memory]) {
            match (sid, sub) {
                (Some(sid), _) => store.delete_by_sid(sid).await?,
                (None, Some(sub)) => store.delete_by_sub(sub, logout.begun_by).await?,
                (None, None) => {}
            }
        }
        if self.shared.is_some() {
            // Every session was in the store and is gone. A list of this
            // instance alone would refuse who signs in again within the same
            // second, here and not elsewhere.
            return Ok(());
        }
        match (sid, sub) {
            // The provider's session is over: nothing can begin in it any more,
            // whatever its clock says.
            (Some(sid), _) => self.revocations.revoke_sid(sid, self.absolute(), now),
            // What is to begin yet is not meant.
            (None, Some(sub)) => {
                let begun_by = logout.begun_by.min(now);
                self.revocations.revoke_sub(sub, self.absolute(), begun_by);
            }
            (None, None) => {}
        }
        Ok(())
    }

    /// Removes the session's cookies from the browser.
    pub(crate) fn drop_cookies(&self, context: &RequestContext) {
        let mut lines = vec![self.spec(&self.name, 0).removal()];
        lines.extend(self.stale_chunks(context, &[]));
        context.set_session_cookies(SessionCookies { of: None, lines });
    }

    /// `Some` for the first authorization response to a sign-in: a second one at
    /// the same time, as of an impatient reload, must not use the code again, or
    /// the provider takes back what it gave for it.
    pub(crate) async fn claim_answer(
        &self,
        transaction: &str,
    ) -> Result<Option<Claim>, StoreError> {
        if self.shared.is_some() {
            let lock = self.take(transaction, CODE_LIFETIME).await?;
            return Ok(lock.map(Claim::Shared));
        }
        let digest = digest::digest(&digest::SHA256, transaction.as_bytes());
        let hash = digest.as_ref().first_chunk().copied().unwrap_or_default();
        Ok((!self.answered.was_here(&hash)).then_some(Claim::Here(hash)))
    }

    /// For a response whose code has gone nowhere.
    pub(crate) async fn give_back(&self, claim: Claim) {
        match claim {
            Claim::Shared(lock) => lock.give_back().await,
            Claim::Here(hash) => self.answered.forget(&hash),
        }
    }

    /// Whether the store, if there is one, takes what it is given: one that
    /// only answers questions, as a replica does, is of no use to a sign-in.
    pub(crate) async fn is_ready(&self) -> Result<(), StoreError> {
        match &self.shared {
            Some(store) => store.lock("readiness", "", READINESS).await.map(|_| ()),
            None => Ok(()),
        }
    }

    fn store_of(&self, home: Home) -> Option<&dyn SessionStore> {
        match home {
            Home::Cookie => None,
            Home::Memory => Some(&*self.memory),
            Home::Store => self.shared.as_deref(),
        }
    }

    fn record(&self, keys: &CookieKeys, session: &Session, now: Seconds) -> Record {
        let plain = serde_json::to_string(session).unwrap_or_default();
        let left = session.max_age(&self.config.session, now).max(1);
        Record {
            id: session.id.as_str().to_owned(),
            sid: session.sid.clone(),
            sub: session.sub.clone(),
            data: keys.seal_text(session.id.as_str(), plain),
            version: session.version,
            lifetime: Duration::from_secs(u64::try_from(left).unwrap_or(1)),
            begun_at: session.created_at,
        }
    }

    fn in_cookies(
        &self,
        keys: &CookieKeys,
        session: &Session,
        now: Seconds,
    ) -> Result<Vec<String>, TooLarge> {
        let max_age = session.max_age(&self.config.session, now);
        let plain = serde_json::to_string(session).unwrap_or_default();
        keys.seal_chunked(&self.spec(&self.name, max_age), plain)
    }

    fn send_pointer(
        &self,
        context: &RequestContext,
        keys: &CookieKeys,
        session: Arc<Session>,
        now: Seconds,
    ) {
        let in_memory = session.home == Home::Memory;
        let pointer = Pointer {
            id: session.id.clone(),
            in_memory,
        };
        let plain = serde_json::to_string(&pointer).unwrap_or_default();
        let max_age = session.max_age(&self.config.session, now);
        let line = keys.seal(&self.spec(&self.name, max_age), plain);
        self.send(context, session, line.into_iter().collect());
    }

    fn send(&self, context: &RequestContext, session: Arc<Session>, mut lines: Vec<String>) {
        lines.extend(self.stale_chunks(context, &lines));
        let of = Some(session);
        context.set_session_cookies(SessionCookies { of, lines });
    }

    /// Lines that remove the chunks which the browser still has of a longer
    /// session.
    fn stale_chunks(&self, context: &RequestContext, kept: &[String]) -> Vec<String> {
        let mut names = context.chunks();
        names.retain(|name| {
            let again = |line: &String| line.starts_with(&format!("{name}="));
            !kept.iter().any(again)
        });
        let removal = |name: String| self.spec(&name, 0).removal();
        names.into_iter().map(removal).collect()
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    fn spec<'a>(&self, name: &'a str, max_age: Seconds) -> CookieSpec<'a> {
        let secure = self.config.is_https();
        CookieSpec {
            name,
            max_age,
            secure,
            same_site: SameSite::Lax,
        }
    }

    fn absolute(&self) -> Seconds {
        seconds(self.config.session.absolute)
    }
}

/// A session found, and whether its cookie should be sealed anew.
pub(crate) struct Loaded {
    pub session: Arc<Session>,
    pub old_key: bool,
}

/// The 64 bytes of a key. Rocket shows them to figment only.
fn master(key: &SecretKey) -> Option<Key> {
    let config = rocket::Config {
        secret_key: key.clone(),
        ..rocket::Config::default()
    };
    let bytes: Vec<u8> = Figment::from(config).extract_inner("secret_key").ok()?;
    Key::try_from(&bytes[..]).ok()
}

fn warn_about_size(size: usize) {
    log::warn!(
        "logto: a session of {size} bytes does not fit three cookies and is kept in memory: it \
         ends with this process. Ask for fewer claims, or write session.store = {{ redis = \
         \"redis://…\" }}"
    );
}
