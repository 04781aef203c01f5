//! `Error`: what can go wrong for a guard or a route, and how each becomes a
//! response: a page for a navigation, JSON for a program.

pub(crate) mod bearer;

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rocket::Request;
use rocket::http::{Method, Status};
use rocket::response::{Responder, Response};
use url::form_urlencoded;

use crate::config::LogtoConfig;
use crate::request::{address, is_form, is_navigation};
use crate::response::pages::{Action, Page};
use crate::response::{html_page, json, no_store, redirect};
use crate::return_to::ReturnTo;

/// Why a guard or a route of this crate gave no success.
///
/// It is a [`Responder`], so `?` in a handler gives the standard answer: 303 to
/// the sign-in for a page that needs a user, 401 JSON for a program, 403, 500,
/// 502, 503 or 504 with a page or JSON for the rest. Making one writes a log line
/// with [`reference`](Error::reference) (except where the user only has to sign
/// in); making a response of it touches no network.
///
/// ```rust
/// use rocket::get;
/// use rocket_logto::{Error, User};
///
/// #[get("/account")]
/// fn account(user: Result<User, Error>) -> Result<String, Error> {
///     let user = user?; // the same answer as `user: User` would give
///     Ok(format!("Hello {}", user.name()))
/// }
/// ```
#[derive(Clone, Debug, thiserror::Error)]
#[error("{kind:?}: {detail}")]
pub struct Error {
    kind: ErrorKind,
    detail: String,
    reference: String,
    retry_after: u64,
    hint: Option<&'static str>,
    /// Parameters of the sign-in that is needed.
    sign_in: Vec<(&'static str, String)>,
}

/// The kinds of [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Nobody is signed in: no session, or it is over.
    NotSignedIn,
    /// The provider no longer accepts the session's tokens; the session is over.
    SessionEnded,
    /// The user has not authenticated recently enough, or not in the way that
    /// is needed: [`StepUp`](crate::StepUp).
    InsufficientAuthentication,
    /// The provider will not give the token that was asked for: no member of
    /// the organization, an unknown resource, a scope that was not granted.
    Denied,
    /// The provider will not give this app itself what it asks for: wrong
    /// credentials, or a role that it lacks. The log says what to mend.
    Misconfigured,
    /// The route does not say which organization.
    NoOrganization,
    /// The user's claims do not fit the type the handler asks for.
    MissingClaims,
    /// A state-changing request that another site sent.
    CrossSite,
    /// An authorization response that must not be accepted.
    SignInRejected,
    /// The person, or the provider, ended the sign-in without a fault.
    SignInCancelled,
    /// No connection to the provider, or it broke.
    ProviderUnreachable,
    /// The provider answered something unusable.
    ProviderBadAnswer,
    /// The provider did not answer in time.
    ProviderTimeout,
    /// The provider's metadata could not be loaded yet, or it asks to slow down.
    ProviderNotReady,
    /// A sign-in that cannot be started: what it asks for (long `acr_values`)
    /// does not fit the cookie that remembers it.
    SignInTooLarge,
    /// The session store cannot be reached.
    StoreUnavailable,
}

/// What a person and a program are told of one kind.
struct Words {
    status: Status,
    error: &'static str,
    title: &'static str,
    text: &'static str,
}

