//! What a failed call to the provider means for the request that needed it: a kind,
//! a reason, a hint, and the provider's own message where it tells the operator what
//! to change. That message goes to the log, never to a page.

use super::error::{
    AuthorizeError, ProviderError, TokenError, TokenErrorBody, one_line, printable,
};
use super::http::HttpError;
use crate::error::{Error, ErrorKind};

/// A call for tokens or claims failed.
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

/// A call for a token of the app itself failed.
pub(crate) fn machine_failed(error: TokenError) -> Error {
    match error {
        TokenError::Denied(body) => not_for_this_app(&body),
        other => failed(other),
    }
}

/// A token exchange failed: because of the subject token, or because of this app.
pub(crate) fn exchange_failed(error: TokenError) -> Error {
    let TokenError::Denied(body) = error else {
        return failed(error);
    };
    let hint = match body.error.as_str() {
        "invalid_grant" => "This token is unknown, used up or expired, or its user is suspended.",
        "access_denied" => "The user is not a member of this organization, or it does not exist.",
        _ => return not_for_this_app(&body),
    };
    Error::denied(&body.code(), hint)
}

/// The provider refuses the app itself.
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
    Error::misconfigured(&body.code(), hint).with_provider_message(body.message())
}

/// Metadata or keys are not available; nothing works until they are.
pub(crate) fn unavailable(error: ProviderError) -> Error {
    Error::new(ErrorKind::ProviderNotReady, error.to_string())
}

/// What an error response to an authorization request means (RFC 6749 section
/// 4.1.2.1, OpenID Connect Core section 3.1.2.6, and the codes registered since). The
/// description is the provider's text about itself: it is told to the log, and only
/// where somebody there can do something about it.
pub(crate) fn refused(error: &str, description: Option<&str>) -> Error {
    let reason = format!("provider_said_{}", printable(error));
    let kind = match error {
        "access_denied"
        | "login_required"
        | "consent_required"
        | "interaction_required"
        | "account_selection_required"
        | "session_selection_required" => return Error::new(ErrorKind::SignInCancelled, reason),
        // Apple and LinkedIn have such codes of their own, in either spelling.
        other if other.contains("cancel") => {
            return Error::new(ErrorKind::SignInCancelled, reason);
        }
        other => passing(other),
    };
    let kind = match (error, kind) {
        // OpenID Connect Unmet Authentication Requirements 1.0; RFC 9470 has the other.
        ("unmet_authentication_requirements" | "insufficient_user_authentication", _) => {
            ErrorKind::UnmetAuthentication
        }
        (_, Some(kind)) => kind,
        _ => ErrorKind::SignInRefused,
    };
    let said = description.map(one_line);
    match set_up_wrongly(error, description) {
        Some(hint) => Error::misconfigured(&reason, hint),
        None => Error::new(kind, reason),
    }
    .with_provider_message(said.filter(|said| !said.is_empty()))
}

/// The provider says that it will be different later.
fn passing(error: &str) -> Option<ErrorKind> {
    Some(match error {
        "temporarily_unavailable" | "slow_down" => ErrorKind::ProviderNotReady,
        "server_error" => ErrorKind::ProviderFailed,
        _ => return None,
    })
}

/// The key to look at, where a sign-in fails because of how the app is configured or
/// registered, so that no waiting helps.
fn set_up_wrongly(error: &str, description: Option<&str>) -> Option<&'static str> {
    let description = description.unwrap_or_default().to_lowercase();
    let names = [
        "redirect_uri",
        "redirect uri",
        "redirect url",
        "callback url",
    ];
    let is_about_redirect = names.iter().any(|name| description.contains(name));
    Some(match error {
        "invalid_redirect_uri" | "redirect_uri_mismatch" | "bad_redirect_uri" => REDIRECT_URI,
        "invalid_request" | "invalid_client" | "invalid_grant" | "unauthorized_client"
            if is_about_redirect =>
        {
            REDIRECT_URI
        }
        "invalid_client" => {
            "the provider does not know this application or does not take its secret: see \
             logto.app_id, logto.app_secret and logto.token_endpoint_auth_method, and whether \
             they belong to the provider of logto.endpoint or logto.issuer"
        }
        "unauthorized_client" | "unsupported_grant_type" => {
            "the provider does not let this application do so: see logto.app_id, and the \
             application's type and grants at the provider. At Logto it has to be a traditional \
             web application"
        }
        "invalid_scope" => {
            "see logto.scopes: the provider does not know one of them, or does not let this \
             application ask for it"
        }
        "invalid_target" | "invalid_resource" => {
            "see logto.resources: the provider does not know one of them, or does not give this \
             application tokens for it"
        }
        "unsupported_response_mode" => "the provider does not know it: see logto.response_mode",
        "unsupported_response_type" => {
            "the provider gives this application no codes: see the application's type and flows \
             at the provider"
        }
        "invalid_request" => {
            "the provider does not take the request: see logto.scopes, logto.resources, \
             logto.prompt and logto.extra_params"
        }
        "invalid_authorization_details" => {
            "the provider does not take authorization_details: see logto.extra_params"
        }
        "invalid_request_uri" | "invalid_request_object" => {
            "the provider does not take the pushed request: see logto.use_par and \
             logto.extra_params"
        }
        other if other.ends_with("_not_supported") => {
            "the provider does not do what the request asks for: see logto.use_par and \
             logto.extra_params"
        }
        _ => return None,
    })
}

