//! What a caller's token must be for: an API resource, an organization, or a resource within
//! one.

use std::marker::PhantomData;

use rocket::{Ignite, Phase, Request, Rocket};

use super::access_token::Resource;
use super::organization_id::OrganizationId;
use super::permissions::Permission;
use crate::config::ORGANIZATION;

/// What a token must be for: a [`Resource`], an [`Organization`], or a resource
/// [`Within`] one.
///
/// # Examples
///
/// An audience of your own, known only at run time:
///
/// ```rust
/// use rocket::{Phase, Request, Rocket};
/// use rocket_logto::{BearerAudience, ExpectedAudience};
///
/// /// Managed by Rocket, read from your configuration.
/// struct Api {
///     indicator: String,
/// }
///
/// struct Configured;
///
/// impl BearerAudience for Configured {
///     fn expected(request: &Request<'_>) -> Option<ExpectedAudience> {
///         let api = request.rocket().state::<Api>()?;
///         Some(ExpectedAudience::new(&api.indicator))
///     }
///
///     fn resource<Stage: Phase>(rocket: &Rocket<Stage>) -> Option<String> {
///         Some(rocket.state::<Api>()?.indicator.clone())
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say what a token must be for",
    label = "no audience",
    note = "write `impl Resource for {Self} {{ const INDICATOR: &'static str = \"https://api.example.com\"; }}`, or `Organization<PathOrg>`, or `Within<R, PathOrg>` in its place"
)]
pub trait BearerAudience: Send + Sync + 'static {
    /// The name of the API resource, for its metadata: see [`Resource::NAME`].
    const NAME: Option<&'static str> = None;

    /// The audience and the organization a token must name for `request`;
    /// `None` when the request does not say which organization it is about.
    fn expected(request: &Request<'_>) -> Option<ExpectedAudience>;

    /// Checks at launch whether a request can name the audience at all.
    ///
    /// # Errors
    ///
    /// A text for the log, which aborts the launch. The default finds no fault.
    #[allow(unused_variables)]
    fn check(rocket: &Rocket<Ignite>) -> Result<(), String> {
        Ok(())
    }

    /// The indicator of the API resource, for its metadata (RFC 9728): the same in every
    /// request. The default has none, as an organization has none.
    #[allow(unused_variables)]
    fn resource<Stage: Phase>(rocket: &Rocket<Stage>) -> Option<String> {
        None
    }
}

/// What a token must name, as a [`BearerAudience`] finds it for a request.
///
/// # Examples
///
/// ```rust
/// use rocket_logto::ExpectedAudience;
///
/// let global = ExpectedAudience::new("https://orders.your-app.com/api");
/// assert_eq!(global.organization_id, None);
/// let within = global.within("acme5obvzg01");
/// assert_eq!(within.organization_id.as_deref(), Some("acme5obvzg01"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExpectedAudience {
    /// The value of `aud`.
    pub audience: String,
    /// The value of `organization_id`. `None` means that the token must not have
    /// that claim.
    pub organization_id: Option<String>,
}

impl ExpectedAudience {
    /// A token whose `aud` contains `audience`, without an `organization_id`.
    pub fn new(audience: impl Into<String>) -> ExpectedAudience {
        ExpectedAudience {
            audience: audience.into(),
            organization_id: None,
        }
    }

    /// The same, issued within an organization (`organization_id`).
    pub fn within(self, organization_id: impl Into<String>) -> ExpectedAudience {
        ExpectedAudience {
            organization_id: Some(organization_id.into()),
            ..self
        }
    }

    /// The organization's id, when the audience is an organization.
    pub(super) fn organization(&self) -> Option<&str> {
        self.audience.strip_prefix(ORGANIZATION)
    }
}

impl<R: Resource> BearerAudience for R {
    const NAME: Option<&'static str> = <R as Resource>::NAME;

    fn expected(_: &Request<'_>) -> Option<ExpectedAudience> {
        Some(ExpectedAudience::new(R::INDICATOR))
    }

    fn resource<Stage: Phase>(_: &Rocket<Stage>) -> Option<String> {
        Some(R::INDICATOR.to_owned())
    }
}

/// An organization as the audience, for permissions that belong to no API
/// resource. `Id` says where the organization's id comes from.
///
/// # Examples
///
/// ```rust
/// use rocket::get;
/// use rocket_logto::{Bearer, Organization, PathOrg, Permission};
///
/// struct ViewReports;
/// impl Permission for ViewReports {
///     type Audience = Organization<PathOrg>;
///     const SCOPES: &'static [&'static str] = &["view:reports"];
/// }
///
/// #[get("/api/organizations/<org_id>/reports")]
/// fn reports(org_id: &str, caller: Bearer<ViewReports>) -> String {
///     format!("Reports of {org_id} for {}", caller.sub())
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Organization<Id>(PhantomData<fn() -> Id>);

impl<Id: OrganizationId> BearerAudience for Organization<Id> {
    fn expected(request: &Request<'_>) -> Option<ExpectedAudience> {
        let id = Id::organization_id(request).filter(|id| !id.is_empty())?;
        Some(ExpectedAudience::new(format!("{ORGANIZATION}{id}")))
    }

    fn check(rocket: &Rocket<Ignite>) -> Result<(), String> {
        Id::check(rocket)
    }
}

/// The API resource `R`, within the organization that `Id` finds, as the
/// audience.
///
/// # Examples
///
/// ```rust
/// use rocket::get;
/// use rocket_logto::{Bearer, PathOrg, Permission, Resource, Within};
///
/// struct Orders;
/// impl Resource for Orders {
///     const INDICATOR: &'static str = "https://orders.your-app.com/api";
/// }
///
/// struct ReadOrders;
/// impl Permission for ReadOrders {
///     type Audience = Within<Orders, PathOrg>;
///     const SCOPES: &'static [&'static str] = &["orders:read"];
/// }
///
/// #[get("/api/organizations/<org_id>/orders")]
/// fn orders(org_id: &str, caller: Bearer<ReadOrders>) -> String {
///     format!("Orders of {org_id} for {}", caller.sub())
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Within<R, Id>(PhantomData<fn() -> (R, Id)>);

impl<R: Resource, Id: OrganizationId> BearerAudience for Within<R, Id> {
    const NAME: Option<&'static str> = <R as Resource>::NAME;

    fn expected(request: &Request<'_>) -> Option<ExpectedAudience> {
        let id = Id::organization_id(request).filter(|id| !id.is_empty())?;
        Some(ExpectedAudience::new(R::INDICATOR).within(id))
    }

    fn resource<Stage: Phase>(_: &Rocket<Stage>) -> Option<String> {
        Some(R::INDICATOR.to_owned())
    }

    fn check(rocket: &Rocket<Ignite>) -> Result<(), String> {
        Id::check(rocket)
    }
}

/// Whether the launch must abort, because no route names the organization.
pub(super) fn cannot_be_found<P: Permission>(rocket: &Rocket<Ignite>) -> bool {
    let Err(why) = P::Audience::check(rocket) else {
        return false;
    };
    let name = std::any::type_name::<P>();
    log::error!("logto: a route is about `{name}` in an organization, but {why}");
    true
}
