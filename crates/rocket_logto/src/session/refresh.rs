//! A refresh, from the request that needs a token or fresher claims to the session
//! that results (OpenID Connect Core section 12). Only one at a time runs for each
//! session: `renew` takes the lock within this process, `renew_alone` the one among
//! instances, and `refresh` asks the provider and writes the session once.

use std::sync::Arc;

use rocket::http::Status;

use super::live::{Live, Wanted};
use super::manager::SessionManager;
use super::model::{KeptIn, Session};
use super::store::store_failed;
use crate::claims::IdTokenClaims;
use crate::clock::{Seconds, seconds};
use crate::error::told::Advice;
use crate::error::{Error, ErrorKind, Event};
use crate::hooks::{Change, Kept};
use crate::measure::{self, Cache, Found, Refresh};
use crate::oidc::authentication::AuthenticationEvent;
use crate::oidc::error::{TokenError, TokenErrorBody, one_line, printable};
use crate::oidc::failure::{failed, unavailable};
use crate::oidc::tokens::TokenSet;
use crate::oidc::verify::{Nonce, Rejection};
use crate::tokens::token::{Token, TokenFor};

/// Why a session has ended that `on_refresh` did not keep.
pub(super) const ENDED_BY_HOOK: &str = "on_refresh_has_ended_it";

/// What is to be asked for anew.
#[derive(Clone, Copy)]
pub(super) enum Forget {
    Tokens,
    TokensAndClaims,
}

/// A token, and the session as it is now: a refresh may have changed it.
pub(super) type Granted = (Arc<Token>, Arc<Session>);

impl SessionManager {
    /// The token for `key`: the cached one, or else one from a refresh.
    pub(super) async fn token(
        self: &Arc<Self>,
        session: &Arc<Session>,
        key: TokenFor,
    ) -> Result<Granted, Error> {
        let wanted = Wanted::token(key, self.now());
        let live = self.live.of(session);
        let newest = self.up_to_date(live.newest(session), session);
        if let Some(token) = live.token(&newest, &wanted) {
            measure::token_lookup(Cache::Session, Found::Hit);
            return Ok((token, newest));
        }
        let keys = self.oidc.provider().prover().keys();
        if let Some(token) = session.access_at_hand(&wanted.key, wanted.now, keys) {
            measure::token_lookup(Cache::Session, Found::Hit);
            return Ok((Arc::new(token), session.clone()));
        }
        measure::token_lookup(Cache::Session, Found::Miss);
        Box::pin(self.renew(live, session, wanted)).await
    }

    /// A refresh for fresh claims, which ignores the cache and forgets the tokens from
    /// before it. Requests that arrive while one is running share it; with `since`,
    /// one that any instance made after that is enough.
    pub(super) async fn fresh(
        self: &Arc<Self>,
        session: &Arc<Session>,
        since: Option<Seconds>,
    ) -> Result<Granted, Error> {
        if session.refresh_token.is_none() {
            return Err(no_refresh_token());
        }
        let wanted = Wanted::claims(since, self.now());
        self.renew(self.live.of(session), session, wanted).await
    }

    /// Waits for its turn, looks at the cache again, and refreshes if necessary. The
    /// refresh is a task of its own, so that a user who closes the tab does not lose
    /// the session's new refresh token.
    async fn renew(
        self: &Arc<Self>,
        live: Arc<Live>,
        session: &Arc<Session>,
        wanted: Wanted,
    ) -> Result<Granted, Error> {
        let (sessions, session) = (self.clone(), session.clone());
        let task = rocket::tokio::spawn(async move {
            let _turn = live.refresh_lock.lock().await;
            let session = sessions.up_to_date(live.newest(&session), &session);
            if let Some(token) = live.token(&session, &wanted) {
                return Ok((token, session));
            }
            if let Some(error) = live.failure(&wanted) {
                return Err(error);
            }
            let result = sessions.renew_alone(&live, session, &wanted).await;
            if let Err(error) = &result {
                sessions.live.set_failure(&live, wanted, error.clone());
            }
            result
        });
        task.await.unwrap_or_else(|_| Err(task_ended()))
    }

