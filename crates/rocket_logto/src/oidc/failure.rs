//! What a failed call to the provider means for the request that needed it: a kind,
//! a reason, a hint, and the provider's own message where it tells the operator what
//! to change. That message goes to the log, never to a page.

use rocket::http::Status;

use super::authentication::RequestedAuthentication;
use super::error::{AuthorizeError, ProviderError, TokenError, TokenErrorBody, printable};
use super::http::HttpError;
use super::verify::{Refused, Rejection};
use crate::error::bearer::{BearerError, BearerErrorKind};
use crate::error::told::Advice;
use crate::error::{Error, ErrorKind};

/// A call for tokens or claims failed.
pub(crate) fn failed(error: TokenError) -> Error {
    match error {
        TokenError::Denied(body) => denied(&body),
        TokenError::Malformed(what) => Error::new(ErrorKind::ProviderBadAnswer, what),
        TokenError::SetUp(what) => not_set_up(what),
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
        TokenError::Denied(body) => not_for_this_app(&body, MACHINE),
        other => failed(other),
    }
}

/// A token exchange failed: because of the subject token, or because of this app.
pub(crate) fn exchange_failed(error: TokenError) -> Error {
    let TokenError::Denied(body) = error else {
        return failed(error);
    };
    let advice = match body.error.as_str() {
        "invalid_grant" => Advice::SubjectTokenUnusable,
        "access_denied" if body.is_about_the_app() => Advice::UserNoAccess,
        "access_denied" => Advice::UserNoMember,
        _ => return not_for_this_app(&body, EXCHANGE),
    };
    Error::denied(&body.code(), advice)
}

const MACHINE: &str = "the provider gives this application no tokens of its own: at Logto that \
    needs an application of the type Machine-to-machine. Write its App ID into \
    logto.machine.app_id, and its secret into logto.machine.app_secret; elsewhere allow the grant \
    client_credentials in the client's settings";
const EXCHANGE: &str = "the provider lets this application exchange no tokens: allow token \
    exchange in its settings at the provider (at Logto, switch on \"Allow token exchange\" of the \
    application of logto.app_id, or of logto.machine.app_id where there is no other)";

/// The provider refuses the app itself.
fn not_for_this_app(body: &TokenErrorBody, grant: &'static str) -> Error {
    let hint = match body.error.as_str() {
        _ if body.is_about_credentials() => {
            "the provider does not know these credentials: see the app_id and \
                             app_secret of logto.machine, or of logto itself (or app_key_file)"
        }
        _ if body.is_about_grant_type() => grant,
        "access_denied" => {
            "this application does not belong to the organization, or there is no \
                            such one: add it there at the provider"
        }
        "invalid_target" | "invalid_resource" => {
            "the provider does not know the API resource, or one is needed: see its indicator, \
             which is the resource of the TokenFor that was asked for"
        }
        "invalid_scope" => "this application may not have these scopes: see its roles",
        "server_error" | "temporarily_unavailable" | "slow_down" => {
            let kind = passing(&body.error).unwrap_or(ErrorKind::ProviderFailed);
            return told(Error::new(kind, body.code()), body);
        }
        _ => {
            "the provider refuses the token request: see the application of logto.machine.app_id, \
             or of logto.app_id, at the provider"
        }
    };
    told(Error::misconfigured(&body.code(), hint), body)
}

/// With what was sent and answered.
fn told(error: Error, body: &TokenErrorBody) -> Error {
    error
        .with_facts(body.facts())
        .with_provider_message(body.message())
}

/// Metadata or keys are not available; nothing works until they are.
pub(crate) fn unavailable(error: ProviderError) -> Error {
    match error.is_lasting() {
        true => not_set_up(error.to_string()),
        false => Error::new(ErrorKind::ProviderNotReady, error.to_string()),
    }
}

/// In seconds. A program that waits for somebody to change something need not ask
/// often.
const UNTIL_MENDED: u64 = 60;

/// As long as nobody changes anything there are no metadata or no keys.
fn not_set_up(what: String) -> Error {
    Error::new(ErrorKind::Misconfigured, what)
        .with_status(Status::ServiceUnavailable)
        .with_retry_after(UNTIL_MENDED)
}

/// A caller's token could not be checked.
pub(crate) fn not_checked(error: &Error) -> BearerError {
    let kind = match error.kind() {
        ErrorKind::Misconfigured => BearerErrorKind::Misconfigured,
        _ => BearerErrorKind::Unavailable,
    };
    BearerError::new(kind, error.reason()).with_details(error.details())
}

/// An ID token did not pass the checks. At a sign-in that ends it; `reason` says which
/// token.
pub(crate) fn unverified(prefix: &str, refused: Refused) -> Error {
    let reason = format!("{prefix}{refused}");
    let kind = match refused.is_set_up {
        true => ErrorKind::Misconfigured,
        false => ErrorKind::SignInUnverified,
    };
    let error = Error::new(kind, reason).with_status(Status::BadRequest);
    let hint = refused.explanation.or_else(|| {
        let about = match refused.reason {
            Rejection::AuthenticationTime => "logto.max_age, or the StepUp guard",
            Rejection::AuthenticationContext => {
                "logto.acr_values and logto.acr_order, or the StepUp guard"
            }
            Rejection::AuthenticationMethods => "the AMR of the StepUp guard",
            _ => return None,
        };
        Some(format!(
            "the provider did not authenticate the user as was asked for: see {about}"
        ))
    });
    match hint {
        Some(hint) => error.for_operator(hint),
        None => error,
    }
}

