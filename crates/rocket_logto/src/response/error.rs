//! Turns an [`Error`] into a response: a page for a browser, JSON for a program, or a
//! redirect to the sign-in where that is enough. The one place that logs.

use rocket::Request;
use rocket::http::{Method, Status};
use rocket::response::{Responder, Response};
use url::form_urlencoded;

use super::messages::{Key, keys};
use super::page::{PageAction, PageKind};
use super::pending::pending;
use super::writer::{self, base_path, config, home, say, say_with};
use super::{json, no_store, quoted, redirect};
use crate::error::told::{Advice, Missing, Told};
use crate::error::{Error, ErrorKind};
use crate::request::{address, is_at, is_form, is_navigation, own_referer};
use crate::return_to::ReturnTo;

/// What programs are told.
fn error_name(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::NotSignedIn | ErrorKind::SessionEnded => "Not authenticated",
        // The code of RFC 9470 section 3.
        ErrorKind::InsufficientAuthentication => "insufficient_user_authentication",
        ErrorKind::Denied => "Forbidden",
        ErrorKind::NoAccess => "No access to this app",
        ErrorKind::Misconfigured => "Misconfigured",
        ErrorKind::NoOrganization => "No organization",
        ErrorKind::MissingClaims => "Missing claims",
        ErrorKind::CrossSite => "Cross-site request",
        ErrorKind::SignInRejected => "Sign-in rejected",
        ErrorKind::SignInUnverified => "Sign-in not verified",
        ErrorKind::NoCookies => "No cookies",
        ErrorKind::SignInCancelled => "Sign-in cancelled",
        ErrorKind::SignInRefused => "Sign-in refused",
        ErrorKind::UnmetAuthentication => "Authentication requirements not met",
        ErrorKind::ProviderUnreachable => "Provider unreachable",
        ErrorKind::ProviderBadAnswer => "Bad answer from the provider",
        ErrorKind::ProviderFailed => "Provider failed",
        ErrorKind::ProviderTimeout => "Provider timeout",
        ErrorKind::ProviderNotReady => "Provider not ready",
        ErrorKind::StoreUnavailable => "Session store unavailable",
        ErrorKind::SignInTooLarge => "Sign-in too large",
        ErrorKind::NotAdmitted => "Not admitted",
        ErrorKind::NotAllowed => "Forbidden",
        ErrorKind::HookFailed => "App failed",
        ErrorKind::SessionData => "Session data missing",
    }
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

