//! [`SessionManager`]: the one owner of all sessions, from beginning to end. Managed by
//! Rocket; created at ignition, with the keys that seal cookies.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ::cookie::Key;
use openidconnect::RefreshToken;
use rocket::{Build, Request, Rocket};

use super::concurrent::{Browser, Note, Outcome};
use super::context::{RequestContext, SessionCookies};
use super::cookie::private::PrivateCookies;
use super::cookie::{self, CookieKeys};
use super::live::{LiveSessions, Wanted};
use super::locks::{AnswerTurn, Answered, Lock};
use super::model::{Session, SessionId, SessionRef};
use super::questions::Questions;
use super::storage::{KeepError, Loaded, Storage};
use super::store::{SharedStore, StoreError, store_failed};
use super::transaction::Transactions;
use crate::claims::IdTokenClaims;
use crate::clock::{Clock, Seconds, seconds};
use crate::config::issuer::tenant_of;
use crate::config::{LogtoConfig, secret_key};
use crate::error::{Error, ErrorKind};
use crate::hooks::{AppData, Arrival, Decision, Hooks};
use crate::oidc::client::OidcClient;
use crate::oidc::tokens::RawIdToken;
use crate::oidc::verify::Logout;
use crate::request::browser::browser_family;
use crate::request::cookies::raw_cookies;
use crate::tokens::token::{Token, TokenFor};

pub(crate) struct SessionManager {
    pub(super) config: Arc<LogtoConfig>,
    pub(super) oidc: Arc<OidcClient>,
    pub(super) storage: Storage,
    pub(super) live: LiveSessions,
    answered: Answered,
    pub(super) hooks: Hooks,
    signs_in_silently: AtomicBool,
    clock: Clock,
}

/// The parts of a session that a sign-in gives.
pub(crate) struct NewSession {
    /// The claims of the verified `id_token`.
    pub claims: IdTokenClaims,
    pub id_token: RawIdToken,
    pub refresh_token: Option<RefreshToken>,
    pub token: Token,
    /// The app's own data.
    pub data: Option<AppData>,
    /// The session of this browser that it replaces.
    pub replaces: Option<SessionRef>,
}

/// To which sign-in a new session is the answer.
pub(crate) struct Answer<'a> {
    /// The name of its cookie.
    pub transaction: &'a str,
    /// When the response of the provider came.
    pub since: Seconds,
}

impl SessionManager {
    /// `None` when no key for sealing cookies can be derived.
    pub(crate) fn new(
        rocket: &Rocket<Build>,
        config: Arc<LogtoConfig>,
        oidc: Arc<OidcClient>,
        shared: Option<Arc<dyn SharedStore>>,
        hooks: Hooks,
        clock: Clock,
    ) -> Option<SessionManager> {
        let keys = keys(rocket, &config)?;
        Some(SessionManager {
            storage: Storage::new(config.clone(), keys, shared),
            live: LiveSessions::new(config.session.idle),
            answered: Answered::new(),
            hooks,
            signs_in_silently: AtomicBool::new(false),
            config,
            oidc,
            clock,
        })
    }

    /// The sessions of the app, for code that runs inside a request. Guards are
    /// sentinels, so they are missing only where routes were built by hand.
    pub(crate) fn of<'r>(request: &'r Request<'_>) -> Result<&'r Arc<SessionManager>, Error> {
        request
            .rocket()
            .state::<Arc<SessionManager>>()
            .ok_or_else(|| {
                Error::new(
                    ErrorKind::ProviderNotReady,
                    "Logto::fairing() is not attached",
                )
            })
    }

    /// Whether no instance has seen what is called `id` within `lifetime`. Always, where
    /// instances share nothing. Touches the network only when sessions are in a store.
    pub(crate) async fn is_first_use(
        &self,
        id: &str,
        lifetime: Duration,
    ) -> Result<bool, StoreError> {
        match self.is_shared() {
            false => Ok(true),
            true => {
                let name = format!("dpop:{id}");
                Ok(self.storage.lock(&name, lifetime).await?.is_some())
            }
        }
    }

