//! What the response hook has to do for a request. One place for all of it, because
//! every kind of state that is kept with a request costs every request.

use std::any::{Any, TypeId};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rocket::Request;

use super::failed_guard::Failure;
use super::own::MadePage;
use crate::return_to::ReturnTo;

#[derive(Default)]
pub(crate) struct Pending {
    /// A guard has failed, and the handler does not do without it.
    pub failed: Option<Box<dyn Failure>>,
    pub begun: Option<Begun>,
    /// The app may have a page of its own in place of it.
    pub page: Option<MadePage>,
    pub way_back: WayBack,
    /// The scopes that guards have asked callers for, and for which audience.
    pub demanded: Vec<(TypeId, &'static [&'static str])>,
}

/// What the link "Sign in again" on a page has to know.
#[derive(Clone, Default)]
pub(crate) struct WayBack {
    /// Where the sign-in that has failed would have ended.
    pub return_to: Option<ReturnTo>,
    /// Then the sign-in route would only go on.
    pub is_signed_in: bool,
}

/// What a responder has begun and cannot finish, because that takes the network
/// and a responder cannot await. Until then the response is a redirect to the
/// route that does the same.
pub(crate) struct Begun {
    pub location: String,
    pub what: Box<dyn Any + Send>,
}

pub(crate) fn pending<'r>(request: &'r Request<'_>) -> MutexGuard<'r, Pending> {
    let pending: &Mutex<Pending> = request.local_cache(Mutex::default);
    pending.lock().unwrap_or_else(PoisonError::into_inner)
}
