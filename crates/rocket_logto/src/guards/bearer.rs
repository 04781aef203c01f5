//! `Bearer`: the caller of an API of this app, by a verified access token.

use std::marker::PhantomData;
use std::sync::Arc;

use rocket::{Ignite, Request, Rocket, Sentinel};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize, Serializer};

use super::access_token::Resource;
use super::organization_id::OrganizationId;
use crate::claims::AccessTokenClaims;
use crate::config::ORGANIZATION;
use crate::error::bearer::{BearerError, BearerErrorKind};
use crate::logto::either_fairing_is_missing;
use crate::service::LogtoService;

/// Longer than any token of a user with many scopes, shorter than a flood.
const MAX_TOKEN: usize = 16 * 1024;

/// What a caller must be allowed to do.
///
/// Logto's three models of permission differ in the audience:
///
/// | model | `type Audience` | the token must have |
/// |---|---|---|
/// | global API resource | a [`Resource`] | `aud` = its indicator, and no organization |
/// | organization permissions | [`Organization<Id>`](Organization) | `aud` = `urn:logto:organization:<id>` |
/// | API resource within an organization | [`Within<R, Id>`](Within) | `aud` = the indicator of `R`, `organization_id` = the id |
///
/// ```rust
/// use rocket_logto::{Permission, Resource};
///
/// struct Shopping;
/// impl Resource for Shopping {
///     const INDICATOR: &'static str = "https://shopping.your-app.com/api";
/// }
///
/// struct ReadCart;
/// impl Permission for ReadCart {
///     type Audience = Shopping;
///     const SCOPES: &'static [&'static str] = &["read"];
/// }
/// ```
pub trait Permission: Send + Sync + 'static {
    /// Whom the token must be for.
    type Audience: BearerAudience;
    /// The scopes it must have, all of them.
    const SCOPES: &'static [&'static str];
}