    pub(crate) fn now(&self) -> Seconds {
        (self.clock)() + self.config.provider.ahead()
    }

    /// The live session of a request, if there is one; looked up only once. Touches
    /// the network only when sessions are in a store. Marks the session as used, at
    /// most once a minute. A browser that missed a refresh, because it did not wait
    /// for the response, gets the new cookies now.
    pub(crate) async fn resolve(
        &self,
        request: &Request<'_>,
    ) -> Result<Option<Arc<Session>>, Error> {
        let context = RequestContext::of(request);
        if let Some(known) = context.session() {
            return Ok(known);
        }
        context.set_personal();
        let found = self.look_up(request, context).await?;
        context.set_session(found.clone());
        Ok(found)
    }

    async fn look_up(
        &self,
        request: &Request<'_>,
        context: &RequestContext,
    ) -> Result<Option<Arc<Session>>, Error> {
        let now = self.now();
        let cookies = raw_cookies(request);
        let name = self.storage.names.session();
        context.set_chunks(cookie::chunks_present(&cookies, name));
        context.set_has_session_cookie(cookies.iter().any(|(other, _)| *other == name));
        let loaded = self.storage.load(&cookies, now).await;
        let Some(Loaded { session, old_key }) = loaded.map_err(store_failed)? else {
            return Ok(None);
        };
        let read = session.version;
        let session = self.up_to_date(self.live.newest(session.clone()), &session);
        let rolled = match context.is_only_looking() {
            true => None,
            false => session.rolled(&self.config.session, now).map(Arc::new),
        };
        let write = rolled.is_some() || old_key || session.version > read;
        let session = rolled.unwrap_or(session);
        if write {
            match Box::pin(self.save(context, &session, now)).await {
                Ok(()) => {}
                Err(KeepError::Gone) => return Ok(None),
                // What was read is still valid; only the mark that it was used is lost.
                Err(error) if session.version == read => {
                    log::warn!("logto: {error}; a session was read and cannot be written");
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Some(session))
    }

    /// Begins a session, replaces the old one if there is one, and sends the cookies.
    ///
    /// Of several for one browser at the same moment, only one stays: the others end here
    /// and send nothing.
    pub(crate) async fn begin(
        &self,
        request: &Request<'_>,
        new: NewSession,
        answer: Answer<'_>,
    ) -> Result<(), Error> {
        let now = self.now();
        let id = SessionId::random().map_err(|_| {
            let reason = "no_randomness_for_a_session_id";
            Error::new(ErrorKind::ProviderNotReady, reason)
        })?;
        let before = self.resolve(request).await?;
        let replaced = before.as_ref().map(|before| before.reference());
        let replaced = replaced.or(new.replaces);
        let tenant = tenant_of(self.config.issuer(), &new.claims.iss).map(str::to_owned);
        let mut session = Session::begun(
            id,
            new.claims,
            new.id_token,
            new.refresh_token,
            &new.token,
            (self.storage.registration.clone(), self.storage.app.clone()),
            now,
        );
        session.tenant = tenant;
        if self.is_shared() {
            session.browser = browser_family(request);
        }
        session.data = new.data;
        session.mark = self.storage.mark().await.map_err(store_failed)?;
        session = self.storage.not_too_soon(session);
        self.storage.create(&mut session, now).await?;
        let context = RequestContext::of(request);
        let undelivered = match self
            .settle(request, &session, before.as_deref(), answer)
            .await?
        {
            Outcome::Kept(undelivered) => undelivered,
            Outcome::Late(faster) => {
                log::info!("logto: two sign-ins of one browser have ended together: one counts");
                self.storage.discard(&session).await.map_err(store_failed)?;
                self.has_replaced(&session, &faster);
                // Its own response does so, too. Where that never arrives, the next
                // sign-in must not take it for one that is still on its way.
                context.set_cookie(self.transaction_removal(&faster.transaction));
                return Ok(());
            }
        };
        let session = self.send(context, &Arc::new(session), now).await?;
        let wanted = Wanted::token(TokenFor::default(), now);
        self.storage
            .put_token(&session, &wanted.key, &new.token)
            .await;
        let live = self.live.of(&session);
        live.remember(&wanted, Arc::new(new.token), session.version);
        // End the old session only now that the new one is in place.
        match (&before, &replaced) {
            (Some(before), _) => {
                self.revoke(&before.reference()).await?;
                self.has_replaced(before, &Note::of(&session, "", now));
            }
            (None, Some(replaced)) => self.replace(replaced, &session).await?,
            (None, None) => {}
        }
        for note in undelivered {
            self.replace(&note.session, &session).await?;
        }
        self.keep_to_limit(&session).await?;
        self.tell_signed_in(&session);
        Ok(())
    }

    /// Whether the new session is the one that its browser gets. When that cannot be told,
    /// it has ended.
    async fn settle(
        &self,
        request: &Request<'_>,
        session: &Session,
        before: Option<&Session>,
        answer: Answer<'_>,
    ) -> Result<Outcome, Error> {
        let cookies = raw_cookies(request);
        let browser = Browser {
            transactions: self.transactions(&cookies).names(),
            session: before.map(|before| &before.id),
            since: answer.since,
        };
        let note = Note::of(session, answer.transaction, self.now());
        match self.storage.settle(&note, &browser).await {
            Ok(outcome) => Ok(outcome),
            Err(error) => {
                // An error of the store adds nothing to this one.
                let _ = self.storage.discard(session).await;
                Err(store_failed(error))
            }
        }
    }

    /// Writes the session to where it is kept, and sends its cookies.
    async fn save(
        &self,
        context: &RequestContext,
        session: &Arc<Session>,
        now: Seconds,
    ) -> Result<(), KeepError> {
        self.storage.write(session, now).await?;
        self.send(context, session, now).await.map(drop)
    }

    /// Sends the cookies of a session that is already kept.
    pub(super) async fn send(
        &self,
        context: &RequestContext,
        session: &Arc<Session>,
        now: Seconds,
    ) -> Result<Arc<Session>, KeepError> {
        let (session, mut lines) = self.storage.cookies(session, now).await?;
        lines.extend(self.storage.stale(context.chunks(), &lines));
        let of = Some(session.clone());
        context.set_session_cookies(SessionCookies { of, lines });
        Ok(session)
    }

    /// Ends a session here: removes its cookies, refuses copies of them, and forgets
    /// its tokens.
    pub(crate) async fn end(
        &self,
        context: &RequestContext,
        session: &Session,
    ) -> Result<(), Error> {
        self.revoke(&session.reference()).await?;
        self.storage.forget(session);
        self.drop_cookies(context);
        Ok(())
    }

    /// What the app wants to happen at a sign-in.
    pub(crate) async fn signing_in(&self, arrival: Arrival<'_>) -> Option<Result<Decision, Error>> {
        self.hooks
            .signing_in(arrival, self.config.hook_timeout)
            .await
    }

    /// Refuses every copy of a session from now on.
    pub(super) async fn revoke(&self, session: &SessionRef) -> Result<(), Error> {
        let ended = self.storage.end(session, self.now()).await;
        ended.map_err(store_failed)?;
        self.live.forget(&session.id);
        Ok(())
    }

    /// Ends the sessions that a logout token names.
    pub(crate) async fn end_named(&self, logout: &Logout) -> Result<(), StoreError> {
        self.storage.end_named(logout, self.now()).await
    }

    /// Removes the session's cookies from the browser, where it has any.
    pub(crate) fn drop_cookies(&self, context: &RequestContext) {
        context.set_session(None);
        let lines = self
            .storage
            .removal(context.chunks(), context.has_session_cookie());
        context.set_session_cookies(SessionCookies { of: None, lines });
    }

    /// The session's cookies for the response. There are none if another request ended
    /// or refreshed the session while the handler ran: the browser may have newer
    /// cookies by now.
    pub(crate) async fn cookies(&self, cookies: SessionCookies) -> Vec<String> {
        let Some(session) = cookies.of else {
            return cookies.lines;
        };
        let is_newest = self.live.newest(session.clone()).version == session.version;
        match is_newest && self.storage.is_still_live(&session).await {
            true => cookies.lines,
            false => Vec::new(),
        }
    }

    /// Whether there is a session among these cookies, be it a good one or not.
    pub(crate) fn brings_session(&self, cookies: &[(&str, &str)]) -> bool {
        let name = self.storage.names.session();
        cookies.iter().any(|(cookie, _)| *cookie == name)
    }

    /// What is asked of this browser, or expected from it, before the next step.
    pub(crate) fn questions<'a>(&'a self, cookies: &'a [(&'a str, &'a str)]) -> Questions<'a> {
        Questions(self.private(cookies))
    }

    /// The app has pages on which a sign-in begins by itself.
    pub(crate) fn sign_in_silently(&self) {
        self.signs_in_silently.store(true, Ordering::Relaxed);
    }

    /// Whether it has, as far as is known.
    pub(crate) fn signs_in_silently(&self) -> bool {
        self.signs_in_silently.load(Ordering::Relaxed)
    }

    /// The sign-ins this browser has begun.
    pub(crate) fn transactions<'a>(
        &'a self,
        cookies: &'a [(&'a str, &'a str)],
    ) -> Transactions<'a> {
        Transactions(self.private(cookies))
    }

