//! `UserInfo`: the user's claims, fresh from the provider.

use rocket::{Ignite, Request, Rocket, Sentinel};
use serde::de::DeserializeOwned;
use serde::{Serialize, Serializer};

use crate::claims::UserInfoClaims;
use crate::error::{Error, ErrorKind};
use crate::logto::fairing_is_missing;
use crate::session::ActiveSession;

/// The signed-in user's claims as the provider knows them at this moment.
///
/// For what an ID token does not carry (`custom_data`, `identities`, …) and
/// for what must not be out of date. `C` is the type the claims are read into.
/// The `sub` must be that of the session, else the answer is discarded.
///
/// **Cost:** one call to the userinfo endpoint for each request; a refresh
/// before it when the access token has ended. **Errors:** as
/// [`User`](crate::User), and [`ErrorKind::SessionEnded`] when the provider no
/// longer accepts the session's tokens (303 or 401), and the `Provider…` kinds
/// (502, 503, 504). **Standard:** OpenID Connect Core section 5.3.
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
    /// The user's identifier.
    pub fn sub(&self) -> &str {
        &self.sub
    }

    /// The claims of the userinfo endpoint.
    pub fn claims(&self) -> &C {
        &self.claims
    }

    /// The claims, owned.
    pub fn into_claims(self) -> C {
        self.claims
    }
}

/// As the claims object: straight into a template's context.
impl<C: Serialize> Serialize for UserInfo<C> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.claims.serialize(serializer)
    }
}

from_request!(UserInfo<C>: Error, [C: DeserializeOwned + Send]);

async fn find<C: DeserializeOwned>(request: &Request<'_>) -> Result<UserInfo<C>, Error> {
    let active = ActiveSession::of(request).await?;
    let answer = active.user_info().await?;
    let claims = serde_json::from_slice(&answer).map_err(|_| {
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
