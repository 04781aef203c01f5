//! The sessions of a user, to be seen and ended by the user or by an operator.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::concurrent::Note;
use super::manager::SessionManager;
use super::model::{Session, SessionId, SessionRef};
use super::store::{StoreError, store_failed};
use super::subject::Subject;
use crate::clock::Seconds;
use crate::config::SessionConfig;
use crate::error::{Error, ErrorKind};
use crate::hooks::SignOutCause;
use crate::sha256::sha256;

/// The most sessions that are listed. Of a user who has as many as allowed, one more is
/// seen.
pub(super) const LISTED: usize = 200;
const _: () = assert!(LISTED > SessionConfig::MOST_PER_USER);
/// How often what is left of more is looked for.
const ROUNDS: usize = 20;

/// One session of a user.
pub(crate) struct Overview {
    pub handle: String,
    pub begun_at: Seconds,
    pub seen_at: Seconds,
    pub browser: Option<String>,
    pub is_current: bool,
}

/// Names a session where everybody may see it. Nobody gets from it to the id.
pub(super) fn handle(id: &SessionId) -> String {
    let digest = sha256(format!("handle of a session\n{}", id.as_str()));
    URL_SAFE_NO_PAD.encode(&digest[..16])
}

/// Which refresh tokens are revoked with the sessions that end.
#[derive(Clone, Copy)]
enum Revoked<'a> {
    All,
    /// Those of sessions that do not belong to the same session at the provider as one of
    /// these, which live on: a provider may have given both one grant, which ends with
    /// either token (RFC 7009 section 2.1).
    Unlike(&'a [Session]),
}

impl SessionManager {
    /// Whether sessions can be listed.
    pub(crate) fn is_shared(&self) -> bool {
        self.storage.shared.is_some()
    }

    /// `Err` where sessions are with the browsers only.
    pub(crate) fn can_list(&self) -> Result<(), Error> {
        match self.is_shared() {
            true => Ok(()),
            false => Err(not_supported(
                "sessions_are_in_cookies",
                "sessions in cookies cannot be listed: set logto.session.store, or hand a store to \
                 the fairing (LogtoFairing::session_store)",
            )),
        }
    }

    /// The live sessions of a user, the one used last first.
    pub(crate) async fn list(&self, subject: &Subject<'_>) -> Result<Vec<Overview>, Error> {
        let mut sessions = self.listed(subject).await?;
        sessions.sort_by_key(|session| std::cmp::Reverse((session.seen_at, session.created_at)));
        let overview = |session: Session| Overview {
            handle: handle(&session.id),
            begun_at: session.created_at,
            seen_at: session.seen_at,
            is_current: subject.current() == Some(&session.id),
            browser: session.browser,
        };
        Ok(sessions.into_iter().map(overview).collect())
    }

    /// Ends the session of the user that has this handle. `false` when there is none.
    pub(crate) async fn end_by_handle(
        &self,
        subject: &Subject<'_>,
        wanted: &str,
    ) -> Result<bool, Error> {
        let sessions = self.listed(subject).await?;
        let (ended, kept): (Vec<_>, Vec<_>) = sessions
            .into_iter()
            .partition(|session| handle(&session.id) == wanted);
        let cause = SignOutCause::Revoked;
        self.end_these(&ended, cause, &kept).await?;
        Ok(!ended.is_empty())
    }

    /// Ends all sessions of the user but `current`; how many.
    pub(crate) async fn end_others(
        &self,
        subject: &Subject<'_>,
        current: &SessionId,
    ) -> Result<usize, Error> {
        let mut count = 0;
        for _ in 0..ROUNDS {
            let sessions = self.listed(subject).await?;
            let (kept, ended): (Vec<_>, Vec<_>) = sessions
                .into_iter()
                .partition(|session| session.id == *current);
            if ended.is_empty() {
                break;
            }
            let cause = SignOutCause::Revoked;
            self.end_these(&ended, cause, &kept).await?;
            count += ended.len();
        }
        Ok(count)
    }

    /// Ends all sessions of a user. Where instances share nothing, those in cookies end
    /// for this one only.
    pub(crate) async fn end_all(&self, subject: &Subject<'_>) -> Result<(), Error> {
        self.end_begun_by(subject, Seconds::MAX, SignOutCause::Revoked)
            .await
    }