/// The answer to a script of the app's own pages, whatever it says that it accepts: JSON, and
/// where a sign-in is needed its address. That leads back to the page.
pub(crate) fn for_script(error: &Error, request: &Request<'_>) -> Response<'static> {
    error.log();
    let mut body = body(error);
    let needs_sign_in = error.status() == Status::Unauthorized;
    if needs_sign_in {
        let back = own_page(request).unwrap_or_else(|| home(request));
        body["sign_in"] = sign_in_address(error, sign_in_route(request), back.as_str()).into();
    }
    let mut response = json(error.status(), &body);
    if needs_sign_in {
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
    let back = own_page(request).unwrap_or_else(|| home(request));
    let sign_in = sign_in_address(error, sign_in, back.as_str());
    let mut page = writer::page(request, PageKind::of(error.kind()), error.status());
    page.paragraphs.push(say(request, keys::NOT_CARRIED_OUT));
    page.actions = vec![
        PageAction::link(say(request, keys::SIGN_IN), sign_in),
        PageAction::link(say(request, keys::HOME), home(request).as_str()),
    ];
    let mut response = writer::answer(request, page, &[]);
    response.set_raw_header("WWW-Authenticate", challenge(error, request));
    finish(error, &mut response);
    response
}

fn error_page(error: &Error, request: &Request<'_>, sign_in: &str) -> Response<'static> {
    let again = match error.kind() {
        ErrorKind::NotAdmitted | ErrorKind::NoAccess => keys::SIGN_IN_AS_SOMEONE_ELSE,
        ErrorKind::UnmetAuthentication if is_signed_in(request) => keys::SIGN_IN_AS_SOMEONE_ELSE,
        _ => keys::SIGN_IN_AGAIN,
    };
    let again = PageAction::link(say(request, again), again_address(error, request, sign_in));
    let home = PageAction::link(say(request, keys::HOME), home(request).as_str());
    let retry = || PageAction::link(say(request, keys::TRY_AGAIN), here(request).as_str());
    let reference = match error.kind() {
        ErrorKind::SignInCancelled => None,
        _ => Some(error.reference().to_owned()),
    };
    // Where nothing is wrong there is none.
    let cause = reference.is_some() && is_debug(request);
    let cause = cause.then(|| error.line());
    let actions = match error.kind() {
        // Signing in again as the same user would end here again.
        ErrorKind::NoAccess if !at_callback(request) => {
            let address = sign_out_route(request);
            let sign_out = PageAction::link(say(request, keys::SIGN_OUT), address);
            vec![again, sign_out]
        }
        ErrorKind::NoAccess
        | ErrorKind::SignInRejected
        | ErrorKind::SignInUnverified
        | ErrorKind::NoCookies
        | ErrorKind::SignInCancelled
        | ErrorKind::SignInRefused
        | ErrorKind::NotAdmitted
        | ErrorKind::SessionData => vec![again, home],
        ErrorKind::UnmetAuthentication if is_signed_in(request) => {
            vec![home, repeated(error, request, sign_in), again]
        }
        ErrorKind::UnmetAuthentication => vec![again, home],
        // Roles that are new come with a new sign-in.
        ErrorKind::NotAllowed
        | ErrorKind::CrossSite
        | ErrorKind::Denied
        | ErrorKind::Misconfigured
        | ErrorKind::MissingClaims
        | ErrorKind::NoOrganization
        | ErrorKind::SignInTooLarge => vec![home, again],
        // A code must not be sent twice, so at the callback offer a new sign-in.
        _ if at_callback(request) => vec![again, home],
        // Opening the address again would not send the form.
        _ if request.method() == Method::Post => vec![home, again],
        _ => vec![retry(), home],
    };
    let mut page = writer::page(request, PageKind::of(error.kind()), error.status());
    let told = error.told().map(|told| told_text(request, told));
    let advice = error
        .advice()
        .map(|advice| say(request, advice_key(advice)));
    page.paragraphs.extend(told.into_iter().chain(advice));
    if error.kind() == ErrorKind::UnmetAuthentication && is_signed_in(request) {
        page.paragraphs.push(say(request, keys::STILL_SIGNED_IN));
    }
    page.reference = reference;
    page.actions = actions;
    page.cause = cause;
    let mut response = writer::answer(request, page, &[]);
    finish(error, &mut response);
    response
}

/// What the user is told besides, in the language of the page.
fn told_text(request: &Request<'_>, told: &Told) -> String {
    let (roles, in_organization) = match told {
        Told::Words(words) => return words.clone(),
        Told::Missing(missing) => {
            return match missing {
                Missing::SecondFactor => say(request, keys::NEEDS_SECOND_FACTOR),
                Missing::Recency => say(request, keys::NEEDS_RECENT_SIGN_IN),
                Missing::Way(names) => {
                    let names = say_with(request, keys::QUOTED, &[("text", names)]);
                    say_with(request, keys::NEEDS_KIND_OF_SIGN_IN, &[("kind", &names)])
                }
            };
        }
        Told::Needs {
            roles,
            in_organization,
        } => (*roles, *in_organization),
    };
    let key = match (roles, in_organization) {
        ([], false) => keys::NEEDS_MEMBER,
        ([], true) => keys::NEEDS_MEMBER_HERE,
        ([_], false) => keys::NEEDS_ROLE,
        ([_], true) => keys::NEEDS_ROLE_HERE,
        (_, false) => keys::NEEDS_ONE_ROLE,
        (_, true) => keys::NEEDS_ONE_ROLE_HERE,
    };
    let quoted = |role: &&str| say_with(request, keys::QUOTED, &[("text", role)]);
    let roles = roles.iter().map(quoted).collect::<Vec<_>>().join(", ");
    // One role is both.
    say_with(request, key, &[("role", &roles), ("roles", &roles)])
}

fn advice_key(advice: Advice) -> Key {
    match advice {
        Advice::NoMember => keys::NO_MEMBER,
        Advice::ScopeNotAskedFor => keys::SCOPE_NOT_ASKED_FOR,
        Advice::ScopesNotGranted => keys::SCOPES_NOT_GRANTED,
        Advice::ResourceUnknown => keys::RESOURCE_UNKNOWN,
        Advice::NoRefreshToken => keys::NO_REFRESH_TOKEN,
        Advice::SubjectTokenUnusable => keys::SUBJECT_TOKEN_UNUSABLE,
        Advice::UserNoMember => keys::USER_NO_MEMBER,
        Advice::NoAccess => keys::GIVEN_AGAIN,
        Advice::UserNoAccess => keys::USER_NO_ACCESS,
        Advice::NotVerified => keys::NOT_VERIFIED,
    }
}

/// The address of "Sign in again". Somebody who is signed in would only be sent on by a
/// plain sign-in, so theirs asks for a new one; so does that of a user whom the app has
/// not let in, and whom the provider knows by now. It ends where it was meant to.
fn again_address(error: &Error, request: &Request<'_>, sign_in: &str) -> String {
    let way_back = pending(request).way_back.clone();
    let begins_sign_ins = begins_sign_ins(request);
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
    let is_refused = matches!(error.kind(), ErrorKind::NotAdmitted | ErrorKind::NoAccess);
    if way_back.is_signed_in || !begins_sign_ins || is_refused {
        query.append_pair("prompt", "login");
    }
    match query.finish() {
        query if query.is_empty() => sign_in.to_owned(),
        query => format!("{sign_in}?{query}"),
    }
}

/// Whether the request is one of our routes by which somebody signs in.
fn begins_sign_ins(request: &Request<'_>) -> bool {
    config(request).is_some_and(|config| {
        let routes = &config.mounted;
        let routes = [
            &routes.callback,
            &routes.sign_in,
            &routes.sign_up,
            &routes.initiate_login,
        ];
        routes.into_iter().any(|route| is_at(request.uri(), route))
    })
}

/// Whether the page is for somebody who is signed in, as far as the request has told.
fn is_signed_in(request: &Request<'_>) -> bool {
    // The pages of guards and handlers are for users.
    pending(request).way_back.is_signed_in || !begins_sign_ins(request)
}

/// "Try again": the sign-in that has failed, once more. Nothing does it by itself.
fn repeated(error: &Error, request: &Request<'_>, sign_in: &str) -> PageAction {
    let way_back = pending(request).way_back.return_to.clone();
    let back = match (way_back, request.method()) {
        (Some(back), _) => back,
        (None, Method::Get | Method::Head) if !begins_sign_ins(request) => here(request),
        _ => own_page(request).unwrap_or_else(|| home(request)),
    };
    let address = sign_in_address(error, sign_in, back.as_str());
    PageAction::link(say(request, keys::TRY_AGAIN), address)
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
    let mut body = serde_json::json!({ "error": error_name(error.kind()) });
    if error.status() != Status::Unauthorized {
        body["reference"] = error.reference().into();
    }
    if let Some(advice) = error.advice()
        && error.has_provider_code()
    {
        body["code"] = error.reason().into();
        body["hint"] = advice.english().into();
    }
    if error.kind() == ErrorKind::NotAllowed
        && let Some(needs) = error.told()
    {
        body["needs"] = needs.english().into();
    }
    if matches!(
        error.kind(),
        ErrorKind::InsufficientAuthentication | ErrorKind::UnmetAuthentication
    ) {
        for (name, value) in error.sign_in_params() {
            match (*name, value.parse::<u32>()) {
                // A number, and the classes as they are sent (RFC 9470 section 3).
                ("max_age", Ok(number)) => body["max_age"] = number.into(),
                ("acr_values", _) => body["acr_values"] = value.clone().into(),
                // A list of names, as in the claim.
                ("amr", _) => body["amr"] = value.split(' ').collect(),
                _ => {}
            }
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
            if ["max_age", "acr_values"].contains(name) {
                challenge.push_str(&format!(", {name}={}", quoted(value)));
            }
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

/// The path of the sign-out, as browsers have it.
fn sign_out_route<'r>(request: &'r Request<'_>) -> &'r str {
    config(request).map_or("/sign-out", |config| &config.linked.sign_out)
}

/// The address of the request, as browsers have it. `//elsewhere` is a path for Rocket,
/// but another host for a browser.
fn here(request: &Request<'_>) -> ReturnTo {
    let base_path = base_path(request);
    let here = base_path.of_request(&address(request));
    here.unwrap_or_else(|| base_path.home())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::response::messages::Messages;

    /// A program and an English page say the same.
    #[test]
    fn what_programs_and_pages_are_told_is_the_same() {
        let messages = Messages::new(&[]).expect("the built-in ones");
        for advice in Advice::ALL {
            let text = messages.text(Messages::english(), advice_key(advice), &[]);
            assert_eq!(text, advice.english());
        }
        let rocket = rocket::build();
        let client = rocket::local::blocking::Client::untracked(rocket).expect("a client");
        let request = client.get("/");
        for missing in Missing::all() {
            let told = Told::Missing(missing);
            assert_eq!(told_text(request.inner(), &told), told.english());
        }
        for in_organization in [false, true] {
            for roles in [&[][..], &["admin"], &["admin", "owner"]] {
                let told = Told::Needs {
                    roles,
                    in_organization,
                };
                assert_eq!(told_text(request.inner(), &told), told.english());
            }
        }
    }
}
