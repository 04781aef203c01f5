//! `SessionData`: the app's own data in the session of a signed-in user.

use std::ops::Deref;

use rocket::{Ignite, Request, Rocket, Sentinel};
use serde::de::DeserializeOwned;

use super::user::{self, User};
use crate::error::{Error, ErrorKind};
use crate::logto::fairing_is_missing;

/// What the app itself has put into the session of the signed-in user: the hook of
/// [`on_sign_in`](crate::LogtoFairing::on_sign_in) by
/// [`Admission::with_data`](crate::Admission::with_data), or that of `on_refresh` by
/// [`Renewal::with_data`](crate::Renewal::with_data). Derefs to `T`.
///
/// It is encrypted with the session, and lives as long. Handlers cannot change it: what
/// changes belongs into a database, and here a key to it.
///
/// # Network
///
/// As [`User`], whose guard it runs, and nothing more.
///
/// # Errors
///
/// As [`User`], plus [`ErrorKind::SessionData`] (403) when there is none, as in sessions
/// from before the app had such a hook, or when it does not fit `T`. The page offers a new
/// sign-in. Take `Option<SessionData<T>>`, or [`User::data`], where that is no error.
///
/// # Examples
///
/// ```rust
/// use rocket::get;
/// use rocket::serde::{Deserialize, Serialize};
/// use rocket_logto::{Admission, HookResult, Logto, SessionData, SignInEvent};
///
/// #[derive(Serialize, Deserialize)]
/// #[serde(crate = "rocket::serde")]
/// struct Account {
///     id: i64,
/// }
///
/// async fn with_account(event: SignInEvent<'_>) -> HookResult<Admission> {
///     // … find or make the account of event.sub() …
///     Ok(Admission::admit().with_data(&Account { id: 7 })?)
/// }
///
/// #[get("/account")]
/// fn account(account: SessionData<Account>) -> String {
///     format!("Account {}", account.id)
/// }
/// # Logto::fairing().on_sign_in(with_account);
/// ```
#[derive(Clone, Debug)]
pub struct SessionData<T>(T);

impl<T> SessionData<T> {
    /// The data, owned.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> Deref for SessionData<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

from_request!(SessionData<T>: Error, [T: DeserializeOwned + Send + Sync + 'static]);

async fn find<T>(request: &Request<'_>) -> Result<SessionData<T>, Error>
where
    T: DeserializeOwned + Send + Sync + 'static,
{
    let user: User = user::find(request).await?;
    let data = user.data()?.map(SessionData);
    data.ok_or_else(|| Error::new(ErrorKind::SessionData, "session_has_no_data"))
}

impl<T> Sentinel for SessionData<T> {
    fn abort(rocket: &Rocket<Ignite>) -> bool {
        fairing_is_missing(rocket, "SessionData")
    }
}
