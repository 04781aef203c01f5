//! `OrgToken`: a token for an organization, or for an API resource within one.

use std::marker::PhantomData;
use std::sync::Arc;

use rocket::{Ignite, Request, Rocket, Sentinel};

use super::access_token::{DefaultResource, Resource, is_not_asked_for, wanted};
use super::organization_id::{OrganizationId, organization};
use crate::config::{LogtoConfig, ORGANIZATIONS_SCOPE};
use crate::error::Error;
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::logto::{Logto, fairing_is_missing};
use crate::session::ActiveSession;
use crate::tokens::token::Token;

/// No API resource: an [`OrgToken`] without `R` is for the organization itself.
pub type NoResource = DefaultResource;

/// An organization token of the signed-in user: for the organization that `Id`
/// finds in the request, and with `R` for an API resource within it.
///
/// Derefs to [`Token`], as [`AccessToken`](crate::AccessToken) does. Its scopes
/// come from the member's roles in that organization. Aborts the launch when
/// `scopes` lacks `urn:logto:scope:organizations` or `resources` lacks `R`.
///
/// # Network
///
/// As [`AccessToken`](crate::AccessToken).
///
/// # Members who were removed
///
/// The provider looks at memberships and roles when it issues a token. **Until the cached token
/// expires, one hour at Logto unless configured, a member who was removed still gets in**, with
/// the scopes from before. With Logto's [webhooks](crate::guide::webhooks) it is the next request:
/// a change of the membership has tokens fetched anew. A refresh of the claims forgets
/// cached tokens as well (`claims_max_age`), and so does
/// [`User::forget_tokens`](crate::User::forget_tokens). Shorten the life of the API resource's
/// tokens at Logto where that is too long, or ask [`AllowedIn`](crate::AllowedIn) too, which reads
/// the claims.
///
/// # Errors
///
/// As [`AccessToken`](crate::AccessToken), where
/// [`ErrorKind::Denied`] (403) means that the user is not a member, or that there
/// is no such organization; plus [`ErrorKind::NoOrganization`] (500) when the
/// request does not name one.
///
/// # Standards
///
/// Logto's organization tokens; RFC 8707 section 2.2.
///
/// # Examples
///
/// ```rust
/// use rocket::get;
/// use rocket_logto::{OrgToken, PathOrg, Resource};
///
/// # struct Orders;
/// # impl Resource for Orders {
/// #     const INDICATOR: &'static str = "https://orders.your-app.com/api";
/// # }
/// #[get("/organizations/<org_id>")]
/// fn organization(org_id: &str, token: OrgToken<PathOrg>) -> String {
///     format!("In {org_id} you may: {}", token.scopes().collect::<Vec<_>>().join(", "))
/// }
///
/// #[get("/organizations/<org_id>/orders")]
/// fn orders(org_id: &str, token: OrgToken<PathOrg, Orders>) -> String {
///     format!("Orders of {org_id}, until {}", token.expires_at())
/// }
/// ```
pub struct OrgToken<Id, R = NoResource> {
    token: Arc<Token>,
    organization_id: String,
    of: PhantomData<fn() -> (Id, R)>,
}

impl<Id: OrganizationId, R: Resource> OrgToken<Id, R> {
    /// The id of the organization the token is for.
    pub fn organization_id(&self) -> &str {
        &self.organization_id
    }
}

holds_token!(OrgToken<Id, R>, [Id: OrganizationId, R: Resource]);
from_request!(OrgToken<Id, R>: Error, [Id: OrganizationId, R: Resource]);

async fn find<Id: OrganizationId, R: Resource>(
    request: &Request<'_>,
) -> Result<OrgToken<Id, R>, Error> {
    let active = ActiveSession::of(request).await?;
    let organization_id = organization::<Id>(request)?;
    let token = active
        .token(wanted::<R>().within(organization_id.clone()))
        .await?;
    Ok(OrgToken {
        token,
        organization_id,
        of: PhantomData,
    })
}

impl<Id: OrganizationId, R: Resource> Sentinel for OrgToken<Id, R> {
    fn abort(rocket: &Rocket<Ignite>) -> bool {
        if fairing_is_missing(rocket, "OrgToken") || is_not_asked_for::<R>(rocket) {
            return true;
        }
        let logto = rocket.state::<Logto>();
        if let Some(fault) = logto.and_then(|logto| no_organizations(logto.config())) {
            log::error!("logto: a route needs {fault}");
            return true;
        }
        if let Err(why) = Id::check(rocket) {
            log::error!("logto: a route needs an organization token, but {why}");
            return true;
        }
        false
    }
}

/// What is to be done before there are tokens for organizations.
pub(super) fn no_organizations(config: &LogtoConfig) -> Option<String> {
    let asked = config
        .scopes
        .iter()
        .any(|scope| scope == ORGANIZATIONS_SCOPE);
    (!asked).then(|| {
        format!(
            "an organization token: add scopes = [\"{ORGANIZATIONS_SCOPE}\"] to the logto table"
        )
    })
}
