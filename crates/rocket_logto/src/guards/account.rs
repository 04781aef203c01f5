//! `AccountApi`: what a signed-in user sees and ends at Logto of their own.

use openidconnect::http::{Method, Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::user::User;
use crate::error::told::Advice;
use crate::error::{Error, ErrorKind};
use crate::oidc::logto_api::session::{Listed, LogtoSession, Revoke};
use crate::oidc::logto_api::{ApiError, Call, read};
use crate::session::ActiveSession;
use crate::tokens::token::TokenFor;

/// The scope for which Logto shows a user's sessions.
const SESSIONS_SCOPE: &str = "urn:logto:scope:sessions";

/// Logto's Account API with the token of the signed-in user, of [`User::account`]: the sessions
/// that they have at Logto, in all their browsers.
///
/// Needs the scope `urn:logto:scope:sessions` in `scopes`, and the field *Sessions* switched on
/// in Logto (Sign-in & account > Account center). Logto wants to know again who asks: each call
/// takes an [`IdentityProof`] that is no older than ten minutes.
///
/// # Network
///
/// Each method makes one call, bounded by `http_timeout`, and a refresh before it where the
/// user's access token has expired.
///
/// # Errors
///
/// - [`ErrorKind::Misconfigured`] (500): `scopes` lacks the scope, the field is off in Logto,
///   or the provider is no Logto. The log says which.
/// - [`ErrorKind::Denied`] (403): the user signed in before the scope was asked for, or the
///   proof is missing or too old. `reason` is Logto's code.
/// - What [`User::access_token`] says, and the `Provider…` kinds (502, 503, 504).
///
/// # Standards
///
/// Logto's Account API (`/api/my-account/sessions`, `/api/verifications/password`).
///
/// # Examples
///
/// ```rust
/// use rocket::form::{Form, FromForm};
/// use rocket::post;
/// use rocket_logto::{Error, Revoke, SameOrigin, User};
///
/// #[derive(FromForm)]
/// struct Proof<'r> {
///     password: &'r str,
/// }
///
/// /// Ends all other sessions at Logto, and what apps were granted in them.
/// #[post("/settings/sessions/end-others", data = "<form>")]
/// async fn end_others(
///     _form: SameOrigin,
///     user: User,
///     form: Form<Proof<'_>>,
/// ) -> Result<&'static str, Error> {
///     let account = user.account();
///     let Some(proof) = account.verify_password(form.password).await? else {
///         return Ok("That is not your password");
///     };
///     for session in account.sessions(&proof).await? {
///         if session.is_current == Some(false) {
///             account.end_session(session.id(), &proof, Revoke::FirstParty).await?;
///         }
///     }
///     Ok("Ended")
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct AccountApi<'a> {
    active: &'a ActiveSession,
}

/// That the user has proven who they are, just now: the id of Logto's record of it.
///
/// # Examples
///
/// ```rust
/// use rocket_logto::IdentityProof;
///
/// /// One that the page itself has got of Logto, by a code in a letter, say.
/// fn from_the_page(id: &str) -> IdentityProof {
///     IdentityProof::new(id)
/// }
/// ```
#[derive(Clone)]
pub struct IdentityProof(Zeroizing<String>);

impl IdentityProof {
    /// By its id, `verificationRecordId`: of another verification than by password.
    pub fn new(id: impl Into<String>) -> IdentityProof {
        IdentityProof(Zeroizing::new(id.into()))
    }

    /// For the header `logto-verification-id` of calls of your own.
    pub fn id(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for IdentityProof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("IdentityProof([redacted])")
    }
}

impl<C> User<C> {
    /// Logto's Account API, for this user.
    pub fn account(&self) -> AccountApi<'_> {
        AccountApi {
            active: self.active(),
        }
    }
}

