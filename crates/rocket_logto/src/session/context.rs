//! What one request collects: its session, and cookies to set. Rocket discards cookie
//! changes before it runs a catcher, so they are all written at the end.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rocket::Request;

use super::locks::Lock;
use super::model::Session;
use crate::webhook::WebhookError;

/// `Set-Cookie` lines for the session. `of` is the session that they write; `None`
/// when they remove it.
pub(crate) struct SessionCookies {
    pub of: Option<Arc<Session>>,
    pub lines: Vec<String>,
}

/// A webhook that a request has brought.
pub(crate) enum Taken {
    /// For the first time. Given back, it may come again.
    First(Lock),
    /// Not at all.
    Refused(WebhookError),
}

#[derive(Default)]
pub(crate) struct RequestContext {
    is_personal: AtomicBool,
    is_only_looking: AtomicBool,
    /// `None` until it has been looked up; `Some(None)` when there is none.
    session: Mutex<Option<Option<Arc<Session>>>>,
    cookies: Mutex<Vec<String>>,
    session_cookies: Mutex<Option<SessionCookies>>,
    chunks: Mutex<Vec<String>>,
    has_session_cookie: AtomicBool,
    webhook: Mutex<Option<Taken>>,
}

impl RequestContext {
    pub(crate) fn of<'r>(request: &'r Request<'_>) -> &'r Arc<RequestContext> {
        request.local_cache(Arc::<RequestContext>::default)
    }

    /// The session of this request, once it has been looked up.
    pub(crate) fn session(&self) -> Option<Option<Arc<Session>>> {
        lock(&self.session).clone()
    }

    /// Names of the cookies in which the browser sent parts of a session.
    pub(crate) fn set_chunks(&self, names: Vec<String>) {
        *lock(&self.chunks) = names;
    }

    pub(crate) fn chunks(&self) -> Vec<String> {
        lock(&self.chunks).clone()
    }

    /// Remembers whether the browser sent a cookie with the name of the session's.
    pub(crate) fn set_has_session_cookie(&self, has: bool) {
        self.has_session_cookie.store(has, Ordering::Relaxed);
    }

    pub(crate) fn has_session_cookie(&self) -> bool {
        self.has_session_cookie.load(Ordering::Relaxed)
    }

    /// Remembers that the session was found, has changed or has ended.
    pub(crate) fn set_session(&self, session: Option<Arc<Session>>) {
        *lock(&self.session) = Some(session);
    }

    /// Remembers that the response depends on the user, signed in or not.
    pub(crate) fn set_personal(&self) {
        self.is_personal.store(true, Ordering::Relaxed);
    }

    /// The session does not count as used by this request.
    pub(crate) fn only_look(&self) {
        self.is_only_looking.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_only_looking(&self) -> bool {
        self.is_only_looking.load(Ordering::Relaxed)
    }

    /// Whether the response depends on the user.
    pub(crate) fn is_personal(&self) -> bool {
        self.is_personal.load(Ordering::Relaxed)
    }

    /// Adds a `Set-Cookie` line; a later one for the same cookie replaces it.
    pub(crate) fn set_cookie(&self, line: String) {
        let name = |line: &str| line.split('=').next().map(str::to_owned);
        let mut cookies = lock(&self.cookies);
        cookies.retain(|other| name(other) != name(&line));
        cookies.push(line);
    }

    /// What becomes of a webhook is decided with the response.
    pub(crate) fn set_webhook(&self, webhook: Taken) {
        *lock(&self.webhook) = Some(webhook);
    }

    pub(crate) fn take_webhook(&self) -> Option<Taken> {
        lock(&self.webhook).take()
    }

    pub(crate) fn take_cookies(&self) -> Vec<String> {
        std::mem::take(&mut *lock(&self.cookies))
    }

    /// Sets the session's cookies, in place of any that were set before.
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
