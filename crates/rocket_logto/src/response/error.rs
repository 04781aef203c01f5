//! Turns an [`Error`] into a response: a page for a browser, JSON for a program, or a
//! redirect to the sign-in where that is enough. The only place with the texts, and
//! the one that logs.

use std::sync::Arc;

use rocket::Request;
use rocket::http::{Method, Status};
use rocket::response::{Responder, Response};
use url::form_urlencoded;

use super::pages::{Action, Page};
use super::pending::pending;
use super::{html_page, html_page_with, json, no_store, redirect};
use crate::config::LogtoConfig;
use crate::error::{Error, ErrorKind};
use crate::request::{address, is_at, is_form, is_navigation, own_referer};
use crate::return_to::{BasePath, ReturnTo};

/// The texts for one kind of error: `error` for programs, the others for pages.
struct Words {
    error: &'static str,
    title: &'static str,
    text: &'static str,
}

fn words(kind: ErrorKind) -> Words {
    let (error, title, text) = match kind {
        ErrorKind::NotSignedIn | ErrorKind::SessionEnded => (
            "Not authenticated",
            "Please sign in",
            "You are not signed in, or your session has ended.",
        ),
        // The code of RFC 9470 section 3.
        ErrorKind::InsufficientAuthentication => (
            "insufficient_user_authentication",
            "Please sign in again",
            "This needs a sign-in that is more recent, or a stronger one.",
        ),
        ErrorKind::Denied => (
            "Forbidden",
            "You may not do this",
            "The sign-in service does not give you access to this.",
        ),
        ErrorKind::Misconfigured => (
            "Misconfigured",
            "This app is not set up correctly",
            "The app and its sign-in service do not fit each other, so what you asked for cannot \
             work. Trying again will not help: the app’s operator has to fix it, and can find the \
             cause with the reference below.",
        ),
        ErrorKind::NoOrganization => (
            "No organization",
            "Something is wrong with this page",
            "It does not say which organization it is about. The app’s developer can fix that.",
        ),
        ErrorKind::MissingClaims => (
            "Missing claims",
            "This page is not for your account",
            "Your account lacks something this page needs.",
        ),
        ErrorKind::CrossSite => (
            "Cross-site request",
            "Not from here",
            "This request came from another site, so nothing was done.",
        ),
        ErrorKind::SignInRejected => (
            "Sign-in rejected",
            "Sign-in did not work",
            "The response to your sign-in could not be accepted. This happens when a page is \
             opened twice, when too much time has passed, or when cookies are blocked.",
        ),
        ErrorKind::SignInUnverified => (
            "Sign-in not verified",
            "Sign-in did not work",
            "What the sign-in service sent did not pass a check of this app, so nobody was signed \
             in. You have done nothing wrong. If it happens again, trying further will not help: \
             the app’s operator can find the cause with the reference below.",
        ),
        ErrorKind::NoCookies => (
            "No cookies",
            "Sign-in did not work",
            "Your browser sent no cookie that can be read. If you have only opened an old page \
             again, sign in again. Otherwise the browser blocks the cookies of this site, or one \
             of them is damaged: remove the cookies of this site in the browser’s settings.",
        ),
        ErrorKind::SignInCancelled => (
            "Sign-in cancelled",
            "Sign-in was cancelled",
            "It was not finished: it was cancelled there, or the sign-in service did not let you \
             in. Nothing has changed.",
        ),
        ErrorKind::SignInRefused => (
            "Sign-in refused",
            "The sign-in service refused",
            "It did not sign you in. The app’s operator can look up what it said, with the \
             reference below.",
        ),
        ErrorKind::UnmetAuthentication => (
            "Authentication requirements not met",
            "A stronger sign-in was needed",
            "The sign-in service could not sign you in as securely as this page needs. A further \
             way to sign in, such as a second factor, may have to be set up there first.",
        ),
        ErrorKind::ProviderUnreachable => (
            "Provider unreachable",
            "The sign-in service cannot be reached",
            "Please try again in a moment.",
        ),
        ErrorKind::ProviderBadAnswer => (
            "Bad answer from the provider",
            "The sign-in service sent an unusable response",
            "Please try again in a moment.",
        ),
        ErrorKind::ProviderFailed => (
            "Provider failed",
            "The sign-in service had a problem",
            "Please try again in a moment.",
        ),
        ErrorKind::ProviderTimeout => (
            "Provider timeout",
            "The sign-in service is taking too long",
            "Please try again in a moment.",
        ),
        ErrorKind::ProviderNotReady => (
            "Provider not ready",
            "Signing in is not possible right now",
            "The sign-in service is not available. Please try again in a moment.",
        ),
        ErrorKind::StoreUnavailable => (
            "Session store unavailable",
            "This page is not available right now",
            "The app cannot look up who is signed in. You have not been signed out. Please try \
             again in a moment.",
        ),
        ErrorKind::SignInTooLarge => (
            "Sign-in too large",
            "This sign-in could not be started",
            "It asks for more than the app can remember until you are back. The app’s developer \
             can fix that.",
        ),
        ErrorKind::NotAdmitted => (
            "Not admitted",
            "You cannot sign in here",
            "The sign-in service knows you, but this app has not let you in.",
        ),
        ErrorKind::NotAllowed => (
            "Forbidden",
            "You may not do this",
            "Your account is signed in, and lacks something that this needs.",
        ),
        ErrorKind::HookFailed => (
            "App failed",
            "Something in this app did not work",
            "What you asked for was not done, and nothing has changed. Please try again in a \
             moment. If it happens again, the app’s operator can find the cause with the reference \
             below.",
        ),
        ErrorKind::SessionData => (
            "Session data missing",
            "Please sign in again",
            "This app needs something that it has not remembered since you signed in.",
        ),
    };
    Words { error, title, text }
}