impl AccountApi<'_> {
    /// Proves that it is the user who asks, by their password. `None`: it is another one.
    ///
    /// Take it from a form of your own page, over https, and keep it nowhere.
    ///
    /// `POST /api/verifications/password`.
    pub async fn verify_password(&self, password: &str) -> Result<Option<IdentityProof>, Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Verified {
            verification_record_id: String,
        }
        let path = ["api", "verifications", "password"];
        let body = Some(json!({ "password": password }));
        let sent = self.send(Method::POST, &path, &[], body, None).await?;
        match sent.and_then(|response| read::<Verified>(&response)) {
            Ok(verified) => Ok(Some(IdentityProof::new(verified.verification_record_id))),
            Err(ApiError::Refused(refusal))
                if refusal.is(
                    StatusCode::UNPROCESSABLE_ENTITY,
                    "session.invalid_credentials",
                ) =>
            {
                Ok(None)
            }
            Err(error) => Err(told(error)),
        }
    }

    /// The user's sessions at Logto.
    ///
    /// `GET /api/my-account/sessions`, of Logto 1.38 and later.
    pub async fn sessions(&self, proof: &IdentityProof) -> Result<Vec<LogtoSession>, Error> {
        let path = ["api", "my-account", "sessions"];
        self.check_scope()?;
        let sent = self
            .send(Method::GET, &path, &[], None, Some(proof))
            .await?;
        let listed = sent.and_then(|response| read::<Listed>(&response));
        Ok(listed.map_err(told)?.sessions)
    }

    /// Ends one of them. `false`: the user has no such session, or no longer.
    ///
    /// Logto tells no app: with [`Revoke::FirstParty`] they notice at their next refresh.
    ///
    /// `DELETE /api/my-account/sessions/{sessionId}`.
    pub async fn end_session(
        &self,
        session: &str,
        proof: &IdentityProof,
        revoke: Revoke,
    ) -> Result<bool, Error> {
        let path = ["api", "my-account", "sessions", session];
        self.check_scope()?;
        // Any of these would be another address.
        if ["", ".", ".."].contains(&session) {
            return Ok(false);
        }
        let query = revoke.query();
        match self
            .send(Method::DELETE, &path, query, None, Some(proof))
            .await?
        {
            Ok(_) => Ok(true),
            Err(ApiError::NotFound) => Ok(false),
            Err(error) => Err(told(error)),
        }
    }

    fn check_scope(&self) -> Result<(), Error> {
        match self
            .active
            .scopes()
            .iter()
            .any(|scope| scope == SESSIONS_SCOPE)
        {
            true => Ok(()),
            false => {
                let hint = format!(
                    "Logto shows a user's sessions for the scope \"{SESSIONS_SCOPE}\" only: add it to \
                     logto.scopes, and let users sign in again"
                );
                let error = Error::misconfigured("insufficient_scope", hint);
                error.log();
                Err(error)
            }
        }
    }

    async fn send(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<Value>,
        proof: Option<&IdentityProof>,
    ) -> Result<Result<Response<Vec<u8>>, ApiError>, Error> {
        // The Account API takes the opaque token.
        let token = self.active.token(TokenFor::default()).await;
        let token = token.inspect_err(Error::log)?;
        let call = Call {
            method,
            path,
            query,
            body,
            credential: token.credential(),
            verification: proof.map(IdentityProof::id),
        };
        Ok(self.active.provider().call(call).await)
    }
}

/// The error, for whoever can end it, in the log.
fn told(error: ApiError) -> Error {
    let error = match error {
        ApiError::Refused(refusal) => {
            let code = refusal.code.clone();
            let error = match code.as_str() {
                "verification_record.permission_denied" | "verification_record.not_found" => {
                    Error::denied(&code, Advice::NotVerified)
                }
                // Logto says no more where the token lacks the scope.
                "auth.unauthorized" => Error::denied(&code, Advice::ScopeNotAskedFor),
                "account_center.not_enabled"
                | "account_center.field_not_enabled"
                | "account_center.field_not_editable" => Error::misconfigured(
                    &code,
                    "Logto keeps this from its users: switch the account center and its field \
                     Sessions on (Console > Sign-in & account > Account center)",
                ),
                _ => Error::new(ErrorKind::Denied, code),
            };
            refusal.told(error)
        }
        error => error.into_error(),
    };
    error.log();
    error
}
