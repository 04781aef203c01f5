//! Where sessions are kept: in cookies, in memory when they do not fit, or in the
//! store that instances share. Knows nothing about providers or requests.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use super::concurrent::{Notes, notes};
use super::cookie::cache::{Content, CookieCache, Opened, Pointer};
use super::cookie::names::CookieNames;
use super::cookie::{self, CookieError, CookieKeys, SealError};
use super::model::{AppAddress, KeptIn, Registration, Session, SessionRef};
use super::overview::LISTED;
use super::readiness::Readiness;
use super::revocation::Revocations;
use super::store::measured::measured;
use super::store::{MemoryStore, Record, SessionStore, SharedStore, StoreError};
use crate::clock::{Seconds, seconds};
use crate::config::LogtoConfig;
use crate::error::{Error, ErrorKind};
use crate::measure::{self, Lookup};
use crate::oidc::verify::Logout;

/// The most sessions kept in memory because they are too large for cookies.
const MAX_IN_MEMORY: usize = 1000;
/// The most cookies that are looked at for what the app has left. No browser keeps more
/// for a host.
const MAX_COOKIES: usize = 200;

/// Base64 has none.
const AFTER_ID: char = '.';

pub(super) struct Storage {
    pub(super) config: Arc<LogtoConfig>,
    pub(super) keys: CookieKeys,
    /// The store that all instances share, if there is one.
    pub(super) shared: Option<Arc<dyn SharedStore>>,
    pub(super) memory: Arc<MemoryStore>,
    pub(super) registration: Registration,
    pub(super) app: AppAddress,
    pub(super) names: CookieNames,
    pub(super) readiness: Readiness,
    pub(super) notes: Notes,
    pub(super) revocations: Revocations,
    cache: CookieCache,
}

/// A session that was found, and whether an old key opened it, so that its cookie
/// should be sealed again.
pub(super) struct Loaded {
    pub session: Arc<Session>,
    pub old_key: bool,
}

/// A session could not be kept.
#[derive(Debug, thiserror::Error)]
pub(super) enum KeepError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Seal(#[from] SealError),
    #[error("the session has ended in the meantime")]
    Gone,
}

impl From<KeepError> for Error {
    fn from(error: KeepError) -> Error {
        match error {
            KeepError::Gone => Error::new(ErrorKind::SessionEnded, "ended_elsewhere"),
            error => Error::new(ErrorKind::StoreUnavailable, error.to_string()),
        }
    }
}

impl Storage {
    pub(super) fn new(
        config: Arc<LogtoConfig>,
        keys: CookieKeys,
        shared: Option<Arc<dyn SharedStore>>,
    ) -> Storage {
        Storage {
            names: CookieNames::of(&config),
            cache: CookieCache::new(),
            registration: Registration::of(&config),
            app: AppAddress::of(&config),
            keys,
            shared: shared.map(measured),
            memory: Arc::new(MemoryStore::new(MAX_IN_MEMORY)),
            readiness: Readiness::default(),
            revocations: Revocations::new(
                config.session.max_ended_users,
                seconds(config.session.idle),
            ),
            notes: notes(),
            config,
        }
    }

    /// The live session of these cookies. `Err` only when the store cannot be asked.
    pub(super) async fn load(
        &self,
        cookies: &[(&str, &str)],
        now: Seconds,
    ) -> Result<Option<Loaded>, StoreError> {
        let no = |why| {
            measure::session_lookup(why);
            Ok(None)
        };
        let name = self.names.session();
        let Some(sealed) = cookie::assemble(cookies, name) else {
            // Twice, or in pieces of which one is missing.
            let is_there = cookies.iter().any(|(other, _)| *other == name);
            return no(if is_there {
                Lookup::Unusable
            } else {
                Lookup::None
            });
        };
        let Some(Opened {
            content, old_key, ..
        }) = self.open(name, &sealed, KeptIn::Cookie)
        else {
            return no(Lookup::Unusable);
        };
        let session = match content {
            Content::Pointer(pointer) => match self.follow(&pointer).await {
                Ok(Some(session)) => session,
                Ok(None) => return no(Lookup::Unusable),
                Err(error) => {
                    measure::session_lookup(Lookup::StoreUnavailable);
                    return Err(error);
                }
            },
            // Other instances may have ended a session without this cookie changing,
            // so where there is a store, a session in a cookie does not count.
            Content::Session(_) if self.shared.is_some() => return no(Lookup::Unusable),
            Content::Session(session) => session,
        };
        // Of another tenant, or of another app with the same key: nothing in it may
        // be used here, or sent to this provider.
        if session.registration != self.registration {
            return no(Lookup::Unusable);
        }
        let ended = if !session.is_live(&self.config.session, now) {
            Some(Lookup::Expired)
        } else {
            let is_revoked = self.revocations.is_revoked(&session);
            is_revoked.then_some(Lookup::Revoked)
        };
        if let Some(how) = ended {
            self.cache.forget(&session);
            return no(how);
        }
        measure::session_lookup(Lookup::Live);
        Ok(Some(Loaded { session, old_key }))
    }

