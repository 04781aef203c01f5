//! What this process knows about live sessions beyond their cookies: the newest
//! state, the access tokens, and the lock for refreshing.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use moka::policy::EvictionPolicy;
use rocket::tokio::sync::Mutex as RefreshLock;

use super::model::{Session, SessionId};
use crate::clock::Seconds;
use crate::error::{Error, ErrorKind};
use crate::tokens::cache::TokenCache;
use crate::tokens::token::{Token, TokenFor};

/// The most sessions remembered here; beyond that, tokens are fetched again.
const MAX_SESSIONS: u64 = 20_000;
/// In seconds. After a refresh failed because of the provider, stale claims stay in
/// use this much longer before the next attempt.
const PAUSE: Seconds = 10;

pub(super) struct LiveSessions {
    sessions: moka::sync::Cache<SessionId, Arc<Live>>,
    /// Whether anybody at all has lost access to the app. Most apps never see that, and
    /// looking for a session costs every request more than all else that is asked of it.
    has_anybody_lost_access: AtomicBool,
}

/// One session. A provider that rotates refresh tokens revokes a grant whose token is
/// used twice (RFC 9700 section 4.14.2), so all requests of a session take turns, for
/// whichever token they need.
#[derive(Default)]
pub(super) struct Live {
    /// Held during a refresh.
    pub refresh_lock: RefreshLock<()>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// The session as the last refresh left it, for requests that still came with an
    /// older cookie.
    newest: Option<Arc<Session>>,
    tokens: TokenCache,
    /// The last refresh, if it failed.
    failure: Option<Failure>,
    /// When a token was last fetched anew because an API had refused one.
    refused_at: Option<Seconds>,
}

struct Failure {
    of: TokenFor,
    error: Error,
    at: Instant,
    now: Seconds,
}

impl Failure {
    /// Whether the provider answered, and has nothing to say of other tokens.
    fn is_about_its_token(&self) -> bool {
        let kind = self.error.kind();
        matches!(kind, ErrorKind::Denied | ErrorKind::Misconfigured)
    }
}

/// What a request needs from a session.
pub(super) struct Wanted {
    pub key: TokenFor,
    /// Whether only a refresh after `asked` is enough,
    pub anew: bool,
    /// or one that another instance made after this time.
    pub since: Option<Seconds>,
    pub asked: Instant,
    pub now: Seconds,
}

impl Wanted {
    pub(super) fn token(key: TokenFor, now: Seconds) -> Wanted {
        Wanted {
            key,
            anew: false,
            since: None,
            asked: Instant::now(),
            now,
        }
    }

    /// Fresh claims. With `since`, another instance's refresh after that is enough.
    pub(super) fn claims(since: Option<Seconds>, now: Seconds) -> Wanted {
        Wanted {
            anew: true,
            since,
            ..Wanted::token(TokenFor::default(), now)
        }
    }
}

impl LiveSessions {
    /// Sessions that were not used for `idle` are forgotten here.
    pub(super) fn new(idle: Duration) -> LiveSessions {
        let sessions = moka::sync::Cache::builder()
            .max_capacity(MAX_SESSIONS)
            // LRU, so that a new session always gets a place: otherwise this process
            // would not know that its refresh token has been used.
            .eviction_policy(EvictionPolicy::lru())
            .time_to_idle(idle)
            .build();
        LiveSessions {
            sessions,
            has_anybody_lost_access: AtomicBool::new(false),
        }
    }

    pub(super) fn of(&self, session: &Session) -> Arc<Live> {
        self.sessions.get_with_by_ref(&session.id, Arc::default)
    }

    /// The newest state of `session`, which may be ahead of its cookie.
    pub(super) fn newest(&self, session: Arc<Session>) -> Arc<Session> {
        match self.sessions.get(&session.id) {
            Some(live) => live.newest(&session),
            None => session,
        }
    }

    /// Whether the provider has said last that the user may not use the app.
    pub(super) fn has_lost_access(&self, session: &Session) -> bool {
        if !self.has_anybody_lost_access.load(Ordering::Acquire) {
            return false;
        }
        let live = self.sessions.get(&session.id);
        live.is_some_and(|live| {
            let last = |known: &mut Known| known.failure.as_ref().map(|last| last.error.kind());
            live.with(last) == Some(ErrorKind::NoAccess)
        })
    }

