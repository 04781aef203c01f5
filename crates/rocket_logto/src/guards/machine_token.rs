//! `MachineToken`: a token of the app itself, to call an API without a user.

use std::marker::PhantomData;
use std::sync::Arc;

use rocket::{Ignite, Request, Rocket, Sentinel};

use super::audience::{BearerAudience, cannot_be_found};
use super::permissions::Permission;
use crate::error::{Error, ErrorKind};
use crate::logto::either_fairing_is_missing;
use crate::service::LogtoService;
use crate::tokens::token::{Token, TokenFor};

/// An access token of this app itself that allows `P`: the same [`Permission`]
/// that [`Bearer`](crate::Bearer) demands at the other end.
///
/// Derefs to [`Token`], as [`AccessToken`](crate::AccessToken) does. Needs
/// credentials: `machine.app_id` and `machine.app_secret` (or
/// `machine.app_key_file`), or else those of the app itself; without any, the launch
/// aborts. At Logto they are those of an
/// application of the type *Machine-to-machine*, whose roles give the scopes.
/// Outside of a request, use [`LogtoService::machine_token`].
///
/// # Network
///
/// None while the token is cached, which is until 60 seconds before it expires, or until a
/// quarter of its life is left, whichever is later.
/// Otherwise one call to the token endpoint, shared by all requests that arrive
/// at the same time.
///
/// # Errors
///
/// - [`ErrorKind::Misconfigured`] (500): the provider refuses the token, or some
///   scope of `P`, or gives a token that is for somebody else (`aud`).
/// - [`ErrorKind::NoOrganization`] (500): the request does not name the
///   organization that `P` needs.
/// - The `Provider…` kinds (502, 503, 504).
///
/// # Standards
///
/// RFC 6749 section 4.4, RFC 8707 section 2.2.
///
/// # Examples
///
/// ```rust,no_run
/// use rocket::{State, get};
/// use rocket_logto::{MachineToken, Permission, Resource};
///
/// /// Logto's own API; in Logto Cloud `https://<tenant id>.logto.app/api`.
/// struct ManagementApi;
/// impl Resource for ManagementApi {
///     const INDICATOR: &'static str = "https://default.logto.app/api";
/// }
///
/// struct Manage;
/// impl Permission for Manage {
///     type Audience = ManagementApi;
///     const SCOPES: &'static [&'static str] = &["all"];
/// }
///
/// #[get("/users")]
/// async fn users(token: MachineToken<Manage>, http: &State<reqwest::Client>) -> Option<String> {
///     let request = http.get("https://tenant.logto.app/api/users");
///     let answer = request.bearer_auth(token.secret()).send().await.ok()?;
///     answer.text().await.ok()
/// }
/// ```
pub struct MachineToken<P> {
    token: Arc<Token>,
    permission: PhantomData<fn() -> P>,
}

holds_token!(MachineToken<P>, [P: Permission]);
from_request!(MachineToken<P>: Error, [P: Permission]);

async fn find<P: Permission>(request: &Request<'_>) -> Result<MachineToken<P>, Error> {
    let logto = LogtoService::of(request)?;
    let name = std::any::type_name::<P>();
    let expected = P::Audience::expected(request).ok_or_else(|| {
        Error::new(
            ErrorKind::NoOrganization,
            format!("no_organization_id for {name}"),
        )
    })?;
    let target = match expected.organization() {
        Some(id) => TokenFor::organization(id),
        None => TokenFor::resource(&expected.audience),
    };
    let target = match expected.organization_id {
        Some(id) => target.within(id),
        None => target,
    };
    let wanted = P::SCOPES
        .iter()
        .fold(target, |wanted, scope| wanted.scope(*scope));
    let token = logto.machine_token_shared(wanted).await?;
    // The provider silently leaves out scopes that the app's roles do not give.
    let lacks = |scope: &&&str| !token.has_scope(scope);
    let missing: Vec<_> = P::SCOPES.iter().filter(lacks).copied().collect();
    if !missing.is_empty() {
        let hint = format!(
            "{name} needs the scopes [{}], which no role of this application gives",
            missing.join(" ")
        );
        return Err(Error::misconfigured("insufficient_scope", hint));
    }
    Ok(MachineToken {
        token,
        permission: PhantomData,
    })
}

impl<P: Permission> Sentinel for MachineToken<P> {
    fn abort(rocket: &Rocket<Ignite>) -> bool {
        if either_fairing_is_missing(rocket, "MachineToken") {
            return true;
        }
        let name = std::any::type_name::<P>();
        let logto = rocket.state::<LogtoService>();
        if logto.is_none_or(|logto| logto.client().config().machine.is_none()) {
            log::error!(
                "logto: a route needs a token of this app itself for `{name}`: add machine = {{ \
                 app_id = \"…\", app_secret = \"…\" }} (or app_key_file) of a machine-to-machine \
                 application to the logto table (or set LOGTO_MACHINE_APP_ID and \
                 LOGTO_MACHINE_APP_SECRET)"
            );
            return true;
        }
        if !P::AUTHENTICATION.is_any() {
            log::error!(
                "logto: a route needs a token of this app itself for `{name}`, whose AUTHENTICATION \
                 demands that a user has authenticated: no user does for such a token. Use another \
                 permission, or `AccessToken` for the user's own token"
            );
            return true;
        }
        cannot_be_found::<P>(rocket)
    }
}
