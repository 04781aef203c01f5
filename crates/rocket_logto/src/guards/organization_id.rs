//! Where the id of an organization comes from: path, query, header, or a
//! constant. An app can add its own in a few lines.

use std::marker::PhantomData;

use rocket::{Ignite, Request, Rocket};

use crate::error::{Error, ErrorKind};

/// Finds the organization a request is about, for [`OrgToken`](crate::OrgToken),
/// [`Organization`](crate::Organization) and [`Within`](crate::Within).
///
/// Implemented by [`PathOrg`], [`QueryOrg`], [`HeaderOrg`] and [`ConstOrg`].
///
/// # Examples
///
/// A source of your own:
///
/// ```rust
/// use rocket::Request;
/// use rocket_logto::OrganizationId;
///
/// /// `acme.example.com` is about the organization `acme`.
/// struct Subdomain;
///
/// impl OrganizationId for Subdomain {
///     fn organization_id(request: &Request<'_>) -> Option<String> {
///         let host = request.host()?.domain().as_str();
///         host.strip_suffix(".example.com").map(str::to_owned)
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say which organization a request is about",
    label = "no `OrganizationId`",
    note = "write `PathOrg` for the `<org_id>` of the route, `QueryOrg`, `HeaderOrg<Name>` or `ConstOrg<Id>`",
    note = "or implement `OrganizationId` for `{Self}`"
)]
pub trait OrganizationId: Send + Sync + 'static {
    /// The id, or `None` when the request does not say. It does not have to be
    /// trusted: the provider decides whether the user is a member.
    fn organization_id(request: &Request<'_>) -> Option<String>;

    /// Checks at launch whether routes can name an organization at all.
    ///
    /// # Errors
    ///
    /// A text for the log, which aborts the launch. The default finds no fault.
    #[allow(unused_variables)]
    fn check(rocket: &Rocket<Ignite>) -> Result<(), String> {
        Ok(())
    }

    /// Why requests to this path, written as that of a route, name no organization: for
    /// [`LogtoFairing::proxy`](crate::LogtoFairing::proxy), which mounts the route itself.
    ///
    /// # Errors
    ///
    /// As [`check`](OrganizationId::check).
    #[allow(unused_variables)]
    fn check_path(path: &str) -> Result<(), String> {
        Ok(())
    }
}

/// A string as a type: the name of a path parameter, query parameter or header,
/// or for [`ConstOrg`] the id itself.
///
/// # Examples
///
/// ```rust
/// use rocket::get;
/// use rocket_logto::{ParameterName, OrgToken, PathOrg};
///
/// struct Tenant;
/// impl ParameterName for Tenant {
///     const NAME: &'static str = "tenant";
/// }
///
/// #[get("/t/<tenant>")]
/// fn of_tenant(tenant: &str, token: OrgToken<PathOrg<Tenant>>) -> String {
///     format!("{} scopes in {tenant}", token.scopes().count())
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no name of a parameter",
    label = "no `ParameterName`",
    note = "write `impl ParameterName for {Self} {{ const NAME: &'static str = \"org_id\"; }}`"
)]
pub trait ParameterName: Send + Sync + 'static {
    /// The name, or for [`ConstOrg`] the organization's id.
    const NAME: &'static str;
}

/// The name `org_id`, which [`PathOrg`] and [`QueryOrg`] use unless they are
/// given another one.
#[derive(Clone, Copy, Debug)]
pub struct OrgId;

impl ParameterName for OrgId {
    const NAME: &'static str = "org_id";
}

/// Takes the organization's id from a path parameter of the matched route.
///
/// The parameter is `<org_id>`, or the one that `N` names. It must be a whole
/// segment of the path; `<org_id..>` is not one. The launch aborts when no route
/// has the parameter.
///
/// # Examples
///
/// ```rust
/// use rocket::get;
/// use rocket_logto::{OrgToken, PathOrg};
///
/// #[get("/organizations/<org_id>/members")]
/// fn members(org_id: &str, token: OrgToken<PathOrg>) -> String {
///     let may = token.has_scope("manage:members");
///     format!("may manage the members of {org_id}: {may}")
/// }
/// ```
///
/// [`ParameterName`] shows how to use another name.
#[derive(Clone, Copy, Debug)]
pub struct PathOrg<N = OrgId>(PhantomData<fn() -> N>);

