//! Whether the app lets a user in whom the provider has authenticated: its hook
//! `on_sign_in` decides. Who is not let in leaves nothing: no session, and no tokens.

use rocket::Request;

use crate::error::{Error, ErrorKind};
use crate::hooks::{Arrival, Decision};
use crate::logto::Logto;
use crate::oidc::error::one_line;
use crate::oidc::tokens::TokenAnswer;
use crate::return_to::ReturnTo;
use crate::session::{NewSession, SessionManager};

/// In characters: the longest reason on a page.
const MAX_REASON: usize = 300;

/// Where the browser goes, and into `new` what the app keeps in the session; or why the
/// user is not let in.
pub(super) async fn admit(
    request: &Request<'_>,
    new: &mut NewSession,
    answer: &TokenAnswer,
    return_to: ReturnTo,
) -> Result<ReturnTo, Error> {
    let (logto, sessions) = (Logto::of(request)?, SessionManager::of(request)?);
    let arrival = Arrival {
        request,
        id_token: &new.id_token,
        sub: &new.claims.sub,
        return_to: return_to.as_str(),
        answer,
    };
    let error = match sessions.signing_in(arrival).await {
        None => return Ok(return_to),
        Some(Ok(Decision::Admit { go_to, data })) => {
            new.data = data;
            return Ok(match go_to {
                Some(path) => logto.landing(Some(&path)),
                None => return_to,
            });
        }
        Some(Ok(Decision::Refuse(reason))) => refused(&reason),
        Some(Err(error)) => error,
    };
    revoke(logto, new).await;
    Err(error)
}

fn refused(reason: &str) -> Error {
    let shown: String = reason
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .chars()
        .filter(|c| !c.is_control())
        .take(MAX_REASON)
        .collect();
    let error = Error::new(ErrorKind::NotAdmitted, "on_sign_in_refused");
    error.for_operator(one_line(reason)).telling(shown)
}

/// Revokes what the provider gave: the refresh token, which ends the whole grant, or else
/// the access token.
async fn revoke(logto: &Logto, new: &NewSession) {
    let revoked = match &new.refresh_token {
        Some(refresh_token) => logto.oidc().revoke(refresh_token).await,
        None => logto.oidc().revoke_access(new.token.as_secret()).await,
    };
    if let Err(error) = revoked {
        log::warn!("logto: the tokens of a refused sign-in could not be revoked: {error}");
    }
}
