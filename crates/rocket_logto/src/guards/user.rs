//! `User`: the signed-in user and their verified ID-token claims.

use std::sync::Arc;

use rocket::{Ignite, Request, Rocket, Sentinel};
use serde::de::DeserializeOwned;
use serde::{Serialize, Serializer};
use time::OffsetDateTime;

use crate::claims::IdTokenClaims;
use crate::error::{Error, ErrorKind};
use crate::logto::fairing_is_missing;
use crate::oidc::authentication::RequestedAuthentication;
use crate::session::ActiveSession;
use crate::tokens::token::{Token, TokenFor};

/// The signed-in user, with the claims of the verified ID token.
///
/// In a handler's arguments it makes the route need a user: a page navigation
/// without one is answered 303 to the sign-in and comes back afterwards, any
/// other request 401 with `{"error":"Not authenticated"}`. `Option<User>` lets
/// everybody in, and is `None` also while the session store is down; where that
/// matters, `Result<User, Error>` says why there is no user.
///
/// `C` is the type the claims are read into, [`IdTokenClaims`] unless another
/// one is named. Claims that do not fit `C` are answered 403.
///
/// **Cost:** opens one cookie; with sessions in Redis or in a
/// [`SessionStore`](crate::SessionStore) one round trip to it for each request.
/// No call to the provider until the claims are older than `claims_max_age`:
/// then one refresh, and a user whom the provider no longer knows is out. While
/// the provider cannot be reached the old claims serve. **Errors:**
/// [`ErrorKind::NotSignedIn`], [`ErrorKind::SessionEnded`],
/// [`ErrorKind::MissingClaims`] (403), and, with such a store,
/// [`ErrorKind::StoreUnavailable`] (503). **Standard:** OpenID Connect Core
/// section 2.
///
/// ```rust
/// use rocket::serde::Deserialize;
/// use rocket::get;
/// use rocket_logto::User;
///
/// #[get("/")]
/// fn home(user: Option<User>) -> String {
///     match user {
///         Some(user) => format!("Hello {}", user.name()),
///         None => "Hello stranger".into(),
///     }
/// }
///
/// #[derive(Deserialize)]
/// #[serde(crate = "rocket::serde")]
/// struct Employee {
///     email: String,
///     roles: Vec<String>,
/// }
///
/// #[get("/staff")]
/// fn staff(user: User<Employee>) -> String {
///     format!("{} may: {}", user.claims().email, user.claims().roles.join(", "))
/// }
/// ```
#[derive(Clone, Debug)]
pub struct User<C = IdTokenClaims> {
    active: ActiveSession,
    claims: Arc<C>,
}

impl<C> User<C> {
    /// The user's identifier, unique at the provider and never reassigned.
    /// The key to store things under: never the e-mail address or the name.
    pub fn sub(&self) -> &str {
        &self.active.session().sub
    }

    /// The claims of the ID token.
    pub fn claims(&self) -> &C {
        &self.claims
    }

    /// The claims, owned: a copy, because the requests of a session share them.
    pub fn into_claims(self) -> C
    where
        C: Clone,
    {
        Arc::unwrap_or_clone(self.claims)
    }

    /// An access token for an API resource, as [`AccessToken`](crate::AccessToken)
    /// gives it, for a handler that decides at run time.
    ///
    /// **Cost:** none while cached, else one refresh. **Errors:**
    /// [`ErrorKind::Denied`], [`ErrorKind::SessionEnded`] and the `Provider…`
    /// kinds. **Standard:** RFC 8707.
    pub async fn access_token(&self, indicator: &str) -> Result<Token, Error> {
        self.token(TokenFor::resource(indicator)).await
    }

    /// A token for an organization, as [`OrgToken`](crate::OrgToken) gives it.
    /// Cost and errors as [`access_token`](User::access_token).
    pub async fn organization_token(&self, id: &str) -> Result<Token, Error> {
        self.token(TokenFor::organization(id)).await
    }

    /// A token for an API resource within an organization. Cost and errors as
    /// [`access_token`](User::access_token).
    pub async fn organization_access_token(
        &self,
        id: &str,
        indicator: &str,
    ) -> Result<Token, Error> {
        self.token(TokenFor::resource(indicator).within(id)).await
    }

