//! What one request collects on its way: its session, cookies to set, and the
//! answer a guard or handler has asked the response hook for. Rocket drops
//! cookie changes before it runs a catcher, so all of it is written at the end.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rocket::Request;
use rocket::http::Status;

use super::Session;
use crate::error::Error;
use crate::oidc::authorize::AuthorizeOptions;
use crate::return_to::ReturnTo;

/// The status of a response that the hook replaces. It never reaches a
/// client; an unassigned code, so that no handler or catcher means something
/// else by it. A guard's failure can then be told from a 401 that a handler
/// with `Option<User>` answers itself.
pub(crate) const PENDING: Status = Status::new(490);

/// An answer that takes more than a guard or a `Responder` can do.
pub(crate) enum Pending {
    Failure(Error),
    SignIn(Box<StartSignIn>),
    SignOut(Option<ReturnTo>),
}

/// A sign-in to start.
#[derive(Clone, Debug, Default)]
pub(crate) struct StartSignIn {
    pub options: AuthorizeOptions,
    pub return_to: Option<ReturnTo>,
}

#[derive(Default)]
pub(crate) struct RequestContext {
    session: OnceLock<Option<Arc<Session>>>,
    pending: Mutex<Option<Pending>>,
    cookies: Mutex<Vec<String>>,
}

impl RequestContext {
    pub(crate) fn of<'r>(request: &'r Request<'_>) -> &'r RequestContext {
        request.local_cache(RequestContext::default)
    }

    /// The session of this request, looked up once.
    pub(crate) fn session(
        &self,
        look_up: impl FnOnce() -> Option<Arc<Session>>,
    ) -> Option<Arc<Session>> {
        self.session.get_or_init(look_up).clone()
    }

    /// Whether anything on the way asked who the user is.
    pub(crate) fn is_personal(&self) -> bool {
        self.session.get().is_some()
    }

    pub(crate) fn set_pending(&self, pending: Pending) {
        *self.pending.lock().unwrap_or_else(PoisonError::into_inner) = Some(pending);
    }

    pub(crate) fn take_pending(&self) -> Option<Pending> {
        self.pending
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    pub(crate) fn set_cookie(&self, line: String) {
        self.cookies
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(line);
    }

    pub(crate) fn take_cookies(&self) -> Vec<String> {
        std::mem::take(&mut *self.cookies.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
