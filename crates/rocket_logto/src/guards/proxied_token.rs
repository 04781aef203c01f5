//! `ProxiedToken`: which token the proxy sends on, said by the type of a guard.

use rocket::Request;

use super::access_token::{AccessToken, Resource, unknown_resource, wanted};
use super::org_token::{OrgToken, no_organizations};
use super::organization_id::{OrganizationId, organization};
use crate::config::LogtoConfig;
use crate::error::Error;
use crate::tokens::token::TokenFor;

/// What a [`Proxy`](crate::Proxy) sends to its upstream: [`AccessToken<R>`](AccessToken), or
/// [`OrgToken<Id, R>`](OrgToken). Those two implement it, and nothing else can.
///
/// # Examples
///
/// ```rust
/// use rocket_logto::{OrgToken, PathOrg, Proxy, Resource};
///
/// struct Orders;
/// impl Resource for Orders {
///     const INDICATOR: &'static str = "https://orders.your-app.com/api";
/// }
///
/// let orders = Proxy::<OrgToken<PathOrg, Orders>>::to("https://orders.internal");
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no token that a proxy can send on",
    label = "no `ProxiedToken`",
    note = "write `Proxy::<AccessToken<Shopping>>::to(…)`, or `Proxy::<OrgToken<PathOrg, Orders>>::to(…)`"
)]
pub trait ProxiedToken: sealed::Sealed + Send + Sync + 'static {}

pub(crate) mod sealed {
    use super::{Error, LogtoConfig, Request, TokenFor};

    pub trait Sealed {
        /// The token that the request needs.
        fn wanted(request: &Request<'_>) -> Result<TokenFor, Error>;

        /// Why there will never be one at this path, written as that of a route.
        fn fault(config: &LogtoConfig, path: &str) -> Option<String>;
    }
}

impl<R: Resource> ProxiedToken for AccessToken<R> {}

impl<R: Resource> sealed::Sealed for AccessToken<R> {
    fn wanted(_: &Request<'_>) -> Result<TokenFor, Error> {
        Ok(wanted::<R>())
    }

    fn fault(config: &LogtoConfig, _: &str) -> Option<String> {
        unknown_resource::<R>(config)
    }
}

impl<Id: OrganizationId, R: Resource> ProxiedToken for OrgToken<Id, R> {}

impl<Id: OrganizationId, R: Resource> sealed::Sealed for OrgToken<Id, R> {
    fn wanted(request: &Request<'_>) -> Result<TokenFor, Error> {
        Ok(wanted::<R>().within(organization::<Id>(request)?))
    }

    fn fault(config: &LogtoConfig, path: &str) -> Option<String> {
        let no_path = || {
            let why = Id::check_path(path).err()?;
            Some(format!("an organization token, but {why}"))
        };
        unknown_resource::<R>(config)
            .or_else(|| no_organizations(config))
            .or_else(no_path)
    }
}
