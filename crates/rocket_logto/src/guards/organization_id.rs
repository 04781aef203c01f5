//! Where the id of an organization comes from: path, query, header, or a
//! constant. Users add their own in a few lines.

use std::marker::PhantomData;

use rocket::{Ignite, Request, Rocket};

/// Finds the organization a request is about, for
/// [`OrgToken`](crate::OrgToken).
///
/// Shipped: [`PathOrg`], [`QueryOrg`], [`HeaderOrg`], [`ConstOrg`]. Your own:
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
pub trait OrganizationId: Send + Sync + 'static {
    /// The id, or `None` when the request does not say. It need not be
    /// trustworthy: the provider decides whether the user is a member.
    fn organization_id(request: &Request<'_>) -> Option<String>;

    /// What can be told at launch already: an error aborts it.
    #[allow(unused_variables)]
    fn check(rocket: &Rocket<Ignite>) -> Result<(), String> {
        Ok(())
    }
}

/// A name, or a constant, as a type: of a path parameter, a query parameter, a
/// header, or the id itself.
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
pub trait ParameterName: Send + Sync + 'static {
    /// The name.
    const NAME: &'static str;
}

/// The name `org_id`.
#[derive(Clone, Copy, Debug)]
pub struct OrgId;

impl ParameterName for OrgId {
    const NAME: &'static str = "org_id";
}

/// The path parameter `<org_id>` of the matched route, or another one by
/// [`ParameterName`].
#[derive(Clone, Copy, Debug)]
pub struct PathOrg<N: ParameterName = OrgId>(PhantomData<fn() -> N>);

/// The query parameter `org_id`, or another one by [`ParameterName`].
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
pub struct QueryOrg<N: ParameterName = OrgId>(PhantomData<fn() -> N>);

/// A header by [`ParameterName`].
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
pub struct HeaderOrg<N: ParameterName>(PhantomData<fn() -> N>);

/// Always the same organization: [`ParameterName::NAME`] is its id.
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
pub struct ConstOrg<N: ParameterName>(PhantomData<fn() -> N>);

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
}

/// Where `<name>` stands among the segments of a route's path, the static ones
/// counted, too.
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
