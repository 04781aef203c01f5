//! The answer to a guard that has failed.
//!
//! Rocket gives a failed guard's status to a catcher, and which one runs is the
//! app's business. What the catcher makes of it is replaced here, in the response
//! hook, by the standard answer. That takes two things to know:
//!
//! - Whether the handler does without the guard. Rocket asks for `Option<User>`,
//!   `Result<User, _>` and `Outcome<User, _>` from three places of its own code,
//!   so the place that a guard was called from tells.
//! - Whether a catcher ran at all. A guard of the app's own may ask for ours and
//!   go on without it. Rocket throws away the cookies of a request before it runs
//!   a catcher, so a cookie that is still there tells that none did.

use std::panic::Location;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rocket::Request;
use rocket::futures::future::BoxFuture;
use rocket::http::Status;
use rocket::request::{FromRequest, Outcome};
use rocket::response::Response;

use super::{bearer, error};
use crate::error::Error;
use crate::error::bearer::BearerError;

/// Never reaches a browser.
const MARKER: &str = "rocket_logto_failed_guard";

/// Why a guard has failed.
pub(crate) trait Failure: Clone + Send + Sync + 'static {
    /// The status of the answer to `request`.
    fn status(&self, request: &Request<'_>) -> Status;
    fn answer(&self, request: &Request<'_>) -> Response<'static>;
    fn log(&self);
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

/// The failure that waits for the response hook.
#[derive(Default)]
struct Failed(Mutex<Option<Box<dyn AnyFailure>>>);

/// [`Failure`] without its size.
trait AnyFailure: Send + Sync {
    fn answer(&self, request: &Request<'_>) -> Response<'static>;
}

impl<F: Failure> AnyFailure for F {
    fn answer(&self, request: &Request<'_>) -> Response<'static> {
        Failure::answer(self, request)
    }
}

/// The outcome of a guard, as [`FromRequest`] wants it. `find` does the work.
#[track_caller]
pub(crate) fn guard<'f, T, F>(
    request: &'f Request<'_>,
    find: impl Future<Output = Result<T, F>> + Send + 'f,
) -> BoxFuture<'f, Outcome<T, F>>
where
    F: Failure,
{
    let asked_from = Location::caller();
    Box::pin(async move {
        let failure = match find.await {
            Ok(found) => return Outcome::Success(found),
            Err(failure) => failure,
        };
        // Rarely needed, and large.
        Box::pin(failed(request, &failure, asked_from)).await;
        Outcome::Error((failure.status(request), failure))
    })
}

/// Has the response hook answer, unless the handler does without the guard.
async fn failed(
    request: &Request<'_>,
    failure: &impl Failure,
    asked_from: &'static Location<'static>,
) {
    if is_done_without(request, asked_from).await {
        // Nobody may ever answer with it.
        failure.log();
        return;
    }
    let mut failed = lock(request);
    let is_marked = request.cookies().get_pending(MARKER).is_some();
    // Without the marker a catcher asks, because of the failure that is there.
    if failed.is_none() || is_marked {
        *failed = Some(Box::new(failure.clone()));
        request.cookies().add((MARKER, ""));
    }
}

/// Whether the handler goes on without a guard that was asked for from here.
async fn is_done_without(request: &Request<'_>, asked_from: &'static Location<'static>) -> bool {
    static PLACES: OnceLock<Vec<&'static Location<'static>>> = OnceLock::new();
    if let Some(places) = PLACES.get() {
        return places.contains(&asked_from);
    }
    type Asked = Result<Probe, ()>;
    let _ = Option::<Probe>::from_request(request).await;
    let _ = Asked::from_request(request).await;
    let _ = Outcome::<Probe, ()>::from_request(request).await;
    let places = request.local_cache(Places::default).0.clone();
    let places = places.lock().unwrap_or_else(PoisonError::into_inner);
    PLACES.get_or_init(|| places.clone()).contains(&asked_from)
}

/// A guard that fails and writes down where it was asked for from.
struct Probe;

#[derive(Default)]
struct Places(Arc<Mutex<Vec<&'static Location<'static>>>>);

impl<'r> FromRequest<'r> for Probe {
    type Error = ();

    #[track_caller]
    fn from_request<'l, 'f>(request: &'r Request<'l>) -> BoxFuture<'f, Outcome<Self, ()>>
    where
        'r: 'f,
        'l: 'f,
        Self: 'f,
    {
        let places = &request.local_cache(Places::default).0;
        let mut places = places.lock().unwrap_or_else(PoisonError::into_inner);
        places.push(Location::caller());
        Box::pin(async { Outcome::Error((Status::NotFound, ())) })
    }
}

/// Puts the standard answer in the place of what a catcher has made of a failed
/// guard. The response hook calls this.
pub(crate) fn answer<'r>(request: &'r Request<'_>, response: &mut Response<'r>) {
    let Some(failure) = lock(request).take() else {
        return;
    };
    match take_marker(response) {
        true => {}
        false => super::put(failure.answer(request), response),
    }
}

/// Removes the cookie that no catcher leaves.
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

fn lock<'r>(request: &'r Request<'_>) -> std::sync::MutexGuard<'r, Option<Box<dyn AnyFailure>>> {
    let failed = request.local_cache(Failed::default);
    failed.0.lock().unwrap_or_else(PoisonError::into_inner)
}
