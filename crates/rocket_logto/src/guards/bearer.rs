//! `Bearer`: the caller of an API of this app, by a verified access token.

use std::any::TypeId;
use std::marker::PhantomData;
use std::sync::Arc;

use rocket::time::OffsetDateTime;
use rocket::{Ignite, Request, Rocket, Sentinel};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize, Serializer};

use super::audience::{BearerAudience, ExpectedAudience, cannot_be_found};
use super::caller_authentication::{authenticated_as, cannot_be_met};
use super::permissions::{Permission, declare};
use super::possession;
use crate::claims::AccessTokenClaims;
use crate::clock;
use crate::error::bearer::{BearerError, BearerErrorKind, Scheme};
use crate::logto::either_fairing_is_missing;
use crate::measure::{self, Caller};
use crate::oidc::error::one_line;
use crate::response::pending::pending;
use crate::service::LogtoService;
use crate::tokens::bearer::Verified;

/// In bytes: longer than the token of a user with many scopes, and short enough
/// not to be worth flooding with.
const MAX_TOKEN: usize = 16 * 1024;

/// The caller of an API, by a verified access token that allows `P`.
///
/// Needs no session: any client with a token may call. Tokens are JWTs, taken
/// from the `Authorization` header only. One that is bound to a key of the client's comes by the
/// scheme `DPoP`, with a proof for this very request: [`guide::dpop`](crate::guide::dpop). With `introspect_opaque_tokens = true`
/// the provider is asked about other tokens, which must meet the same conditions.
///
/// What RFC 9068 demands and older providers do not have is not demanded: `typ:
/// at+jwt`, `jti`, `client_id`. [`guide::apis`](crate::guide::apis) says how tokens of
/// other providers are read, and what is never taken for an access token.
///
/// `C` is the type that custom claims are read into: all claims that are not
/// fields of [`AccessTokenClaims`].
///
/// # Network
///
/// None while the provider's keys are known. A token is verified once and then
/// looked up for up to five minutes. An opaque token costs one call to the
/// introspection endpoint every 30 seconds.
///
/// # Errors
///
/// A [`BearerError`], which answers with JSON and `WWW-Authenticate`:
///
/// - 401 `invalid_token`: the token is not good, no access token, not for this API or
///   organization, or its claims do not fit `C`.
/// - 401: there is no token.
/// - 401 `invalid_dpop_proof`: the token is bound to a key, and the proof of it is not good, or was
///   used before; `use_dpop_nonce`, with a `DPoP-Nonce`, where it has to hold a nonce.
/// - 403 `insufficient_scope`: scopes of `P` are missing. The challenge names all that the
///   request needs, those of other `Bearer` guards before this one included.
/// - 401 `insufficient_user_authentication`: the user has not authenticated as `P` demands; with
///   `acr_values` and `max_age`.
/// - 400 `invalid_request`: the credentials cannot be read, or the request names
///   no organization although `P` needs one.
/// - 503: the provider's keys, or its answer about an opaque token, are not
///   available.
///
/// # Standards
///
/// RFC 6750, RFC 9068 section 4, RFC 7662 section 2, RFC 9449 section 7, RFC 9470, RFC 9728 section 5.1.
///
/// # Examples
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
pub struct Bearer<P, C = NoCustomClaims> {
    claims: Arc<AccessTokenClaims>,
    expected: ExpectedAudience,
    custom: C,
    logto: LogtoService,
    permission: PhantomData<fn() -> P>,
}

/// No custom claims are read: the `C` of a [`Bearer`] that names none.
///
/// A token may have custom claims all the same. They are not checked, and stay
/// available untyped in [`AccessTokenClaims::extra`].
///
/// # Examples
///
/// ```rust
/// use rocket::get;
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
/// /// `Bearer<ReadCart>` is `Bearer<ReadCart, NoCustomClaims>`.
/// #[get("/api/plan")]
/// fn plan(caller: Bearer<ReadCart>) -> String {
///     let plan = caller.claims().extra.get("plan");
///     plan.and_then(|plan| plan.as_str()).unwrap_or("free").to_owned()
/// }
/// ```
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct NoCustomClaims {}

