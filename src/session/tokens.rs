//! Access tokens in process, and the one refresh at a time of each session.
//! A provider that rotates refresh tokens kills a grant whose token is used
//! twice, so requests of one session wait for each other here.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use openidconnect::{AccessToken, OAuth2TokenResponse};
use rocket::tokio::sync::Mutex as Turn;

use super::{Access, Session, SessionId};
use crate::claims::IdTokenClaims;
use crate::config::LogtoConfig;
use crate::error::{Error, ErrorKind};
use crate::oidc::client::OidcClient;
use crate::oidc::http::HttpError;
use crate::oidc::provider::ProviderError;
use crate::oidc::tokens::{TokenError, TokenSet};
use crate::oidc::verify::{self, Nonce, Seconds};

/// Sessions remembered here at once; beyond that, tokens are fetched anew.
const CAPACITY: u64 = 100_000;
/// A token this close to its end is not handed out any more, in seconds.
const LEEWAY: Seconds = 60;
/// For an answer without `expires_in` (RFC 6749 section 5.1 allows that).
const DEFAULT_LIFETIME: Seconds = 3600;

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

#[derive(Default, Clone)]
struct Known {
    /// The session as the last refresh left it. Requests still under way with
    /// the cookie before it are served from here.
    session: Option<Arc<Session>>,
    access: Option<Access>,
}

