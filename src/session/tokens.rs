//! Access tokens in process, and the one refresh at a time of each session.
//! A provider that rotates refresh tokens kills a grant whose token is used
//! twice, so all requests of a session take turns here, whatever token they
//! want.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use moka::policy::EvictionPolicy;
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
use crate::oidc::tokens::{RawIdToken, TokenSet};
use crate::oidc::verify::{self, Nonce, Rejection, Seconds};

/// Sessions remembered here at once; beyond that, tokens are fetched anew.
const MAX_SESSIONS: u64 = 20_000;
/// Tokens remembered of one session: an organization and a resource each.
const MAX_TOKENS: usize = 64;
/// A token this close to its end is not handed out any more, in seconds.
const LEEWAY: Seconds = 60;
/// For an answer without `expires_in` (RFC 6749 section 5.1 allows that).
const DEFAULT_LIFETIME: Seconds = 3600;
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
    tokens: HashMap<TokenKey, (Arc<Token>, Instant)>,
    /// The last refresh, when it has failed.
    failure: Option<Failure>,
}

struct Failure {
    of: TokenKey,
    error: Error,
    at: Instant,
    now: Seconds,
}

/// What a request wants.
struct Wanted {
    key: TokenKey,
    /// Nothing from before `asked` will do.
    anew: bool,
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
    fn token(&self, wanted: &Wanted) -> Option<Arc<Token>> {
        self.with(|known| {
            let (token, fetched) = known.tokens.get(&wanted.key)?;
            let lasts = !wanted.anew && token.ends_at() - LEEWAY > wanted.now;
            (lasts || *fetched >= wanted.asked).then(|| token.clone())
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

    fn remember(&self, wanted: &Wanted, token: Arc<Token>) {
        self.with(|known| {
            if wanted.anew {
                // What was fetched before may allow what is no longer allowed.
                known.tokens.clear();
            }
            if known.tokens.len() >= MAX_TOKENS {
                let now = wanted.now;
                known.tokens.retain(|_, (token, _)| token.ends_at() > now);
            }
            if known.tokens.len() >= MAX_TOKENS {
                let ends = |(_, (token, _)): &(&TokenKey, &(Arc<Token>, _))| token.ends_at();
                let first = known.tokens.iter().min_by_key(ends);
                first
                    .map(|(key, _)| key.clone())
                    .map(|key| known.tokens.remove(&key));
            }
            known.failure = None;
            let fetched = (token, Instant::now());
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
    pub(crate) fn remember(&self, session: &Session, tokens: &TokenSet, now: Seconds) {
        let token = Arc::new(token(tokens, now));
        self.live(session)
            .remember(&wanted(TokenKey::default(), now), token);
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

    /// Forgets a token that was refused, but not the one that another request
    /// has fetched in its place meanwhile.
    pub(crate) fn refused(&self, session: &Session, token: &Token) {
        self.live(session).with(|known| {
            known
                .tokens
                .retain(|_, (other, _)| other.secret() != token.secret());
        });
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
        let wanted = wanted(key, now);
        let live = self.live(session);
        if let Some(token) = live.token(&wanted) {
            return Ok((token, live.newest(session)));
        }
        if let Some(token) = session.access_at_hand(&wanted.key, now) {
            return Ok((Arc::new(token), session.clone()));
        }
        refreshed(oidc, sessions, live, session, wanted).await
    }

    /// A refresh that takes nothing from the cache, for fresh claims, and
    /// forgets the tokens from before it. Requests that ask while one is under
    /// way share it.
    pub(crate) async fn refresh(
        &self,
        oidc: &Arc<OidcClient>,
        sessions: &Arc<Sessions>,
        session: &Arc<Session>,
        now: Seconds,
    ) -> Result<Granted, Error> {
        if session.refresh_token.is_none() {
            return Err(no_refresh_token());
        }
        let wanted = Wanted {
            anew: true,
            ..wanted(TokenKey::default(), now)
        };
        refreshed(oidc, sessions, self.live(session), session, wanted).await
    }

    /// Whether a refresh for fresher claims is worth trying yet.
    pub(crate) fn may_refresh(&self, session: &Session, now: Seconds) -> bool {
        self.live(session).with(|known| match &known.failure {
            Some(failure) if failure.error.kind() != ErrorKind::Denied => {
                !(0..PAUSE).contains(&now.saturating_sub(failure.now))
            }
            _ => true,
        })
    }

    fn live(&self, session: &Session) -> Arc<Live> {
        self.sessions.get_with_by_ref(&session.id, Arc::default)
    }
}

fn wanted(key: TokenKey, now: Seconds) -> Wanted {
    Wanted {
        key,
        anew: false,
        asked: Instant::now(),
        now,
    }
}

/// Waits for the session's turn, looks again, and refreshes if need be. The
/// refresh is a task of its own: a person who closes the tab meanwhile must
/// not cost the session its new refresh token.
async fn refreshed(
    oidc: &Arc<OidcClient>,
    sessions: &Arc<Sessions>,
    live: Arc<Live>,
    session: &Arc<Session>,
    wanted: Wanted,
) -> Result<Granted, Error> {
    let (oidc, sessions, session) = (oidc.clone(), sessions.clone(), session.clone());
    let task = rocket::tokio::spawn(async move {
        let _turn = live.turn.lock().await;
        let session = live.newest(&session);
        if let Some(token) = live.token(&wanted) {
            return Ok((token, session));
        }
        if let Some(error) = live.failure(&wanted) {
            return Err(error);
        }
        let result = refresh_unless_done(&oidc, &sessions, &live, session, &wanted).await;
        if let Err(error) = &result {
            let failure = Failure {
                of: wanted.key,
                error: error.clone(),
                at: Instant::now(),
                now: wanted.now,
            };
            live.with(|known| known.failure = Some(failure));
        }
        result
    });
    task.await.unwrap_or_else(|_| {
        Err(Error::new(
            ErrorKind::ProviderBadAnswer,
            "refresh_task_ended",
        ))
    })
}

/// With the turn of this process in hand, takes that of all instances: another
/// one may have done it already.
async fn refresh_unless_done(
    oidc: &OidcClient,
    sessions: &Sessions,
    live: &Live,
    session: Arc<Session>,
    wanted: &Wanted,
) -> Result<Granted, Error> {
    let exclusive = sessions
        .exclusive(&session.id)
        .await
        .map_err(store_failed)?;
    let Some(exclusive) = exclusive else {
        return refresh(oidc, sessions, live, &session, wanted).await;
    };
    let result = match done_elsewhere(sessions, &session, wanted).await {
        Ok((Some(token), current)) => {
            live.remember(wanted, token.clone());
            live.with(|known| known.session = Some(current.clone()));
            Ok((token, current))
        }
        Ok((None, current)) => refresh(oidc, sessions, live, &current, wanted).await,
        Err(error) => Err(error),
    };
    exclusive.give_back().await;
    result
}

/// The session as other instances left it, and the token if one of them has
/// fetched it.
async fn done_elsewhere(
    sessions: &Sessions,
    session: &Session,
    wanted: &Wanted,
) -> Result<(Option<Arc<Token>>, Arc<Session>), Error> {
    let current = sessions.reload(session).await.map_err(store_failed)?;
    let current = Arc::new(current.ok_or_else(ended_elsewhere)?);
    if wanted.anew && current.version <= session.version {
        return Ok((None, current));
    }
    let token = sessions
        .token(&current, &wanted.key)
        .await
        .map_err(store_failed)?;
    let token = token.filter(|token| token.ends_at() - LEEWAY > wanted.now);
    Ok((token.map(Arc::new), current))
}

/// Shows a refreshed session to other instances before anybody uses it.
async fn publish(sessions: &Sessions, session: &Session, now: Seconds) -> Result<(), Error> {
    sessions
        .publish(session, now)
        .await
        .map_err(|error| match error {
            KeepError::Store(error) => store_failed(error),
            KeepError::Gone => ended_elsewhere(),
        })
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
    sessions: &Sessions,
    live: &Live,
    session: &Session,
    wanted: &Wanted,
) -> Result<Granted, Error> {
    let Wanted { key, now, .. } = wanted;
    let Some(refresh_token) = &session.refresh_token else {
        return Err(match key.is_default() {
            true => Error::new(
                ErrorKind::SessionEnded,
                "access_token_ended_no_refresh_token",
            ),
            false => no_refresh_token(),
        });
    };
    let tokens = oidc
        .refresh(refresh_token, &key.params())
        .await
        .map_err(failed)?;
    let mut next = session.clone();
    next.version = session.version.saturating_add(1);
    if let Some(refresh_token) = &tokens.refresh_token {
        next.refresh_token = Some(refresh_token.clone());
        // Whatever may be wrong with the rest, the old one is used up.
        live.with(|known| known.session = Some(Arc::new(next.clone())));
        publish(sessions, &next, *now).await?;
    }
    if let Some(id_token) = &tokens.id_token {
        verify_refreshed(oidc, session, id_token, &tokens, *now).await?;
        // With fewer scopes come fewer claims.
        if !key.is_narrowed() {
            next.id_token = id_token.clone();
            next.refreshed_at = *now;
        }
    }
    if key.is_default() {
        // A provider may leave the ID token out: it has said all the same that
        // the user is still welcome.
        next.refreshed_at = *now;
    }
    let (token, next) = (Arc::new(token(&tokens, *now)), Arc::new(next));
    live.remember(wanted, token.clone());
    live.with(|known| known.session = Some(next.clone()));
    publish(sessions, &next, *now).await?;
    if wanted.anew {
        sessions.clear_tokens(&next).await;
    }
    sessions.put_token(&next, key, &token).await;
    Ok((token, next))
}

/// OpenID Connect Core section 12.2: the same user, from the same provider,
/// for the same client; else the session is not theirs any more. A token that
/// cannot be verified at all says nothing, and is not used.
async fn verify_refreshed(
    oidc: &OidcClient,
    session: &Session,
    id_token: &RawIdToken,
    tokens: &TokenSet,
    now: Seconds,
) -> Result<(), Error> {
    let before: Option<IdTokenClaims> = verify::claims(session.id_token.as_str());
    let nonce = before.as_ref().and_then(|claims| claims.nonce.as_deref());
    let claims = oidc
        .verify_id_token(id_token, Nonce::IsNoneOr(nonce), &tokens.access_token, now)
        .await
        .map_err(unavailable)?
        .map_err(|reason| {
            let kind = match reason {
                Rejection::Issuer
                | Rejection::Audience
                | Rejection::AuthorizedParty
                | Rejection::Nonce => ErrorKind::SessionEnded,
                _ => ErrorKind::ProviderBadAnswer,
            };
            Error::new(kind, format!("refreshed_id_token_{reason}"))
        })?;
    match claims.sub == session.sub {
        true => Ok(()),
        false => Err(Error::new(
            ErrorKind::SessionEnded,
            "refreshed_id_token_sub",
        )),
    }
}

/// Without a refresh token the sign-in's own access token is all there is.
fn no_refresh_token() -> Error {
    Error::denied(
        "no_refresh_token",
        "Signing in gave no refresh token: keep the scope offline_access and prompt = [\"consent\"]",
    )
}