impl<P: Permission, C> Bearer<P, C> {
    /// The id of the user, or of the application when a machine calls.
    pub fn sub(&self) -> &str {
        &self.claims.sub
    }

    /// The id of the application the token was issued to, if the token says:
    /// `client_id`, else `azp`, `cid` or `appid`, as
    /// [`AccessTokenClaims::client_id`] has it.
    pub fn client_id(&self) -> Option<&str> {
        self.claims.client_id()
    }

    /// The audience that `P` demands: the indicator of the API resource, or
    /// `urn:logto:organization:<id>`.
    pub fn audience(&self) -> &str {
        &self.expected.audience
    }

    /// The id of the organization the token is for, or was issued within; `None`
    /// for a global API resource.
    pub fn organization_id(&self) -> Option<&str> {
        let within = self.expected.organization_id.as_deref();
        within.or_else(|| self.expected.organization())
    }

    /// All scopes of the token, which may be more than `P` demands.
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        self.claims.scopes()
    }

    /// Whether the token has this scope.
    pub fn has_scope(&self, scope: &str) -> bool {
        self.claims.has_scope(scope)
    }

    /// How strongly the user of the token has authenticated (`acr`), if the token says.
    pub fn acr(&self) -> Option<&str> {
        self.claims.acr.as_deref()
    }

    /// The methods that they have authenticated with (`amr`, RFC 8176); none when the token does
    /// not say.
    pub fn amr(&self) -> impl Iterator<Item = &str> {
        let methods = self.claims.amr.as_deref().unwrap_or_default();
        methods.iter().map(String::as_str)
    }

    /// When they have authenticated (`auth_time`), in UTC, if the token says.
    pub fn auth_time(&self) -> Option<OffsetDateTime> {
        self.claims.auth_time.value().copied().map(clock::moment)
    }

    /// All claims; custom ones are in `extra`.
    pub fn claims(&self) -> &AccessTokenClaims {
        &self.claims
    }

    /// The custom claims, read into `C`.
    pub fn custom_claims(&self) -> &C {
        &self.custom
    }

    /// Whether the token also allows `Also`, which only the request's content can tell is
    /// needed: for an endpoint with many operations, as JSON-RPC and GraphQL have. Where the
    /// route tells, demand both at once: `Bearer<(ReadCart, WriteCart)>`.
    ///
    /// Declare `Also` with [`protects`](crate::LogtoFairing::protects), so that the metadata of
    /// the API resource name its scopes.
    ///
    /// # Network
    ///
    /// None.
    ///
    /// # Errors
    ///
    /// `insufficient_scope`, with the scopes of `P` and of `Also`, or
    /// `insufficient_user_authentication`. Answer with it, and the client can get a token that
    /// is good for both.
    ///
    /// # Standards
    ///
    /// RFC 6750 section 3.1, RFC 9470.
    ///
    /// # Examples
    ///
    /// ```rust
    /// use rocket::post;
    /// use rocket_logto::{Bearer, BearerError, Permission, Resource};
    ///
    /// struct Notes;
    /// impl Resource for Notes {
    ///     const INDICATOR: &'static str = "https://notes.your-app.com/mcp";
    /// }
    ///
    /// struct ReadNotes;
    /// impl Permission for ReadNotes {
    ///     type Audience = Notes;
    ///     const SCOPES: &'static [&'static str] = &["notes:read"];
    /// }
    ///
    /// struct WriteNotes;
    /// impl Permission for WriteNotes {
    ///     type Audience = Notes;
    ///     const SCOPES: &'static [&'static str] = &["notes:write"];
    /// }
    ///
    /// #[post("/mcp", data = "<operation>")]
    /// fn call(operation: String, caller: Bearer<ReadNotes>) -> Result<String, BearerError> {
    ///     if operation == "write" {
    ///         caller.require::<WriteNotes>()?;
    ///     }
    ///     Ok(format!("{} did {operation}", caller.sub()))
    /// }
    /// ```
    pub fn require<Also>(&self) -> Result<(), BearerError>
    where
        Also: Permission<Audience = P::Audience>,
    {
        let (scheme, is_bound) = match self.claims.thumbprint() {
            Some(_) => (Scheme::Dpop, true),
            None => (Scheme::Bearer, false),
        };
        let allowed = match Also::REQUIRES_DPOP && !is_bound {
            true => Err(possession::not_bound()),
            false => allows::<Also>(&self.claims, &self.logto).map_err(|error| error.by(scheme)),
        };
        allowed.map_err(|error| {
            measure::caller(error.kind().into());
            let mut scopes = Vec::new();
            add(&mut scopes, P::SCOPES);
            add(&mut scopes, Also::SCOPES);
            needing(error, scopes, Some(&self.expected), &self.logto)
        })
    }
}

