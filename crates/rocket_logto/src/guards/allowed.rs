//! `Allowed` and `AllowedIn`: a signed-in user who may do something, by their roles or by
//! another claim.

use std::marker::PhantomData;
use std::ops::Deref;

use rocket::{Ignite, Request, Rocket, Sentinel};
use serde::{Serialize, Serializer};

use super::organization_id::{OrganizationId, organization};
use super::user::{self, User};
use crate::claims::IdTokenClaims;
use crate::config::{ORGANIZATION_ROLES_SCOPE, ORGANIZATIONS_SCOPE, ROLES_SCOPE};
use crate::error::{Error, ErrorKind};
use crate::logto::{Logto, fairing_is_missing};

/// What a user must be to do something: the parameter of [`Allowed`] and [`AllowedIn`].
///
/// It must ask for a role, or say in [`NEEDS`](Requirement::NEEDS) what else it asks for;
/// otherwise the launch aborts.
///
/// # Examples
///
/// ```rust
/// use rocket_logto::{IdTokenClaims, Requirement};
///
/// /// By a role.
/// struct Editor;
/// impl Requirement for Editor {
///     const ROLES: &'static [&'static str] = &["editor", "admin"];
/// }
///
/// /// By any other claim.
/// struct Confirmed;
/// impl Requirement for Confirmed {
///     const NEEDS: &'static str = "You need an e-mail address that you have confirmed.";
///
///     fn admits(claims: &IdTokenClaims) -> bool {
///         claims.email_verified.value() == Some(&true)
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say what a user must be",
    label = "not a `Requirement`",
    note = "write `impl Requirement for {Self} {{ const ROLES: &'static [&'static str] = &[\"editor\"]; }}`"
)]
pub trait Requirement: Send + Sync + 'static {
    /// Roles, of which the user must have at least one; empty for none. For [`Allowed`] those
    /// in the claim `roles`, for [`AllowedIn`] those that the claim `organization_roles` has
    /// for that organization.
    const ROLES: &'static [&'static str] = &[];
    /// A sentence that tells a user who is not allowed what it takes; in place of one that
    /// names the roles.
    const NEEDS: &'static str = "";

    /// Whether the claims are good enough, beside the roles.
    #[allow(unused_variables)]
    fn admits(claims: &IdTokenClaims) -> bool {
        true
    }
}

/// The signed-in user, who fulfils the requirement `R`. Derefs to [`User`].
///
/// It rests on the claims of the ID token, so it is as fresh as they are: a role that is
/// given or taken away at the provider counts after `claims_max_age`, or after the next
/// sign-in.
///
/// # Network
///
/// As [`User`], whose guard it runs, and nothing more.
///
/// # Errors
///
/// As [`User`], plus [`ErrorKind::NotAllowed`] (403): a page or JSON that says what it
/// takes. The launch aborts when `scopes` lacks the one with which Logto gives roles
/// (`roles`), and when `R` asks for nothing.
///
/// # Examples
///
/// ```rust
/// use rocket::{delete, get};
/// use rocket_logto::{Allowed, Requirement, User};
///
/// struct Editor;
/// impl Requirement for Editor {
///     const ROLES: &'static [&'static str] = &["editor", "admin"];
/// }
///
/// #[delete("/notes/<id>")]
/// fn delete(id: u32, user: Allowed<Editor>) -> String {
///     format!("{} has deleted note {id}", user.name())
/// }
///
/// /// For every user; editors see more.
/// #[get("/notes")]
/// fn notes(user: User, editor: Option<Allowed<Editor>>) -> String {
///     format!("Notes for {}, who may delete: {}", user.name(), editor.is_some())
/// }
/// ```
pub struct Allowed<R> {
    user: User,
    by: PhantomData<fn() -> R>,
}

/// The same within an organization: the one that `Id` finds in the request.
///
/// A requirement without roles asks for a member of it. Unlike
/// [`OrgToken`](crate::OrgToken) it asks the provider nothing. Derefs to [`User`].
///
/// # Network
///
/// As [`User`], whose guard it runs, and nothing more.
///
/// # Errors
///
/// As [`Allowed`], where the scopes are `urn:logto:scope:organization_roles` and, for
/// members, `urn:logto:scope:organizations`; plus [`ErrorKind::NoOrganization`] (500) when
/// the request does not name an organization.
///
/// # Examples
///
/// ```rust
/// use rocket::get;
/// use rocket_logto::{AllowedIn, PathOrg, Requirement};
///
/// struct Admin;
/// impl Requirement for Admin {
///     const ROLES: &'static [&'static str] = &["admin"];
/// }
///
/// #[get("/organizations/<org_id>/settings")]
/// fn settings(org_id: &str, user: AllowedIn<PathOrg, Admin>) -> String {
///     format!("{} may change {org_id}", user.name())
/// }
/// ```
pub struct AllowedIn<Id, R> {
    user: User,
    organization_id: String,
    by: PhantomData<fn() -> (Id, R)>,
}

impl<R: Requirement> Allowed<R> {
    /// The user, owned.
    pub fn into_user(self) -> User {
        self.user
    }
}