impl ErrorKind {
    fn words(self) -> Words {
        let (code, error, title, text) = match self {
            ErrorKind::NotSignedIn | ErrorKind::SessionEnded => (
                401,
                "Not authenticated",
                "Please sign in",
                "You are not signed in, or your session has ended.",
            ),
            // The code of RFC 9470 section 3.
            ErrorKind::InsufficientAuthentication => (
                401,
                "insufficient_user_authentication",
                "Please sign in again",
                "This needs a sign-in that is more recent, or a stronger one.",
            ),
            ErrorKind::Denied => (
                403,
                "Forbidden",
                "You may not do this",
                "The sign-in service does not give you access to this.",
            ),
            ErrorKind::Misconfigured => (
                500,
                "Misconfigured",
                "Something is wrong with this app",
                "The sign-in service does not let it do what this page needs. Its operator can \
                 mend that.",
            ),
            ErrorKind::NoOrganization => (
                500,
                "No organization",
                "Something is wrong with this page",
                "It does not say which organization it is about. Its developer can mend that.",
            ),
            ErrorKind::MissingClaims => (
                403,
                "Missing claims",
                "This page is not for your account",
                "Your account lacks something this page needs.",
            ),
            ErrorKind::CrossSite => (
                403,
                "Cross-site request",
                "Not from here",
                "This request came from another site, so nothing was done.",
            ),
            ErrorKind::SignInRejected => (
                400,
                "Sign-in rejected",
                "Sign-in did not work",
                "The answer to your sign-in could not be accepted. This happens when a page is \
                 opened twice, when too much time has passed, or when cookies are blocked.",
            ),
            ErrorKind::SignInCancelled => (
                200,
                "Sign-in cancelled",
                "Sign-in was cancelled",
                "The sign-in was not finished. Nothing has changed.",
            ),
            ErrorKind::ProviderUnreachable => (
                502,
                "Provider unreachable",
                "The sign-in service cannot be reached",
                "Please try again in a moment.",
            ),
            ErrorKind::ProviderBadAnswer => (
                502,
                "Bad answer from the provider",
                "The sign-in service gave a wrong answer",
                "Please try again in a moment.",
            ),
            ErrorKind::ProviderTimeout => (
                504,
                "Provider timeout",
                "The sign-in service takes too long",
                "Please try again in a moment.",
            ),
            ErrorKind::ProviderNotReady => (
                503,
                "Provider not ready",
                "Signing in is not possible right now",
                "The sign-in service is not available. Please try again in a moment.",
            ),
            ErrorKind::StoreUnavailable => (
                503,
                "Session store unavailable",
                "This page is not available right now",
                "The app cannot look up who is signed in. You have not been signed out. Please \
                 try again in a moment.",
            ),
            ErrorKind::SignInTooLarge => (
                500,
                "Sign-in too large",
                "This sign-in could not be started",
                "It asks for more than the app can remember until you are back. Its developer can \
                 mend that.",
            ),
        };
        Words {
            status: Status::new(code),
            error,
            title,
            text,
        }
    }
}

impl Error {
    /// `detail` is for the log and for developers: a reason, never a token, a
    /// code or a claim's value.
    pub(crate) fn new(kind: ErrorKind, detail: impl Into<String>) -> Error {
        let error = Error {
            kind,
            detail: detail.into(),
            reference: reference(),
            retry_after: 5,
            hint: None,
            sign_in: Vec::new(),
        };
        let expected = [
            ErrorKind::NotSignedIn,
            ErrorKind::InsufficientAuthentication,
        ];
        if !expected.contains(&kind) {
            log::warn!(
                "logto: {kind:?} reason={} reference={}",
                error.detail,
                error.reference
            );
        }
        error
    }

    pub(crate) fn not_signed_in() -> Error {
        Error::new(ErrorKind::NotSignedIn, "no session")
    }

    pub(crate) fn insufficient_authentication() -> Error {
        Error::new(ErrorKind::InsufficientAuthentication, "step_up")
    }