/// Whom a token must be for: a [`Resource`], an [`Organization`], or
/// [`Within`] one. Your own, where that is known at run time only:
///
/// ```rust
/// use rocket::Request;
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
/// }
/// ```
pub trait BearerAudience: Send + Sync + 'static {
    /// The audience and the organization a token must name for `request`;
    /// `None` when the request does not say which organization it is about.
    fn expected(request: &Request<'_>) -> Option<ExpectedAudience>;

    /// What can be told at launch already: an error aborts it.
    #[allow(unused_variables)]
    fn check(rocket: &Rocket<Ignite>) -> Result<(), String> {
        Ok(())
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
    /// The value of `organization_id`; `None`: it must have none.
    pub organization_id: Option<String>,
}

impl ExpectedAudience {
    /// A token whose `aud` holds `audience`, and that names no organization.
    pub fn new(audience: impl Into<String>) -> ExpectedAudience {
        ExpectedAudience {
            audience: audience.into(),
            organization_id: None,
        }
    }

    /// One that was issued within an organization (`organization_id`).
    pub fn within(self, organization_id: impl Into<String>) -> ExpectedAudience {
        ExpectedAudience {
            organization_id: Some(organization_id.into()),
            ..self
        }
    }

    /// The organization that the audience itself is.
    pub(super) fn organization(&self) -> Option<&str> {
        self.audience.strip_prefix(ORGANIZATION)
    }
}

impl<R: Resource> BearerAudience for R {
    fn expected(_: &Request<'_>) -> Option<ExpectedAudience> {
        Some(ExpectedAudience::new(R::INDICATOR))
    }
}

/// Organization permissions that belong to no API resource: `Id` says where
/// the organization's id comes from.
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
pub struct Organization<Id: OrganizationId>(PhantomData<fn() -> Id>);

impl<Id: OrganizationId> BearerAudience for Organization<Id> {
    fn expected(request: &Request<'_>) -> Option<ExpectedAudience> {
        let id = Id::organization_id(request).filter(|id| !id.is_empty())?;
        Some(ExpectedAudience::new(format!("{ORGANIZATION}{id}")))
    }

    fn check(rocket: &Rocket<Ignite>) -> Result<(), String> {
        Id::check(rocket)
    }
}

/// The API resource `R` within the organization that `Id` finds.
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
pub struct Within<R: Resource, Id: OrganizationId>(PhantomData<fn() -> (R, Id)>);

impl<R: Resource, Id: OrganizationId> BearerAudience for Within<R, Id> {
    fn expected(request: &Request<'_>) -> Option<ExpectedAudience> {
        let id = Id::organization_id(request).filter(|id| !id.is_empty())?;
        Some(ExpectedAudience::new(R::INDICATOR).within(id))
    }

    fn check(rocket: &Rocket<Ignite>) -> Result<(), String> {
        Id::check(rocket)
    }
}

/// The caller of an API, by a verified access token that allows `P`.
///
/// Needs no session: any client with a token may call. Answers are JSON, as
/// RFC 6750 has them: 401 without a good token, 403 with `insufficient_scope`
/// and the missing scopes, 400 for credentials that cannot be read and for a
/// request that names no organization where `P` needs one, 503 while the
/// provider's keys cannot be had.
///
/// Tokens are JWTs. With `introspect_opaque_tokens = true` the provider is asked
/// about others, and they must meet the same conditions.
///
/// `C` is the type that custom claims are read into: those that are no standard
/// claim of an access token. Claims that do not fit `C` are answered 401.
///
/// **Cost:** one signature for a token not seen before, a look-up for one that
/// was; no network while keys are known. For an opaque token one call each 30 s.
/// **Errors:** [`BearerError`]. **Standard:** RFC 6750, RFC 9068 section 4, RFC
/// 7662.
///
/// ```rust
/// use rocket::get;
/// use rocket::serde::json::{Json, Value, json};
/// use rocket_logto::{Bearer, Permission};
///
/// # use rocket_logto::Resource;
/// # struct Shopping;
/// # impl Resource for Shopping {
/// #     const INDICATOR: &'static str = "https://shopping.your-app.com/api";
/// # }
/// # struct ReadCart;
/// # impl Permission for ReadCart {
/// #     type Audience = Shopping;
/// #     const SCOPES: &'static [&'static str] = &["read"];
/// # }
/// #[get("/api/cart")]
/// fn cart(caller: Bearer<ReadCart>) -> Json<Value> {
///     Json(json!({ "cart of": caller.sub() }))
/// }
///
/// #[derive(rocket::serde::Deserialize)]
/// #[serde(crate = "rocket::serde")]
/// struct Plan {
///     plan: String,
/// }
///
/// #[get("/api/plan")]
/// fn plan(caller: Bearer<ReadCart, Plan>) -> String {
///     caller.custom_claims().plan.clone()
/// }
/// ```
pub struct Bearer<P: Permission, C = NoCustomClaims> {
    claims: Arc<AccessTokenClaims>,
    expected: ExpectedAudience,
    custom: C,
    permission: PhantomData<fn() -> P>,
}

/// Custom claims, whatever there are, are not looked at.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct NoCustomClaims {}

impl<P: Permission, C> Bearer<P, C> {
    /// The user, or the application when a machine calls.
    pub fn sub(&self) -> &str {
        &self.claims.sub
    }

    /// The application the token was issued to.
    pub fn client_id(&self) -> Option<&str> {
        self.claims.client_id.as_deref()
    }

    /// What the token is for, as `P` demands it: the indicator of the API
    /// resource, or `urn:logto:organization:<id>`.
    pub fn audience(&self) -> &str {
        &self.expected.audience
    }

    /// The organization the token is for, or was issued within; `None` for a
    /// global API resource.
    pub fn organization_id(&self) -> Option<&str> {
        let within = self.expected.organization_id.as_deref();
        within.or_else(|| self.expected.organization())
    }

    /// Everything the token allows.
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        self.claims.scopes()
    }

    /// Whether the token allows `scope`, too.
    pub fn has_scope(&self, scope: &str) -> bool {
        self.claims.has_scope(scope)
    }

    /// All claims, custom ones in `extra`.
    pub fn claims(&self) -> &AccessTokenClaims {
        &self.claims
    }

    /// The custom claims.
    pub fn custom_claims(&self) -> &C {
        &self.custom
    }
}