    fn private<'a>(&'a self, cookies: &'a [(&'a str, &'a str)]) -> PrivateCookies<'a> {
        PrivateCookies {
            names: &self.storage.names,
            keys: &self.storage.keys,
            registration: &self.storage.registration,
            cookies,
            now: self.now(),
        }
    }

    fn transaction_removal(&self, name: &str) -> String {
        self.storage.names.transaction_spec(name, 0).removal()
    }

    /// The `Set-Cookie` lines that remove what this app has left under former names.
    pub(crate) fn leftovers(&self, cookies: &[(&str, &str)]) -> Vec<String> {
        self.storage.leftovers(cookies)
    }

    /// `Some` for the first authorization response to a sign-in.
    pub(crate) async fn take_answer_turn(
        &self,
        transaction: &str,
    ) -> Result<Option<AnswerTurn>, Error> {
        let turn = self.answered.take_turn(&self.storage, transaction).await;
        turn.map_err(store_failed)
    }

    /// Gives the turn back after a response whose code was not sent to the provider.
    pub(crate) async fn give_back(&self, turn: AnswerTurn) {
        self.answered.give_back(turn).await;
    }

    /// After a response whose code the provider has refused.
    pub(crate) async fn code_refused(&self, turn: AnswerTurn) {
        self.answered.refused(turn).await;
    }

