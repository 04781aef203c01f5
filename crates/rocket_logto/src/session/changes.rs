//! What has changed at the provider, as its webhooks tell: claims and access tokens are
//! asked for anew, on every instance.
//!
//! Where instances share sessions, what has changed of one user is written into their
//! sessions. What has changed for everybody is one mark, which a request reads along with
//! its session: a session that was confirmed with another mark is out of date. Marks are
//! compared and nothing else, so no clock matters. It is kept as the owner of a lock.
//! Where instances share nothing, this one notes the time, beside the sessions that ended.

use std::sync::Arc;

use rocket::futures::future::{join_all, try_join};

use super::manager::SessionManager;
use super::model::{KeptIn, Session, SessionId};
use super::overview::LISTED;
use super::refresh::Forget;
use super::storage::Storage;
use super::store::{SharedStore, StoreError, store_failed};
use crate::clock::seconds;
use crate::error::{Error, ErrorKind};

/// The name of the lock whose owner is the mark.
const MARK: &str = "changes at the provider";

impl Storage {
    /// Whether anybody tells of changes. Otherwise no request pays for them.
    fn hears_of_changes(&self) -> bool {
        !self.config.webhook_keys.is_empty()
    }

    /// The session's data, and the mark of now, asked for at the same time.
    pub(super) async fn load_marked(
        &self,
        store: &dyn SharedStore,
        id: &str,
        kept_in: KeptIn,
    ) -> Result<(Option<String>, Option<String>), StoreError> {
        match kept_in == KeptIn::Store && self.hears_of_changes() {
            true => try_join(store.load(id), store.owner(MARK)).await,
            false => Ok((store.load(id).await?, None)),
        }
    }

    /// The mark of now.
    pub(super) async fn mark(&self) -> Result<Option<String>, StoreError> {
        match &self.shared {
            Some(store) if self.hears_of_changes() => store.owner(MARK).await,
            _ => Ok(None),
        }
    }

    /// Makes every session out of date, on every instance.
    async fn set_mark(&self) -> Result<(), StoreError> {
        let Some(store) = &self.shared else {
            return Ok(());
        };
        if let Some(before) = store.owner(MARK).await? {
            store.unlock(MARK, &before).await?;
        }
        let mark = SessionId::random();
        let mark = mark.map_err(|_| StoreError::Unavailable("no randomness".into()))?;
        // No session lives longer, so nobody misses it then. If somebody else was faster,
        // theirs is a new one as well.
        let lifetime = self.config.session.absolute;
        store.lock(MARK, mark.as_str(), lifetime).await.map(drop)
    }

    /// The session as it is with this mark.
    pub(super) fn marked(&self, session: Arc<Session>, mark: &Option<String>) -> Arc<Session> {
        match mark.is_some() && session.mark != *mark {
            true => Arc::new(Session {
                mark: mark.clone(),
                ..self.out_of_date(&session)
            }),
            false => session,
        }
    }

    /// The session without the claims and tokens it has: both are asked for before they are
    /// used again. While the provider cannot be reached, the claims serve on for
    /// `claims_max_staleness`, as others do.
    fn out_of_date(&self, session: &Session) -> Session {
        // As old as they may be, and not much older.
        let too_old = seconds(self.config.claims_max_age);
        let too_old = session.seen_at.saturating_sub(too_old);
        Session {
            tokens_from: session.version.saturating_add(1),
            refreshed_at: session.refreshed_at.min(too_old),
            ..session.clone()
        }
    }
}

impl SessionManager {
    /// The newest state of a session, out of date if that is what the request has found. A
    /// refresh that was under way may have left it as it was before.
    pub(super) fn up_to_date(&self, newest: Arc<Session>, found: &Session) -> Arc<Session> {
        if !self.storage.hears_of_changes() {
            return newest;
        }
        if self.is_shared() {
            return self.storage.marked(newest, &found.mark);
        }
        let changed_at = self.storage.revocations.changed_at(&newest);
        match newest.refreshed_at <= changed_at {
            true => Arc::new(Session {
                outdated_at: changed_at,
                ..self.storage.out_of_date(&newest)
            }),
            false => newest,
        }
    }

    /// Has the claims and tokens of a user asked for anew.
    pub(super) async fn outdate(self: &Arc<Self>, sub: &str) -> Result<(), Error> {
        if !self.is_shared() {
            self.storage.revocations.note_change(sub, self.now());
            return Ok(());
        }
        match self.storage.listed(sub, self.now()).await {
            Ok(sessions) if sessions.len() < LISTED => {
                let sessions = sessions.into_iter().map(Arc::new);
                let outdated = sessions.map(|session| async move {
                    let forgotten = self.forget_tokens(&session, Forget::TokensAndClaims).await;
                    match forgotten {
                        // It needs nothing any more.
                        Err(error) if error.kind() == ErrorKind::SessionEnded => Ok(()),
                        forgotten => forgotten,
                    }
                });
                join_all(outdated).await.into_iter().collect()
            }
            // Some may not have been listed.
            Ok(_) | Err(StoreError::Unsupported) => self.outdate_all().await,
            Err(error) => Err(store_failed(error)),
        }
    }

    /// The same of everybody.
    pub(super) async fn outdate_all(&self) -> Result<(), Error> {
        match self.is_shared() {
            true => self.storage.set_mark().await.map_err(store_failed),
            false => {
                self.storage.revocations.note_change_of_all(self.now());
                Ok(())
            }
        }
    }
}