    /// The current state of a session that instances share.
    pub(super) async fn reload(
        &self,
        session: &Session,
    ) -> Result<Option<Arc<Session>>, StoreError> {
        self.follow(&Pointer {
            id: session.id.clone(),
            in_memory: session.kept_in == KeptIn::Memory,
            app: session.app.clone(),
        })
        .await
    }

    async fn follow(&self, pointer: &Pointer) -> Result<Option<Arc<Session>>, StoreError> {
        let kept_in = match pointer.in_memory {
            true => KeptIn::Memory,
            false => KeptIn::Store,
        };
        let Some(store) = self.store_of(kept_in) else {
            return Ok(None);
        };
        let id = pointer.id.as_str();
        // The store is asked every time: another instance may have ended it.
        let (data, mark) = self.load_marked(store, id, kept_in).await?;
        let Some(data) = data else {
            return Ok(None);
        };
        match self.open(id, without_id(&data), kept_in) {
            Some(Opened {
                content: Content::Session(session),
                ..
            }) => Ok(Some(self.marked(session, &mark))),
            _ => Ok(None),
        }
    }

    /// A session that is not in cookies.
    pub(super) async fn find(&self, of: &SessionRef) -> Result<Option<Arc<Session>>, StoreError> {
        if of.kept_in == KeptIn::Cookie {
            return Ok(None);
        }
        self.follow(&Pointer {
            id: of.id.clone(),
            in_memory: of.kept_in == KeptIn::Memory,
            app: self.app.clone(),
        })
        .await
    }

    /// The live sessions of a user in the store that instances share.
    pub(super) async fn listed(&self, sub: &str, now: Seconds) -> Result<Vec<Session>, StoreError> {
        let Some(store) = &self.shared else {
            return Err(StoreError::Unsupported);
        };
        let all = store.list_by_sub(sub, LISTED).await?;
        let read = |data: &String| {
            let (id, sealed) = data.split_once(AFTER_ID)?;
            let id = self.keys.open(&id_of(sub), id)?;
            let session: Session = serde_json::from_str(&self.keys.open(&id, sealed)?).ok()?;
            let is_meant = session.id.as_str() == id
                && session.unique_sub() == sub
                && session.registration == self.registration
                && session.is_live(&self.config.session, now);
            is_meant.then_some(Session {
                kept_in: KeptIn::Store,
                ..session
            })
        };
        Ok(all.iter().filter_map(read).collect())
    }

    fn open(&self, name: &str, sealed: &str, kept_in: KeptIn) -> Option<Opened> {
        self.cache.open(&self.keys, name, sealed, kept_in)
    }

    /// Keeps a new session, and decides where.
    pub(super) async fn create(
        &self,
        session: &mut Session,
        now: Seconds,
    ) -> Result<(), KeepError> {
        session.kept_in = match &self.shared {
            Some(_) => KeptIn::Store,
            None => match self.in_cookies(session, now) {
                Ok(_) => KeptIn::Cookie,
                Err(CookieError::TooLarge(size)) => {
                    warn_about_size(size);
                    KeptIn::Memory
                }
                Err(CookieError::Seal(error)) => return Err(error.into()),
            },
        };
        if let Some(store) = self.store_of(session.kept_in) {
            store.create(&self.record(session, now)?).await?;
        }
        Ok(())
    }

    /// Writes an existing session to where it is kept. One in cookies goes with the
    /// response.
    pub(super) async fn write(&self, session: &Session, now: Seconds) -> Result<(), KeepError> {
        let Some(store) = self.store_of(session.kept_in) else {
            return Ok(());
        };
        match store.save(&self.record(session, now)?).await? {
            true => Ok(()),
            false => Err(KeepError::Gone),
        }
    }

    /// The `Set-Cookie` lines for a session that is kept, and that session as it is
    /// then: one that has outgrown its cookies moves to memory.
    pub(super) async fn cookies(
        &self,
        session: &Arc<Session>,
        now: Seconds,
    ) -> Result<(Arc<Session>, Vec<String>), KeepError> {
        if session.kept_in != KeptIn::Cookie {
            return Ok((session.clone(), self.pointer(session, now)?));
        }
        match self.in_cookies(session, now) {
            Ok(lines) => Ok((session.clone(), lines)),
            Err(CookieError::Seal(error)) => Err(error.into()),
            Err(CookieError::TooLarge(size)) => {
                warn_about_size(size);
                let moved = Session {
                    kept_in: KeptIn::Memory,
                    ..Session::clone(session)
                };
                let record = self.record(&moved, now)?;
                match self.memory.create(&record).await {
                    // A concurrent request has moved it already.
                    Err(StoreError::Collision) => {
                        self.memory.save(&record).await?;
                    }
                    moved => moved?,
                }
                let lines = self.pointer(&moved, now)?;
                Ok((Arc::new(moved), lines))
            }
        }
    }

