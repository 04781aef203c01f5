//! The answer for a guard that failed.
//!
//! Rocket passes a failed guard's status to a catcher, which may be any of the app's.
//! The response hook here replaces the catcher's response with the standard answer.
//! For that it needs to know two things:
//!
//! - Whether the handler can do without the guard. Rocket calls the guard for
//!   `Option<User>`, `Result<User, _>` and `Outcome<User, _>` from three places in
//!   its own code, so the caller's location tells.
//! - Whether a catcher ran, and because of it. A guard of the app's own may call one of
//!   ours and go on without it. Rocket discards a request's pending cookies before it
//!   runs a catcher, so if a marker cookie is still there, none ran. If one did, for an
//!   error of the handler's own, the status is most likely another one.

use std::panic::Location;
use std::sync::{Mutex, OnceLock, PoisonError};

use rocket::Request;
use rocket::futures::future::BoxFuture;
use rocket::http::Status;
use rocket::request::{FromRequest, Outcome};
use rocket::response::Response;

use super::pending::pending;
use super::{bearer, error};
use crate::error::bearer::BearerError;
use crate::error::{Error, ErrorKind};

/// Never reaches a browser.
const MARKER: &str = "rocket_logto_failed_guard";

/// Why a guard failed.
pub(crate) trait Failure: Send + Sync + 'static {
    /// The status of the answer.
    fn status(&self, request: &Request<'_>) -> Status;
    fn answer(&self, request: &Request<'_>) -> Response<'static>;
    fn log(&self);
    /// Whether it is what a handler asks that can do without the guard, and so nothing for
    /// the log.
    fn is_plain_no(&self) -> bool {
        false
    }
}

impl Failure for Error {
    fn status(&self, request: &Request<'_>) -> Status {
        error::status(self, request)
    }

    fn answer(&self, request: &Request<'_>) -> Response<'static> {
        error::answer(self, request)
    }

    fn log(&self) {
        Error::log(self);
    }

    fn is_plain_no(&self) -> bool {
        self.kind() == ErrorKind::NotAllowed
    }
}

impl Failure for BearerError {
    fn status(&self, _: &Request<'_>) -> Status {
        BearerError::status(self)
    }

    fn answer(&self, _: &Request<'_>) -> Response<'static> {
        bearer::answer(self)
    }

    fn log(&self) {
        BearerError::log(self);
    }
}

/// Turns the result of `find` into the outcome that [`FromRequest`] expects.
#[track_caller]
pub(crate) fn guard<'f, T, F>(
    request: &'f Request<'_>,
    find: impl Future<Output = Result<T, F>> + Send + 'f,
) -> BoxFuture<'f, Outcome<T, F>>
where
    F: Failure + Clone,
{
    let asked_from = Location::caller();
    Box::pin(async move {
        let failure = match find.await {
            Ok(found) => return Outcome::Success(found),
            Err(failure) => failure,
        };
        // Boxed: rarely needed, and large.
        Box::pin(failed(request, &failure, asked_from)).await;
        Outcome::Error((failure.status(request), failure))
    })
}

/// Leaves the answer to the response hook, unless the handler can do without the
/// guard.
async fn failed(
    request: &Request<'_>,
    failure: &(impl Failure + Clone),
    asked_from: &'static Location<'static>,
) {
    if is_done_without(request, asked_from).await {
        // The handler may never answer with it, so log it here.
        if !failure.is_plain_no() {
            failure.log();
        }
        return;
    }
    let mut pending = pending(request);
    let is_marked = request.cookies().get_pending(MARKER).is_some();
    // Without the marker a catcher asks, because of the failure that is there.
    if pending.failed.is_none() || is_marked {
        pending.failed = Some(Box::new(failure.clone()));
        request.cookies().add((MARKER, ""));
    }
}

/// Whether the handler can do without a guard that was called from here.
async fn is_done_without(request: &Request<'_>, asked_from: &'static Location<'static>) -> bool {
    static PLACES: OnceLock<Vec<&'static Location<'static>>> = OnceLock::new();
    if let Some(places) = PLACES.get() {
        return places.contains(&asked_from);
    }
    type Asked = Result<Probe, ()>;
    let _ = Option::<Probe>::from_request(request).await;
    let _ = Asked::from_request(request).await;
    let _ = Outcome::<Probe, ()>::from_request(request).await;
    let places = request.local_cache(Places::default);
    let places = places.0.lock().unwrap_or_else(PoisonError::into_inner);
    PLACES.get_or_init(|| places.clone()).contains(&asked_from)
}

/// A guard that fails and records where it was called from.
struct Probe;

#[derive(Default)]
struct Places(Mutex<Vec<&'static Location<'static>>>);

impl<'r> FromRequest<'r> for Probe {
    type Error = ();

    #[track_caller]
    fn from_request<'l, 'f>(request: &'r Request<'l>) -> BoxFuture<'f, Outcome<Self, ()>>
    where
        'r: 'f,
        'l: 'f,
        Self: 'f,
    {
        let places = request.local_cache(Places::default);
        let mut places = places.0.lock().unwrap_or_else(PoisonError::into_inner);
        places.push(Location::caller());
        Box::pin(async { Outcome::Error((Status::NotFound, ())) })
    }
}

/// Replaces a catcher's response to a failed guard with the standard answer. The
/// response hook calls this.
pub(crate) fn answer<'r>(request: &'r Request<'_>, response: &mut Response<'r>) {
    let Some(failure) = pending(request).failed.take() else {
        return;
    };
    if take_marker(response) {
        return;
    }
    match is_of_the_handler(response.status(), failure.status(request)) {
        true => failure.log(),
        false => super::put(failure.answer(request), response),
    }
}

/// Whether a catcher's response is to an error of the handler's own: a page that does
/// not exist, asked for by somebody whom a guard of the app's did without. Catchers may
/// change a status, but what they make of a failed guard is no error of the client's.
fn is_of_the_handler(response: Status, failure: Status) -> bool {
    response.class().is_client_error() && response != failure
}

/// Removes the marker cookie, and says whether it was there: then no catcher ran.
fn take_marker(response: &mut Response<'_>) -> bool {
    let is_marker = |line: &str| line.split('=').next() == Some(MARKER);
    let lines: Vec<_> = response
        .headers()
        .get("Set-Cookie")
        .map(str::to_owned)
        .collect();
    if !lines.iter().any(|line| is_marker(line)) {
        return false;
    }
    response.remove_header("Set-Cookie");
    for line in lines.into_iter().filter(|line| !is_marker(line)) {
        response.adjoin_raw_header("Set-Cookie", line);
    }
    true
}
