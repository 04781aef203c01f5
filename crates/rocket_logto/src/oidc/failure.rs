//! What a failed call to the provider means to the request that needed it.

use crate::error::{Error, ErrorKind};
use crate::oidc::client::AuthorizeError;
use crate::oidc::http::HttpError;
use crate::oidc::metadata::ProviderError;
use crate::oidc::tokens::{TokenError, TokenErrorBody};

/// A call for tokens or claims has failed.
pub(crate) fn failed(error: TokenError) -> Error {
    match error {
        TokenError::Denied(body) => denied(&body),
        TokenError::Malformed(what) => Error::new(ErrorKind::ProviderBadAnswer, what),
        TokenError::Http(error) => http_failed(&error),
        TokenError::NoCredentials => Error::misconfigured(
            "no_credentials",
            "write app_id and app_secret, or machine = { app_id = \"…\", app_secret = \"…\" }, into \
             the logto table",
        ),
    }
}

/// A call for a token of this app's own has failed.
pub(crate) fn machine_failed(error: TokenError) -> Error {
    match error {
        TokenError::Denied(body) => not_for_this_app(&body),
        other => failed(other),
    }
}

/// An exchange of tokens has failed: for the token's sake, or for the app's.
pub(crate) fn exchange_failed(error: TokenError) -> Error {
    let TokenError::Denied(body) = error else {
        return failed(error);
    };
    let hint = match body.error.as_str() {
        "invalid_grant" => "This token is unknown, used up or expired, or its user is suspended.",
        "access_denied" => "The user is not a member of this organization, or it does not exist.",
        _ => return not_for_this_app(&body),
    };
    Error::denied(&code(&body), hint)
}

/// The provider says no to the app itself.
fn not_for_this_app(body: &TokenErrorBody) -> Error {
    let hint = match body.error.as_str() {
        "invalid_client" => {
            "the provider does not know these credentials: see the app_id and \
                             app_secret of logto.machine, or of logto itself"
        }
        "unauthorized_client" | "unsupported_grant_type" => {
            "the provider lets this application have no such token. At Logto tokens for the app \
             itself need an application of the type Machine-to-machine: write its App ID and \
             secret into logto.machine. Token exchange has to be allowed in the application's \
             settings"
        }
        "access_denied" => {
            "this application does not belong to the organization, or there is no \
                            such one: add it there at the provider"
        }
        "invalid_target" => "the provider does not know the API resource: see its indicator",
        "invalid_scope" => "this application may not have these scopes: see its roles",
        _ => "the provider refuses the token request",
    };
    Error::misconfigured(&code(body), hint)
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
            let reason = format!("pushed_request_{}", code(&body));
            Error::new(ErrorKind::ProviderBadAnswer, reason)
        }
        AuthorizeError::Push(error) => failed(error),
    }
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
    Error::denied(&code(body), hint)
}

/// Logto's own code, or the standard one.
fn code(body: &TokenErrorBody) -> String {
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
