//! [`Sessions`]: what an app shows its users of their sessions, and how they end them.

use std::sync::Arc;

use time::OffsetDateTime;

use super::manager::SessionManager;
use super::overview::Overview;
use super::subject::Subject;
use crate::error::Error;

/// The sessions of users, to be listed and ended: `&State<Sessions>` in a handler.
///
/// [`Logto::fairing()`](crate::Logto::fairing) provides it. It needs a store that
/// instances share: the configuration `session.store`, or
/// [`session_store`](crate::LogtoFairing::session_store). Sessions in cookies are with the
/// browsers and nowhere else, so without a store all methods but
/// [`is_available`](Sessions::is_available) fail with
/// [`ErrorKind::Misconfigured`](crate::ErrorKind::Misconfigured); to end a user's sessions
/// there is [`Logto::end_sessions_of`](crate::Logto::end_sessions_of).
///
/// Whoever ends a session ends its refresh token, too: the provider is asked to revoke it.
/// Nobody waits for that, and a failure is logged. It is left out where a session that
/// lives on belongs to the same session at the provider (`sid`), which may have given both
/// one grant.
///
/// # Network
///
/// Some round trips to the session store, none to the provider before the method returns.
///
/// # Errors
///
/// [`ErrorKind::Misconfigured`](crate::ErrorKind::Misconfigured) without a store that can
/// list sessions; the log names the key to set.
/// [`ErrorKind::StoreUnavailable`](crate::ErrorKind::StoreUnavailable) when the store
/// cannot be reached: a session may still be there.
///
/// # Standards
///
/// OWASP ASVS 5.0, 7.4.3 and 7.5.2.
///
/// # Examples
///
/// ```rust
/// use rocket::form::Form;
/// use rocket::{State, get, post};
/// use rocket_logto::{Error, Sessions, User};
///
/// #[get("/devices")]
/// async fn devices(user: User, sessions: &State<Sessions>) -> Result<String, Error> {
///     let mut page = String::new();
///     for session in sessions.of(&user).await? {
///         let browser = session.browser.as_deref().unwrap_or("a browser");
///         let here = if session.is_current { ", this one" } else { "" };
///         page += &format!("{browser}, since {}{here}\n", session.begun_at);
///     }
///     Ok(page)
/// }
///
/// /// Ends nothing of anybody else, whatever the form holds.
/// #[post("/devices/end", data = "<handle>")]
/// async fn end(user: User, sessions: &State<Sessions>, handle: Form<&str>) -> Result<(), Error> {
///     sessions.end(&user, &handle).await?;
///     Ok(())
/// }
///
/// #[post("/devices/end-others")]
/// async fn end_others(user: User, sessions: &State<Sessions>) -> Result<(), Error> {
///     sessions.end_others(&user).await?;
///     Ok(())
/// }
/// ```
#[derive(Clone)]
pub struct Sessions {
    manager: Arc<SessionManager>,
}

/// A live session, as [`Sessions::of`] gives it.
///
/// Nothing in it is secret: it may be shown in a page.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionInfo {
    /// Names the session for [`Sessions::end`]: 22 characters of URL-safe base64. It is not
    /// the id of the session, and does nothing without the user whose session it is.
    pub handle: String,
    /// When the user signed in, in UTC.
    pub begun_at: OffsetDateTime,
    /// When it was last used, in UTC. A session in use is written at most once a minute
    /// (more often where `session.idle` is below four minutes), so it may have been used up
    /// to a minute later.
    pub last_seen_at: OffsetDateTime,
    /// Browser and system, such as "Firefox on Linux", as the browser said at the sign-in.
    /// `None` where it said nothing that is known.
    pub browser: Option<String>,
    /// Whether it is the session of the [`User`](crate::User) that was asked with.
    pub is_current: bool,
}

impl From<Overview> for SessionInfo {
    fn from(session: Overview) -> SessionInfo {
        let moment = |seconds| {
            OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH)
        };
        SessionInfo {
            handle: session.handle,
            begun_at: moment(session.begun_at),
            last_seen_at: moment(session.seen_at),
            browser: session.browser,
            is_current: session.is_current,
        }
    }
}

impl Sessions {
    pub(crate) fn new(manager: Arc<SessionManager>) -> Sessions {
        Sessions { manager }
    }

    pub(crate) fn manager(&self) -> &SessionManager {
        &self.manager
    }

    /// Whether sessions are in a store that instances share. Where they are not, there is
    /// nothing to list.
    pub fn is_available(&self) -> bool {
        self.manager.is_shared()
    }

    /// The live sessions of a user, the one used last first: at most 200, those that would
    /// end last.
    ///
    /// # Errors
    ///
    /// See [`Sessions`].
    pub async fn of(&self, user: impl Into<Subject<'_>>) -> Result<Vec<SessionInfo>, Error> {
        let listed = self.manager.list(&user.into()).await;
        let listed = listed.inspect_err(Error::log)?;
        Ok(listed.into_iter().map(SessionInfo::from).collect())
    }

    /// Ends the session of the user that has this handle. `false` when the user has no such
    /// session, because it has ended or is somebody else's.
    ///
    /// A user who ends the session they are in is signed out here, and stays signed in at
    /// the provider: for that, use [`SignOut`](crate::SignOut).
    ///
    /// # Errors
    ///
    /// See [`Sessions`].
    pub async fn end(&self, user: impl Into<Subject<'_>>, handle: &str) -> Result<bool, Error> {
        let ended = self.manager.end_by_handle(&user.into(), handle).await;
        ended.inspect_err(Error::log)
    }

    /// Ends all sessions of a user, as
    /// [`Logto::end_sessions_of`](crate::Logto::end_sessions_of) does.
    ///
    /// # Errors
    ///
    /// See [`Sessions`].
    pub async fn end_all(&self, user: impl Into<Subject<'_>>) -> Result<(), Error> {
        let ended = match self.manager.can_list() {
            Ok(()) => self.manager.end_all(&user.into()).await,
            Err(error) => Err(error),
        };
        ended.inspect_err(Error::log)
    }
}
