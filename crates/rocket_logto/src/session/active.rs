//! `ActiveSession`: the signed-in side of one request. Everything a guard or a
//! handler can ask of the provider for its user goes through here, so that a
//! session that changed on the way reaches the browser, and one that ended
//! ends.

use std::sync::Arc;

use rocket::Request;
use serde::Deserialize;

use super::context::RequestContext;
use super::model::Session;
use super::refresh::Granted;
use super::sessions::Sessions;
use crate::clock::Seconds;
use crate::config::SessionConfig;
use crate::error::{Error, ErrorKind};
use crate::oidc::authentication::RequestedAuthentication;
use crate::oidc::failure::failed;
use crate::oidc::object;
use crate::tokens::token::{Token, TokenFor};

#[derive(Clone)]
pub(crate) struct ActiveSession {
    sessions: Arc<Sessions>,
    context: Arc<RequestContext>,
    session: Arc<Session>,
}

impl ActiveSession {
    /// The session of the request, or "not signed in".
    pub(crate) async fn of(request: &Request<'_>) -> Result<ActiveSession, Error> {
        let sessions = Sessions::of(request)?.clone();
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

    /// Whether the user has authenticated as `asked`.
    pub(crate) fn satisfies(&self, asked: &RequestedAuthentication) -> bool {
        let (now, tolerance) = (self.sessions.now(), self.sessions.oidc.tolerance());
        let authenticated = &self.session.authenticated;
        authenticated.satisfies(asked, now, tolerance).is_ok()
    }

    pub(crate) fn limits(&self) -> SessionConfig {
        self.sessions.config.session
    }

    /// An access token: the one at hand, else by one refresh.
    pub(crate) async fn token(&self, key: TokenFor) -> Result<Arc<Token>, Error> {
        let granted = self.sessions.token(&self.session, key).await;
        Ok(self.settle(granted).await?.0)
    }

    /// Claims and tokens anew, by one refresh.
    pub(crate) async fn refreshed(&self) -> Result<ActiveSession, Error> {
        self.refreshed_since(None).await
    }

    /// With `since`, what another instance was told after that will do.
    async fn refreshed_since(&self, since: Option<Seconds>) -> Result<ActiveSession, Error> {
        let granted = self.sessions.fresh(&self.session, since).await;
        let (_, session) = self.settle(granted).await?;
        Ok(ActiveSession {
            session,
            ..self.clone()
        })
    }

    /// The same, once the claims are older than `claims_max_age`. While the
    /// provider cannot be asked, the old ones serve.
    pub(crate) async fn fresh(self) -> Result<ActiveSession, Error> {
        let since = self.sessions.stale_since();
        if self.session.refreshed_at > since
            || self.session.refresh_token.is_none()
            || !self
                .sessions
                .live
                .of(&self.session)
                .may_refresh(self.sessions.now())
        {
            return Ok(self);
        }
        match Box::pin(self.refreshed_since(Some(since))).await {
            Err(error) if error.kind() != ErrorKind::SessionEnded => {
                error.log();
                Ok(self)
            }
            result => result,
        }
    }

    /// The answer of the userinfo endpoint, as JSON text, for this very user.
    pub(crate) async fn user_info(&self) -> Result<Vec<u8>, Error> {
        let mut answer = self.ask_user_info().await?;
        if answer.is_none() && self.session.refresh_token.is_some() {
            // Refused: another token may do. If not, the user is meant.
            answer = self.ask_user_info().await?;
        }
        let Some(answer) = answer else {
            self.end().await;
            let reason = "userinfo_refuses_the_access_token";
            return Err(Error::new(ErrorKind::SessionEnded, reason));
        };

        // OpenID Connect Core section 5.3.2: without the same `sub` the rest
        // must not be used.
        #[derive(Deserialize)]
        struct Subject {
            sub: String,
        }
        match object::<Subject>(&answer) {
            Ok(Subject { sub }) if sub == self.session.sub => Ok(answer),
            Ok(_) => Err(Error::new(ErrorKind::ProviderBadAnswer, "userinfo_sub")),
            Err(_) => Err(Error::new(
                ErrorKind::ProviderBadAnswer,
                "userinfo_malformed",
            )),
        }
    }

    async fn ask_user_info(&self) -> Result<Option<Vec<u8>>, Error> {
        let token = self.token(TokenFor::default()).await?;
        let (oidc, now) = (&self.sessions.oidc, self.sessions.now());
        let answer = oidc.user_info(token.as_secret(), now).await;
        if let Ok(None) = answer {
            self.sessions.live.of(&self.session).forget_token(&token);
            self.sessions.storage.clear_tokens(&self.session).await;
        }
        answer.map_err(failed)
    }

    /// Forgets the access tokens of the session: the next one is a new one.
    pub(crate) async fn forget_tokens(&self) {
        if let Err(error) = self.sessions.forget_tokens(&self.session).await {
            error.log();
            log::warn!("logto: tokens are forgotten in this process only");
        }
    }

    /// Writes down what a refresh has changed, whatever the handler answers: a
    /// new refresh token may have come with an answer that is no good otherwise.
    async fn settle(&self, granted: Result<Granted, Error>) -> Result<Granted, Error> {
        if self.sessions.storage.is_revoked(&self.session) {
            // Signed out while this was under way, and perhaps in again: the
            // browser's cookie is no longer this session's.
            self.context.set_session(None);
            let meanwhile = || Error::new(ErrorKind::SessionEnded, "session_ended_meanwhile");
            let ended = |error: &Error| error.kind() == ErrorKind::SessionEnded;
            return Err(granted.err().filter(ended).unwrap_or_else(meanwhile));
        }
        if let Err(error) = &granted
            && error.kind() == ErrorKind::SessionEnded
        {
            self.end().await;
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

    /// The provider has ended it. If it had ended before, the browser's cookie is
    /// no longer this session's.
    async fn end(&self) {
        match self.sessions.storage.is_still_live(&self.session).await {
            // The reason is given already; what the store answers adds nothing.
            true => drop(self.sessions.end(&self.context, &self.session).await),
            false => self.context.set_session(None),
        }
    }
}

impl std::fmt::Debug for ActiveSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ActiveSession").finish_non_exhaustive()
    }
}