    /// Takes the lock among instances as well, and refreshes unless another instance
    /// has done so already.
    async fn renew_alone(
        &self,
        live: &Live,
        session: Arc<Session>,
        wanted: &Wanted,
    ) -> Result<Granted, Error> {
        let lock = self.storage.refresh_lock(&session.id).await;
        let Some(lock) = lock.map_err(store_failed)? else {
            return self.refresh(live, &session, wanted).await;
        };
        let result = match self.done_elsewhere(&session, wanted).await {
            Ok((Some(token), current)) => {
                live.remember(wanted, token.clone(), current.version);
                live.set_newest(current.clone());
                Ok((token, current))
            }
            Ok((None, current)) => self.refresh(live, &current, wanted).await,
            Err(error) => Err(error),
        };
        lock.give_back().await;
        result
    }

    /// The session as other instances left it, and the token if one of them fetched
    /// it.
    async fn done_elsewhere(
        &self,
        session: &Arc<Session>,
        wanted: &Wanted,
    ) -> Result<(Option<Arc<Token>>, Arc<Session>), Error> {
        let current = self.newest_anywhere(session).await?;
        let is_fresh = |since| current.refreshed_at > since;
        if wanted.anew && !wanted.since.is_some_and(is_fresh) {
            return Ok((None, current));
        }
        let keys = self.oidc.provider().prover().keys();
        let token = self.storage.token(&current, &wanted.key, keys).await;
        let token = token.map_err(store_failed)?;
        let token = token.filter(|token| token.lasts(wanted.now));
        Ok((token.map(Arc::new), current))
    }

    /// The newest state of the session on any instance. This one is ahead if it failed
    /// to write a new refresh token to the store.
    async fn newest_anywhere(&self, session: &Arc<Session>) -> Result<Arc<Session>, Error> {
        let current = self.storage.reload(session).await.map_err(store_failed)?;
        let current = current.ok_or_else(ended_elsewhere)?;
        Ok(match current.version < session.version {
            true => self.up_to_date(session.clone(), &current),
            false => current,
        })
    }

    /// Says how it has ended, in the metrics and, where it has failed, in the log line.
    async fn refresh(
        &self,
        live: &Live,
        session: &Session,
        wanted: &Wanted,
    ) -> Result<Granted, Error> {
        let result = self.refresh_at_provider(live, session, wanted).await;
        // Without one there is nothing to refresh with.
        if session.refresh_token.is_some() {
            measure::refresh(match &result {
                Ok(_) => Refresh::Ok,
                Err(error) => error.kind().into(),
            });
        }
        result.map_err(|error| error.during(Event::Refresh))
    }

    /// Asks the provider, and writes the session even if something is wrong with the
    /// response: the old refresh token is used up.
    async fn refresh_at_provider(
        &self,
        live: &Live,
        session: &Session,
        wanted: &Wanted,
    ) -> Result<Granted, Error> {
        let key = &wanted.key;
        let tokens = self.ask(session, key).await?;
        // The request may have waited in a queue.
        let now = wanted.now.saturating_add(seconds(wanted.asked.elapsed()));
        let token = Token::granted(&tokens, now);
        let verified = self.verify(session, &tokens, now).await;
        let verified = verified.and_then(|event| key.check(&token).map(|()| event));
        let renewed = match verified {
            Ok(authenticated) => {
                let next = Session {
                    authenticated,
                    ..renewed(session, &tokens, wanted, now)
                };
                self.kept(session, next).await
            }
            Err(error) => Err(error),
        };
        let (next, done) = match renewed {
            Ok(next) => (next, Ok(())),
            Err(error) => (with_refresh_token(session, &tokens), Err(error)),
        };
        let next = Arc::new(next);
        if next.version > session.version {
            // Even if writing fails, this process continues with the new token.
            live.set_newest(next.clone());
            self.storage.write(&next, now).await?;
        }
        done?;
        let token = Arc::new(token);
        live.remember(wanted, token.clone(), next.version);
        if wanted.anew {
            self.storage.clear_tokens(&next).await;
        }
        self.storage.put_token(&next, key, &token).await;
        Ok((token, next))
    }