/// Takes the organization's id from a query parameter: `org_id`, or the one that
/// `N` names.
///
/// # Examples
///
/// ```rust
/// use rocket::get;
/// use rocket_logto::{OrgToken, QueryOrg};
///
/// /// `/reports?org_id=acme5obvzg01`
/// #[get("/reports")]
/// fn reports(token: OrgToken<QueryOrg>) -> String {
///     format!("may view reports: {}", token.has_scope("view:reports"))
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct QueryOrg<N = OrgId>(PhantomData<fn() -> N>);

/// Takes the organization's id from the request header that `N` names.
///
/// # Examples
///
/// ```rust
/// use rocket::get;
/// use rocket_logto::{HeaderOrg, ParameterName, OrgToken};
///
/// struct Tenant;
/// impl ParameterName for Tenant {
///     const NAME: &'static str = "X-Organization";
/// }
///
/// #[get("/reports")]
/// fn reports(token: OrgToken<HeaderOrg<Tenant>>) -> String {
///     format!("may view reports: {}", token.has_scope("view:reports"))
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct HeaderOrg<N>(PhantomData<fn() -> N>);

/// Always the same organization: `N`'s [`NAME`](ParameterName::NAME) is its id.
///
/// # Examples
///
/// ```rust
/// use rocket::get;
/// use rocket_logto::{ConstOrg, ParameterName, OrgToken};
///
/// struct Acme;
/// impl ParameterName for Acme {
///     const NAME: &'static str = "acme5obvzg01";
/// }
///
/// #[get("/staff")]
/// fn staff(token: OrgToken<ConstOrg<Acme>>) -> String {
///     format!("may manage members: {}", token.has_scope("manage:members"))
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ConstOrg<N>(PhantomData<fn() -> N>);

/// The id that `Id` finds in the request.
pub(super) fn organization<Id: OrganizationId>(request: &Request<'_>) -> Result<String, Error> {
    let id = Id::organization_id(request).filter(|id| !id.is_empty());
    id.ok_or_else(|| {
        let source = std::any::type_name::<Id>();
        Error::new(
            ErrorKind::NoOrganization,
            format!("no_organization_id from {source}"),
        )
    })
}

impl<N: ParameterName> OrganizationId for PathOrg<N> {
    fn organization_id(request: &Request<'_>) -> Option<String> {
        let uri = &request.route()?.uri;
        let index = position::<N>(uri.unmounted_origin.path().as_str())?;
        request.param::<&str>(index)?.ok().map(str::to_owned)
    }

    fn check(rocket: &Rocket<Ignite>) -> Result<(), String> {
        let mut routes = rocket.routes();
        let has =
            routes.any(|route| position::<N>(route.uri.unmounted_origin.path().as_str()).is_some());
        match has {
            true => Ok(()),
            false => Err(format!("no route has the path parameter <{}>", N::NAME)),
        }
    }

    fn check_path(path: &str) -> Result<(), String> {
        let found = position::<N>(path).map(drop);
        found.ok_or_else(|| format!("its path has no <{}>", N::NAME))
    }
}

/// The index of `<name>` among all segments of a route's path, static ones
/// included.
fn position<N: ParameterName>(path: &str) -> Option<usize> {
    let segments = path.split('/').filter(|segment| !segment.is_empty());
    segments.into_iter().position(|segment| {
        let name = segment
            .strip_prefix('<')
            .and_then(|rest| rest.strip_suffix('>'));
        name == Some(N::NAME)
    })
}

impl<N: ParameterName> OrganizationId for QueryOrg<N> {
    fn organization_id(request: &Request<'_>) -> Option<String> {
        request.query_value::<String>(N::NAME)?.ok()
    }
}

impl<N: ParameterName> OrganizationId for HeaderOrg<N> {
    fn organization_id(request: &Request<'_>) -> Option<String> {
        request.headers().get_one(N::NAME).map(str::to_owned)
    }
}

impl<N: ParameterName> OrganizationId for ConstOrg<N> {
    fn organization_id(_: &Request<'_>) -> Option<String> {
        Some(N::NAME.to_owned())
    }
}
