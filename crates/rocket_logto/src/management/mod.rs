//! `Management`: the calls of Logto's Management API that most apps make.

mod types;

use openidconnect::http::{Method, Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::error::Error;
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::oidc::logto_api::session::{Listed, LogtoSession, Revoke};
use crate::oidc::logto_api::{ApiError, Call, read};
use crate::service::LogtoService;
use crate::tokens::token::Token;

pub use types::{
    ManagedOrganization, ManagedUser, OneTimeToken, OneTimeTokenRequest, OrganizationRole, UserKey,
};

/// How many users a search looks at: one that is looked for is one.
const PAGE_SIZE: &str = "2";

impl LogtoService {
    /// Logto's Management API, with a token for it: of a [`MachineToken`](crate::MachineToken)
    /// or of [`machine_token`](LogtoService::machine_token).
    ///
    /// # Examples
    ///
    /// ```rust,no_run
    /// use rocket::{State, get};
    /// use rocket_logto::{Error, LogtoService, MachineToken, Permission, Resource};
    ///
    /// /// Self-hosted; in Logto Cloud it is `https://<tenant id>.logto.app/api`.
    /// struct ManagementApi;
    /// impl Resource for ManagementApi {
    ///     const INDICATOR: &'static str = "https://default.logto.app/api";
    /// }
    ///
    /// struct Manage;
    /// impl Permission for Manage {
    ///     type Audience = ManagementApi;
    ///     const SCOPES: &'static [&'static str] = &["all"];
    /// }
    ///
    /// #[get("/users/<id>/name")]
    /// async fn name(
    ///     id: &str,
    ///     token: MachineToken<Manage>,
    ///     logto: &State<LogtoService>,
    /// ) -> Result<Option<String>, Error> {
    ///     let user = logto.management(&token).user(id).await?;
    ///     Ok(user.and_then(|user| user.name))
    /// }
    /// ```
    pub fn management<'a>(&'a self, token: &'a Token) -> Management<'a> {
        Management { logto: self, token }
    }
}

/// Logto's Management API, of [`LogtoService::management`]: what most apps need of it.
///
/// Ids and search terms may come from anybody: each stays in its place in the address, and
/// leads to no other call. The token allows everything about every user, so guard the routes
/// that use it.
///
/// # Network
///
/// Each method makes one call, bounded by `http_timeout`, and by 1 MiB of answer. Nothing is
/// cached, and nothing is repeated.
///
/// # Errors
///
/// - [`ErrorKind::Misconfigured`] (500): Logto does not take the token, or the application's
///   roles do not give the permission `all`; or the provider is no Logto. The log says which.
/// - [`ErrorKind::Denied`] (403): Logto does not take what was sent; the
///   [`reason`](Error::reason) is its code, such as `guard.invalid_input`.
/// - The `Provider…` kinds (502, 503, 504).
///
/// # Standards
///
/// Logto's Management API, <https://openapi.logto.io>.
#[derive(Clone, Copy)]
pub struct Management<'a> {
    logto: &'a LogtoService,
    token: &'a Token,
}