    fn in_cookies(&self, session: &Session, now: Seconds) -> Result<Vec<String>, CookieError> {
        let max_age = session.max_age(&self.config.session, now);
        let spec = self.names.session_spec(self.names.session(), max_age);
        self.keys.seal_chunked(&spec, session)
    }

    fn pointer(&self, session: &Session, now: Seconds) -> Result<Vec<String>, SealError> {
        let pointer = Pointer {
            id: session.id.clone(),
            in_memory: session.kept_in == KeptIn::Memory,
            app: self.app.clone(),
        };
        let max_age = session.max_age(&self.config.session, now);
        let spec = self.names.session_spec(self.names.session(), max_age);
        let line = self.keys.seal(&spec, &pointer);
        // An id always fits.
        Ok(vec![line.map_err(|_| SealError)?])
    }

    /// The `Set-Cookie` lines that remove the session's cookie, if it is there, and its
    /// `chunks`.
    pub(super) fn removal(&self, chunks: Vec<String>, is_there: bool) -> Vec<String> {
        let first = is_there.then(|| self.names.session().to_owned());
        let names = first.into_iter().chain(chunks);
        names.map(|name| self.removal_of(&name)).collect()
    }

    /// The `Set-Cookie` lines that remove those `chunks` that `lines` do not write.
    pub(super) fn stale(&self, chunks: Vec<String>, lines: &[String]) -> Vec<String> {
        let is_written = |name: &String| {
            lines
                .iter()
                .any(|line| line.starts_with(&format!("{name}=")))
        };
        let stale = chunks.into_iter().filter(|name| !is_written(name));
        stale.map(|name| self.removal_of(&name)).collect()
    }

    fn removal_of(&self, name: &str) -> String {
        self.names.session_spec(name, 0).removal()
    }

    /// The `Set-Cookie` lines that remove sessions of this app which it finds under none
    /// of its names any more, because it had another registration then, or another
    /// `session.cookie_name`. Otherwise they would fill the `Cookie` header until they
    /// expire. Cookies of other apps do not open, or say that they are theirs.
    pub(super) fn leftovers(&self, cookies: &[(&str, &str)]) -> Vec<String> {
        #[derive(Deserialize)]
        struct Left {
            #[serde(rename = "w")]
            app: AppAddress,
        }
        let is_left = |name: &str| {
            let plain = self.keys.open(name, &cookie::assemble(cookies, name)?)?;
            let left: Left = serde_json::from_str(&plain).ok()?;
            (left.app == self.app).then_some(())
        };
        let names = cookies.iter().take(MAX_COOKIES).map(|(name, _)| *name);
        let others = names.filter(|name| *name != self.names.session());
        let left = others.filter(|name| is_left(name).is_some());
        left.flat_map(|name| {
            let mut names = cookie::chunks_present(cookies, name);
            names.push(name.to_owned());
            names
        })
        .map(|name| self.removal_of(&name))
        .collect()
    }

    /// Whether a session that was live a moment ago still is, here and where it is
    /// kept.
    pub(super) async fn is_still_live(&self, session: &Session) -> bool {
        if self.is_revoked(session) {
            return false;
        }
        match self.store_of(session.kept_in) {
            // Only a store that answers can say that the session is gone.
            Some(store) => !matches!(store.load(session.id.as_str()).await, Ok(None)),
            None => true,
        }
    }

    /// A new session, so that an end of its user's sessions within the same second, which
    /// was about those before it, does not refuse it.
    pub(super) fn not_too_soon(&self, session: Session) -> Session {
        Session {
            created_at: self.revocations.begins_at(&session),
            ..session
        }
    }

    /// Whether this process has ended the session.
    pub(super) fn is_revoked(&self, session: &Session) -> bool {
        self.revocations.is_revoked(session)
    }

    /// Forgets what was read from the cookies of a session.
    pub(super) fn forget(&self, session: &Session) {
        self.cache.forget(session);
    }

    /// Ends a session: copies of its cookies are refused from now on.
    pub(super) async fn end(&self, session: &SessionRef, now: Seconds) -> Result<(), StoreError> {
        // The store first: if it fails, nothing has changed, and the user can retry.
        if let Some(store) = self.store_of(session.kept_in) {
            store.delete(session.id.as_str()).await?;
        }
        // In a store it is gone. In memory it may have been in cookies before.
        if session.kept_in != KeptIn::Store {
            self.revocations.revoke(session, now);
        }
        Ok(())
    }