impl Live {
    fn known(&self) -> Known {
        self.known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn learn(&self, change: impl FnOnce(&mut Known)) {
        change(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Tokens {
    pub(crate) fn new(config: &LogtoConfig) -> Tokens {
        let sessions = moka::sync::Cache::builder()
            .max_capacity(CAPACITY)
            .time_to_idle(config.session.idle.max(Duration::from_secs(60)))
            .build();
        Tokens { sessions }
    }

    /// Remembers the access token that came with a sign-in.
    pub(crate) fn remember(&self, session: &Session, access: Access) {
        self.live(session)
            .learn(|known| known.access = Some(access));
    }

    /// The newest state of `session`, which may be ahead of its cookie.
    pub(crate) fn newest(&self, session: Arc<Session>) -> Arc<Session> {
        let known = self
            .sessions
            .get(&session.id)
            .and_then(|live| live.known().session);
        match known {
            Some(newer) if newer.version > session.version => newer,
            _ => session,
        }
    }

    /// Forgets everything about a session that is over.
    pub(crate) fn forget(&self, id: &SessionId) {
        self.sessions.invalidate(id);
    }

    /// An access token for the userinfo endpoint: the one at hand, or a
    /// refreshed one when it is about to end or is `refused`. Also returns the
    /// session when the refresh changed it.
    pub(crate) async fn access_token(
        &self,
        oidc: &OidcClient,
        session: &Arc<Session>,
        refused: Option<&AccessToken>,
        now: Seconds,
    ) -> Result<(AccessToken, Arc<Session>), Error> {
        let live = self.live(session);
        let at_hand = |session: &Session| {
            let access = live.known().access.or_else(|| session.access.clone());
            access
                .filter(|access| access.expires_at - LEEWAY > now)
                .map(|access| access.token)
                .filter(|token| refused.is_none_or(|refused| refused.secret() != token.secret()))
        };
        if let Some(token) = at_hand(session) {
            return Ok((token, session.clone()));
        }
        let _turn = live.turn.lock().await;
        // Whoever had the turn before may have brought what is needed.
        let session = live.known().session.unwrap_or_else(|| session.clone());
        if let Some(token) = at_hand(&session) {
            return Ok((token, session));
        }
        let (session, access) = refresh(oidc, &session, now).await?;
        live.learn(|known| {
            known.session = Some(session.clone());
            known.access = Some(access.clone());
        });
        Ok((access.token, session))
    }

    fn live(&self, session: &Session) -> Arc<Live> {
        self.sessions.get_with_by_ref(&session.id, Arc::default)
    }
}

/// When the access token of an answer ends.
pub(crate) fn access(tokens: &TokenSet, now: Seconds) -> Access {
    let lifetime = tokens.expires_in().map(|lifetime| lifetime.as_secs());
    let lifetime = lifetime.map_or(DEFAULT_LIFETIME, |seconds| {
        Seconds::try_from(seconds).unwrap_or(DEFAULT_LIFETIME)
    });
    Access {
        token: tokens.access_token.clone(),
        expires_at: now.saturating_add(lifetime),
    }
}

async fn refresh(
    oidc: &OidcClient,
    session: &Session,
    now: Seconds,
) -> Result<(Arc<Session>, Access), Error> {
    let Some(refresh_token) = &session.refresh_token else {
        return Err(Error::new(
            ErrorKind::SessionEnded,
            "access_token_ended_no_refresh_token",
        ));
    };
    let tokens = oidc.refresh(refresh_token).await.map_err(failed)?;
    let mut next = session.clone();
    next.version = session.version.saturating_add(1);
    if let Some(id_token) = &tokens.id_token {
        // OpenID Connect Core section 12.2: the same user, from the same
        // provider, for the same client.
        let before: Option<IdTokenClaims> = verify::claims(session.id_token.as_str());
        let nonce = before.as_ref().and_then(|claims| claims.nonce.as_deref());
        let verdict = oidc
            .verify_id_token(id_token, Nonce::IsNoneOr(nonce), &tokens.access_token, now)
            .await
            .map_err(unavailable)?;
        let claims = verdict
            .map_err(|reason| Error::new(ErrorKind::SessionEnded, format!("refreshed_{reason}")))?;
        if claims.sub != session.sub {
            return Err(Error::new(
                ErrorKind::SessionEnded,
                "refreshed_id_token_sub",
            ));
        }
        next.id_token = id_token.clone();
    }
    if let Some(refresh_token) = &tokens.refresh_token {
        next.refresh_token = Some(refresh_token.clone());
    }
    Ok((Arc::new(next), access(&tokens, now)))
}

/// What a failed call for tokens means to a session.
pub(crate) fn failed(error: TokenError) -> Error {
    match error {
        TokenError::Denied(body) if body.error == "invalid_grant" => {
            Error::new(ErrorKind::SessionEnded, "refresh_invalid_grant")
        }
        TokenError::Denied(body) => Error::new(
            ErrorKind::ProviderBadAnswer,
            format!("token_endpoint_{}", printable(&body.error)),
        ),
        TokenError::Malformed(what) => Error::new(ErrorKind::ProviderBadAnswer, what),
        TokenError::Http(error) => http_failed(&error),
    }
}

/// Metadata or keys cannot be had: nothing works until they can.
pub(crate) fn unavailable(error: ProviderError) -> Error {
    Error::new(ErrorKind::ProviderNotReady, error.to_string())
}

fn http_failed(error: &HttpError) -> Error {
    let kind = match error {
        HttpError::Timeout(_) => ErrorKind::ProviderTimeout,
        HttpError::Connect(_) | HttpError::Broken(_) => ErrorKind::ProviderUnreachable,
        HttpError::TooLarge | HttpError::Redirect(_) | HttpError::Server(_) => {
            ErrorKind::ProviderBadAnswer
        }
        HttpError::TooManyRequests { .. } | HttpError::Busy => ErrorKind::ProviderNotReady,
    };
    let failure = Error::new(kind, error.to_string());
    match error {
        HttpError::TooManyRequests {
            retry_after: Some(seconds),
        } => failure.with_retry_after(*seconds),
        _ => failure,
    }
}

/// A provider's error code is its own text: only what RFC 6749 section 5.2
/// allows, and not too much of it, goes into a log.
pub(crate) fn printable(code: &str) -> String {
    code.chars()
        .filter(|c| c.is_ascii_alphanumeric() || "_-.".contains(*c))
        .take(64)
        .collect()
}