/// What an error response to an authorization request means (RFC 6749 section
/// 4.1.2.1, OpenID Connect Core section 3.1.2.6, and the codes registered since). The
/// description is the provider's text about itself: it is told to the log, and only
/// where somebody there can do something about it.
pub(crate) fn refused(body: &TokenErrorBody) -> Error {
    let error = body.error.as_str();
    let reason = format!("provider_said_{}", printable(error));
    let kind = match error {
        "access_denied"
        | "login_required"
        | "consent_required"
        | "interaction_required"
        | "account_selection_required"
        | "session_selection_required"
        // OpenID Connect for Identity Assurance and others have more of the kind.
        | "registration_required" => ErrorKind::SignInCancelled,
        // Apple and LinkedIn have such codes of their own, in either spelling.
        other if other.contains("cancel") => ErrorKind::SignInCancelled,
        // OpenID Connect Unmet Authentication Requirements 1.0; RFC 9470 has the other.
        "unmet_authentication_requirements" | "insufficient_user_authentication" => {
            ErrorKind::UnmetAuthentication
        }
        other => passing(other).unwrap_or(ErrorKind::SignInRefused),
    };
    let error = match set_up_wrongly(body) {
        Some(hint) => Error::misconfigured(&reason, hint),
        None => Error::new(kind, reason),
    };
    told(error, body)
}

/// The same where the user could not be authenticated as `asked`: what that was, for the
/// log and for the page.
pub(crate) fn unmet(error: Error, asked: &RequestedAuthentication) -> Error {
    let hint = format!(
        "asked for {}: see the StepUp guard of the page, or logto.acr_values and logto.max_age; and \
         whether the user has such a factor at the provider",
        asked.told()
    );
    let missing = asked.missing();
    error
        .for_operator(hint)
        .lacking(missing)
        .asking(asked.params())
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
fn set_up_wrongly(body: &TokenErrorBody) -> Option<&'static str> {
    let description = body.message().unwrap_or_default().to_lowercase();
    let about = |words: &[&str]| words.iter().any(|word| description.contains(word));
    let is_about_redirect = about(&[
        "redirect_uri",
        "redirect uri",
        "redirect url",
        "redirecturi",
        "callback url",
        "reply url",
    ]);
    Some(match body.error.as_str() {
        "invalid_redirect_uri" | "redirect_uri_mismatch" | "bad_redirect_uri" => REDIRECT_URI,
        "invalid_request" | "invalid_client" | "invalid_grant" | "unauthorized_client"
            if is_about_redirect =>
        {
            REDIRECT_URI
        }
        _ if body.is_about_credentials() => {
            "the provider does not know this application or does not take its secret or key: see \
             logto.app_id, logto.app_secret and logto.token_endpoint_auth_method, or \
             logto.app_key_file, and whether they belong to the provider of logto.endpoint or \
             logto.issuer"
        }
        _ if body.is_about_grant_type() => {
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
        AuthorizeError::Push(TokenError::Malformed(what)) => {
            // What is not usable about it stands behind the colon.
            let (reason, about) = what.split_once(": ").unwrap_or((&what, ""));
            let error = Error::new(ErrorKind::ProviderBadAnswer, reason);
            match about {
                "" => error,
                about => error.for_operator(about),
            }
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
    // At a sign-in nothing else can be meant.
    if body.error == "access_denied" {
        return told(Error::no_access(&body.code()), &body);
    }
    // The code was used already, is too old, or belongs to another client.
    if body.error == "invalid_grant" && failure.kind() == ErrorKind::SignInRefused {
        return told(
            Error::new(ErrorKind::SignInRejected, "token_invalid_grant"),
            &body,
        );
    }
    failure
}

/// The provider refuses a request that the app itself made for a sign-in. Mostly it is
/// about how the app is registered, which the user cannot change.
fn not_taken(reason: String, body: &TokenErrorBody) -> Error {
    let error = match set_up_wrongly(body) {
        Some(hint) => Error::misconfigured(&reason, hint),
        None => {
            let kind = passing(&body.error).unwrap_or(ErrorKind::SignInRefused);
            Error::new(kind, reason)
        }
    };
    told(error, body)
}

/// The provider understood and refused (RFC 6749 section 5.2, RFC 8707 section 2,
/// and Logto's own codes for organizations).
fn denied(body: &TokenErrorBody) -> Error {
    let advice = match body.error.as_str() {
        "invalid_grant" => return Error::new(ErrorKind::SessionEnded, "refresh_invalid_grant"),
        "access_denied" if body.is_about_the_app() => {
            return Error::no_access(&body.code()).with_facts(body.facts());
        }
        "access_denied" => {
            return Error::denied(&body.code(), Advice::NoMember).with_facts(body.facts());
        }
        "insufficient_scope" => Advice::ScopeNotAskedFor,
        "invalid_scope" => Advice::ScopesNotGranted,
        "invalid_target" => Advice::ResourceUnknown,
        other => {
            let reason = format!("token_endpoint_{}", printable(other));
            // About the app, whatever it asks for.
            let is_about_the_app = body.is_about_credentials() || body.is_about_grant_type();
            let error = match set_up_wrongly(body) {
                Some(hint) if is_about_the_app => Error::misconfigured(&reason, hint),
                _ => {
                    let kind = passing(other).unwrap_or(ErrorKind::ProviderBadAnswer);
                    Error::new(kind, reason)
                }
            };
            return told(error, body);
        }
    };
    told(Error::denied(&body.code(), advice), body)
}

/// There was no usable response.
fn http_failed(error: &HttpError) -> Error {
    let kind = match error {
        HttpError::Timeout(_) => ErrorKind::ProviderTimeout,
        HttpError::Certificate(_) => {
            let error = Error::new(ErrorKind::Misconfigured, error.to_string());
            return error.with_status(Status::BadGateway);
        }
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
        let failure = failure(TokenError::Denied(Box::new(body)));
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