impl<'r> Responder<'r, 'static> for Error {
    fn respond_to(self, request: &'r Request<'_>) -> rocket::response::Result<'static> {
        Ok(answer(&self, request))
    }
}

/// The standard answer to `request`.
pub(crate) fn answer(error: &Error, request: &Request<'_>) -> Response<'static> {
    // A service without sign-in has no pages to link to.
    let has_pages = config(request).is_some();
    if has_pages && (is_navigation(request) || is_form(request)) {
        return page(error, request);
    }
    error.log();
    let mut response = json(error.status(), &body(error));
    if error.status() == Status::Unauthorized {
        response.set_raw_header("WWW-Authenticate", challenge(error, request));
    }
    finish(error, &mut response);
    response
}

/// Only the status of [`answer`].
pub(crate) fn status(error: &Error, request: &Request<'_>) -> Status {
    let asks_to_sign_in = error.status() == Status::Unauthorized;
    match asks_to_sign_in && is_navigation(request) && config(request).is_some() {
        true => Status::SeeOther,
        false => error.status(),
    }
}

/// The answer as a page, even for a program; for routes that only browsers use.
pub(crate) fn page(error: &Error, request: &Request<'_>) -> Response<'static> {
    error.log();
    let sign_in = sign_in_route(request);
    if error.status() != Status::Unauthorized {
        return error_page(error, request, sign_in);
    }
    // A browser that comes back from a sign-in does not send the form again.
    if request.method() == Method::Post {
        return form_not_sent(error, request, sign_in);
    }
    redirect(sign_in_address(error, sign_in, here(request).as_str()))
}

/// The address of the sign-in that is needed, and where it ends.
fn sign_in_address(error: &Error, sign_in: &str, return_to: &str) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("return_to", return_to);
    query.extend_pairs(error.sign_in_params());
    format!("{sign_in}?{}", query.finish())
}

/// The answer to a form that was sent without the sign-in it needs. The sign-in leads
/// back to the form's page.
fn form_not_sent(error: &Error, request: &Request<'_>, sign_in: &str) -> Response<'static> {
    let words = words(error.kind());
    let back = own_page(request).unwrap_or_else(|| home(request));
    let sign_in = sign_in_address(error, sign_in, back.as_str());
    let mut response = html_page(
        error.status(),
        &Page {
            title: words.title,
            paragraphs: &[words.text, "What you have just sent was not carried out."],
            reference: None,
            actions: &[
                Action::Link {
                    href: &sign_in,
                    label: "Sign in",
                },
                Action::Link {
                    href: home(request).as_str(),
                    label: "Go to the home page",
                },
            ],
        },
        &[],
    );
    response.set_raw_header("WWW-Authenticate", challenge(error, request));
    finish(error, &mut response);
    response
}

fn error_page(error: &Error, request: &Request<'_>, sign_in: &str) -> Response<'static> {
    let words = words(error.kind());
    let again = again_address(error, request, sign_in);
    let again = Action::Link {
        href: &again,
        label: match error.kind() {
            ErrorKind::NotAdmitted => "Sign in as someone else",
            _ => "Sign in again",
        },
    };
    let front = home(request);
    let home = Action::Link {
        href: front.as_str(),
        label: "Go to the home page",
    };
    let here = here(request);
    let retry = Action::Link {
        href: here.as_str(),
        label: "Try again",
    };
    let reference = match error.kind() {
        ErrorKind::SignInCancelled => None,
        _ => Some(error.reference()),
    };
    // Where nothing is wrong there is none.
    let cause = reference.is_some() && is_debug(request);
    let cause = cause.then(|| error.line());
    let actions = match error.kind() {
        ErrorKind::SignInRejected
        | ErrorKind::SignInUnverified
        | ErrorKind::NoCookies
        | ErrorKind::SignInCancelled
        | ErrorKind::SignInRefused
        | ErrorKind::UnmetAuthentication
        | ErrorKind::NotAdmitted
        | ErrorKind::SessionData => [again, home],
        // Roles that are new come with a new sign-in.
        ErrorKind::NotAllowed
        | ErrorKind::CrossSite
        | ErrorKind::Denied
        | ErrorKind::Misconfigured
        | ErrorKind::MissingClaims
        | ErrorKind::NoOrganization
        | ErrorKind::SignInTooLarge => [home, again],
        // A code must not be sent twice, so at the callback offer a new sign-in.
        _ if at_callback(request) => [again, home],
        // Opening the address again would not send the form.
        _ if request.method() == Method::Post => [home, again],
        _ => [retry, home],
    };
    let mut paragraphs = vec![words.text];
    paragraphs.extend(error.told());
    paragraphs.extend(error.hint());
    let mut response = html_page_with(
        error.status(),
        &Page {
            title: words.title,
            paragraphs: &paragraphs,
            reference,
            actions: &actions,
        },
        &[],
        cause.as_deref(),
    );
    finish(error, &mut response);
    response
}

/// The address of "Sign in again". Somebody who is signed in would only be sent on by a
/// plain sign-in, so theirs asks for a new one; so does that of a user whom the app has
/// not let in, and whom the provider knows by now. It ends where it was meant to.
fn again_address(error: &Error, request: &Request<'_>, sign_in: &str) -> String {
    let way_back = pending(request).way_back.clone();
    let begins_sign_ins = config(request).is_some_and(|config| {
        let routes = &config.mounted;
        let routes = [
            &routes.callback,
            &routes.sign_in,
            &routes.sign_up,
            &routes.initiate_login,
        ];
        routes.into_iter().any(|route| is_at(request.uri(), route))
    });
    let mut query = form_urlencoded::Serializer::new(String::new());
    if let Some(return_to) = way_back.return_to {
        query.append_pair("return_to", return_to.as_str());
    } else if !begins_sign_ins {
        let back = match request.method() {
            Method::Get | Method::Head => Some(here(request)),
            _ => own_page(request),
        };
        if let Some(back) = back {
            query.append_pair("return_to", back.as_str());
        }
    }
    // The pages of guards and handlers are for users.
    let is_refused = error.kind() == ErrorKind::NotAdmitted;
    if way_back.is_signed_in || !begins_sign_ins || is_refused {
        query.append_pair("prompt", "login");
    }
    match query.finish() {
        query if query.is_empty() => sign_in.to_owned(),
        query => format!("{sign_in}?{query}"),
    }
}

/// The page of this app that the request came from, if the browser says so.
fn own_page(request: &Request<'_>) -> Option<ReturnTo> {
    let config = config(request)?;
    own_referer(request, &config.base_path, &config.base_url)
}

fn at_callback(request: &Request<'_>) -> bool {
    config(request).is_some_and(|config| is_at(request.uri(), &config.mounted.callback))
}

/// Whether the reader of the page is the developer of the app. In any other profile
/// pages tell nothing of the cause.
fn is_debug(request: &Request<'_>) -> bool {
    request.rocket().config().profile == rocket::Config::DEBUG_PROFILE
}

fn body(error: &Error) -> serde_json::Value {
    let mut body = serde_json::json!({ "error": words(error.kind()).error });
    if error.status() != Status::Unauthorized {
        body["reference"] = error.reference().into();
    }
    if let Some(hint) = error.hint()
        && error.has_provider_code()
    {
        body["code"] = error.reason().into();
        body["hint"] = hint.into();
    }
    if error.kind() == ErrorKind::NotAllowed
        && let Some(needs) = error.told()
    {
        body["needs"] = needs.into();
    }
    if error.kind() == ErrorKind::InsufficientAuthentication {
        for (name, value) in error.sign_in_params() {
            // `max_age` is a number (RFC 9470 section 3).
            body[*name] = match value.parse::<u32>() {
                Ok(number) if *name == "max_age" => number.into(),
                _ => value.clone().into(),
            };
        }
    }
    body
}

/// RFC 9110 section 15.5.2 requires `WWW-Authenticate` in every 401. No scheme is
/// registered for sessions in cookies; this one says where to sign in. The other
/// parameters are those of RFC 9470 section 3.
fn challenge(error: &Error, request: &Request<'_>) -> String {
    let mut challenge = format!("Cookie form-action=\"{}\"", sign_in_route(request));
    if error.kind() == ErrorKind::InsufficientAuthentication {
        challenge.push_str(", error=\"insufficient_user_authentication\"");
        for (name, value) in error.sign_in_params() {
            // Printable ASCII; the launch has checked that.
            let value = value.replace('\\', "\\\\").replace('"', "\\\"");
            challenge.push_str(&format!(", {name}=\"{value}\""));
        }
    }
    challenge
}

fn finish(error: &Error, response: &mut Response<'_>) {
    if error.status() == Status::ServiceUnavailable {
        response.set_raw_header("Retry-After", error.retry_after().to_string());
    }
    no_store(response);
}

/// The path of the sign-in, as browsers have it.
fn sign_in_route<'r>(request: &'r Request<'_>) -> &'r str {
    config(request).map_or("/sign-in", |config| &config.linked.sign_in)
}

/// The front page of the app, as browsers have it.
fn home(request: &Request<'_>) -> ReturnTo {
    base_path(request).home()
}

/// The address of the request, as browsers have it. `//elsewhere` is a path for Rocket,
/// but another host for a browser.
fn here(request: &Request<'_>) -> ReturnTo {
    let base_path = base_path(request);
    let here = base_path.of_request(&address(request));
    here.unwrap_or_else(|| base_path.home())
}

fn base_path(request: &Request<'_>) -> BasePath {
    config(request).map_or_else(BasePath::default, |config| config.base_path.clone())
}

fn config<'r>(request: &'r Request<'_>) -> Option<&'r Arc<LogtoConfig>> {
    request.rocket().state::<Arc<LogtoConfig>>()
}
