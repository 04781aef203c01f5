//! `AccessToken`: a token for an API resource, named by a type.

use std::marker::PhantomData;
use std::sync::Arc;

use rocket::{Ignite, Request, Rocket, Sentinel};

use crate::config::LogtoConfig;
use crate::error::Error;
use crate::logto::{Logto, fairing_is_missing};
use crate::session::ActiveSession;
use crate::tokens::token::{Token, TokenFor};

/// An API resource, named by a type.
///
/// [`AccessToken`] and [`OrgToken`](crate::OrgToken) get tokens for it, and
/// [`Bearer`](crate::Bearer) accepts them at the other end.
///
/// # Standards
///
/// RFC 8707 section 2.
///
/// # Examples
///
/// ```rust
/// use rocket_logto::Resource;
///
/// struct Shopping;
///
/// impl Resource for Shopping {
///     const INDICATOR: &'static str = "https://shopping.your-app.com/api";
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` names no API resource",
    label = "no `Resource`",
    note = "write `impl Resource for {Self} {{ const INDICATOR: &'static str = \"https://api.example.com\"; }}`, with the indicator that the provider knows it by"
)]
pub trait Resource: Send + Sync + 'static {
    /// The indicator registered at the provider, byte for byte. To get tokens for
    /// it, list it in `resources` as well, so that the sign-in asks for it.
    const INDICATOR: &'static str;

    /// What people call it. Clients that find their way by its metadata show it to the user whom
    /// they send to sign in (RFC 9728 section 2, `resource_name`).
    const NAME: Option<&'static str> = None;
}

/// No API resource: `AccessToken<DefaultResource>`, or just `AccessToken`, is
/// the access token for the provider's userinfo endpoint, opaque at Logto.
///
/// # Examples
///
/// ```rust
/// use rocket::get;
/// use rocket_logto::AccessToken;
///
/// #[get("/token")]
/// fn token(token: AccessToken) -> String {
///     format!("good until {}", token.expires_at())
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct DefaultResource;

impl Resource for DefaultResource {
    const INDICATOR: &'static str = "";
}

/// An access token of the signed-in user for the API resource `R`.
///
/// Derefs to [`Token`]: `secret()` for the outgoing call, `claims()`,
/// `scopes()`, `has_scope()`, `expires_at()`. Aborts the launch when `R` is not
/// listed in `resources`.
///
/// # Network
///
/// None while the token is cached, which is until 60 seconds before it expires, or until a
/// quarter of its life is left, whichever is later.
/// Otherwise one refresh, shared by all requests that arrive at the same time.
///
/// # Errors
///
/// As [`User`](crate::User), plus
/// [`ErrorKind::Denied`](crate::ErrorKind::Denied) (403) when the provider
/// refuses the token, [`ErrorKind::Misconfigured`](crate::ErrorKind::Misconfigured)
/// (500) when it gives a JWT that is for somebody else (`aud`), and the `Provider…`
/// kinds (502, 503, 504).
///
/// # Standards
///
/// RFC 8707 section 2.2.
///
/// # Examples
///
/// Calling the API takes three lines with any HTTP client:
///
/// ```rust,no_run
/// use rocket::{State, get};
/// use rocket_logto::{AccessToken, Resource};
///
/// # struct Shopping;
/// # impl Resource for Shopping {
/// #     const INDICATOR: &'static str = "https://shopping.your-app.com/api";
/// # }
/// #[get("/cart")]
/// async fn cart(token: AccessToken<Shopping>, http: &State<reqwest::Client>) -> Option<String> {
///     let request = http.get("https://shopping.your-app.com/api/cart");
///     let answer = request.bearer_auth(token.secret()).send().await.ok()?;
///     answer.text().await.ok()
/// }
/// ```
pub struct AccessToken<R = DefaultResource> {
    token: Arc<Token>,
    resource: PhantomData<fn() -> R>,
}

holds_token!(AccessToken<R>, [R: Resource]);
from_request!(AccessToken<R>: Error, [R: Resource]);

async fn find<R: Resource>(request: &Request<'_>) -> Result<AccessToken<R>, Error> {
    let active = ActiveSession::of(request).await?;
    Ok(AccessToken {
        token: active.token(wanted::<R>()).await?,
        resource: PhantomData,
    })
}

/// The request for a token for `R`.
pub(super) fn wanted<R: Resource>() -> TokenFor {
    match R::INDICATOR {
        "" => TokenFor::default(),
        indicator => TokenFor::resource(indicator),
    }
}

impl<R: Resource> Sentinel for AccessToken<R> {
    fn abort(rocket: &Rocket<Ignite>) -> bool {
        fairing_is_missing(rocket, "AccessToken") || is_not_asked_for::<R>(rocket)
    }
}

/// Whether the launch must abort, because the app could never get a token for `R`.
pub(super) fn is_not_asked_for<R: Resource>(rocket: &Rocket<Ignite>) -> bool {
    let Some(logto) = rocket.state::<Logto>() else {
        return true;
    };
    let fault = unknown_resource::<R>(logto.config());
    if let Some(fault) = &fault {
        log::error!("logto: a route needs {fault}");
    }
    fault.is_some()
}

/// What is to be done before there are tokens for `R`.
pub(super) fn unknown_resource<R: Resource>(config: &LogtoConfig) -> Option<String> {
    let asked = |resource: &String| resource == R::INDICATOR;
    let missing = !R::INDICATOR.is_empty() && !config.resources.iter().any(asked);
    let (name, indicator) = (std::any::type_name::<R>(), R::INDICATOR);
    missing.then(|| {
        format!("a token for `{name}`: add resources = [\"{indicator}\"] to the logto table")
    })
}