    /// The session after a refresh, if the app keeps it: it is asked about new claims.
    /// While it cannot answer, the session stays with the claims it had, as while the
    /// provider cannot.
    async fn kept(&self, before: &Session, mut next: Session) -> Result<Session, Error> {
        let change = Change {
            before: &before.id_token,
            after: &next.id_token,
            sub: &next.sub,
            data: next.data.as_ref(),
        };
        match self
            .hooks
            .refreshed(change, self.config.hook_timeout)
            .await?
        {
            Kept::Yes(data) => {
                next.data = data.or(next.data);
                Ok(next)
            }
            Kept::No(reason) => {
                if let Some(refresh_token) = &next.refresh_token
                    && let Err(error) = self.oidc.revoke(refresh_token).await
                {
                    log::warn!("logto: the refresh token could not be revoked: {error}");
                }
                let error = Error::new(ErrorKind::SessionEnded, ENDED_BY_HOOK);
                Err(error.for_operator(one_line(&reason)).telling(reason))
            }
        }
    }

    /// The refresh request (RFC 6749 section 6).
    async fn ask(&self, session: &Session, key: &TokenFor) -> Result<TokenSet, Error> {
        let Some(refresh_token) = &session.refresh_token else {
            return Err(match key.is_default() {
                true => Error::new(
                    ErrorKind::SessionEnded,
                    "access_token_ended_no_refresh_token",
                ),
                false => no_refresh_token(),
            });
        };
        let (params, proof_key) = (key.params(), session.proof_key.as_ref());
        let tokens = self.oidc.refresh(refresh_token, &params, proof_key).await;
        // An empty ID token is none, and a refresh needs none (OpenID Connect Core
        // section 12.2).
        let tokens = tokens.map(|mut tokens| {
            tokens.id_token.take_if(|token| token.as_str().is_empty());
            tokens
        });
        tokens.map_err(|error| match error {
            // The provider has been reached and says no: to the user, whatever its
            // reason, unless it is about one organization or resource.
            TokenError::Denied(body) if is_no_access(&body) => failed(TokenError::Denied(body)),
            TokenError::Denied(body) if is_about_the_user(&body, key) => {
                let reason = format!("refresh_{}", printable(&body.error));
                Error::new(ErrorKind::SessionEnded, reason).with_provider_message(body.message())
            }
            error => failed(error),
        })
    }

    /// OpenID Connect Core section 12.2: the new ID token must be about the same user,
    /// from the same provider and for the same client, or the session ends. A token
    /// that cannot be verified is only discarded.
    async fn verify(
        &self,
        session: &Session,
        tokens: &TokenSet,
        now: Seconds,
    ) -> Result<AuthenticationEvent, Error> {
        let known = &session.authenticated;
        let Some(id_token) = &tokens.id_token else {
            return Ok(known.clone());
        };
        let before = session.id_token.claims::<IdTokenClaims>();
        let before = before.ok_or_else(|| {
            Error::new(
                ErrorKind::SessionEnded,
                "id_token_of_the_session_unreadable",
            )
        })?;
        let nonce = before.nonce.as_deref();
        let claims = self
            .oidc
            .verify_id_token(id_token, Nonce::IsNoneOr(nonce), &tokens.access_token, now)
            .await
            .map_err(unavailable)?
            .map_err(|refused| {
                let kind = match refused.reason {
                    Rejection::Issuer
                    | Rejection::Tenant
                    | Rejection::Audience
                    | Rejection::AuthorizedParty
                    | Rejection::Nonce => ErrorKind::SessionEnded,
                    _ if refused.is_set_up => ErrorKind::Misconfigured,
                    _ => ErrorKind::ProviderBadAnswer,
                };
                let error = Error::new(kind, format!("refreshed_id_token_{refused}"));
                let error = match kind {
                    ErrorKind::Misconfigured => error.with_status(Status::BadGateway),
                    _ => error,
                };
                match refused.explanation {
                    Some(explanation) => error.for_operator(explanation),
                    None => error,
                }
            })?;
        let ended = |reason: &str| Err(Error::new(ErrorKind::SessionEnded, reason));
        // One of many tenants may answer for another.
        if claims.iss != before.iss {
            return ended("refreshed_id_token_iss");
        }
        if claims.sub != session.sub {
            return ended("refreshed_id_token_sub");
        }
        match (claims.auth_time.value(), known.at) {
            // It is about an authentication before that of the session.
            (Some(now), Some(before)) if *now < before => ended("refreshed_id_token_auth_time"),
            // The user has authenticated again, perhaps for another app of the same
            // session at the provider.
            (Some(now), Some(before)) if *now > before => Ok(AuthenticationEvent::of(&claims)),
            _ => Ok(known.clone()),
        }
    }

