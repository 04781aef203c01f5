//! `POST /backchannel-logout`: the provider reports that a user has signed out
//! there (OpenID Connect Back-Channel Logout 1.0). No browser comes here.

use rocket::http::{ContentType, Status};
use rocket::response::Response;
use rocket::route::{Handler, Outcome};
use rocket::{Data, Request};
use url::form_urlencoded;

use super::{answer, form_text};
use crate::error::{Error, reference};
use crate::hooks::SignOutCause;
use crate::logto::Logto;
use crate::measure::{self, LogoutToken};
use crate::oidc::failure::unavailable;
use crate::oidc::verify::Rejection;
use crate::response::{error, json, no_store};
use crate::session::SessionManager;
use crate::session::store::store_failed;

/// In bytes. Logout tokens are small.
const MAX_FORM: usize = 16 * 1024;
#[derive(Clone)]
pub(super) struct BackchannelLogoutRoute;

#[rocket::async_trait]
impl Handler for BackchannelLogoutRoute {
    async fn handle<'r>(&self, request: &'r Request<'_>, data: Data<'r>) -> Outcome<'r> {
        let mut response = match log_out(request, data).await {
            Ok(()) => {
                measure::logout_token(LogoutToken::Accepted);
                Response::build().status(Status::Ok).finalize()
            }
            Err(Refusal::Token(reason)) => {
                measure::logout_token(LogoutToken::Rejected);
                let reference = reference();
                log::warn!("logto: logout token rejected, reason={reason} reference={reference}");
                bad_request(&reference)
            }
            Err(Refusal::Unable(error)) => {
                measure::logout_token(LogoutToken::Failed);
                error::answer(&error, request)
            }
        };
        no_store(&mut response);
        answer(response)
    }
}

enum Refusal {
    Token(String),
    /// Not the token's fault: the provider should try again.
    Unable(Error),
}

async fn log_out(request: &Request<'_>, data: Data<'_>) -> Result<(), Refusal> {
    let logto = Logto::of(request).map_err(Refusal::Unable)?;
    let sessions = SessionManager::of(request).map_err(Refusal::Unable)?;
    let token = read(request, data)
        .await
        .map_err(|reason| Refusal::Token(reason.to_owned()))?;
    let logout = logto
        .oidc()
        .verify_logout_token(&token, sessions.now())
        .await
        .map_err(|error| Refusal::Unable(unavailable(error)))?
        .map_err(|reason| Refusal::Token(reason.to_string()))?;
    let unable = |error| Refusal::Unable(store_failed(error));
    let first = sessions.check_replay(&logout).await;
    let Some(first) = first.map_err(unable)? else {
        return Err(Refusal::Token(Rejection::Replayed.to_string()));
    };
    if let Err(error) = sessions.end_named(&logout).await {
        // The provider may send this very token again.
        first.give_back().await;
        return Err(unable(error));
    }
    let (sub, sid) = (logout.sub.as_deref(), logout.sid.as_deref());
    sessions.tell_unknown_signed_out(sub, sid, SignOutCause::Provider);
    Ok(())
}

async fn read(request: &Request<'_>, data: Data<'_>) -> Result<String, &'static str> {
    // Compares equal with or without a `charset`, which many clients add.
    if request.content_type() != Some(&ContentType::Form) {
        return Err("form_content_type");
    }
    let form = form_text(data, MAX_FORM).await?;
    logout_token(&form)
}

/// The only `logout_token` in the form (section 2.5).
pub(crate) fn logout_token(form: &str) -> Result<String, &'static str> {
    let mut tokens = form_urlencoded::parse(form.as_bytes())
        .filter(|(name, _)| name == "logout_token")
        .map(|(_, value)| value.into_owned());
    match (tokens.next(), tokens.next()) {
        (Some(token), None) => Ok(token),
        (None, _) => Err("logout_token_missing"),
        (Some(_), Some(_)) => Err("logout_token_twice"),
    }
}

/// The answer of section 2.8. The reason goes only to our log: the sender is not
/// authenticated.
fn bad_request(reference: &str) -> Response<'static> {
    let body = serde_json::json!({
        "error": "invalid_request",
        "error_description": "The logout token was not accepted.",
        "reference": reference,
    });
    json(Status::BadRequest, &body)
}