    /// Sets what the sign-in that is needed must ask for.
    pub(crate) fn asking(
        mut self,
        params: impl IntoIterator<Item = (&'static str, String)>,
    ) -> Error {
        self.sign_in = params.into_iter().collect();
        self
    }

    /// The provider says no, with its `code`; `hint` tells what to do about it.
    pub(crate) fn denied(code: &str, hint: &'static str) -> Error {
        let error = Error {
            hint: Some(hint),
            ..Error::new(ErrorKind::Denied, code)
        };
        log::warn!("logto: reference={} {hint}", error.reference);
        error
    }

    /// The provider says no to this app itself: what to do about it is for
    /// whoever reads the log, not for whoever reads the answer.
    pub(crate) fn misconfigured(code: &str, hint: &str) -> Error {
        let error = Error::new(ErrorKind::Misconfigured, code);
        log::error!("logto: reference={} {hint}", error.reference);
        error
    }

    /// The provider's code, or one of ours, when the answer is no
    /// ([`ErrorKind::Denied`], [`ErrorKind::Misconfigured`]):
    /// `oidc.access_denied`, `oidc.invalid_target`, …; of ours, `no_refresh_token`,
    /// `no_credentials` and `insufficient_scope`.
    pub fn code(&self) -> Option<&str> {
        let is_no = matches!(self.kind, ErrorKind::Denied | ErrorKind::Misconfigured);
        is_no.then_some(self.detail.as_str())
    }

    /// Sets how long a program should wait before it tries again.
    pub(crate) fn with_retry_after(mut self, seconds: u64) -> Error {
        self.retry_after = seconds.clamp(1, 3600);
        self
    }

    /// What went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The id that stands in the log line and on the page.
    pub fn reference(&self) -> &str {
        &self.reference
    }

    /// The status of the answer to a program. A navigation to a page that
    /// needs a user gets 303 instead of 401.
    pub fn status(&self) -> Status {
        self.kind.words().status
    }

    /// The standard answer to `request`.
    pub(crate) fn to_response(&self, request: &Request<'_>) -> Response<'static> {
        // A service without sign-in has no pages to link to.
        let has_pages = request.rocket().state::<Arc<LogtoConfig>>().is_some();
        // Coming back from signing in does not send a form again.
        let asks_to_sign_in = self.status() == Status::Unauthorized;
        let is_person = is_navigation(request) || !asks_to_sign_in && is_form(request);
        if has_pages && is_person {
            return self.to_page(request);
        }
        let mut response = self.json();
        self.finish(&mut response);
        response
    }

    fn finish(&self, response: &mut Response<'_>) {
        if self.status() == Status::ServiceUnavailable {
            response.set_raw_header("Retry-After", self.retry_after.to_string());
        }
        no_store(response);
    }

    fn json(&self) -> Response<'static> {
        let words = self.kind.words();
        let mut body = serde_json::json!({ "error": words.error });
        if words.status != Status::Unauthorized {
            body["reference"] = self.reference.clone().into();
        }
        if let (Some(code), Some(hint)) = (self.code(), self.hint) {
            body["code"] = code.into();
            body["hint"] = hint.into();
        }
        if self.kind == ErrorKind::InsufficientAuthentication {
            for (name, value) in &self.sign_in {
                body[*name] = value.clone().into();
            }
        }
        json(words.status, &body)
    }

    /// The page, whoever asks.
    pub(crate) fn to_page(&self, request: &Request<'_>) -> Response<'static> {
        let words = self.kind.words();
        let config = request.rocket().state::<Arc<LogtoConfig>>();
        let sign_in = config.map_or("/sign-in", |config| &config.routes.sign_in);
        if words.status == Status::Unauthorized {
            let mut query = form_urlencoded::Serializer::new(String::new());
            query.append_pair("return_to", &address(request));
            query.extend_pairs(&self.sign_in);
            return redirect(format!("{sign_in}?{}", query.finish()));
        }
        let again = Action::Link {
            href: sign_in,
            label: "Sign in again",
        };
        let home = Action::Link {
            href: "/",
            label: "Go to the home page",
        };
        // `//elsewhere` is a path to Rocket and another host to a browser.
        let here = ReturnTo::parse(&address(request)).unwrap_or_else(ReturnTo::home);
        let retry = Action::Link {
            href: here.as_str(),
            label: "Try again",
        };
        let reference = match self.kind {
            ErrorKind::SignInCancelled => None,
            _ => Some(self.reference.as_str()),
        };
        let actions = match self.kind {
            ErrorKind::SignInRejected | ErrorKind::SignInCancelled => [again, home],
            ErrorKind::CrossSite
            | ErrorKind::Denied
            | ErrorKind::Misconfigured
            | ErrorKind::MissingClaims
            | ErrorKind::NoOrganization
            | ErrorKind::SignInTooLarge => [home, again],
            // A code must not be sent twice: from the callback, start over.
            _ if config
                .is_some_and(|config| request.uri().path() == config.routes.callback.as_str()) =>
            {
                [again, home]
            }
            // The address alone does not send the form again.
            _ if request.method() == Method::Post => [home, again],
            _ => [retry, home],
        };
        let mut paragraphs = vec![words.text];
        paragraphs.extend(self.hint);
        let mut response = html_page(
            words.status,
            &Page {
                title: words.title,
                paragraphs: &paragraphs,
                reference,
                actions: &actions,
            },
            &[],
        );
        self.finish(&mut response);
        response
    }
}

impl<'r> Responder<'r, 'static> for Error {
    fn respond_to(self, request: &'r Request<'_>) -> rocket::response::Result<'static> {
        Ok(self.to_response(request))
    }
}

/// Short enough to read out, random enough to find in a log.
pub(crate) fn reference() -> String {
    let mut bytes = [0; 6];
    match aws_lc_rs::rand::fill(&mut bytes) {
        Ok(()) => URL_SAFE_NO_PAD.encode(bytes),
        Err(_) => "unknown".to_owned(),
    }
}