impl Management<'_> {
    /// A user by their id, which is `sub`. `None`: there is no such user.
    ///
    /// `GET /api/users/{userId}`.
    pub async fn user(&self, id: &str) -> Result<Option<ManagedUser>, Error> {
        let call = self.get(&["api", "users", id], &[]).await;
        found(call)
    }

    /// The user who has this e-mail address, user name or phone number, whole and whatever the
    /// case of its letters. `None`: nobody.
    ///
    /// Do not decide by it who somebody is: an e-mail address may be another person's tomorrow,
    /// and the `sub` never is.
    ///
    /// `GET /api/users` with `search.…`.
    ///
    /// # Examples
    ///
    /// ```rust,no_run
    /// use rocket_logto::{Error, Management, UserKey};
    ///
    /// async fn is_known(management: Management<'_>, email: &str) -> Result<bool, Error> {
    ///     Ok(management.find_user(UserKey::Email(email)).await?.is_some())
    /// }
    /// ```
    pub async fn find_user(&self, key: UserKey<'_>) -> Result<Option<ManagedUser>, Error> {
        let (field, value) = key.field();
        // Logto searches everything for an empty term.
        if value.is_empty() {
            return Ok(None);
        }
        let (search, mode) = (format!("search.{field}"), format!("mode.{field}"));
        let query = [
            (search.as_str(), value),
            (&mode, "exact"),
            ("page_size", PAGE_SIZE),
        ];
        let call = self.get(&["api", "users"], &query).await;
        let users: Option<Vec<ManagedUser>> = found(call)?;
        // Another Logto, or a proxy, may not know the mode: what does not match is not meant.
        let users = users.unwrap_or_default().into_iter();
        Ok({ users }.find(|user| key.is_of(user)))
    }

    /// Sets members of the user's `custom_data`: those that are named, and no others. Gives all
    /// of it. `None`: there is no such user.
    ///
    /// A member that is there is replaced as a whole, objects too. Signed-in users have it with
    /// the scope `custom_data`, in userinfo at once.
    ///
    /// `PATCH /api/users/{userId}/custom-data`.
    ///
    /// # Examples
    ///
    /// ```rust,no_run
    /// use rocket_logto::{Error, Management};
    /// use serde_json::json;
    ///
    /// async fn upgrade(management: Management<'_>, sub: &str) -> Result<(), Error> {
    ///     management.set_custom_data(sub, &json!({ "plan": "pro" })).await?;
    ///     Ok(())
    /// }
    /// ```
    pub async fn set_custom_data(
        &self,
        id: &str,
        members: &impl Serialize,
    ) -> Result<Option<Map<String, Value>>, Error> {
        let members = serde_json::to_value(members).ok().filter(Value::is_object);
        let Some(members) = members else {
            let hint = "the value for custom_data is not an object in JSON";
            return Err(Error::misconfigured("custom_data_is_no_object", hint));
        };
        let body = json!({ "customData": members });
        let path = ["api", "users", id, "custom-data"];
        found(self.send(Method::PATCH, &path, &[], Some(body)).await)
    }

    /// The organizations that the user is a member of, with their roles there. `None`: there is
    /// no such user.
    ///
    /// `GET /api/users/{userId}/organizations`.
    pub async fn organizations_of(
        &self,
        id: &str,
    ) -> Result<Option<Vec<ManagedOrganization>>, Error> {
        found(self.get(&["api", "users", id, "organizations"], &[]).await)
    }

    /// The sessions that the user has at Logto. None where there is no such user.
    ///
    /// `GET /api/users/{userId}/sessions`, of Logto 1.40 and later.
    pub async fn sessions_of(&self, id: &str) -> Result<Vec<LogtoSession>, Error> {
        let listed = found::<Listed>(self.get(&["api", "users", id, "sessions"], &[]).await)?;
        Ok(listed.map(|listed| listed.sessions).unwrap_or_default())
    }

    /// Ends one of them. `false`: there is no such session any more.
    ///
    /// Logto sends no logout token for it: with [`Revoke::FirstParty`] the apps notice at their
    /// next refresh. [`Logto::end_sessions_of`](crate::Logto::end_sessions_of) ends those in
    /// this app at once.
    ///
    /// `DELETE /api/users/{userId}/sessions/{sessionId}`.
    pub async fn end_session(
        &self,
        id: &str,
        session: &str,
        revoke: Revoke,
    ) -> Result<bool, Error> {
        let path = ["api", "users", id, "sessions", session];
        let ended = self.send(Method::DELETE, &path, revoke.query(), None).await;
        match ended {
            Ok(_) => Ok(true),
            Err(ApiError::NotFound) => Ok(false),
            Err(error) => Err(told(error)),
        }
    }

    /// Makes a one-time token, for a link that signs in without a password, or that invites
    /// into organizations: [`Logto::magic_link`](crate::Logto::magic_link).
    ///
    /// Whoever has the token is signed in as the owner of the e-mail address. Send it there,
    /// and nowhere else.
    ///
    /// `POST /api/one-time-tokens`.
    ///
    /// # Examples
    ///
    /// ```rust,no_run
    /// use rocket_logto::{Error, Logto, Management, OneTimeTokenRequest};
    ///
    /// async fn invite(management: Management<'_>, logto: &Logto, email: &str) -> Result<(), Error> {
    ///     let request = OneTimeTokenRequest::new(email).organization("acme5obvzg01");
    ///     let token = management.one_time_token(request).await?;
    ///     let link = logto.magic_link(&token.email, token.secret());
    ///     // … send the link to that address …
    ///     # let _ = link;
    ///     Ok(())
    /// }
    /// ```
    pub async fn one_time_token(
        &self,
        request: OneTimeTokenRequest,
    ) -> Result<OneTimeToken, Error> {
        let path = ["api", "one-time-tokens"];
        let sent = self
            .send(Method::POST, &path, &[], Some(request.body()))
            .await;
        sent.and_then(|response| read(&response)).map_err(told)
    }

    async fn get(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Response<Vec<u8>>, ApiError> {
        self.send(Method::GET, path, query, None).await
    }

    async fn send(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<Value>,
    ) -> Result<Response<Vec<u8>>, ApiError> {
        // An empty segment, or one that a server resolves, would be another address.
        if path.iter().any(|segment| ["", ".", ".."].contains(segment)) {
            return Err(ApiError::NotFound);
        }
        let call = Call {
            method,
            path,
            query,
            body,
            credential: self.token.credential(),
            verification: None,
        };
        self.logto.client().provider().call(call).await
    }
}

impl std::fmt::Debug for Management<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Management").finish_non_exhaustive()
    }
}

/// What there is, or `None`.
fn found<T: DeserializeOwned>(
    answer: Result<Response<Vec<u8>>, ApiError>,
) -> Result<Option<T>, Error> {
    match answer.and_then(|response| read(&response)) {
        Ok(found) => Ok(Some(found)),
        Err(ApiError::NotFound) => Ok(None),
        Err(error) => Err(told(error)),
    }
}

/// The error, for whoever can end it, in the log.
fn told(error: ApiError) -> Error {
    let error = match error {
        ApiError::Refused(refusal) if refusal.status == StatusCode::UNAUTHORIZED => {
            let hint = "Logto's Management API does not take this token. It has to be a token of the \
                app itself for the resource https://default.logto.app/api (self-hosted), or \
                https://<tenant id>.logto.app/api (Logto Cloud, whatever its domain): see the \
                Resource of the MachineToken, or the TokenFor";
            let error = Error::misconfigured(&refusal.code, hint);
            refusal.told(error)
        }
        ApiError::Refused(refusal) if refusal.status == StatusCode::FORBIDDEN => {
            let hint = "the token lacks the permission \"all\" of Logto's Management API: give the \
                application of logto.machine.app_id a machine-to-machine role with it (\"Logto \
                Management API access\"), and ask for the scope \"all\"";
            let error = Error::misconfigured(&refusal.code, hint);
            refusal.told(error)
        }
        error => error.into_error(),
    };
    error.log();
    error
}
