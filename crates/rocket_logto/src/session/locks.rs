//! What only one request on any instance may do: refresh a session, answer a
//! sign-in, accept a logout token. Also the tokens that instances share.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rocket::tokio::task::JoinHandle;
use serde::{Deserialize, Serialize};

use super::model::{Session, SessionId};
use super::seen_filter::SeenFilter;
use super::storage::Storage;
use super::store::{SharedStore, StoreError};
use crate::clock::Seconds;
use crate::oidc::dpop::{KeyName, ProofKeys};
use crate::sha256::sha256;
use crate::tokens::token::{Token, TokenFor};

/// A lock outlives the longest exchange with the provider by this much.
const LOCK_MARGIN: Duration = Duration::from_secs(5);
const LOCK_POLL: Duration = Duration::from_millis(25);
/// RFC 6749 section 4.1.2: a code lives no longer.
pub(super) const CODE_LIFETIME: Duration = Duration::from_secs(600);
/// How many sign-ins are known to have been answered.
const ANSWERED: usize = 1 << 12;
/// How long the lock of a refresh lasts after the instance that holds it was last heard
/// of. With a poll and a round trip, nobody waits longer than three seconds for one that
/// was killed.
const LEASE: Duration = Duration::from_millis(2500);
/// How often the lock is renewed.
const RENEWAL: Duration = Duration::from_millis(800);
/// How long the answer to a sign-in stays taken when the provider has refused its code,
/// which anybody may have made up: as long as a double click takes.
const REFUSED: Duration = Duration::from_secs(3);

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
        self.release().await;
    }

    async fn release(&self) {
        if let Err(error) = self.store.unlock(&self.name, self.owner.as_str()).await {
            log::warn!("logto: {error}; a lock was not released and will expire");
        }
    }

    /// Makes it end so long from now. `false` when it has ended already.
    async fn renew(&self, lifetime: Duration) -> Result<bool, StoreError> {
        let owner = self.owner.as_str();
        self.store.renew(&self.name, owner, lifetime).await
    }
}

/// A lock that ends soon after this process does.
pub(super) struct Lease {
    lock: Arc<Lock>,
    renewal: JoinHandle<()>,
}

impl Lease {
    /// For a lock that was taken for `lifetime` at `taken`.
    async fn on(lock: Lock, taken: Instant, lifetime: Duration) -> Lease {
        let lock = Arc::new(lock);
        // Taken for longer at first: a store that renews no locks keeps it as it is.
        if let Err(error) = lock.renew(LEASE.min(lifetime)).await {
            log::warn!("logto: {error}; a lock is held for {lifetime:?}");
        }
        let renewal = rocket::tokio::spawn(renewal(lock.clone(), taken + lifetime));
        Lease { lock, renewal }
    }

    pub(super) async fn give_back(self) {
        self.renewal.abort();
        self.lock.release().await;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.renewal.abort();
    }
}

async fn renewal(lock: Arc<Lock>, end: Instant) {
    loop {
        rocket::tokio::time::sleep(RENEWAL).await;
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        match lock.renew(LEASE.min(left)).await {
            Ok(true) => {}
            Ok(false) => {
                log::warn!("logto: the lock of a refresh that still runs has ended");
                return;
            }
            Err(error) => log::warn!("logto: {error}; the lock of a refresh was not renewed"),
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

    /// After a response whose code the provider has refused: nothing came of it, so that
    /// nothing has to be remembered for long.
    pub(super) async fn refused(&self, turn: AnswerTurn) {
        if let AnswerTurn::Shared(lock) = turn
            && let Err(error) = lock.renew(REFUSED).await
        {
            log::warn!("logto: {error}; a refused code is remembered for ten minutes");
        }
    }
}

/// A token as it is shared with other instances.
#[derive(Serialize, Deserialize)]
struct SharedToken {
    token: openidconnect::AccessToken,
    scope: Option<String>,
    ends_at: Seconds,
    #[serde(default)]
    stale_at: Option<Seconds>,
    /// The version of the session that it was fetched for.
    #[serde(default)]
    version: u32,
    /// The key that it is bound to.
    #[serde(default)]
    key: Option<KeyName>,
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
    pub(super) async fn refresh_lock(&self, id: &SessionId) -> Result<Option<Lease>, StoreError> {
        if self.shared.is_none() {
            return Ok(None);
        }
        let lifetime = self.config.http_timeout() * 3 + self.config.hook_timeout + LOCK_MARGIN;
        let name = format!("refresh:{}", id.as_str());
        let waited = rocket::tokio::time::timeout(lifetime, async {
            loop {
                let taken = Instant::now();
                if let Some(lock) = self.lock(&name, lifetime).await? {
                    return Ok(Some(Lease::on(lock, taken, lifetime).await));
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

    /// Whether the store, if there is one, does what a sign-in needs: a read-only replica
    /// is of no use to it.
    pub(super) async fn check_ready(&self) -> Result<(), StoreError> {
        match &self.shared {
            Some(store) => self.readiness.check(&**store).await,
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
            stale_at: Some(token.stale_at()),
            version: session.version,
            key: token.key_name(),
        };
        let put = match self.keys.seal_value(id, &shared) {
            Ok(sealed) => store.put_token(id, &key.name(), &sealed).await,
            Err(error) => Err(StoreError::Unavailable(error.to_string())),
        };
        if let Err(error) = put {
            log::warn!("logto: a token is not shared with other instances: {error}");
        }
    }

    /// A token another instance has shared, if it is bound to none but one of the app's `keys`.
    pub(super) async fn token(
        &self,
        session: &Session,
        key: &TokenFor,
        keys: &ProofKeys,
    ) -> Result<Option<Token>, StoreError> {
        let Some(store) = &self.shared else {
            return Ok(None);
        };
        let id = session.id.as_str();
        let sealed = store.token(id, &key.name()).await?;
        let opened = sealed.and_then(|sealed| self.keys.open(id, &sealed));
        let shared: Option<SharedToken> =
            opened.and_then(|plain| serde_json::from_str(&plain).ok());
        // One from before a change at the provider may still be there.
        let shared = shared.filter(|shared| shared.version >= session.tokens_from);
        Ok(shared.and_then(|shared| {
            let token = Token::new(shared.token, shared.scope, shared.ends_at);
            token
                .until(shared.stale_at)
                .bound(shared.key.as_ref(), keys)
        }))
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
