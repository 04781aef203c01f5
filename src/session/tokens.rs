//! Access tokens in process, and the one refresh at a time of each session.
//! A provider that rotates refresh tokens kills a grant whose token is used
//! twice, so all requests of a session take turns here, whatever token they
//! want.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use openidconnect::OAuth2TokenResponse;
use rocket::tokio::sync::Mutex as Turn;

use super::failure::{failed, store_failed, unavailable};
use super::sessions::{KeepError, Sessions};
use super::token::{Token, TokenKey};
use super::{Session, SessionId};
use crate::claims::IdTokenClaims;
use crate::config::LogtoConfig;
use crate::error::{Error, ErrorKind};
use crate::oidc::client::OidcClient;
use crate::oidc::tokens::TokenSet;
use crate::oidc::verify::{self, Nonce, Seconds};

/// Sessions remembered here at once; beyond that, tokens are fetched anew.
const MAX_SESSIONS: u64 = 20_000;
/// Tokens remembered of one session: an organization and a resource each.
const MAX_TOKENS: usize = 64;
/// A token this close to its end is not handed out any more, in seconds.
const LEEWAY: Seconds = 60;
/// For an answer without `expires_in` (RFC 6749 section 5.1 allows that).
const DEFAULT_LIFETIME: Seconds = 3600;
/// After a refresh for fresher claims has failed, the old claims serve this
/// long before the next attempt.
const PAUSE: Duration = Duration::from_secs(10);

/// What is known of live sessions beyond their cookies.
pub(crate) struct Tokens {
    sessions: moka::sync::Cache<SessionId, Arc<Live>>,
}

#[derive(Default)]
struct Live {
    /// Held through a refresh.
    turn: Turn<()>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// The session as the last refresh left it. Requests still under way with
    /// the cookie before it are served from here.
    session: Option<Arc<Session>>,
    tokens: HashMap<TokenKey, (Arc<Token>, Instant)>,
    refresh_failed: Option<Instant>,
}

/// A token, and the session as it is now: a refresh may have changed it.
pub(crate) type Granted = (Arc<Token>, Arc<Session>);

