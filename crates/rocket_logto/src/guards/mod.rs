//! The request guards. Each is a thin call to what [`Logto`](crate::Logto) can do.

mod access_token;
mod bearer;
mod machine_token;
mod org_token;
mod organization_id;
mod step_up;
mod user;
mod user_info;

pub use access_token::{AccessToken, DefaultResource, Resource};
pub use bearer::{
    Bearer, BearerAudience, ExpectedAudience, NoCustomClaims, Organization, Permission, Within,
};
pub use machine_token::MachineToken;
pub use org_token::{NoResource, OrgToken};
pub use organization_id::{
    ConstOrg, HeaderOrg, OrgId, OrganizationId, ParameterName, PathOrg, QueryOrg,
};
pub use step_up::{StepUp, StepUpPolicy};
pub use user::User;
pub use user_info::UserInfo;

use rocket::{Ignite, Rocket};

use crate::logto::Logto;
use crate::service::LogtoService;

/// Aborts the launch of an app that uses a guard, or a responder of this crate,
/// without the fairing.
pub(crate) fn fairing_is_missing(rocket: &Rocket<Ignite>, what: &str) -> bool {
    let missing = rocket.state::<Logto>().is_none();
    if missing && rocket.state::<LogtoService>().is_some() {
        log::error!(
            "logto: `{what}` needs users to sign in: attach Logto::fairing() in place of \
             Logto::api()"
        );
    } else if missing {
        log::error!("logto: `{what}` needs the fairing: .attach(Logto::fairing())");
    }
    missing
}

/// The same for what does without users.
fn either_fairing_is_missing(rocket: &Rocket<Ignite>, what: &str) -> bool {
    let missing = rocket.state::<LogtoService>().is_none();
    if missing {
        log::error!(
            "logto: `{what}` needs the fairing: .attach(Logto::fairing()), or \
             .attach(Logto::api()) in a service that is an API only"
        );
    }
    missing
}