impl<P: Permission, C> std::fmt::Debug for Bearer<P, C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bearer")
            .field("claims", &self.claims)
            .finish()
    }
}

/// As the claims object. The token itself is not kept.
impl<P: Permission, C> Serialize for Bearer<P, C> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.claims.serialize(serializer)
    }
}

from_request!(Bearer<P, C>: BearerError, [P: Permission, C: DeserializeOwned]);

async fn find<P: Permission, C: DeserializeOwned>(
    request: &Request<'_>,
) -> Result<Bearer<P, C>, BearerError> {
    let token = token(request)?;
    let logto = LogtoService::of(request)
        .map_err(|_| BearerError::new(BearerErrorKind::Unavailable, "no_fairing"))?;
    let claims = logto.verify_bearer(token).await?;
    let Some(expected) = P::Audience::expected(request) else {
        log::error!(
            "logto: no organization id for {}: does the route have one?",
            std::any::type_name::<P>()
        );
        return Err(BearerError::invalid_request(
            "the request names no organization",
            "no_organization_id",
        ));
    };
    let organization = claims.organization_id.value();
    if !claims.aud.contains(&expected.audience) || organization != expected.organization_id.as_ref()
    {
        let why = "the token is not for this API resource or organization";
        return Err(BearerError::invalid_token(why, "aud"));
    }
    let lacks = |scope: &&&str| !claims.has_scope(scope);
    let missing: Vec<_> = P::SCOPES.iter().filter(lacks).copied().collect();
    if !missing.is_empty() {
        let kind = BearerErrorKind::InsufficientScope { missing };
        return Err(BearerError::new(kind, "insufficient_scope"));
    }
    let custom = C::deserialize(&claims.extra).map_err(|_| {
        let why = "the token lacks custom claims that are needed here";
        BearerError::invalid_token(why, "custom_claims")
    })?;
    Ok(Bearer {
        claims,
        expected,
        custom,
        permission: PhantomData,
    })
}

/// The token of the `Authorization` header (RFC 6750 section 2.1), the only
/// place it is taken from: addresses end up in logs.
fn token<'r>(request: &'r Request<'_>) -> Result<&'r str, BearerError> {
    let mut headers = request.headers().get("Authorization");
    let (header, other) = (headers.next(), headers.next());
    if other.is_some() {
        return Err(BearerError::invalid_request(
            "more than one Authorization header",
            "two_headers",
        ));
    }
    let in_query = request
        .query_fields()
        .any(|field| field.name == "access_token");
    if in_query {
        return Err(BearerError::invalid_request(
            "access_token in the address is not accepted",
            "token_in_query",
        ));
    }
    let missing = || BearerError::new(BearerErrorKind::Missing, "no_token");
    let header = header.ok_or_else(missing)?;
    let (scheme, token) = header.split_once(' ').unwrap_or((header, ""));
    if !scheme.eq_ignore_ascii_case("Bearer") {
        return Err(missing());
    }
    let token = token.trim_matches(' ');
    // b64token of section 2.1.
    let proper = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
    match token {
        "" => Err(BearerError::invalid_request(
            "the token is empty",
            "empty_token",
        )),
        token if token.len() > MAX_TOKEN => Err(BearerError::invalid_request(
            "the token is too long",
            "long_token",
        )),
        token if token.bytes().all(proper) => Ok(token),
        _ => Err(BearerError::invalid_request(
            "the token is malformed",
            "malformed_token",
        )),
    }
}

impl<P: Permission, C> Sentinel for Bearer<P, C> {
    fn abort(rocket: &Rocket<Ignite>) -> bool {
        either_fairing_is_missing(rocket, "Bearer") || cannot_be_found::<P>(rocket)
    }
}

/// Aborts the launch of an app whose routes do not name the organization.
pub(super) fn cannot_be_found<P: Permission>(rocket: &Rocket<Ignite>) -> bool {
    let Err(why) = P::Audience::check(rocket) else {
        return false;
    };
    let name = std::any::type_name::<P>();
    log::error!("logto: a route is about `{name}` in an organization, but {why}");
    true
}
