//! How the user of a caller's token has authenticated, and what a permission demands of it
//! (RFC 9470 section 3).

use rocket::{Ignite, Rocket};

use super::permissions::Permission;
use crate::authentication::Authentication;
use crate::claims::AccessTokenClaims;
use crate::error::bearer::{BearerError, BearerErrorKind};
use crate::oidc::authentication::{AuthenticationEvent, RequestedAuthentication};
use crate::oidc::verify::Rejection;
use crate::service::LogtoService;

/// Refuses a token whose user has not authenticated as is `required`.
pub(super) fn authenticated_as(
    required: &Authentication,
    claims: &AccessTokenClaims,
    logto: &LogtoService,
) -> Result<(), BearerError> {
    let event = AuthenticationEvent::of_caller(claims);
    let Err(rejection) = event.satisfies(&required.into(), logto.measure()) else {
        return Ok(());
    };
    let (why, reason) = match rejection {
        _ if event.is_unknown() => (
            "the token does not say how its user has authenticated; that of a machine never does",
            "no_authentication",
        ),
        Rejection::AuthenticationTime => ("a more recent authentication is required", "auth_time"),
        Rejection::AuthenticationContext => ("a stronger authentication is required", "acr"),
        _ => ("authentication by other methods is required", "amr"),
    };
    let asked = RequestedAuthentication::from(required).told();
    let details = format!(": {}; required is {asked}", event.told());
    let required = Box::new(*required);
    let kind = BearerErrorKind::InsufficientAuthentication { why, required };
    Err(BearerError::new(kind, reason).with_details(details))
}

/// Whether the launch must abort, because nobody can authenticate as the permission demands.
pub(super) fn cannot_be_met<P: Permission>(rocket: &Rocket<Ignite>) -> bool {
    let tolerance = rocket.state::<LogtoService>().map(LogtoService::tolerance);
    let fault = match P::AUTHENTICATION.is_any() {
        true => None,
        false => P::AUTHENTICATION.fault(tolerance.unwrap_or_default()),
    };
    if let Some(why) = fault {
        let name = std::any::type_name::<P>();
        log::error!("logto: the AUTHENTICATION of the permission `{name}` {why}");
    }
    fault.is_some()
}