    /// Makes all instances forget a session's access tokens. A task of its own, because
    /// it holds a lock.
    pub(super) async fn forget_tokens(
        self: &Arc<Self>,
        session: &Arc<Session>,
        and: Forget,
    ) -> Result<(), Error> {
        let live = self.live.of(session);
        live.forget_tokens();
        if session.kept_in != KeptIn::Store {
            return Ok(());
        }
        let (sessions, session) = (self.clone(), session.clone());
        let task = rocket::tokio::spawn(async move {
            let _turn = live.refresh_lock.lock().await;
            let session = live.newest(&session);
            let lock = sessions.storage.refresh_lock(&session.id).await;
            let lock = lock.map_err(store_failed)?;
            let result = sessions.forget_tokens_alone(&live, &session, and).await;
            if let Some(lock) = lock {
                lock.give_back().await;
            }
            result
        });
        task.await.unwrap_or_else(|_| Err(task_ended()))
    }

    async fn forget_tokens_alone(
        &self,
        live: &Live,
        session: &Arc<Session>,
        and: Forget,
    ) -> Result<(), Error> {
        let mut next = Session::clone(&*self.newest_anywhere(session).await?);
        next.version = next.version.saturating_add(1);
        next.tokens_from = next.version;
        if let Forget::TokensAndClaims = and {
            next.refreshed_at = next.refreshed_at.min(self.stale_since());
        }
        self.storage.write(&next, self.now()).await?;
        self.storage.clear_tokens(&next).await;
        live.set_newest(Arc::new(next));
        Ok(())
    }
}

/// The user's account is good, and may not use this app. That may be over at any time, so
/// the session stays, and lets nobody in.
fn is_no_access(body: &TokenErrorBody) -> bool {
    body.error == "access_denied" && body.is_about_the_app()
}

/// Without a resource or an organization a refusal is about nothing else. With
/// one, some codes still are (OpenID Connect Core section 3.1.2.6).
fn is_about_the_user(body: &TokenErrorBody, key: &TokenFor) -> bool {
    let asks_for_the_user = ["invalid_grant", "interaction_required", "login_required"];
    key.is_default() || asks_for_the_user.contains(&body.error.as_str())
}

/// The session after a good response.
fn renewed(session: &Session, tokens: &TokenSet, wanted: &Wanted, now: Seconds) -> Session {
    let key = &wanted.key;
    let mut next = session.clone();
    next.version = session.version.saturating_add(1);
    // Or nothing would be confirmed for the rest of the second of a change.
    let after_change = session.outdated_at.saturating_add(1);
    let confirmed_at = now.max(after_change).max(session.refreshed_at);
    if let Some(refresh_token) = &tokens.refresh_token {
        next.refresh_token = Some(refresh_token.clone());
    }
    if let Some(key) = &tokens.key {
        next.proof_key = Some(key.name());
    }
    if let Some(id_token) = &tokens.id_token
        // An ID token for fewer scopes may have fewer claims.
        && !key.is_narrowed()
    {
        next.id_token = id_token.clone();
        next.refreshed_at = confirmed_at;
    }
    if key.is_default() {
        // A provider may omit the ID token; it has still confirmed the user.
        next.refreshed_at = confirmed_at;
    }
    if wanted.anew {
        // Older tokens may allow what is no longer allowed.
        next.tokens_from = next.version;
    }
    next
}

/// The session after a response of which only the refresh token can be used.
fn with_refresh_token(session: &Session, tokens: &TokenSet) -> Session {
    let mut next = session.clone();
    if let Some(refresh_token) = &tokens.refresh_token {
        next.refresh_token = Some(refresh_token.clone());
        next.version = session.version.saturating_add(1);
    }
    next
}

fn task_ended() -> Error {
    Error::new(ErrorKind::ProviderBadAnswer, "refresh_task_ended")
}

fn ended_elsewhere() -> Error {
    Error::new(ErrorKind::SessionEnded, "ended_elsewhere")
}

/// Without a refresh token there is only the sign-in's own access token.
fn no_refresh_token() -> Error {
    Error::denied("no_refresh_token", Advice::NoRefreshToken)
}
