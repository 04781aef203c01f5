//! The routes that the fairing mounts, and the responders with which a handler
//! does the same.

mod admission;
pub(crate) mod backchannel_logout;
mod base_host;
pub(crate) mod callback;
mod health;
mod initiate_login;
mod question;
mod resource_metadata;
pub(crate) mod sign_in;
pub(crate) mod sign_out;
pub(crate) mod silent_sign_in;
pub(crate) mod webhooks;

use rocket::data::ToByteUnit;
use rocket::http::Method;
use rocket::http::Status;
use rocket::route::{Handler, Outcome, Route};
use rocket::{Data, Request, Response};

use self::sign_in::StartSignIn;
use crate::config::RoutePaths;
use crate::error::{Error, Event};
use crate::measure;
use crate::request::is_speculative;
use crate::response::pending::{Begun, pending};
use crate::response::{self, no_store, redirect};

/// All routes at their configured paths.
pub(crate) fn all(paths: &RoutePaths) -> Vec<Route> {
    let mut routes = sign_in_routes(paths);
    routes.extend(without_sign_in(paths));
    routes
}

/// The routes of a service without sign-in.
pub(crate) fn without_sign_in(paths: &RoutePaths) -> Vec<Route> {
    let metadata = match paths.resource_metadata.as_str() {
        "" => String::new(),
        path => format!("{path}/<_..>"),
    };
    [
        named(
            "logto resource metadata",
            Method::Get,
            &metadata,
            resource_metadata::ResourceMetadataRoute,
        ),
        named(
            "logto resource metadata",
            Method::Options,
            &metadata,
            resource_metadata::PreflightRoute,
        ),
        named(
            "logto health",
            Method::Get,
            &paths.healthz,
            health::HealthRoute,
        ),
        named(
            "logto readiness",
            Method::Get,
            &paths.readyz,
            health::ReadinessRoute,
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn sign_in_routes(paths: &RoutePaths) -> Vec<Route> {
    [
        named(
            "logto sign-in",
            Method::Get,
            &paths.sign_in,
            sign_in::SignInRoute { sign_up: false },
        ),
        named(
            "logto sign-up",
            Method::Get,
            &paths.sign_up,
            sign_in::SignInRoute { sign_up: true },
        ),
        named(
            "logto callback",
            Method::Get,
            &paths.callback,
            callback::CallbackRoute,
        ),
        named(
            "logto callback",
            Method::Post,
            &paths.callback,
            callback::CallbackRoute,
        ),
        named(
            "logto sign-out",
            Method::Get,
            &paths.sign_out,
            sign_out::SignOutRoute,
        ),
        named(
            "logto sign-out",
            Method::Post,
            &paths.sign_out,
            sign_out::SignOutRoute,
        ),
        named(
            "logto initiate login",
            Method::Get,
            &paths.initiate_login,
            initiate_login::InitiateLoginRoute,
        ),
        named(
            "logto initiate login",
            Method::Post,
            &paths.initiate_login,
            initiate_login::InitiateLoginRoute,
        ),
        named(
            "logto back-channel logout",
            Method::Post,
            &paths.backchannel_logout,
            backchannel_logout::BackchannelLogoutRoute,
        ),
        named(
            "logto webhooks",
            Method::Post,
            &paths.webhooks,
            webhooks::WebhookRoute,
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// `None` where the route is turned off.
fn named(name: &'static str, method: Method, path: &str, handler: impl Handler) -> Option<Route> {
    let mut route = (!path.is_empty()).then(|| Route::new(method, path, handler))?;
    route.name = Some(name.into());
    Some(route)
}

/// What a responder has begun: [`Begun`] says why.
pub(crate) enum Deferred {
    SignIn(Box<StartSignIn>),
    /// Here only, with where to go then.
    SignOut(Option<String>),
}

/// Answers with a redirect to `location` until [`finish`] runs.
fn defer(request: &Request<'_>, location: String, deferred: Deferred) -> Response<'static> {
    pending(request).begun = Some(Begun {
        location: location.clone(),
        what: Box::new(deferred),
    });
    redirect(location)
}

/// What a responder has begun, if its response is still the one it gave.
pub(crate) fn take_deferred(request: &Request<'_>, response: &Response<'_>) -> Option<Deferred> {
    let Begun { location, what } = pending(request).begun.take()?;
    let is_ours = response.status() == Status::SeeOther
        && response.headers().get_one("Location") == Some(&location);
    let deferred = what.downcast().ok()?;
    is_ours.then_some(*deferred)
}

/// Finishes it in place of the response. The response hook calls this.
pub(crate) async fn finish<'r>(
    deferred: Deferred,
    request: &'r Request<'_>,
    response: &mut Response<'r>,
) {
    let done = match deferred {
        // The page was not asked for by anybody yet.
        _ if is_speculative(request) => Ok(nothing()),
        Deferred::SignIn(start) => sign_in::start(request, &start).await,
        Deferred::SignOut(local) => sign_out::finish(request, local).await,
    };
    let answer = done.unwrap_or_else(|error| response::error::answer(&error, request));
    response::put(answer, response);
}

fn nothing() -> Response<'static> {
    let mut response = Response::build().status(Status::NoContent).finalize();
    no_store(&mut response);
    response
}

/// A handler's response in the form that Rocket's own macros produce.
fn answer<'r>(response: Response<'r>) -> Outcome<'r> {
    Outcome::Success(response)
}

/// A sign-in is over without a session, which is counted, and told in the log line.
fn sign_in_failed(error: Error) -> Error {
    // One that begins again passes by here twice.
    if error.event() == Some(Event::SignIn) {
        return error;
    }
    measure::sign_in(error.kind().into());
    error.during(Event::SignIn)
}

/// The body of a form of at most `max` bytes, or the reason why there is none.
async fn form_text(data: Data<'_>, max: usize) -> Result<String, &'static str> {
    match data.open(max.bytes()).into_string().await {
        Ok(form) if form.is_complete() => Ok(form.into_inner()),
        Ok(_) => Err("form_too_large"),
        Err(_) => Err("form_unreadable"),
    }
}

/// Leaves the body unread: the route takes everything from the request line.
fn ignore(_: Data<'_>) {}
