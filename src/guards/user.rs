//! `User`: the signed-in user and their verified ID-token claims.

use rocket::request::{FromRequest, Outcome};
use rocket::{Ignite, Request, Rocket, Sentinel};
use serde::de::DeserializeOwned;
use serde::{Serialize, Serializer};

use crate::claims::IdTokenClaims;
use crate::error::{Error, ErrorKind};
use crate::oidc::verify;

/// The signed-in user, with the claims of the verified ID token.
///
/// In a handler's arguments it makes the route need a user: a page navigation
/// without one is answered 303 to the sign-in and comes back afterwards, any
/// other request 401 with `{"error":"Not authenticated"}`. `Option<User>` lets
/// everybody in, `Result<User, Error>` says why not.
///
/// `C` is the type the claims are read into, [`IdTokenClaims`] unless another
/// one is named. Claims that do not fit `C` are answered 403.
///
/// **Cost:** opens one cookie; no network. **Errors:**
/// [`ErrorKind::NotSignedIn`], [`ErrorKind::MissingClaims`]. **Standard:**
/// OpenID Connect Core section 2.
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
    sub: String,
    claims: C,
}

impl<C> User<C> {
    /// The user's identifier, unique at the provider and never reassigned.
    /// The key to store things under: never the e-mail address or the name.
    pub fn sub(&self) -> &str {
        &self.sub
    }

    /// The claims of the ID token.
    pub fn claims(&self) -> &C {
        &self.claims
    }

    /// The claims, owned.
    pub fn into_claims(self) -> C {
        self.claims
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

#[rocket::async_trait]
impl<'r, C: DeserializeOwned + Send> FromRequest<'r> for User<C> {
    type Error = Error;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Error> {
        let user = super::session(request).and_then(|(session, _)| {
            let claims = verify::claims(session.id_token.as_str()).ok_or_else(|| {
                let wanted = std::any::type_name::<C>();
                Error::new(
                    ErrorKind::MissingClaims,
                    format!("id_token_claims_do_not_fit {wanted}"),
                )
            })?;
            Ok(User {
                sub: session.sub.clone(),
                claims,
            })
        });
        super::outcome(request, user)
    }
}

impl<C> Sentinel for User<C> {
    fn abort(rocket: &Rocket<Ignite>) -> bool {
        super::fairing_is_missing(rocket, "User")
    }
}
