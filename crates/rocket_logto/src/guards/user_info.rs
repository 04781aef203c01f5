//! `UserInfo`: the user's claims, fresh from the provider.

use rocket::{Ignite, Request, Rocket, Sentinel};
use serde::de::DeserializeOwned;
use serde::{Serialize, Serializer};

use crate::claims::UserInfoClaims;
use crate::error::{Error, ErrorKind};
use crate::logto::fairing_is_missing;
use crate::oidc::object;
use crate::session::ActiveSession;

/// The signed-in user's claims as the provider knows them at this moment.
///
/// For what an ID token does not carry (`custom_data`, `identities`, …) and for
/// what must be up to date. `C` is the type the claims are read into,
/// [`UserInfoClaims`] by default. A response about another `sub` than the
/// session's is discarded.
///
/// # Network
///
/// One call to the userinfo endpoint per request, preceded by a refresh when the
/// access token has expired.
///
/// # Errors
///
/// As [`User`](crate::User), including [`ErrorKind::SessionEnded`] (303 or 401)
/// when the provider no longer accepts the session's tokens, and the `Provider…`
/// kinds (502, 503, 504).
///
/// # Standards
///
/// OpenID Connect Core section 5.3.
///
/// # Examples
///
/// ```rust
/// use rocket::get;
/// use rocket_logto::UserInfo;
///
/// #[get("/plan")]
/// fn plan(info: UserInfo) -> String {
///     let plan = info.claims().custom_data.value().and_then(|data| data.get("plan"));
///     plan.map(ToString::to_string).unwrap_or_default()
/// }
/// ```
#[derive(Clone, Debug)]
pub struct UserInfo<C = UserInfoClaims> {
    sub: String,
    claims: C,
}

impl<C> UserInfo<C> {
    /// The user's identifier; the same as [`User::sub`](crate::User::sub).
    pub fn sub(&self) -> &str {
        &self.sub
    }

    /// The claims from the userinfo endpoint.
    pub fn claims(&self) -> &C {
        &self.claims
    }

    /// The claims, owned.
    pub fn into_claims(self) -> C {
        self.claims
    }
}

/// Serializes the claims, so a `UserInfo` can go straight into a template's
/// context.
impl<C: Serialize> Serialize for UserInfo<C> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.claims.serialize(serializer)
    }
}

from_request!(UserInfo<C>: Error, [C: DeserializeOwned + Send]);

async fn find<C: DeserializeOwned>(request: &Request<'_>) -> Result<UserInfo<C>, Error> {
    let active = ActiveSession::of(request).await?;
    let answer = active.user_info().await?;
    let claims = object(&answer).map_err(|_| {
        let wanted = std::any::type_name::<C>();
        Error::new(
            ErrorKind::MissingClaims,
            format!("userinfo_claims_do_not_fit {wanted}"),
        )
    })?;
    Ok(UserInfo {
        sub: active.session().sub.clone(),
        claims,
    })
}

impl<C> Sentinel for UserInfo<C> {
    fn abort(rocket: &Rocket<Ignite>) -> bool {
        fairing_is_missing(rocket, "UserInfo")
    }
}