    /// A refresh of the session has failed.
    pub(super) fn set_failure(&self, live: &Live, wanted: Wanted, error: Error) {
        // Before anybody can find it.
        if error.kind() == ErrorKind::NoAccess {
            self.has_anybody_lost_access.store(true, Ordering::Release);
        }
        live.set_failure(wanted, error);
    }

    /// Forgets everything about a session that has ended.
    pub(super) fn forget(&self, id: &SessionId) {
        self.sessions.invalidate(id);
    }
}

impl Live {
    fn with<T>(&self, act: impl FnOnce(&mut Known) -> T) -> T {
        act(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn newest(&self, session: &Arc<Session>) -> Arc<Session> {
        self.with(|known| match &known.newest {
            Some(newer) if newer.version > session.version => newer.clone(),
            _ => session.clone(),
        })
    }

    pub(super) fn set_newest(&self, session: Arc<Session>) {
        self.with(|known| known.newest = Some(session));
    }

    /// A token that may still be used: it is not about to expire, or was fetched after
    /// this request began.
    pub(super) fn token(&self, session: &Session, wanted: &Wanted) -> Option<Arc<Token>> {
        let (key, version) = (&wanted.key, session.tokens_from);
        self.with(|known| {
            let lasting = match wanted.anew {
                true => None,
                false => known.tokens.lasting(key, version, wanted.now),
            };
            lasting.or_else(|| known.tokens.fetched_since(key, version, wanted.asked))
        })
    }

    /// The failure of a refresh that ended while this request waited for its turn.
    /// Trying again would make all waiting requests pay for it one by one. A failure
    /// for another token says nothing about this one.
    pub(super) fn failure(&self, wanted: &Wanted) -> Option<Error> {
        self.with(|known| {
            let failure = known.failure.as_ref()?;
            let is_bad_answer = failure.error.kind() == ErrorKind::ProviderBadAnswer;
            let is_about_all = !(is_bad_answer || failure.is_about_its_token());
            let concerns = failure.of == wanted.key || is_about_all;
            (concerns && failure.at >= wanted.asked).then(|| failure.error.clone())
        })
    }

    fn set_failure(&self, wanted: Wanted, error: Error) {
        let failure = Failure {
            of: wanted.key,
            error,
            at: Instant::now(),
            now: wanted.now,
        };
        self.with(|known| known.failure = Some(failure));
    }

    /// The failure because of which it is too soon for another refresh for fresher
    /// claims.
    pub(super) fn recent_failure(&self, now: Seconds) -> Option<Error> {
        self.with(|known| {
            let failure = known.failure.as_ref()?;
            let concerns = failure.of.is_default() || !failure.is_about_its_token();
            let is_recent = (0..PAUSE).contains(&now.saturating_sub(failure.now));
            (concerns && is_recent).then(|| failure.error.clone())
        })
    }

    pub(super) fn remember(&self, wanted: &Wanted, token: Arc<Token>, version: u32) {
        self.with(|known| {
            if wanted.anew {
                known.tokens.clear();
            }
            known.failure = None;
            known
                .tokens
                .insert(wanted.key.clone(), token, version, wanted.now);
        });
    }

    pub(super) fn forget_token(&self, token: &Token) {
        self.with(|known| known.tokens.remove(token));
    }

    /// Forgets a token that an API has refused, unless that has just happened: an API that
    /// refuses every token must not have the provider asked for each request. Whether it is
    /// worth asking for another one.
    pub(super) fn refused(&self, token: &Token, now: Seconds) -> bool {
        self.with(|known| {
            if !known.tokens.has(token) {
                // Another request has forgotten it, or there is a newer one.
                return true;
            }
            let since = known.refused_at.map(|at| now.saturating_sub(at));
            if since.is_some_and(|since| (0..PAUSE).contains(&since)) {
                return false;
            }
            known.refused_at = Some(now);
            known.tokens.remove(token);
            true
        })
    }

    pub(super) fn forget_tokens(&self) {
        self.with(|known| known.tokens.clear());
    }
}