    /// `Some` the first time the logout token is seen, on any instance. Give it back if
    /// the logout fails.
    pub(crate) async fn check_replay(&self, logout: &Logout) -> Result<Option<Lock>, StoreError> {
        // After that, a replay is refused because the token is too old.
        let good_for = logout.good_until.saturating_sub(self.now()).max(1);
        let good_for = Duration::from_secs(u64::try_from(good_for).unwrap_or(1));
        self.storage.check_replay(&logout.jti, good_for).await
    }

    /// Whether sessions can be kept.
    pub(crate) async fn check_ready(&self) -> Result<(), StoreError> {
        self.storage.check_ready().await
    }

    /// Claims from this time or earlier are older than `claims_max_age`.
    pub(super) fn stale_since(&self) -> Seconds {
        self.now()
            .saturating_sub(seconds(self.config.claims_max_age))
    }
}

/// Seals with Rocket's `secret_key`, and opens with previous ones as well. Where none
/// is configured, a random one is used here.
fn keys(rocket: &Rocket<Build>, config: &LogtoConfig) -> Option<CookieKeys> {
    let current = match secret_key::configured(rocket.figment()) {
        Some(key) => secret_key::master(&key)?,
        None => Key::try_generate()?,
    };
    let previous = config.previous_secret_keys.iter().map(secret_key::master);
    CookieKeys::new(current, previous.collect::<Option<_>>()?)
}
