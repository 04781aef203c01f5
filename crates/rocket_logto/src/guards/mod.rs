//! The request guards. Each is a thin call to what [`Logto`](crate::Logto) can do.

/// Implements [`FromRequest`](rocket::request::FromRequest) by calling the
/// module's `find`.
///
/// Written without `async_trait`: the caller's location has to be read before
/// the first await (`response/failed_guard.rs`).
macro_rules! from_request {
    ($guard:ty: $error:ty, [$($generics:tt)*]) => {
        impl<'r, $($generics)*> rocket::request::FromRequest<'r> for $guard {
            type Error = $error;

            #[track_caller]
            fn from_request<'l, 'f>(
                request: &'r rocket::Request<'l>,
            ) -> rocket::futures::future::BoxFuture<'f, rocket::request::Outcome<Self, $error>>
            where
                'r: 'f,
                'l: 'f,
                Self: 'f,
            {
                crate::response::failed_guard::guard(request, find(request))
            }
        }
    };
}

/// What guards that hold a token have in common: they deref to
/// [`Token`](crate::Token), and `Debug` and `Serialize` never show the token
/// itself.
macro_rules! holds_token {
    ($guard:ty, [$($generics:tt)*]) => {
        impl<$($generics)*> std::ops::Deref for $guard {
            type Target = crate::tokens::token::Token;

            fn deref(&self) -> &crate::tokens::token::Token {
                &self.token
            }
        }

        /// Serializes the claims of the JWT, or null for an opaque token; never the
        /// token itself.
        impl<$($generics)*> serde::Serialize for $guard {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.token.serialize(serializer)
            }
        }

        impl<$($generics)*> std::fmt::Debug for $guard {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_tuple(stringify!($guard)).field(&self.token).finish()
            }
        }
    };
}

mod access_token;
mod account;
mod allowed;
mod audience;
mod bearer;
mod caller_authentication;
mod challenge;
mod language;
mod machine_token;
mod org_token;
mod organization_id;
mod permissions;
mod possession;
mod proxied_token;
mod same_origin;
mod session_data;
mod step_up;
mod user;
mod user_info;
mod webhook;

pub use access_token::{AccessToken, DefaultResource, Resource};
pub use account::{AccountApi, IdentityProof};
pub use allowed::{Allowed, AllowedIn, Requirement};
pub use audience::{BearerAudience, ExpectedAudience, Organization, Within};
pub use bearer::{Bearer, NoCustomClaims};
pub(crate) use challenge::step_up;
pub use language::Language;
pub use machine_token::MachineToken;
pub use org_token::{NoResource, OrgToken};
pub use organization_id::{
    ConstOrg, HeaderOrg, OrgId, OrganizationId, ParameterName, PathOrg, QueryOrg,
};
pub use permissions::Permission;
pub(crate) use permissions::declare;
pub use proxied_token::ProxiedToken;
pub use same_origin::SameOrigin;
pub use session_data::SessionData;
pub use step_up::{StepUp, StepUpPolicy};
pub use user::User;
pub use user_info::UserInfo;
