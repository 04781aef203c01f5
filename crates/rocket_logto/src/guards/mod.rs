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
