//! `ActiveSession`: the session of a request from a signed-in user. Everything that a
//! guard or a handler asks the provider for goes through here, so that a session that
//! changed is sent to the browser, and one that ended is removed there.

use std::sync::Arc;

use rocket::Request;
use serde::Deserialize;

use super::context::RequestContext;
use super::manager::SessionManager;
use super::model::Session;
use super::refresh::{ENDED_BY_HOOK, Forget, Granted};
use crate::claims::UserInfoClaims;
use crate::clock::{Seconds, seconds};
use crate::config::SessionConfig;
use crate::error::told::Told;
use crate::error::{Error, ErrorKind};
use crate::hooks::SignOutCause;
use crate::oidc::authentication::RequestedAuthentication;
use crate::oidc::failure::failed;
use crate::oidc::object;
use crate::oidc::provider::Provider;
use crate::oidc::tolerance::name_odd_claims;
use crate::tokens::token::{Token, TokenFor};

#[derive(Clone)]
pub(crate) struct ActiveSession {
    sessions: Arc<SessionManager>,
    context: Arc<RequestContext>,
    session: Arc<Session>,
}

/// When a session ends, and what time it is.
#[derive(Clone, Copy)]
pub(crate) struct Ends {
    pub now: Seconds,
    pub idle: Seconds,
    pub absolute: Seconds,
}

impl ActiveSession {
    /// The session of the request, or "not signed in".
    pub(crate) async fn of(request: &Request<'_>) -> Result<ActiveSession, Error> {
        let sessions = SessionManager::of(request)?.clone();
        let session = sessions.resolve(request).await?;
        Ok(ActiveSession {
            session: session.ok_or_else(Error::not_signed_in)?,
            context: RequestContext::of(request).clone(),
            sessions,
        })
    }

    pub(crate) fn session(&self) -> &Session {
        &self.session
    }

    /// Whether the user has authenticated as `asked` demands.
    pub(crate) fn satisfies(&self, asked: &RequestedAuthentication) -> bool {
        let measure = self.sessions.oidc.measure(self.sessions.now());
        let authenticated = &self.session.authenticated;
        authenticated.satisfies(asked, measure).is_ok()
    }

    /// How long ago the user has signed in, in seconds.
    pub(crate) fn age(&self) -> Seconds {
        self.sessions.now().saturating_sub(self.session.created_at)
    }

    /// All that a sign-in asks for.
    pub(crate) fn scopes(&self) -> &[String] {
        &self.sessions.config.scopes
    }

    /// For calls of the user's own.
    pub(crate) fn provider(&self) -> &Provider {
        self.sessions.oidc.provider()
    }

    pub(crate) fn limits(&self) -> SessionConfig {
        self.sessions.config.session
    }

    /// An access token: the cached one, or else one from a refresh.
    pub(crate) async fn token(&self, key: TokenFor) -> Result<Arc<Token>, Error> {
        let granted = self.sessions.token(&self.session, key).await;
        Ok(self.settle(granted).await?.0)
    }

    /// Whether there may be a better token than one that its API has refused: that one is then
    /// forgotten, and [`token`](ActiveSession::token) gives another. Not where nothing but a
    /// new sign-in gives tokens, nor twice within seconds.
    pub(crate) async fn replaces(&self, refused: &Token) -> bool {
        let live = self.sessions.live.of(&self.session);
        let is_worth_it =
            self.session.refresh_token.is_some() && live.refused(refused, self.sessions.now());
        if is_worth_it {
            self.sessions.storage.clear_tokens(&self.session).await;
        }
        is_worth_it
    }

    /// When the session ends: if it is not used until then, and in any case.
    pub(crate) fn ends(&self) -> Ends {
        let (session, limits) = (&self.session, self.limits());
        let absolute = session.created_at.saturating_add(seconds(limits.absolute));
        let idle = session.seen_at.saturating_add(seconds(limits.idle));
        Ends {
            now: self.sessions.now(),
            idle: idle.min(absolute),
            absolute,
        }
    }

    /// The session with new claims and tokens, from a refresh.
    pub(crate) async fn refreshed(&self) -> Result<ActiveSession, Error> {
        self.refreshed_since(None).await
    }

    /// With `since`, a refresh that another instance made after that time is enough.
    async fn refreshed_since(&self, since: Option<Seconds>) -> Result<ActiveSession, Error> {
        let granted = self.sessions.fresh(&self.session, since).await;
        let (_, session) = self.settle(granted).await?;
        Ok(ActiveSession {
            session,
            ..self.clone()
        })
    }

