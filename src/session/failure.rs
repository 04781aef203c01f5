//! What a failed call to the provider means to the request that needed it.

use super::store::StoreError;
use crate::error::{Error, ErrorKind};
use crate::oidc::client::AuthorizeError;
use crate::oidc::http::HttpError;
use crate::oidc::provider::ProviderError;
use crate::oidc::tokens::{TokenError, TokenErrorBody};

/// A call for tokens or claims has failed.
pub(crate) fn failed(error: TokenError) -> Error {
    match error {
        TokenError::Denied(body) => denied(&body),
        TokenError::Malformed(what) => Error::new(ErrorKind::ProviderBadAnswer, what),
        TokenError::Http(error) => http_failed(&error),
    }
}

/// Metadata or keys cannot be had: nothing works until they can.
pub(crate) fn unavailable(error: ProviderError) -> Error {
    Error::new(ErrorKind::ProviderNotReady, error.to_string())
}

/// A sign-in could not be started.
pub(crate) fn not_started(error: AuthorizeError) -> Error {
    match error {
        AuthorizeError::Provider(error) => unavailable(error),
        // Nothing the person could mend: it is about how the app is registered.
        AuthorizeError::Push(TokenError::Denied(body)) => {
            let reason = format!("pushed_request_{}", reason(&body));
            Error::new(ErrorKind::ProviderBadAnswer, reason)
        }
        AuthorizeError::Push(error) => failed(error),
    }
}

/// Nobody can be told who they are: not an answer to guess.
pub(crate) fn store_failed(error: StoreError) -> Error {
    Error::new(ErrorKind::StoreUnavailable, error.to_string())
}

/// The provider has understood and says no (RFC 6749 section 5.2, RFC 8707
/// section 2, and Logto's own codes for organizations).
fn denied(body: &TokenErrorBody) -> Error {
    let hint = match body.error.as_str() {
        "invalid_grant" => return Error::new(ErrorKind::SessionEnded, "refresh_invalid_grant"),
        "access_denied" => "You are not a member of this organization, or it does not exist.",
        "insufficient_scope" => {
            "A scope was not asked for at sign-in: add it to logto.scopes and sign in again."
        }
        "invalid_scope" => "These scopes were not granted at sign-in.",
        "invalid_target" => {
            "This API resource is unknown, or was not asked for at sign-in: add it to \
             logto.resources and sign in again."
        }
        other => {
            let reason = format!("token_endpoint_{}", printable(other));
            return Error::new(ErrorKind::ProviderBadAnswer, reason);
        }
    };
    Error::denied(&reason(body), hint)
}

/// Logto's own code says more than the standard's.
fn reason(body: &TokenErrorBody) -> String {
    printable(body.code.as_deref().unwrap_or(&body.error))
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
