//! What only one request on any instance may do: refresh a session, answer a
//! sign-in, accept a logout token. Also the tokens that instances share.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::model::{Session, SessionId};
use super::seen_filter::SeenFilter;
use super::storage::Storage;
use super::store::{SharedStore, StoreError};
use crate::clock::Seconds;
use crate::sha256::sha256;
use crate::tokens::token::{Token, TokenFor};

/// A lock outlives the longest exchange with the provider by this much.
const LOCK_MARGIN: Duration = Duration::from_secs(5);
const LOCK_POLL: Duration = Duration::from_millis(25);
/// RFC 6749 section 4.1.2: a code lives no longer.
const CODE_LIFETIME: Duration = Duration::from_secs(600);
/// How many sign-ins are known to have been answered.
const ANSWERED: usize = 1 << 12;
/// How long the readiness check's entry in the store lasts.
const READINESS: Duration = Duration::from_secs(1);

/// Sign-ins that have been answered, where instances share nothing.
pub(super) struct Answered(SeenFilter);

/// The right to answer a sign-in.
pub(crate) enum AnswerTurn {
    Shared(Lock),
    Here([u8; 16]),
}

/// The right to do something, held by one request on any instance.
pub(crate) struct Lock {
    store: Arc<dyn SharedStore>,
    name: String,
    owner: SessionId,
}

impl Lock {
    pub(crate) async fn give_back(self) {
        if let Err(error) = self.store.unlock(&self.name, self.owner.as_str()).await {
            log::warn!("logto: {error}; a lock was not released and will expire");
        }
    }
}

impl Answered {
    pub(super) fn new() -> Answered {
        Answered(SeenFilter::with_places(ANSWERED))
    }

    /// `Some` for the first authorization response to a sign-in. A second one at the
    /// same time, such as an impatient reload, must not use the code again, or the
    /// provider revokes the tokens it issued for it (RFC 6749 section 4.1.2).
    pub(super) async fn take_turn(
        &self,
        storage: &Storage,
        transaction: &str,
    ) -> Result<Option<AnswerTurn>, StoreError> {
        if storage.shared.is_some() {
            let lock = storage.lock(transaction, CODE_LIFETIME).await?;
            return Ok(lock.map(AnswerTurn::Shared));
        }
        let hash = sha256(transaction);
        let hash = std::array::from_fn(|at| hash[at]);
        Ok((!self.0.was_here(&hash)).then_some(AnswerTurn::Here(hash)))
    }

    /// Gives the turn back after a response whose code was not sent to the provider.
    pub(super) async fn give_back(&self, turn: AnswerTurn) {
        match turn {
            AnswerTurn::Shared(lock) => lock.give_back().await,
            AnswerTurn::Here(hash) => self.0.forget(&hash),
        }
    }
}

/// A token as it is shared with other instances.
#[derive(Serialize, Deserialize)]
struct SharedToken {
    token: openidconnect::AccessToken,
    scope: Option<String>,
    ends_at: Seconds,
}

impl Storage {
    /// Takes a lock that all instances see, unless it is taken.
    pub(super) async fn lock(
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
                // The lock may have been taken and only the reply was lost. Give it
                // back before the caller can retry.
                let _ = rocket::tokio::spawn(lock.give_back()).await;
                Err(error)
            }
        }
    }

    /// Waits until no other instance refreshes this session. `None` when
    /// instances share nothing.
    pub(super) async fn refresh_lock(&self, id: &SessionId) -> Result<Option<Lock>, StoreError> {
        if self.shared.is_none() {
            return Ok(None);
        }
        let lifetime = self.config.http_timeout() * 3 + LOCK_MARGIN;
        let name = format!("refresh:{}", id.as_str());
        let waited = rocket::tokio::time::timeout(lifetime, async {
            loop {
                if let Some(lock) = self.lock(&name, lifetime).await? {
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

    /// `Some` the first time the id of a logout token is seen within `lifetime`, on
    /// any instance. Give it back if the logout fails.
    pub(super) async fn check_replay(
        &self,
        jti: &str,
        lifetime: Duration,
    ) -> Result<Option<Lock>, StoreError> {
        // No session lives longer than this, so there is nothing left to end.
        let lifetime = lifetime.min(self.config.session.absolute);
        self.lock(&format!("jti:{jti}"), lifetime).await
    }

    /// Whether the store, if there is one, accepts writes: a read-only replica is of
    /// no use to a sign-in.
    pub(super) async fn check_ready(&self) -> Result<(), StoreError> {
        match &self.shared {
            Some(store) => store.lock("readiness", "", READINESS).await.map(|_| ()),
            None => Ok(()),
        }
    }

    /// Shares a token with the other instances. If that fails, they ask the provider
    /// themselves.
    pub(super) async fn put_token(&self, session: &Session, key: &TokenFor, token: &Token) {
        let Some(store) = &self.shared else {
            return;
        };
        let id = session.id.as_str();
        let shared = SharedToken {
            token: token.as_secret().clone(),
            scope: token.scope().map(str::to_owned),
            ends_at: token.ends_at(),
        };
        let put = match self.keys.seal_value(id, &shared) {
            Ok(sealed) => store.put_token(id, &key.name(), &sealed).await,
            Err(error) => Err(StoreError::Unavailable(error.to_string())),
        };
        if let Err(error) = put {
            log::warn!("logto: a token is not shared with other instances: {error}");
        }
    }

    /// A token another instance has shared.
    pub(super) async fn token(
        &self,
        session: &Session,
        key: &TokenFor,
    ) -> Result<Option<Token>, StoreError> {
        let Some(store) = &self.shared else {
            return Ok(None);
        };
        let id = session.id.as_str();
        let sealed = store.token(id, &key.name()).await?;
        let opened = sealed.and_then(|sealed| self.keys.open(id, &sealed));
        let shared: Option<SharedToken> =
            opened.and_then(|plain| serde_json::from_str(&plain).ok());
        Ok(shared.map(|shared| Token::new(shared.token, shared.scope, shared.ends_at)))
    }

    /// Forgets the tokens that were shared.
    pub(super) async fn clear_tokens(&self, session: &Session) {
        if let Some(store) = &self.shared
            && let Err(error) = store.clear_tokens(session.id.as_str()).await
        {
            log::warn!("logto: shared tokens are not forgotten: {error}");
        }
    }
}