impl<P: Permission, C> std::fmt::Debug for Bearer<P, C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bearer")
            .field("claims", &self.claims)
            .finish()
    }
}

/// Serializes the claims. The token itself is not kept.
impl<P: Permission, C> Serialize for Bearer<P, C> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.claims.serialize(serializer)
    }
}

from_request!(Bearer<P, C>: BearerError, [P: Permission, C: DeserializeOwned]);

async fn find<P: Permission, C: DeserializeOwned>(
    request: &Request<'_>,
) -> Result<Bearer<P, C>, BearerError> {
    let found = check(request).await;
    measure::caller(match &found {
        Ok(_) => Caller::Accepted,
        Err(error) => error.kind().into(),
    });
    let audience = TypeId::of::<P::Audience>();
    match found {
        Ok(caller) => {
            pending(request).demanded.push((audience, P::SCOPES));
            Ok(caller)
        }
        Err(error) => {
            // Also what guards before this one have asked for: a client that gets a token for
            // the last refusal only would be refused by the first.
            let mut scopes = Vec::new();
            let before = pending(request).demanded.clone();
            let before = before.iter().filter(|(of, _)| *of == audience);
            add(&mut scopes, before.flat_map(|(_, scopes)| *scopes));
            add(&mut scopes, P::SCOPES);
            let expected = P::Audience::expected(request);
            // No signature has shown it to the launch: a guard of the app's own asks for it.
            if declare::<P, _>(request.rocket()) {
                let name = std::any::type_name::<P>();
                log::info!(
                    "logto: a guard of this app asks for Bearer<{name}>. Declare that with \
                     .protects::<{name}>(), and the metadata of the API name its scopes from the \
                     start"
                );
            }
            Err(match LogtoService::of(request) {
                Ok(logto) => needing(error, scopes, expected.as_ref(), logto),
                Err(_) => error,
            })
        }
    }
}

/// Adds what is not there yet.
fn add<'a>(scopes: &mut Vec<&'static str>, more: impl IntoIterator<Item = &'a &'static str>) {
    for scope in more {
        if !scopes.contains(scope) {
            scopes.push(scope);
        }
    }
}

/// The error, with what its challenge tells of the API.
fn needing(
    error: BearerError,
    scopes: Vec<&'static str>,
    expected: Option<&ExpectedAudience>,
    logto: &LogtoService,
) -> BearerError {
    let metadata = expected.and_then(|to| logto.resources().address_of(&to.audience));
    error.needing(scopes, metadata)
}

async fn check<P: Permission, C: DeserializeOwned>(
    request: &Request<'_>,
) -> Result<Bearer<P, C>, BearerError> {
    let logto = LogtoService::of(request)
        .map_err(|_| BearerError::new(BearerErrorKind::Unavailable, "no_fairing"))?;
    let needs_proof = P::REQUIRES_DPOP || logto.proofs().are_required();
    let (scheme, token) = token(request).map_err(|error| match needs_proof {
        true => error.by(Scheme::Dpop),
        false => error,
    })?;
    let verified = logto.verify_bearer(token).await;
    let Verified { claims, key } = verified.map_err(|error| error.by(scheme))?;
    if scheme == Scheme::Dpop || key.is_some() || needs_proof {
        Box::pin(possession::proven(request, logto, (scheme, token), key)).await?;
    }
    allowed(request, logto, claims).map_err(|error| error.by(scheme))
}

