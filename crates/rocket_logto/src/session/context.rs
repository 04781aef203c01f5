//! What one request collects on its way: its session, cookies to set, and the
//! answer a guard or handler has asked the response hook for. Rocket drops
//! cookie changes before it runs a catcher, so all of it is written at the end.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rocket::Request;
use rocket::http::Status;

use super::Session;
use crate::error::Error;
use crate::error::bearer::BearerError;
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
    Bearer(BearerError),
    SignIn(Box<StartSignIn>),
    SignOut(Option<ReturnTo>),
}

/// A sign-in to start.
#[derive(Clone, Debug, Default)]
pub(crate) struct StartSignIn {
    pub options: AuthorizeOptions,
    pub return_to: Option<ReturnTo>,
}

/// `Set-Cookie` lines for the session: what they write, or, when they remove
/// it, none.
pub(crate) struct SessionCookies {
    pub of: Option<Arc<Session>>,
    pub lines: Vec<String>,
}

#[derive(Default)]
pub(crate) struct RequestContext {
    is_personal: AtomicBool,
    /// `None` until it is known; then whether there is one.
    session: Mutex<Option<Option<Arc<Session>>>>,
    pending: Mutex<Option<Pending>>,
    cookies: Mutex<Vec<String>>,
    session_cookies: Mutex<Option<SessionCookies>>,
    chunks: Mutex<Vec<String>>,
}

impl RequestContext {
    pub(crate) fn of<'r>(request: &'r Request<'_>) -> &'r Arc<RequestContext> {
        request.local_cache(Arc::<RequestContext>::default)
    }

    /// The session of this request, once it has been looked up.
    pub(crate) fn session(&self) -> Option<Option<Arc<Session>>> {
        lock(&self.session).clone()
    }

    /// Names of cookies that hold parts of the session the browser came with.
    pub(crate) fn set_chunks(&self, names: Vec<String>) {
        *lock(&self.chunks) = names;
    }

    pub(crate) fn chunks(&self) -> Vec<String> {
        lock(&self.chunks).clone()
    }

    /// The session was found, or has changed, or ended, on the way.
    pub(crate) fn set_session(&self, session: Option<Arc<Session>>) {
        *lock(&self.session) = Some(session);
    }

    /// Somebody asks who the user is, whether or not that can be told.
    pub(crate) fn set_personal(&self) {
        self.is_personal.store(true, Ordering::Relaxed);
    }

    /// Whether anything on the way asked who the user is.
    pub(crate) fn is_personal(&self) -> bool {
        self.is_personal.load(Ordering::Relaxed)
    }

    pub(crate) fn set_pending(&self, pending: Pending) {
        *lock(&self.pending) = Some(pending);
    }

    pub(crate) fn take_pending(&self) -> Option<Pending> {
        lock(&self.pending).take()
    }

    /// Adds a `Set-Cookie` line; a later one for the same cookie replaces it.
    pub(crate) fn set_cookie(&self, line: String) {
        let name = |line: &str| line.split('=').next().map(str::to_owned);
        let mut cookies = lock(&self.cookies);
        cookies.retain(|other| name(other) != name(&line));
        cookies.push(line);
    }

    pub(crate) fn take_cookies(&self) -> Vec<String> {
        std::mem::take(&mut *lock(&self.cookies))
    }

    /// Decides what becomes of the session's cookies, instead of what was
    /// decided on the way so far.
    pub(crate) fn set_session_cookies(&self, cookies: SessionCookies) {
        *lock(&self.session_cookies) = Some(cookies);
    }

    pub(crate) fn take_session_cookies(&self) -> Option<SessionCookies> {
        lock(&self.session_cookies).take()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