    /// Takes back a session whose cookies no browser has got.
    pub(super) async fn discard(&self, session: &Session) -> Result<(), StoreError> {
        match self.store_of(session.kept_in) {
            Some(store) => store.delete(session.id.as_str()).await,
            None => Ok(()),
        }
    }

    /// Ends the sessions that a logout token names.
    pub(super) async fn end_named(&self, logout: &Logout, now: Seconds) -> Result<(), StoreError> {
        self.cache.forget_named(logout);
        let begun_by = logout.issued_before;
        match (logout.sid.as_deref(), logout.sub.as_deref()) {
            (Some(sid), sub) => self.end_at_provider(sid, sub, begun_by, now).await,
            (None, Some(sub)) => self.end_of_user(sub, begun_by, now).await,
            (None, None) => Ok(()),
        }
    }

    /// Ends all sessions of a user that have begun by then; with the largest number, by
    /// now, by the clock of whichever instance.
    pub(super) async fn end_of_user(
        &self,
        sub: &str,
        begun_by: Seconds,
        now: Seconds,
    ) -> Result<(), StoreError> {
        for store in self.stores() {
            store.delete_by_sub(sub, begun_by).await?;
        }
        if self.is_remembered_here() {
            // Sessions that begin later are not meant.
            self.revocations.revoke_sub(sub, begun_by.min(now), now);
        }
        Ok(())
    }

    /// Ends the sessions that belong to the session `sid` at the provider, and those of
    /// which nothing is known but that they are the user's.
    async fn end_at_provider(
        &self,
        sid: &str,
        sub: Option<&str>,
        begun_by: Seconds,
        now: Seconds,
    ) -> Result<(), StoreError> {
        for store in self.stores() {
            store.delete_by_sid(sid).await?;
            if let Some(sub) = sub {
                store.delete_by_sub_without_sid(sub, begun_by).await?;
            }
        }
        if self.is_remembered_here() {
            // The session at the provider has ended, so nothing can begin in it any more,
            // whatever the provider's clock says.
            self.revocations.revoke_sid(sid, sub, now);
            if let Some(sub) = sub {
                let begun_by = begun_by.min(now);
                self.revocations.revoke_sub_without_sid(sub, begun_by, now);
            }
        }
        Ok(())
    }

    fn stores(&self) -> impl Iterator<Item = &dyn SharedStore> {
        let memory: &dyn SharedStore = &*self.memory;
        self.shared.as_deref().into_iter().chain([memory])
    }

    /// Whether sessions are in cookies. In a shared store every session of a user was
    /// there and is gone: a list on this instance alone would refuse a user who signs in
    /// again within the same second, and only here.
    fn is_remembered_here(&self) -> bool {
        self.shared.is_none()
    }

    pub(super) fn store_of(&self, kept_in: KeptIn) -> Option<&dyn SharedStore> {
        match kept_in {
            KeptIn::Cookie => None,
            KeptIn::Memory => Some(&*self.memory),
            KeptIn::Store => self.shared.as_deref(),
        }
    }

    fn record(&self, session: &Session, now: Seconds) -> Result<Record, SealError> {
        let left = session.max_age(&self.config.session, now).max(1);
        Ok(Record {
            id: session.id.as_str().to_owned(),
            sid: session.unique_sid().map(Cow::into_owned),
            sub: session.unique_sub().into_owned(),
            data: self.sealed(session)?,
            version: session.version,
            lifetime: Duration::from_secs(u64::try_from(left).unwrap_or(1)),
            begun_at: session.created_at,
        })
    }

    /// The session, sealed under its id, behind the id, sealed under its user: who lists
    /// the sessions of a user does not know their ids, and the store does not either.
    fn sealed(&self, session: &Session) -> Result<String, SealError> {
        let (id, user) = (session.id.as_str(), id_of(&session.unique_sub()));
        let mut data = self.keys.seal_bytes(&user, id.into())?;
        data.push(AFTER_ID);
        data.push_str(&self.keys.seal_value(id, session)?);
        Ok(data)
    }
}

/// What the id of a session is sealed under. No cookie's name has a line break.
fn id_of(sub: &str) -> String {
    format!("session of\n{sub}")
}

/// The sealed session of a record's data.
fn without_id(data: &str) -> &str {
    data.split_once(AFTER_ID).map_or(data, |(_, sealed)| sealed)
}

fn warn_about_size(size: usize) {
    log::warn!(
        "logto: a session of {size} bytes does not fit three cookies and is kept in memory: it \
         ends with this process. Ask for fewer claims, or write session.store = {{ redis = \
         \"redis://…\" }}"
    );
}
