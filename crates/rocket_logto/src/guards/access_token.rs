//! `AccessToken`: a token for an API resource, named by a type.

use std::marker::PhantomData;
use std::sync::Arc;

use rocket::{Ignite, Request, Rocket, Sentinel};

use crate::error::Error;
use crate::logto::{Logto, fairing_is_missing};
use crate::session::ActiveSession;
use crate::tokens::token::{Token, TokenFor};

/// An API resource, named once (RFC 8707).
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
pub trait Resource: Send + Sync + 'static {
    /// The indicator registered at the provider, byte for byte. It must stand
    /// in `resources`, too, so that it is asked for at sign-in.
    const INDICATOR: &'static str;
}

/// No API resource: the opaque token for the userinfo endpoint.
#[derive(Clone, Copy, Debug)]
pub struct DefaultResource;

impl Resource for DefaultResource {
    const INDICATOR: &'static str = "";
}

/// An access token of the signed-in user for the API resource `R`.
///
/// Derefs to [`Token`]: `secret()` for the outgoing call, `claims()`,
/// `scopes()`, `has_scope()`, `expires_at()`.
///
/// **Cost:** none while cached (until 60 s before its end), else one refresh,
/// and one only however many requests ask at once. **Errors:** as
/// [`User`](crate::User), and [`ErrorKind::Denied`](crate::ErrorKind::Denied)
/// (403) when the provider does not give it, and the `Provider…` kinds (502,
/// 503, 504). **Standard:** RFC 8707 section 2.2.
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
pub struct AccessToken<R: Resource = DefaultResource> {
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

/// What to ask for to get a token for `R`.
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

/// Aborts the launch of an app that could never get a token for `R`.
pub(super) fn is_not_asked_for<R: Resource>(rocket: &Rocket<Ignite>) -> bool {
    let Some(logto) = rocket.state::<Logto>() else {
        return true;
    };
    let asked = |resource: &String| resource == R::INDICATOR;
    let missing = !R::INDICATOR.is_empty() && !logto.config().resources.iter().any(asked);
    if missing {
        let (name, indicator) = (std::any::type_name::<R>(), R::INDICATOR);
        log::error!(
            "logto: a route wants a token for `{name}`: write resources = [\"{indicator}\"] into \
             the logto table"
        );
    }
    missing
}
