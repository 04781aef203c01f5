//! What instances of an app share beside the sessions themselves: the right to
//! refresh, the tokens that came of it, and what has happened once.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{KeepError, Pointer, Sessions};
use crate::clock::Seconds;
use crate::session::store::{SessionStore, StoreError};
use crate::session::{Home, Session, SessionId};
use crate::tokens::token::{Token, TokenFor};

/// A lock outlives the longest exchange with the provider by this much.
const LOCK_MARGIN: Duration = Duration::from_secs(5);
const LOCK_POLL: Duration = Duration::from_millis(25);

/// A token as it is shared with other instances.
#[derive(Serialize, Deserialize)]
struct Note {
    token: openidconnect::AccessToken,
    scope: Option<String>,
    ends_at: Seconds,
}

impl Sessions {
    /// Waits until no other instance refreshes this session. `None` when
    /// instances share nothing.
    pub(crate) async fn exclusive(&self, id: &SessionId) -> Result<Option<Lock>, StoreError> {
        if self.shared.is_none() {
            return Ok(None);
        }
        let lifetime = self.config.http_timeout * 3 + LOCK_MARGIN;
        let name = format!("refresh:{}", id.as_str());
        let waited = rocket::tokio::time::timeout(lifetime, async {
            loop {
                if let Some(lock) = self.take(&name, lifetime).await? {
                    return Ok(Some(lock));
                }
                rocket::tokio::time::sleep(LOCK_POLL).await;
            }
        });
        waited.await.unwrap_or_else(|_| {
            Err(StoreError::Unavailable(
                "the refresh lock is not given back".into(),
            ))
        })
    }

    /// Takes a lock where instances look for it, unless somebody has it.
    pub(super) async fn take(
        &self,
        name: &str,
        lifetime: Duration,
    ) -> Result<Option<Lock>, StoreError> {
        let owner =
            SessionId::random().map_err(|_| StoreError::Unavailable("no randomness".into()))?;
        let store = match &self.shared {
            Some(store) => store.clone(),
            None => self.memory.clone(),
        };
        let lock = Lock {
            store,
            name: name.to_owned(),
            owner,
        };
        match lock.store.lock(name, lock.owner.as_str(), lifetime).await {
            Ok(true) => Ok(Some(lock)),
            Ok(false) => Ok(None),
            Err(error) => {
                // It may have been taken, and only the answer got lost. Whoever
                // tries again after this must not come before it is given back.
                let _ = rocket::tokio::spawn(lock.give_back()).await;
                Err(error)
            }
        }
    }

    /// Shares a token with the other instances.
    pub(crate) async fn put_token(&self, session: &Session, key: &TokenFor, token: &Token) {
        let (Some(keys), Some(store)) = (self.keys.get(), &self.shared) else {
            return;
        };
        let note = Note {
            token: token.as_secret().clone(),
            scope: token.scope().map(str::to_owned),
            ends_at: token.ends_at(),
        };
        let plain = serde_json::to_string(&note).unwrap_or_default();
        let sealed = keys.seal_text(session.id.as_str(), plain);
        // Not shared is not lost: the other instance asks the provider itself.
        if let Err(error) = store
            .put_note(session.id.as_str(), &key.name(), &sealed)
            .await
        {
            log::warn!("logto: {error}");
        }
    }

    /// A token another instance has shared.
    pub(crate) async fn token(
        &self,
        session: &Session,
        key: &TokenFor,
    ) -> Result<Option<Token>, StoreError> {
        let (Some(keys), Some(store)) = (self.keys.get(), &self.shared) else {
            return Ok(None);
        };
        let note = store.note(session.id.as_str(), &key.name()).await?;
        let opened = note.and_then(|note| keys.open(session.id.as_str(), &note));
        let note: Option<Note> = opened.and_then(|plain| serde_json::from_str(&plain).ok());
        Ok(note.map(|note| Token::new(note.token, note.scope, note.ends_at)))
    }

    /// Forgets the tokens that were shared.
    pub(crate) async fn forget_tokens(&self, session: &Session) {
        if let Some(store) = &self.shared
            && let Err(error) = store.clear_notes(session.id.as_str()).await
        {
            log::warn!("logto: {error}");
        }
    }

    /// `Some` the first time `name` is seen within `lifetime`, on any instance;
    /// to be given back when it comes to nothing.
    pub(crate) async fn first_time(
        &self,
        name: &str,
        lifetime: Duration,
    ) -> Result<Option<Lock>, StoreError> {
        // What can be ended is as old as a session at most.
        self.take(name, lifetime.min(self.config.session.absolute))
            .await
    }

    /// Writes a refreshed session where other instances will look for it,
    /// before anybody uses it.
    pub(crate) async fn publish(&self, session: &Session, now: Seconds) -> Result<(), KeepError> {
        let (Some(keys), Some(store)) = (self.keys.get(), self.store_of(session.home)) else {
            return Ok(());
        };
        match store.save(&self.record(keys, session, now)).await? {
            true => Ok(()),
            false => Err(KeepError::Gone),
        }
    }

    /// The newest state of a session that instances share.
    pub(crate) async fn reload(
        &self,
        session: &Session,
    ) -> Result<Option<Arc<Session>>, StoreError> {
        let Some(keys) = self.keys.get() else {
            return Ok(None);
        };
        let in_memory = session.home == Home::Memory;
        self.follow(
            keys,
            &Pointer {
                id: session.id.clone(),
                in_memory,
            },
        )
        .await
    }
}

/// The right to do something, among all instances.
pub(crate) struct Lock {
    store: Arc<dyn SessionStore>,
    name: String,
    owner: SessionId,
}

impl Lock {
    pub(crate) async fn give_back(self) {
        if let Err(error) = self.store.unlock(&self.name, self.owner.as_str()).await {
            log::warn!("logto: {error}; a lock ends by itself");
        }
    }
}
