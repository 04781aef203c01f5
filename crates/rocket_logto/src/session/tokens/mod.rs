//! Access tokens in process, and the one refresh at a time of each session.
//! A provider that rotates refresh tokens kills a grant whose token is used
//! twice, so all requests of a session take turns here, whatever token they
//! want.

mod refresh;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use self::refresh::{cleared, no_refresh_token, refreshed};
use moka::policy::EvictionPolicy;
use rocket::tokio::sync::Mutex as Turn;

use crate::clock::Seconds;
use crate::config::LogtoConfig;
use crate::error::{Error, ErrorKind};
use crate::oidc::client::OidcClient;
use crate::session::sessions::Sessions;
use crate::session::{Home, Session, SessionId};
use crate::tokens::token::{LEEWAY, Token, TokenFor};

/// Sessions remembered here at once; beyond that, tokens are fetched anew.
const MAX_SESSIONS: u64 = 20_000;
/// Tokens remembered of one session: an organization and a resource each.
const MAX_TOKENS: usize = 64;
/// After a refresh has failed for the provider's sake, claims that want
/// refreshing serve this much longer before the next attempt, in seconds.
const PAUSE: Seconds = 10;

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
    tokens: HashMap<TokenFor, Fetched>,
    /// The last refresh, when it has failed.
    failure: Option<Failure>,
}

struct Fetched {
    token: Arc<Token>,
    at: Instant,
    /// The version of the session it came with.
    version: u32,
}

struct Failure {
    of: TokenFor,
    error: Error,
    at: Instant,
    now: Seconds,
}

/// What a request wants.
struct Wanted {
    key: TokenFor,
    /// Nothing from before `asked` will do,
    anew: bool,
    /// but what another instance was told after this.
    since: Option<Seconds>,
    asked: Instant,
    now: Seconds,
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

    /// A token that may still be used: not about to end, or fetched since the
    /// request asked, however short it lives.
    fn token(&self, session: &Session, wanted: &Wanted) -> Option<Arc<Token>> {
        self.with(|known| {
            let Fetched { token, at, version } = known.tokens.get(&wanted.key)?;
            let lasts = !wanted.anew && token.ends_at() - LEEWAY > wanted.now;
            let counts = *version >= session.tokens_from && (lasts || *at >= wanted.asked);
            counts.then(|| token.clone())
        })
    }

    /// The failure of a refresh that ended while this request waited for its
    /// turn: asking again would make all who wait pay for it one by one. What
    /// the provider said of another token says nothing of this one.
    fn failure(&self, wanted: &Wanted) -> Option<Error> {
        self.with(|known| {
            let failure = known.failure.as_ref()?;
            let is_about_all = !matches!(
                failure.error.kind(),
                ErrorKind::Denied | ErrorKind::ProviderBadAnswer
            );
            let concerns = failure.of == wanted.key || is_about_all;
            (concerns && failure.at >= wanted.asked).then(|| failure.error.clone())
        })
    }

    fn remember(&self, wanted: &Wanted, token: Arc<Token>, version: u32) {
        self.with(|known| {
            if wanted.anew {
                known.tokens.clear();
            }
            if known.tokens.len() >= MAX_TOKENS {
                let now = wanted.now;
                known.tokens.retain(|_, known| known.token.ends_at() > now);
            }
            if known.tokens.len() >= MAX_TOKENS {
                let ends = |(_, known): &(&TokenFor, &Fetched)| known.token.ends_at();
                let first = known.tokens.iter().min_by_key(ends);
                first
                    .map(|(key, _)| key.clone())
                    .map(|key| known.tokens.remove(&key));
            }
            known.failure = None;
            let fetched = Fetched {
                token,
                at: Instant::now(),
                version,
            };
            known.tokens.insert(wanted.key.clone(), fetched);
        });
    }
}

impl Tokens {
    pub(crate) fn new(config: &LogtoConfig) -> Tokens {
        let sessions = moka::sync::Cache::builder()
            .max_capacity(MAX_SESSIONS)
            // A new session must find its place: without one it would not be
            // known here that its refresh token has been used.
            .eviction_policy(EvictionPolicy::lru())
            .time_to_idle(config.session.idle)
            .build();
        Tokens { sessions }
    }

    /// Remembers the access token that came with a sign-in.
    pub(crate) fn remember(&self, session: &Session, token: Token, now: Seconds) {
        let wanted = wanted(TokenFor::default(), now);
        self.live(session)
            .remember(&wanted, Arc::new(token), session.version);
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

    /// Forgets the access tokens of a session, at all instances: the next one is
    /// a new one.
    pub(crate) async fn clear(
        &self,
        sessions: &Arc<Sessions>,
        session: &Arc<Session>,
        now: Seconds,
    ) -> Result<(), Error> {
        let live = self.live(session);
        live.with(|known| known.tokens.clear());
        match session.home {
            Home::Cookie | Home::Memory => Ok(()),
            Home::Store => cleared(sessions, live, session, now).await,
        }
    }

    /// Forgets a token that was refused, but not the one that another request
    /// has fetched in its place meanwhile.
    pub(crate) fn refused(&self, session: &Session, token: &Token) {
        self.live(session).with(|known| {
            known
                .tokens
                .retain(|_, other| other.token.secret() != token.secret());
        });
    }

    /// The token for `key`: the one at hand, or one from a refresh.
    pub(crate) async fn get(
        &self,
        oidc: &Arc<OidcClient>,
        sessions: &Arc<Sessions>,
        session: &Arc<Session>,
        key: TokenFor,
        now: Seconds,
    ) -> Result<Granted, Error> {
        let wanted = wanted(key, now);
        let live = self.live(session);
        let newest = live.newest(session);
        if let Some(token) = live.token(&newest, &wanted) {
            return Ok((token, newest));
        }
        if let Some(token) = session.access_at_hand(&wanted.key, now) {
            return Ok((Arc::new(token), session.clone()));
        }
        Box::pin(refreshed(oidc, sessions, live, session, wanted)).await
    }

    /// A refresh that takes nothing from the cache, for fresh claims, and
    /// forgets the tokens from before it. Requests that ask while one is under
    /// way share it; with `since`, instances share one that came after that.
    pub(crate) async fn refresh(
        &self,
        oidc: &Arc<OidcClient>,
        sessions: &Arc<Sessions>,
        session: &Arc<Session>,
        since: Option<Seconds>,
        now: Seconds,
    ) -> Result<Granted, Error> {
        if session.refresh_token.is_none() {
            return Err(no_refresh_token());
        }
        let wanted = Wanted {
            anew: true,
            since,
            ..wanted(TokenFor::default(), now)
        };
        refreshed(oidc, sessions, self.live(session), session, wanted).await
    }

    /// Whether a refresh for fresher claims is worth trying yet.
    pub(crate) fn may_refresh(&self, session: &Session, now: Seconds) -> bool {
        self.live(session).with(|known| match &known.failure {
            Some(failure)
                if failure.of.is_default() || failure.error.kind() != ErrorKind::Denied =>
            {
                !(0..PAUSE).contains(&now.saturating_sub(failure.now))
            }
            _ => true,
        })
    }

    fn live(&self, session: &Session) -> Arc<Live> {
        self.sessions.get_with_by_ref(&session.id, Arc::default)
    }
}

fn wanted(key: TokenFor, now: Seconds) -> Wanted {
    Wanted {
        key,
        anew: false,
        since: None,
        asked: Instant::now(),
        now,
    }
}