impl Live {
    fn with<T>(&self, act: impl FnOnce(&mut Known) -> T) -> T {
        act(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn newest(&self, session: &Arc<Session>) -> Arc<Session> {
        self.with(|known| match &known.session {
            Some(newer) if newer.version > session.version => newer.clone(),
            _ => session.clone(),
        })
    }

    /// A token that may still be used: not about to end, or fetched `since`
    /// the request asked, however short it lives.
    fn token(&self, key: &TokenKey, now: Seconds, since: Instant) -> Option<Arc<Token>> {
        self.with(|known| {
            let (token, fetched) = known.tokens.get(key)?;
            let usable = token.ends_at() - LEEWAY > now || *fetched >= since;
            usable.then(|| token.clone())
        })
    }

    fn remember(&self, key: TokenKey, token: Arc<Token>, now: Seconds) {
        self.with(|known| {
            if known.tokens.len() >= MAX_TOKENS {
                known.tokens.retain(|_, (token, _)| token.ends_at() > now);
            }
            if known.tokens.len() >= MAX_TOKENS {
                let ends = |(_, (token, _)): &(&TokenKey, &(Arc<Token>, _))| token.ends_at();
                let first = known
                    .tokens
                    .iter()
                    .min_by_key(ends)
                    .map(|(key, _)| key.clone());
                first.map(|key| known.tokens.remove(&key));
            }
            known.tokens.insert(key, (token, Instant::now()));
        });
    }
}

impl Tokens {
    pub(crate) fn new(config: &LogtoConfig) -> Tokens {
        let sessions = moka::sync::Cache::builder()
            .max_capacity(MAX_SESSIONS)
            .time_to_idle(config.session.idle.max(PAUSE))
            .build();
        Tokens { sessions }
    }

    /// Remembers the access token that came with a sign-in.
    pub(crate) fn remember(&self, session: &Session, tokens: &TokenSet, now: Seconds) {
        let token = Arc::new(token(tokens, now));
        self.live(session).remember(TokenKey::default(), token, now);
    }

    /// The newest state of `session`, which may be ahead of its cookie.
    pub(crate) fn newest(&self, session: Arc<Session>) -> Arc<Session> {
        match self.sessions.get(&session.id) {
            Some(live) => live.newest(&session),
            None => session,
        }
    }

    /// Forgets everything about a session that is over.
    pub(crate) fn forget(&self, id: &SessionId) {
        self.sessions.invalidate(id);
    }

    /// Forgets the access tokens of a session: the next one is a new one.
    pub(crate) fn clear(&self, session: &Session) {
        self.live(session).with(|known| known.tokens.clear());
    }

    /// The token for `key`: the one at hand, or one from a refresh.
    pub(crate) async fn get(
        &self,
        oidc: &Arc<OidcClient>,
        sessions: &Arc<Sessions>,
        session: &Arc<Session>,
        key: TokenKey,
        now: Seconds,
    ) -> Result<Granted, Error> {
        let asked = Instant::now();
        let live = self.live(session);
        if let Some(token) = live.token(&key, now, asked) {
            return Ok((token, live.newest(session)));
        }
        if let Some(token) = session.access_at_hand(&key, now + LEEWAY) {
            return Ok((Arc::new(token), session.clone()));
        }
        let round = Round {
            oidc: oidc.clone(),
            sessions: sessions.clone(),
            live,
            key,
            asked,
            now,
            anew: false,
        };
        round.take_turn(session.clone()).await
    }

    /// A refresh that takes nothing from the cache, for fresh claims. Requests
    /// that ask while one is under way share it.
    pub(crate) async fn refresh(
        &self,
        oidc: &Arc<OidcClient>,
        sessions: &Arc<Sessions>,
        session: &Arc<Session>,
        now: Seconds,
    ) -> Result<Granted, Error> {
        let round = Round {
            oidc: oidc.clone(),
            sessions: sessions.clone(),
            live: self.live(session),
            key: TokenKey::default(),
            asked: Instant::now(),
            now,
            anew: true,
        };
        round.take_turn(session.clone()).await
    }

    /// Whether a refresh for fresher claims is worth trying yet.
    pub(crate) fn may_refresh(&self, session: &Session) -> bool {
        let failed = self.live(session).with(|known| known.refresh_failed);
        failed.is_none_or(|at| at.elapsed() >= PAUSE)
    }

    fn live(&self, session: &Session) -> Arc<Live> {
        self.sessions.get_with_by_ref(&session.id, Arc::default)
    }
}

/// One request's wish for a token that is not at hand.
struct Round {
    oidc: Arc<OidcClient>,
    sessions: Arc<Sessions>,
    live: Arc<Live>,
    key: TokenKey,
    asked: Instant,
    now: Seconds,
    /// A token from before the request asked will not do.
    anew: bool,
}

impl Round {
    /// Waits for the session's turn, looks again, and refreshes if need be, in
    /// a task of its own: a person who closes the tab meanwhile must not cost
    /// the session its new refresh token.
    async fn take_turn(self, session: Arc<Session>) -> Result<Granted, Error> {
        let task = rocket::tokio::spawn(async move {
            let _turn = self.live.turn.lock().await;
            let session = self.live.newest(&session);
            if let Some(token) = self.at_hand() {
                return Ok((token, session));
            }
            let exclusive = self
                .sessions
                .exclusive(&session.id)
                .await
                .map_err(store_failed)?;
            let granted = self.refresh_unless_done(session, exclusive.is_some()).await;
            if let Some(exclusive) = exclusive {
                exclusive.give_back().await;
            }
            if granted.is_err() {
                self.live
                    .with(|known| known.refresh_failed = Some(Instant::now()));
            }
            granted
        });
        let ended = || Error::new(ErrorKind::ProviderBadAnswer, "refresh_task_ended");
        task.await.unwrap_or_else(|_| Err(ended()))
    }

    fn at_hand(&self) -> Option<Arc<Token>> {
        match self.anew {
            false => self.live.token(&self.key, self.now, self.asked),
            true => self.live.with(|known| {
                let (token, fetched) = known.tokens.get(&self.key)?;
                (*fetched >= self.asked).then(|| token.clone())
            }),
        }
    }

    /// With the right to refresh in hand: another instance may have done it.
    async fn refresh_unless_done(
        &self,
        session: Arc<Session>,
        shared: bool,
    ) -> Result<Granted, Error> {
        let mut session = session;
        if shared {
            let current = self.sessions.reload(&session).await.map_err(store_failed)?;
            let current = Arc::new(current.ok_or_else(ended_elsewhere)?);
            let done = !self.anew || current.version > session.version;
            session = current;
            if done && let Some(token) = self.shared_token(&session).await? {
                return Ok(self.remember(token, session));
            }
        }
        let (token, session) = refresh(&self.oidc, &session, &self.key, self.now).await?;
        self.sessions
            .publish(&session, self.now)
            .await
            .map_err(|error| match error {
                KeepError::Store(error) => store_failed(error),
                KeepError::Gone => ended_elsewhere(),
            })?;
        self.sessions.put_token(&session, &self.key, &token).await;
        Ok(self.remember(token, session))
    }

    async fn shared_token(&self, session: &Session) -> Result<Option<Arc<Token>>, Error> {
        let token = self
            .sessions
            .token(session, &self.key)
            .await
            .map_err(store_failed)?;
        Ok(token
            .filter(|token| token.ends_at() - LEEWAY > self.now)
            .map(Arc::new))
    }

    fn remember(&self, token: Arc<Token>, session: Arc<Session>) -> Granted {
        self.live
            .remember(self.key.clone(), token.clone(), self.now);
        self.live.with(|known| {
            known.session = Some(session.clone());
            known.refresh_failed = None;
        });
        (token, session)
    }
}

fn ended_elsewhere() -> Error {
    Error::new(ErrorKind::SessionEnded, "ended_elsewhere")
}

/// The token of an answer, with its end.
pub(crate) fn token(tokens: &TokenSet, now: Seconds) -> Token {
    let lifetime = tokens.expires_in().map(|lifetime| lifetime.as_secs());
    let lifetime = lifetime.map_or(DEFAULT_LIFETIME, |seconds| {
        Seconds::try_from(seconds).unwrap_or(DEFAULT_LIFETIME)
    });
    Token::new(
        tokens.access_token.clone(),
        tokens.scope.clone(),
        now.saturating_add(lifetime),
    )
}

async fn refresh(
    oidc: &OidcClient,
    session: &Session,
    key: &TokenKey,
    now: Seconds,
) -> Result<Granted, Error> {
    let Some(refresh_token) = &session.refresh_token else {
        return Err(no_refresh_token(key));
    };
    let tokens = oidc
        .refresh(refresh_token, &key.params())
        .await
        .map_err(failed)?;
    let mut next = session.clone();
    next.version = session.version.saturating_add(1);
    if let Some(id_token) = &tokens.id_token {
        // OpenID Connect Core section 12.2: the same user, from the same
        // provider, for the same client.
        let before: Option<IdTokenClaims> = verify::claims(session.id_token.as_str());
        let nonce = before.as_ref().and_then(|claims| claims.nonce.as_deref());
        let claims = oidc
            .verify_id_token(id_token, Nonce::IsNoneOr(nonce), &tokens.access_token, now)
            .await
            .map_err(unavailable)?
            .map_err(|reason| {
                Error::new(
                    ErrorKind::SessionEnded,
                    format!("refreshed_id_token_{reason}"),
                )
            })?;
        if claims.sub != session.sub {
            return Err(Error::new(
                ErrorKind::SessionEnded,
                "refreshed_id_token_sub",
            ));
        }
        next.id_token = id_token.clone();
        next.refreshed_at = now;
    }
    if key.is_default() {
        // A provider may leave the ID token out: it has said all the same that
        // the user is still welcome.
        next.refreshed_at = now;
    }
    if let Some(refresh_token) = &tokens.refresh_token {
        next.refresh_token = Some(refresh_token.clone());
    }
    Ok((Arc::new(token(&tokens, now)), Arc::new(next)))
}

/// Without a refresh token the sign-in's own access token is all there is.
fn no_refresh_token(key: &TokenKey) -> Error {
    match key.is_default() {
        true => Error::new(
            ErrorKind::SessionEnded,
            "access_token_ended_no_refresh_token",
        ),
        false => Error::denied(
            "no_refresh_token",
            "Signing in gave no refresh token: keep the scope offline_access and prompt = [\"consent\"]",
        ),
    }
}