/// Whether a good token allows `P` here.
fn allowed<P: Permission, C: DeserializeOwned>(
    request: &Request<'_>,
    logto: &LogtoService,
    claims: Arc<AccessTokenClaims>,
) -> Result<Bearer<P, C>, BearerError> {
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
    if !is_for(&claims, &expected) || organization != expected.organization_id.as_ref() {
        let why = "the token is not for this API resource or organization";
        let details = other_audience(&claims, &expected);
        return Err(BearerError::invalid_token(why, "aud").with_details(details));
    }
    allows::<P>(&claims, logto)?;
    let custom = C::deserialize(&claims.extra).map_err(|_| {
        let why = "the token lacks custom claims that are needed here";
        BearerError::invalid_token(why, "custom_claims")
    })?;
    Ok(Bearer {
        claims,
        expected,
        custom,
        logto: logto.clone(),
        permission: PhantomData,
    })
}

/// Whether a token for the right audience has what `P` demands.
fn allows<P: Permission>(
    claims: &AccessTokenClaims,
    logto: &LogtoService,
) -> Result<(), BearerError> {
    let lacks = |scope: &&&str| !claims.has_scope(scope);
    let missing: Vec<_> = P::SCOPES.iter().filter(lacks).copied().collect();
    if !missing.is_empty() {
        let kind = BearerErrorKind::InsufficientScope { missing };
        return Err(BearerError::new(kind, "insufficient_scope"));
    }
    match P::AUTHENTICATION.is_any() {
        true => Ok(()),
        false => authenticated_as(&P::AUTHENTICATION, claims, logto),
    }
}

/// Whether a token names the audience. One that names none has passed only because its
/// client is in `clients_without_audience`: it is then for the API itself, and for no
/// organization.
fn is_for(claims: &AccessTokenClaims, expected: &ExpectedAudience) -> bool {
    match claims.aud.iter().next() {
        Some(_) => claims.aud.contains(&expected.audience),
        None => expected.organization().is_none() && expected.organization_id.is_none(),
    }
}

/// Whom the token is for, and whom it has to be for.
fn other_audience(claims: &AccessTokenClaims, expected: &ExpectedAudience) -> String {
    let told: Vec<_> = claims.aud.iter().take(8).map(one_line).collect();
    let within = |organization: Option<&String>| match organization {
        Some(id) => format!(" within organization_id {:?}", one_line(id)),
        None => String::new(),
    };
    format!(
        ": aud is {told:?}{}, expected is {:?}{}",
        within(claims.organization_id.value()),
        one_line(&expected.audience),
        within(expected.organization_id.as_ref()),
    )
}

/// The token in the `Authorization` header (RFC 6750 section 2.1), and how it came. It is taken
/// from nowhere else: addresses end up in logs.
fn token<'r>(request: &'r Request<'_>) -> Result<(Scheme, &'r str), BearerError> {
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
    let scheme = match scheme {
        scheme if scheme.eq_ignore_ascii_case("Bearer") => Scheme::Bearer,
        // RFC 9449 section 7.1, in any case (RFC 9110 section 11.1).
        scheme if scheme.eq_ignore_ascii_case("DPoP") => Scheme::Dpop,
        _ => return Err(missing()),
    };
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
        token if token.bytes().all(proper) => Ok((scheme, token)),
        _ => Err(BearerError::invalid_request(
            "the token is malformed",
            "malformed_token",
        )),
    }
}

impl<P: Permission, C> Sentinel for Bearer<P, C> {
    fn abort(rocket: &Rocket<Ignite>) -> bool {
        declare::<P, _>(rocket);
        either_fairing_is_missing(rocket, "Bearer")
            || cannot_be_found::<P>(rocket)
            || cannot_be_met::<P>(rocket)
            || (P::REQUIRES_DPOP && possession::cannot_be_checked::<P>(rocket))
    }
}