const REDIRECT_URI: &str = "the provider does not take the redirect URI: register the one that \
    the log shows at the start (\"logto: redirect URI …\"), or change logto.base_url, \
    logto.redirect_uri or logto.routes.callback";

/// A sign-in could not be started.
pub(crate) fn not_started(error: AuthorizeError) -> Error {
    match error {
        AuthorizeError::Provider(error) => unavailable(error),
        AuthorizeError::Push(TokenError::Denied(body)) => {
            let reason = format!("pushed_request_{}", body.code());
            not_taken(reason, &body)
        }
        AuthorizeError::Push(error) => failed(error),
    }
}

/// A code could not be redeemed.
pub(crate) fn not_redeemed(error: TokenError) -> Error {
    let TokenError::Denied(body) = error else {
        return failed(error);
    };
    let failure = not_taken(format!("token_endpoint_{}", printable(&body.error)), &body);
    // The code was used already, is too old, or belongs to another client.
    if body.error == "invalid_grant" && failure.kind() == ErrorKind::SignInRefused {
        return Error::new(ErrorKind::SignInRejected, "token_invalid_grant")
            .with_provider_message(body.message());
    }
    failure
}

/// The provider refuses a request that the app itself made for a sign-in. Mostly it is
/// about how the app is registered, which the user cannot change.
fn not_taken(reason: String, body: &TokenErrorBody) -> Error {
    let message = body.message();
    match set_up_wrongly(&body.error, message.as_deref()) {
        Some(hint) => Error::misconfigured(&reason, hint),
        None => {
            let kind = passing(&body.error).unwrap_or(ErrorKind::SignInRefused);
            Error::new(kind, reason)
        }
    }
    .with_provider_message(message)
}

/// The provider understood and refused (RFC 6749 section 5.2, RFC 8707 section 2,
/// and Logto's own codes for organizations).
fn denied(body: &TokenErrorBody) -> Error {
    let hint = match body.error.as_str() {
        "invalid_grant" => return Error::new(ErrorKind::SessionEnded, "refresh_invalid_grant"),
        "access_denied" => {
            let hint = "You are not a member of this organization, or it does not exist.";
            return Error::denied(&body.code(), hint);
        }
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
            let failure = match (other, set_up_wrongly(other, None)) {
                // About the app, whatever it asks for.
                (
                    "invalid_client" | "unauthorized_client" | "unsupported_grant_type",
                    Some(hint),
                ) => Error::misconfigured(&reason, hint),
                _ => Error::new(ErrorKind::ProviderBadAnswer, reason),
            };
            return failure.with_provider_message(body.message());
        }
    };
    Error::denied(&body.code(), hint).with_provider_message(body.message())
}

/// There was no usable response.
fn http_failed(error: &HttpError) -> Error {
    let kind = match error {
        HttpError::Timeout(_) => ErrorKind::ProviderTimeout,
        HttpError::Connect(_) | HttpError::Broken(_) => ErrorKind::ProviderUnreachable,
        HttpError::TooLarge
        | HttpError::Redirect(_)
        | HttpError::Server(_)
        | HttpError::NotFound(_) => ErrorKind::ProviderBadAnswer,
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    type Failure = fn(TokenError) -> Error;

    fn said(failure: Failure, error: &str) -> Option<String> {
        let body = json!({ "error": error, "error_description": "why", "message": "w" });
        let body = serde_json::from_value(body).expect("an error body");
        let failure = failure(TokenError::Denied(body));
        failure.provider_message().map(str::to_owned)
    }

    /// The provider's message is kept where an operator can change something, and
    /// not where it is about one user or one token.
    #[test]
    fn the_providers_words_are_kept_for_the_operator() {
        let push: Failure = |error| not_started(AuthorizeError::Push(error));
        let cases: [(Failure, &[&str], &[&str]); 4] = [
            (
                failed,
                &[
                    "invalid_client",
                    "invalid_target",
                    "invalid_scope",
                    "insufficient_scope",
                ],
                &["invalid_grant", "access_denied"],
            ),
            (
                machine_failed,
                &["invalid_client", "access_denied", "invalid_request"],
                &[],
            ),
            (
                exchange_failed,
                &["invalid_client", "invalid_target", "unauthorized_client"],
                &["invalid_grant", "access_denied"],
            ),
            (push, &["invalid_client", "invalid_request"], &[]),
        ];
        for (failure, kept, dropped) in cases {
            for error in kept {
                assert_eq!(said(failure, error).as_deref(), Some("why"), "{error}");
            }
            for error in dropped {
                assert_eq!(said(failure, error), None, "{error}");
            }
        }
    }
}
