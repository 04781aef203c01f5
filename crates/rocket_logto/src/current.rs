//! `Current`: the signed-in side of one request. Everything a guard or a
//! handler can ask of the provider for its user goes through here, so that a
//! session that changed on the way reaches the browser, and one that ended
//! ends.

use std::sync::Arc;

use rocket::Request;
use serde::Deserialize;

use crate::clock::{Seconds, seconds};
use crate::config::SessionConfig;
use crate::error::{Error, ErrorKind};
use crate::logto::Logto;
use crate::oidc::authentication::RequestedAuthentication;
use crate::oidc::failure::failed;
use crate::oidc::object;
use crate::return_to::ReturnTo;
use crate::session::Session;
use crate::session::context::RequestContext;
use crate::session::sessions::KeepError;
use crate::session::store::store_failed;
use crate::session::tokens::Granted;
use crate::tokens::token::{Token, TokenFor};

#[derive(Clone)]
pub(crate) struct Current {
    logto: Logto,
    context: Arc<RequestContext>,
    session: Arc<Session>,
}

impl Current {
    /// The session of the request, or "not signed in".
    pub(crate) async fn of(request: &Request<'_>) -> Result<Current, Error> {
        let logto = Logto::of(request)?.clone();
        let session = logto
            .session(request)
            .await?
            .ok_or_else(Error::not_signed_in)?;
        let context = RequestContext::of(request).clone();
        Ok(Current {
            logto,
            context,
            session,
        })
    }

    pub(crate) fn session(&self) -> &Session {
        &self.session
    }

    /// Whether the user has authenticated as `asked`.
    pub(crate) fn satisfies(&self, asked: &RequestedAuthentication) -> bool {
        let (now, tolerance) = (self.logto.now(), self.logto.oidc().tolerance());
        let authenticated = &self.session.authenticated;
        authenticated.satisfies(asked, now, tolerance).is_ok()
    }

    pub(crate) fn limits(&self) -> SessionConfig {
        self.logto.config().session
    }

    /// Where a sign-in that is not needed ends.
    pub(crate) fn landing(&self, return_to: ReturnTo) -> ReturnTo {
        self.logto.landing(return_to)
    }

    /// An access token: the one at hand, else by one refresh.
    pub(crate) async fn token(&self, key: TokenFor) -> Result<Arc<Token>, Error> {
        let (oidc, now) = (self.logto.oidc(), self.logto.now());
        let sessions = self.logto.sessions();
        let granted = self
            .logto
            .tokens()
            .get(oidc, sessions, &self.session, key, now)
            .await;
        Ok(self.settle(granted).await?.0)
    }

    /// Claims and tokens anew, by one refresh.
    pub(crate) async fn refreshed(&self) -> Result<Current, Error> {
        self.refreshed_since(None).await
    }

    /// With `since`, what another instance was told after that will do.
    async fn refreshed_since(&self, since: Option<Seconds>) -> Result<Current, Error> {
        let (oidc, now) = (self.logto.oidc(), self.logto.now());
        let sessions = self.logto.sessions();
        let granted = self
            .logto
            .tokens()
            .refresh(oidc, sessions, &self.session, since, now)
            .await;
        let (_, session) = self.settle(granted).await?;
        Ok(Current {
            session,
            ..self.clone()
        })
    }

    /// The same, once the claims are older than `claims_max_age`. While the
    /// provider cannot be asked, the old ones serve.
    pub(crate) async fn fresh(self) -> Result<Current, Error> {
        let now = self.logto.now();
        let since = now.saturating_sub(seconds(self.logto.config().claims_max_age));
        if self.session.refreshed_at > since
            || self.session.refresh_token.is_none()
            || !self.logto.tokens().may_refresh(&self.session, now)
        {
            return Ok(self);
        }
        match Box::pin(self.refreshed_since(Some(since))).await {
            Err(error) if error.kind() != ErrorKind::SessionEnded => Ok(self),
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
        let now = self.logto.now();
        let answer = self.logto.oidc().user_info(token.as_secret(), now).await;
        if let Ok(None) = answer {
            self.logto.tokens().refused(&self.session, &token);
            self.logto.sessions().forget_tokens(&self.session).await;
        }
        answer.map_err(failed)
    }

    /// Forgets the access tokens of the session: the next one is a new one.
    pub(crate) async fn forget_tokens(&self) {
        let (sessions, now) = (self.logto.sessions(), self.logto.now());
        let tokens = self.logto.tokens();
        if let Err(error) = tokens.clear(sessions, &self.session, now).await {
            log::warn!("logto: tokens are forgotten in this process only: {error}");
        }
    }

    /// Writes down what a refresh has changed, whatever the handler answers: a
    /// new refresh token may have come with an answer that is no good otherwise.
    async fn settle(&self, granted: Result<Granted, Error>) -> Result<Granted, Error> {
        if self.logto.sessions().is_revoked(&self.session) {
            // Signed out while this was under way, and perhaps in again: the
            // browser's cookie is none of our business any more.
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
            Err(_) => self.logto.tokens().newest(self.session.clone()),
        };
        if newest.version > self.session.version {
            let now = self.logto.now();
            let sessions = self.logto.sessions();
            sessions.forget(&self.session);
            match Box::pin(sessions.save(&self.context, &newest, now)).await {
                Ok(()) => self.context.set_session(Some(newest)),
                Err(KeepError::Store(error)) => return Err(store_failed(error)),
                Err(KeepError::Gone) => {
                    self.context.set_session(None);
                    return Err(Error::new(ErrorKind::SessionEnded, "ended_elsewhere"));
                }
            }
        }
        granted
    }

    /// The provider has ended it. If it was over before, the browser's cookie is
    /// none of our business any more.
    async fn end(&self) {
        match self.logto.sessions().is_still_live(&self.session).await {
            // The reason is given already; what the store answers adds nothing.
            true => drop(self.logto.end(&self.context, &self.session).await),
            false => self.context.set_session(None),
        }
    }
}

impl std::fmt::Debug for Current {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Current").finish_non_exhaustive()
    }
}
