//! `User`: the signed-in user and their verified ID-token claims.

use std::sync::Arc;

use rocket::{Ignite, Request, Rocket, Sentinel};
use serde::de::DeserializeOwned;
use serde::{Serialize, Serializer};
use time::OffsetDateTime;

use crate::claims::IdTokenClaims;
use crate::clock::moment;
use crate::error::{Error, ErrorKind};
use crate::logto::fairing_is_missing;
use crate::oidc::authentication::RequestedAuthentication;
use crate::session::{ActiveSession, Sessions, Subject};
use crate::tokens::token::{Token, TokenFor};

/// The signed-in user, with the claims of the verified ID token.
///
/// As a handler's argument it makes the route require a user: a page navigation
/// without one gets a 303 to the sign-in and comes back afterwards, any other
/// request gets a 401 with `{"error":"Not authenticated"}`. `Option<User>` lets
/// everyone in. It is also `None` while the session store is down, or the provider for
/// longer than `claims_max_staleness`; where that
/// matters, `Result<User, Error>` says why there is no user.
///
/// `C` is the type the claims are read into, [`IdTokenClaims`] by default.
///
/// # Network
///
/// None with sessions in cookies; one round trip per request with sessions in
/// Redis or in a [`SharedStore`](crate::SharedStore). The provider is called
/// only when the claims are older than `claims_max_age`: one refresh, which also
/// signs out a user whom the provider no longer accepts. While the provider
/// cannot be reached, the old claims stay in use for up to `claims_max_staleness`.
///
/// # Errors
///
/// - [`ErrorKind::NotSignedIn`] (303 or 401): there is no session, or it has
///   expired.
/// - [`ErrorKind::SessionEnded`] (303 or 401): the provider no longer accepts the
///   user.
/// - [`ErrorKind::NoAccess`] (403): the provider does not let the user use this app any more.
///   The session stays.
/// - [`ErrorKind::MissingClaims`] (403): the claims do not fit `C`.
/// - [`ErrorKind::StoreUnavailable`] (503): the session store cannot be reached.
/// - The `Provider…` kinds (502, 503, 504): the provider cannot be reached, and the
///   claims are older than `claims_max_age` and `claims_max_staleness` together. The
///   session stays.
///
/// # Standards
///
/// OpenID Connect Core section 2 (the ID token).
///
/// # Examples
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
///         None => "Hello. Sign in at /sign-in".into(),
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
    pub(super) fn active(&self) -> &ActiveSession {
        &self.active
    }

    /// The user's identifier, unique at the provider and never reassigned.
    ///
    /// Use it as the key for anything you store about the user; e-mail addresses
    /// and names change. With `{tenantid}` in `issuer` it is unique within its tenant
    /// only: there the key is `iss` and `sub` together.
    pub fn sub(&self) -> &str {
        &self.active.session().sub
    }

    /// The claims of the ID token.
    pub fn claims(&self) -> &C {
        &self.claims
    }

    /// The claims, owned. Requests of the same session share them, so this may
    /// clone.
    pub fn into_claims(self) -> C
    where
        C: Clone,
    {
        Arc::unwrap_or_clone(self.claims)
    }

    /// An access token for an API resource, for a handler that knows the resource
    /// only at run time. Otherwise use the guard
    /// [`AccessToken`](crate::AccessToken).
    ///
    /// # Network
    ///
    /// None while the token is cached, otherwise one refresh.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Denied`] when the provider refuses the token,
    /// [`ErrorKind::SessionEnded`] when it no longer accepts the session,
    /// [`ErrorKind::StoreUnavailable`], and the `Provider…` kinds.
    ///
    /// # Standards
    ///
    /// RFC 8707 section 2.2.
    ///
    /// # Examples
    ///
    /// ```rust
    /// use rocket::get;
    /// use rocket_logto::{Error, User};
    ///
    /// #[get("/scopes?<api>")]
    /// async fn scopes(user: User, api: &str) -> Result<String, Error> {
    ///     let token = user.access_token(api).await?;
    ///     Ok(token.scopes().collect::<Vec<_>>().join(" "))
    /// }
    /// ```
    pub async fn access_token(&self, indicator: &str) -> Result<Token, Error> {
        self.token(TokenFor::resource(indicator)).await
    }

    /// A token for an organization, by its id. Otherwise use the guard
    /// [`OrgToken`](crate::OrgToken).
    ///
    /// # Network
    ///
    /// As [`access_token`](User::access_token).
    ///
    /// # Errors
    ///
    /// As [`access_token`](User::access_token). [`ErrorKind::Denied`] means that the
    /// user is not a member.
    pub async fn organization_token(&self, id: &str) -> Result<Token, Error> {
        self.token(TokenFor::organization(id)).await
    }

    /// A token for an API resource within an organization.
    ///
    /// # Network
    ///
    /// As [`access_token`](User::access_token).
    ///
    /// # Errors
    ///
    /// As [`organization_token`](User::organization_token).
    pub async fn organization_access_token(
        &self,
        id: &str,
        indicator: &str,
    ) -> Result<Token, Error> {
        self.token(TokenFor::resource(indicator).within(id)).await
    }

    /// The token that `wanted` describes: any of the above, or one with fewer
    /// scopes.
    ///
    /// # Network
    ///
    /// As [`access_token`](User::access_token).
    ///
    /// # Errors
    ///
    /// As [`access_token`](User::access_token).
    ///
    /// # Examples
    ///
    /// See [`TokenFor`].
    pub async fn token(&self, wanted: TokenFor) -> Result<Token, Error> {
        let token = self.active.token(wanted).await;
        // What leaves the crate is in the log: the app may answer with its reference.
        let token = token.inspect_err(Error::log)?;
        Ok(Token::clone(&token))
    }

    /// Forgets the cached access tokens of this session, so that the next one is
    /// fetched anew; for instance after a role has changed.
    ///
    /// With sessions in Redis or in a [`SharedStore`](crate::SharedStore), every
    /// instance forgets them. While that store is down, only this process does, and
    /// the log says so.
    ///
    /// # Network
    ///
    /// None with sessions in cookies, otherwise a few round trips to the session
    /// store.
    ///
    /// # Examples
    ///
    /// ```rust
    /// use rocket::post;
    /// use rocket_logto::User;
    ///
    /// #[post("/roles/reload")]
    /// async fn reload(user: User) -> &'static str {
    ///     user.forget_tokens().await;
    ///     "Your next token has your new roles"
    /// }
    /// ```
    pub async fn forget_tokens(&self) {
        self.active.forget_tokens().await;
    }

    /// The app's own data in the session, which `on_sign_in` has put there
    /// ([`Admission::with_data`](crate::Admission::with_data)). `None` when there is none, as
    /// in sessions from before the app had such a hook.
    ///
    /// [`SessionData`](crate::SessionData) is a guard for the same.
    ///
    /// # Network
    ///
    /// None.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::SessionData`] (403) when it does not fit `T`.
    ///
    /// # Examples
    ///
    /// ```rust
    /// use rocket::get;
    /// use rocket_logto::{Error, User};
    ///
    /// #[get("/seat")]
    /// fn seat(user: User) -> Result<String, Error> {
    ///     let number: Option<u32> = user.data()?;
    ///     Ok(number.map_or("no seat".into(), |number| format!("seat {number}")))
    /// }
    /// ```
    pub fn data<T: DeserializeOwned>(&self) -> Result<Option<T>, Error> {
        let Some(data) = &self.active.session().data else {
            return Ok(None);
        };
        let misfit = || {
            let wanted = std::any::type_name::<T>();
            let reason = format!("session_data_does_not_fit {wanted}");
            Error::new(ErrorKind::SessionData, reason)
        };
        data.read().map(Some).ok_or_else(misfit)
    }

    /// When the provider last confirmed the user: at sign-in or at the last
    /// refresh. In UTC.
    pub fn refreshed_at(&self) -> OffsetDateTime {
        moment(self.active.session().refreshed_at)
    }

    /// When the user signed in to this app, in UTC.
    pub fn signed_in_at(&self) -> OffsetDateTime {
        moment(self.active.session().created_at)
    }

    /// When the user last authenticated at the provider (`auth_time`), in UTC;
    /// possibly before they signed in here. `None` when the provider has not said:
    /// most do so only when asked, by `max_age` or `prompt = ["login"]`.
    pub fn authenticated_at(&self) -> Option<OffsetDateTime> {
        self.active.session().authenticated.at.map(moment)
    }

    /// How strongly the user has authenticated (`acr`), when the provider has said. Logto says
    /// so since 1.42, to those who ask by `acr_values`: see [`logto_acr`](crate::logto_acr).
    pub fn acr(&self) -> Option<&str> {
        self.active.session().authenticated.acr.as_deref()
    }

    /// The methods that the user has authenticated with (`amr`, RFC 8176), as far as the
    /// provider has said.
    pub fn amr(&self) -> impl Iterator<Item = &str> {
        let methods = &self.active.session().authenticated.amr;
        methods.iter().map(String::as_str)
    }

    /// Whether the user has authenticated as `asked` demands.
    pub(super) fn satisfies(&self, asked: &RequestedAuthentication) -> bool {
        self.active.satisfies(asked)
    }

    /// When the session ends even if it stays in use (`session.absolute`), in UTC.
    pub fn session_ends_at(&self) -> OffsetDateTime {
        self.signed_in_at() + self.active.limits().absolute
    }
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

    /// Fetches new claims and tokens from the provider. This also tells, at this
    /// moment, whether the provider still accepts the user.
    ///
    /// # Network
    ///
    /// One refresh.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::SessionEnded`] for a suspended or deleted user,
    /// [`ErrorKind::Denied`] when the sign-in gave no refresh token,
    /// [`ErrorKind::MissingClaims`] when the new claims do not fit `C`,
    /// [`ErrorKind::StoreUnavailable`], and the `Provider…` kinds.
    ///
    /// # Standards
    ///
    /// OpenID Connect Core section 12.
    ///
    /// # Examples
    ///
    /// ```rust
    /// use rocket::post;
    /// use rocket_logto::{Error, User};
    ///
    /// #[post("/refresh")]
    /// async fn refresh(user: User) -> Result<String, Error> {
    ///     let user = user.refresh().await?;
    ///     Ok(format!("Your name is now {}", user.name()))
    /// }
    /// ```
    pub async fn refresh(self) -> Result<User<C>, Error> {
        let refreshed = self.active.refreshed().await;
        refreshed.and_then(User::read).inspect_err(Error::log)
    }
}

impl User {
    /// What to call the user on a page: the first of name, user name, e-mail
    /// address and `sub` that is present. Not unique, so never use it as a key.
    pub fn name(&self) -> &str {
        self.claims.display_name()
    }
}

impl<'a, C> From<&'a User<C>> for Subject<'a> {
    fn from(user: &'a User<C>) -> Subject<'a> {
        let session = user.active.session();
        Subject::of_session(&session.sub, session.tenant.as_deref(), &session.id)
    }
}

impl Sessions {
    /// Ends all sessions of the user but the one that they are in. How many.
    ///
    /// # Errors
    ///
    /// See [`Sessions`].
    pub async fn end_others<C>(&self, user: &User<C>) -> Result<usize, Error> {
        let current = &user.active.session().id;
        let ended = self.manager().end_others(&user.into(), current).await;
        ended.inspect_err(Error::log)
    }
}

/// Serializes the claims, so a `User` can go straight into a template's context.
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