    /// The same of those that have begun by then.
    pub(super) async fn end_begun_by(
        &self,
        subject: &Subject<'_>,
        begun_by: Seconds,
        cause: SignOutCause,
    ) -> Result<(), Error> {
        let sub = subject.unique(&self.config)?;
        // For their refresh tokens, and for the app.
        let known = match self.storage.listed(&sub, self.now()).await {
            Err(StoreError::Unsupported) => None,
            listed => Some(listed.map_err(store_failed)?),
        };
        let ended = self.storage.end_of_user(&sub, begun_by, self.now()).await;
        ended.map_err(store_failed)?;
        let Some(mut known) = known else {
            self.tell_unknown_signed_out(Some(&sub), None, cause);
            return Ok(());
        };
        known.retain(|session| session.created_at <= begun_by);
        for session in &known {
            self.live.forget(&session.id);
            self.tell_signed_out(session, cause, None);
        }
        self.revoke_tokens(&known, Revoked::All);
        Ok(())
    }

    /// Ends the oldest sessions of the user of `new` beyond `session.max_per_user`.
    pub(super) async fn keep_to_limit(&self, new: &Session) -> Result<(), Error> {
        let Some(limit) = self.config.session.max_per_user else {
            return Ok(());
        };
        let sub = new.unique_sub();
        for _ in 0..ROUNDS {
            let mut sessions = match self.storage.listed(&sub, self.now()).await {
                Err(StoreError::Unsupported) => {
                    log::error!(
                        "logto: session.max_per_user is not kept: the session store cannot list \
                         sessions, see SessionIndex::list_by_sub"
                    );
                    return Ok(());
                }
                listed => listed.map_err(store_failed)?,
            };
            // Every instance has to choose the same.
            sessions.sort_by(|a, b| (b.created_at, &b.id).cmp(&(a.created_at, &a.id)));
            if sessions.len() <= limit {
                break;
            }
            let oldest = sessions.split_off(limit);
            let cause = SignOutCause::TooMany;
            self.end_these(&oldest, cause, &sessions).await?;
        }
        Ok(())
    }

    /// Ends a session that `by` has replaced in its browser.
    pub(super) async fn replace(&self, old: &SessionRef, by: &Session) -> Result<(), Error> {
        let known = self.storage.find(old).await.ok().flatten();
        self.revoke(old).await?;
        if let Some(known) = known {
            self.has_replaced(&known, &Note::of(by, "", by.created_at));
        }
        Ok(())
    }

    /// Tells the app of a session that `by` has replaced, and revokes its refresh token,
    /// unless both may have it from one grant: who signs in again within a session at the
    /// provider may get the grant that is there, and some end it with any of its tokens.
    pub(super) fn has_replaced(&self, old: &Session, by: &Note) {
        self.tell_signed_out(old, SignOutCause::Replaced, None);
        let differ = matches!((&old.sid, &by.sid), (Some(old), Some(new)) if old != new);
        if differ || *old.unique_sub() != by.sub {
            self.revoke_tokens(std::slice::from_ref(old), Revoked::All);
        }
    }

    async fn listed(&self, subject: &Subject<'_>) -> Result<Vec<Session>, Error> {
        let sub = subject.unique(&self.config)?;
        self.can_list()?;
        let listed = self.storage.listed(&sub, self.now()).await;
        listed.map_err(|error| match error {
            StoreError::Unsupported => not_supported(
                "session_store_cannot_list",
                "the session store has no SessionIndex::list_by_sub",
            ),
            error => store_failed(error),
        })
    }

    /// Ends some sessions of a user, and leaves `kept` alone.
    async fn end_these(
        &self,
        sessions: &[Session],
        cause: SignOutCause,
        kept: &[Session],
    ) -> Result<(), Error> {
        for session in sessions {
            self.revoke(&session.reference()).await?;
            self.tell_signed_out(session, cause, None);
        }
        self.revoke_tokens(sessions, Revoked::Unlike(kept));
        Ok(())
    }

    /// Asks the provider to revoke the refresh tokens of sessions that have ended. Nobody
    /// waits for that.
    fn revoke_tokens(&self, sessions: &[Session], revoked: Revoked<'_>) {
        let is_meant = |session: &&Session| match revoked {
            Revoked::All => true,
            Revoked::Unlike(kept) => {
                let alike = |other: &Session| session.sid.is_some() && session.sid == other.sid;
                !kept.iter().any(alike)
            }
        };
        let meant = sessions.iter().filter(is_meant);
        let tokens: Vec<_> = meant
            .filter_map(|session| session.refresh_token.clone())
            .collect();
        if tokens.is_empty() {
            return;
        }
        let oidc = self.oidc.clone();
        rocket::tokio::spawn(async move {
            for token in tokens {
                if let Err(error) = oidc.revoke(&token).await {
                    log::warn!(
                        "logto: the refresh token of a session that has ended could not be \
                         revoked: {error}"
                    );
                }
            }
        });
    }
}

fn not_supported(reason: &str, hint: &str) -> Error {
    Error::new(ErrorKind::Misconfigured, reason).for_operator(hint)
}
