//! One refresh: by whoever has the turn of this process and, where instances
//! share sessions, that of all of them.

use std::sync::Arc;
use std::time::Instant;

use super::{Failure, Granted, Live, Wanted};
use crate::claims::IdTokenClaims;
use crate::clock::{Seconds, seconds};
use crate::error::{Error, ErrorKind};
use crate::oidc::client::OidcClient;
use crate::oidc::failure::{failed, unavailable};
use crate::oidc::tokens::{RawIdToken, TokenError, TokenSet};
use crate::oidc::verify::{Nonce, Rejection};
use crate::session::Session;
use crate::session::sessions::{KeepError, Sessions};
use crate::session::store::store_failed;
use crate::tokens::token::{LEEWAY, Token};

/// Waits for the session's turn, looks again, and refreshes if need be. The
/// refresh is a task of its own: a person who closes the tab meanwhile must
/// not cost the session its new refresh token.
pub(super) async fn refreshed(
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
        if let Some(token) = live.token(&session, &wanted) {
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
    task.await.unwrap_or_else(|_| Err(task_ended()))
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
            live.remember(wanted, token.clone(), current.version);
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
    session: &Arc<Session>,
    wanted: &Wanted,
) -> Result<(Option<Arc<Token>>, Arc<Session>), Error> {
    let current = newest(sessions, session).await?;
    let is_fresh = |since| current.refreshed_at > since;
    if wanted.anew && !wanted.since.is_some_and(is_fresh) {
        return Ok((None, current));
    }
    let token = sessions
        .token(&current, &wanted.key)
        .await
        .map_err(store_failed)?;
    let token = token.filter(|token| token.ends_at() - LEEWAY > wanted.now);
    Ok((token.map(Arc::new), current))
}

/// The session as any instance knows it: this one is ahead where writing down a
/// new refresh token has failed.
async fn newest(sessions: &Sessions, session: &Arc<Session>) -> Result<Arc<Session>, Error> {
    let current = sessions.reload(session).await.map_err(store_failed)?;
    let current = current.ok_or_else(ended_elsewhere)?;
    Ok(match current.version < session.version {
        true => session.clone(),
        false => current,
    })
}

/// Has all instances forget the access tokens of a session. A task of its own,
/// because it holds a lock.
pub(super) async fn cleared(
    sessions: &Arc<Sessions>,
    live: Arc<Live>,
    session: &Arc<Session>,
    now: Seconds,
) -> Result<(), Error> {
    let (sessions, session) = (sessions.clone(), session.clone());
    let task = rocket::tokio::spawn(async move {
        let _turn = live.turn.lock().await;
        let session = live.newest(&session);
        let exclusive = sessions.exclusive(&session.id).await;
        let exclusive = exclusive.map_err(store_failed)?;
        let result = forget_tokens(&sessions, &live, &session, now).await;
        if let Some(exclusive) = exclusive {
            exclusive.give_back().await;
        }
        result
    });
    task.await.unwrap_or_else(|_| Err(task_ended()))
}

async fn forget_tokens(
    sessions: &Sessions,
    live: &Live,
    session: &Arc<Session>,
    now: Seconds,
) -> Result<(), Error> {
    let mut next = Session::clone(&*newest(sessions, session).await?);
    next.version = next.version.saturating_add(1);
    next.tokens_from = next.version;
    publish(sessions, &next, now).await?;
    sessions.forget_tokens(&next).await;
    live.with(|known| known.session = Some(Arc::new(next)));
    Ok(())
}

fn task_ended() -> Error {
    Error::new(ErrorKind::ProviderBadAnswer, "refresh_task_ended")
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

async fn refresh(
    oidc: &OidcClient,
    sessions: &Sessions,
    live: &Live,
    session: &Session,
    wanted: &Wanted,
) -> Result<Granted, Error> {
    let key = &wanted.key;
    let Some(refresh_token) = &session.refresh_token else {
        return Err(match key.is_default() {
            true => Error::new(
                ErrorKind::SessionEnded,
                "access_token_ended_no_refresh_token",
            ),
            false => no_refresh_token(),
        });
    };
    let tokens = oidc.refresh(refresh_token, &key.params()).await;
    let tokens = tokens.map_err(|error| match error {
        // Of no organization or resource, but of the user.
        TokenError::Denied(body) if body.error == "access_denied" && key.is_default() => {
            Error::new(ErrorKind::SessionEnded, "refresh_access_denied")
        }
        error => failed(error),
    })?;
    // There may have been a queue.
    let now = wanted.now.saturating_add(seconds(wanted.asked.elapsed()));
    let mut next = session.clone();
    next.version = session.version.saturating_add(1);
    if let Some(refresh_token) = &tokens.refresh_token {
        next.refresh_token = Some(refresh_token.clone());
        // Whatever may be wrong with the rest, the old one is used up.
        live.with(|known| known.session = Some(Arc::new(next.clone())));
        publish(sessions, &next, now).await?;
        // What it may become below is newer than that.
        next.version = next.version.saturating_add(1);
    }
    if let Some(id_token) = &tokens.id_token {
        verify_refreshed(oidc, session, id_token, &tokens, now).await?;
        // With fewer scopes come fewer claims.
        if !key.is_narrowed() {
            next.id_token = id_token.clone();
            next.refreshed_at = now;
        }
    }
    if key.is_default() {
        // A provider may leave the ID token out: it has said all the same that
        // the user is still welcome.
        next.refreshed_at = now;
    }
    if wanted.anew {
        // What was fetched before may allow what is no longer allowed.
        next.tokens_from = next.version;
    }
    let (token, next) = (Arc::new(Token::granted(&tokens, now)), Arc::new(next));
    key.check(&token)?;
    live.remember(wanted, token.clone(), next.version);
    live.with(|known| known.session = Some(next.clone()));
    publish(sessions, &next, now).await?;
    if wanted.anew {
        sessions.forget_tokens(&next).await;
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
    let before = session.id_token.claims::<IdTokenClaims>();
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
    let ended = |reason: &str| Err(Error::new(ErrorKind::SessionEnded, reason));
    if claims.sub != session.sub {
        return ended("refreshed_id_token_sub");
    }
    // It is about the same authentication still.
    match (claims.auth_time.value(), session.authenticated.at) {
        (Some(now), Some(before)) if *now != before => ended("refreshed_id_token_auth_time"),
        _ => Ok(()),
    }
}

/// Without a refresh token the sign-in's own access token is all there is.
pub(super) fn no_refresh_token() -> Error {
    Error::denied(
        "no_refresh_token",
        "Signing in gave no refresh token: keep the scope offline_access and prompt = [\"consent\"]",
    )
}