    /// Any of these, or one with fewer scopes. Cost and errors as
    /// [`access_token`](User::access_token).
    pub async fn token(&self, wanted: TokenFor) -> Result<Token, Error> {
        let token = self.active.token(wanted).await;
        // What leaves the crate is in the log: the app may answer with its reference.
        let token = token.inspect_err(Error::log)?;
        Ok(Token::clone(&token))
    }

    /// Forgets the cached access tokens of this session, so that the next one
    /// asked for is a new one: after a role has changed, say.
    ///
    /// **Cost:** none; some round trips to Redis or to another session store, where
    /// instances share sessions: then all of them have forgotten the tokens. When
    /// it is down, the log says so, and this process alone has.
    pub async fn forget_tokens(&self) {
        self.active.forget_tokens().await;
    }

    /// When the provider last vouched for the user: at sign-in or at the last
    /// refresh.
    pub fn refreshed_at(&self) -> OffsetDateTime {
        moment(self.active.session().refreshed_at)
    }

    /// When the user signed in.
    pub fn signed_in_at(&self) -> OffsetDateTime {
        moment(self.active.session().created_at)
    }

    /// When the user last authenticated at the provider, which may be before
    /// they signed in here. `None` when it has not said: most providers do so
    /// only when asked, by `max_age` or `prompt = ["login"]`.
    pub fn authenticated_at(&self) -> Option<OffsetDateTime> {
        self.active.session().authenticated.at.map(moment)
    }

    /// Whether the user has authenticated as `asked`.
    pub(super) fn satisfies(&self, asked: &RequestedAuthentication) -> bool {
        self.active.satisfies(asked)
    }

    /// When the session ends, used or not.
    pub fn session_ends_at(&self) -> OffsetDateTime {
        self.signed_in_at() + self.active.limits().absolute
    }
}

fn moment(seconds: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

impl<C: DeserializeOwned + Send + Sync + 'static> User<C> {
    fn read(active: ActiveSession) -> Result<User<C>, Error> {
        let claims = active.session().id_token.claims().ok_or_else(|| {
            let wanted = std::any::type_name::<C>();
            Error::new(
                ErrorKind::MissingClaims,
                format!("id_token_claims_do_not_fit {wanted}"),
            )
        })?;
        Ok(User { active, claims })
    }

    /// Asks the provider anew: claims and tokens. Also the way to find out, at
    /// this moment, whether the user is still welcome.
    ///
    /// **Cost:** one refresh. **Errors:** [`ErrorKind::SessionEnded`] for a
    /// suspended or deleted user, [`ErrorKind::Denied`] when the sign-in gave no
    /// refresh token, and the `Provider…` kinds. **Standard:** OpenID Connect
    /// Core section 12.
    ///
    /// ```rust
    /// use rocket::post;
    /// use rocket_logto::{Error, User};
    ///
    /// #[post("/refresh")]
    /// async fn refresh(user: User) -> Result<String, Error> {
    ///     let user = user.refresh().await?;
    ///     Ok(format!("You are {} now", user.name()))
    /// }
    /// ```
    pub async fn refresh(self) -> Result<User<C>, Error> {
        let refreshed = self.active.refreshed().await;
        refreshed.and_then(User::read).inspect_err(Error::log)
    }
}

impl User {
    /// What to call the user on a page: name, user name, e-mail address or
    /// `sub`, whichever is there first. Not unique: never a key.
    pub fn name(&self) -> &str {
        self.claims.display_name()
    }
}

/// As the claims object: straight into a template's context.
impl<C: Serialize> Serialize for User<C> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.claims.serialize(serializer)
    }
}

from_request!(User<C>: Error, [C: DeserializeOwned + Send + Sync + 'static]);

pub(super) async fn find<C>(request: &Request<'_>) -> Result<User<C>, Error>
where
    C: DeserializeOwned + Send + Sync + 'static,
{
    let active = ActiveSession::of(request).await?;
    User::read(active.fresh().await?)
}

impl<C> Sentinel for User<C> {
    fn abort(rocket: &Rocket<Ignite>) -> bool {
        fairing_is_missing(rocket, "User")
    }
}