    /// Refreshes the session if its claims are older than `claims_max_age`. While the
    /// provider cannot be reached, the old claims stay in use for up to
    /// `claims_max_staleness`; then the error is the answer, and the session stays. A user
    /// who has lost access to the app is not let in by old claims.
    pub(crate) async fn fresh(self) -> Result<ActiveSession, Error> {
        let since = self.sessions.stale_since();
        let has_lost_access = self.sessions.live.has_lost_access(&self.session);
        let is_fresh = self.session.refreshed_at > since && !has_lost_access;
        if is_fresh || self.session.refresh_token.is_none() {
            return Ok(self);
        }
        let live = self.sessions.live.of(&self.session);
        let result = match live.recent_failure(self.sessions.now()) {
            Some(error) => Err(error),
            None => {
                let since = (!has_lost_access).then_some(since);
                Box::pin(self.refreshed_since(since)).await
            }
        };
        let is_an_answer = |kind| matches!(kind, ErrorKind::SessionEnded | ErrorKind::NoAccess);
        match result {
            Err(error) if !is_an_answer(error.kind()) => {
                let staleness = seconds(self.sessions.config.claims_max_staleness);
                if self.session.refreshed_at <= since.saturating_sub(staleness) {
                    return Err(error);
                }
                error.log();
                Ok(self)
            }
            result => result,
        }
    }

    /// The response of the userinfo endpoint about this very user, as JSON text.
    pub(crate) async fn user_info(&self) -> Result<Vec<u8>, Error> {
        let mut answer = self.ask_user_info().await?;
        if answer.is_none() && self.session.refresh_token.is_some() {
            // The token was refused; try once more with a new one. If that is refused
            // as well, the provider no longer accepts the user.
            answer = self.ask_user_info().await?;
        }
        let Some(answer) = answer else {
            let reason = "userinfo_refuses_the_access_token";
            let error = Error::new(ErrorKind::SessionEnded, reason);
            self.end(&error).await;
            return Err(error);
        };

        // OpenID Connect Core section 5.3.2: without the same `sub` the rest
        // must not be used.
        #[derive(Deserialize)]
        struct Subject {
            sub: String,
        }
        match object::<Subject>(&answer) {
            Ok(Subject { sub }) if sub == self.session.sub => {
                if let Ok(claims) = object::<UserInfoClaims>(&answer) {
                    name_odd_claims(&claims, "in userinfo");
                }
                Ok(answer)
            }
            Ok(_) => Err(Error::new(ErrorKind::ProviderBadAnswer, "userinfo_sub")),
            Err(error) => {
                let malformed = Error::new(ErrorKind::ProviderBadAnswer, "userinfo_malformed");
                Err(malformed.for_operator(error.to_string()))
            }
        }
    }

    async fn ask_user_info(&self) -> Result<Option<Vec<u8>>, Error> {
        let token = self.token(TokenFor::default()).await?;
        let (oidc, now) = (&self.sessions.oidc, self.sessions.now());
        let issuer = self.session.issuer(self.sessions.config.issuer());
        let answer = oidc.user_info(token.credential(), &issuer, now).await;
        if let Ok(None) = answer {
            self.sessions.live.of(&self.session).forget_token(&token);
            self.sessions.storage.clear_tokens(&self.session).await;
        }
        answer.map_err(failed)
    }

    /// Forgets the session's access tokens, so that the next one is fetched anew.
    pub(crate) async fn forget_tokens(&self) {
        if let Err(error) = self
            .sessions
            .forget_tokens(&self.session, Forget::Tokens)
            .await
        {
            error.log();
            log::warn!("logto: tokens are forgotten in this process only");
        }
    }

    /// Sends the browser what a refresh has changed, even if the refresh failed: a new
    /// refresh token may have come with a response that is otherwise unusable.
    async fn settle(&self, granted: Result<Granted, Error>) -> Result<Granted, Error> {
        if self.sessions.storage.is_revoked(&self.session) {
            // The session ended during the refresh, and the user may be in a new one: the
            // browser's cookie may belong to another session by now.
            self.context.set_session(None);
            let ended_here = || Error::new(ErrorKind::SessionEnded, "session_ended_during_refresh");
            let ended = |error: &Error| error.kind() == ErrorKind::SessionEnded;
            return Err(granted.err().filter(ended).unwrap_or_else(ended_here));
        }
        if let Err(error) = &granted
            && error.kind() == ErrorKind::SessionEnded
        {
            self.end(error).await;
            return granted;
        }
        let newest = match &granted {
            Ok((_, session)) => session.clone(),
            Err(_) => self.sessions.live.newest(self.session.clone()),
        };
        if newest.version > self.session.version {
            self.sessions.storage.forget(&self.session);
            let now = self.sessions.now();
            Box::pin(self.sessions.send(&self.context, &newest, now)).await?;
            self.context.set_session(Some(newest));
        }
        granted
    }

    /// Ends the session, because the provider or the app did. If it had ended here
    /// already, the browser's cookie may belong to another session by now, and stays.
    async fn end(&self, why: &Error) {
        if !self.sessions.storage.is_still_live(&self.session).await {
            self.context.set_session(None);
            return;
        }
        // The caller has a reason already; an error of the store adds nothing.
        if self
            .sessions
            .end(&self.context, &self.session)
            .await
            .is_ok()
        {
            let (cause, reason) = match why.reason() {
                ENDED_BY_HOOK => (SignOutCause::Hook, why.told().and_then(Told::words)),
                reason => (SignOutCause::Refused, Some(reason)),
            };
            let reason = reason.map(str::to_owned);
            self.sessions.tell_signed_out(&self.session, cause, reason);
        }
    }
}

impl std::fmt::Debug for ActiveSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ActiveSession").finish_non_exhaustive()
    }
}