impl<Id: OrganizationId, R: Requirement> AllowedIn<Id, R> {
    /// The user, owned.
    pub fn into_user(self) -> User {
        self.user
    }

    /// The id of the organization.
    pub fn organization_id(&self) -> &str {
        &self.organization_id
    }
}

/// What both have in common: they are a user.
macro_rules! is_user {
    ($guard:ty, [$($generics:tt)*]) => {
        impl<$($generics)*> Deref for $guard {
            type Target = User;

            fn deref(&self) -> &User {
                &self.user
            }
        }

        /// Serializes the claims, as [`User`] does.
        impl<$($generics)*> Serialize for $guard {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.user.serialize(serializer)
            }
        }

        impl<$($generics)*> std::fmt::Debug for $guard {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_tuple(stringify!($guard)).field(&self.user).finish()
            }
        }
    };
}

is_user!(Allowed<R>, [R: Requirement]);
is_user!(AllowedIn<Id, R>, [Id: OrganizationId, R: Requirement]);
from_request!(Allowed<R>: Error, [R: Requirement]);

async fn find<R: Requirement>(request: &Request<'_>) -> Result<Allowed<R>, Error> {
    let user: User = user::find(request).await?;
    let roles = user.claims().roles.as_deref().unwrap_or_default();
    let has_role = R::ROLES.is_empty() || roles.iter().any(|role| R::ROLES.contains(&&**role));
    match has_role && R::admits(user.claims()) {
        true => Ok(Allowed {
            user,
            by: PhantomData,
        }),
        false => Err(not_allowed::<R>(false)),
    }
}

/// A module of its own, for `from_request!` calls what is named `find`.
mod within {
    use super::*;

    from_request!(AllowedIn<Id, R>: Error, [Id: OrganizationId, R: Requirement]);

    async fn find<Id: OrganizationId, R: Requirement>(
        request: &Request<'_>,
    ) -> Result<AllowedIn<Id, R>, Error> {
        let user: User = user::find(request).await?;
        let organization_id = organization::<Id>(request)?;
        let is_allowed = is_allowed_in::<R>(user.claims(), &organization_id);
        match is_allowed {
            true => Ok(AllowedIn {
                user,
                organization_id,
                by: PhantomData,
            }),
            false => Err(not_allowed::<R>(true)),
        }
    }
}

fn is_allowed_in<R: Requirement>(claims: &IdTokenClaims, organization: &str) -> bool {
    let mut roles = claims
        .organization_role_pairs()
        .filter_map(|(id, role)| (id == organization).then_some(role));
    let is_meant = match R::ROLES {
        [] => {
            let organizations = claims.organizations.as_deref().unwrap_or_default();
            organizations.iter().any(|id| id == organization) || roles.next().is_some()
        }
        wanted => roles.any(|role| wanted.contains(&role)),
    };
    is_meant && R::admits(claims)
}

fn not_allowed<R: Requirement>(in_organization: bool) -> Error {
    let requirement = std::any::type_name::<R>();
    let error = Error::new(ErrorKind::NotAllowed, "requirement_not_met")
        .for_operator(format!("the user does not meet `{requirement}`"));
    match R::NEEDS {
        "" => error.needing(R::ROLES, in_organization),
        needs => error.telling(needs.to_owned()),
    }
}

impl<R: Requirement> Sentinel for Allowed<R> {
    fn abort(rocket: &Rocket<Ignite>) -> bool {
        if fairing_is_missing(rocket, "Allowed") {
            return true;
        }
        if R::ROLES.is_empty() && R::NEEDS.is_empty() {
            log::error!(
                "logto: the requirement `{}` asks for nothing: give it ROLES, or admits and NEEDS",
                std::any::type_name::<R>()
            );
            return true;
        }
        !R::ROLES.is_empty() && lacks_scope::<R>(rocket, ROLES_SCOPE)
    }
}

impl<Id: OrganizationId, R: Requirement> Sentinel for AllowedIn<Id, R> {
    fn abort(rocket: &Rocket<Ignite>) -> bool {
        if fairing_is_missing(rocket, "AllowedIn") {
            return true;
        }
        if let Err(why) = Id::check(rocket) {
            let requirement = std::any::type_name::<R>();
            log::error!("logto: a route asks for `{requirement}` in an organization, but {why}");
            return true;
        }
        let scope = match R::ROLES {
            [] => ORGANIZATIONS_SCOPE,
            _ => ORGANIZATION_ROLES_SCOPE,
        };
        lacks_scope::<R>(rocket, scope)
    }
}

/// Whether Logto would never give the claim. Other providers have ways of their own.
fn lacks_scope<R: Requirement>(rocket: &Rocket<Ignite>, scope: &str) -> bool {
    let Some(config) = rocket.state::<Logto>().map(Logto::config) else {
        return true;
    };
    let lacks = config.is_logto && !config.scopes.iter().any(|asked| asked == scope);
    if lacks {
        log::error!(
            "logto: a route asks for `{}`, and Logto gives such claims only with a scope: add \
             scopes = [\"{scope}\"] to the logto table",
            std::any::type_name::<R>()
        );
    }
    lacks
}
