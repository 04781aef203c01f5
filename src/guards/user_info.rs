//! `UserInfo`: the user's claims, fresh from the provider.

use std::sync::Arc;

use rocket::request::{FromRequest, Outcome};
use rocket::{Ignite, Request, Rocket, Sentinel};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize, Serializer};

use crate::claims::UserInfoClaims;
use crate::error::{Error, ErrorKind};
use crate::logto::Logto;
use crate::session::Session;
use crate::session::tokens::failed;

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

#[rocket::async_trait]
impl<'r, C: DeserializeOwned + Send> FromRequest<'r> for UserInfo<C> {
    type Error = Error;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Error> {
        let info = match super::session(request) {
            Ok((session, logto)) => fetch(request, logto, &session).await,
            Err(error) => Err(error),
        };
        super::outcome(request, info)
    }
}

async fn fetch<C: DeserializeOwned>(
    request: &Request<'_>,
    logto: &Logto,
    session: &Arc<Session>,
) -> Result<UserInfo<C>, Error> {
    let token = logto.access_token(request, session, None).await?;
    let answer = match logto.oidc.user_info(&token).await.map_err(failed)? {
        Some(answer) => answer,
        None => {
            // Refused: another token may do. If not, the provider means the user.
            let token = logto.access_token(request, session, Some(&token)).await?;
            logto
                .oidc
                .user_info(&token)
                .await
                .map_err(failed)?
                .ok_or_else(|| {
                    logto.end(request, session);
                    Error::new(ErrorKind::SessionEnded, "userinfo_refuses_the_access_token")
                })?
        }
    };

    // OpenID Connect Core section 5.3.2: without the same `sub` the rest must
    // not be used.
    #[derive(Deserialize)]
    struct Subject {
        sub: String,
    }
    let malformed = |_| Error::new(ErrorKind::ProviderBadAnswer, "userinfo_malformed");
    let subject: Subject = serde_json::from_slice(&answer).map_err(malformed)?;
    if subject.sub != session.sub {
        return Err(Error::new(ErrorKind::ProviderBadAnswer, "userinfo_sub"));
    }
    let claims = serde_json::from_slice(&answer).map_err(|_| {
        let wanted = std::any::type_name::<C>();
        Error::new(
            ErrorKind::MissingClaims,
            format!("userinfo_claims_do_not_fit {wanted}"),
        )
    })?;
    Ok(UserInfo {
        sub: subject.sub,
        claims,
    })
}

impl<C> Sentinel for UserInfo<C> {
    fn abort(rocket: &Rocket<Ignite>) -> bool {
        super::fairing_is_missing(rocket, "UserInfo")
    }
}
