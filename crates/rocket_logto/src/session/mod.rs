//! The life of a session. [`SessionManager`] owns it: a callback asks it to begin one, a
//! guard to resolve one, a route to end one. [`ActiveSession`] is what a request of a
//! signed-in user holds.

mod active;
pub(crate) mod context;
pub(crate) mod cookie;
mod live;
mod locks;
mod manager;
mod model;
mod readiness;
mod refresh;
mod revocation;
pub(crate) mod seen_filter;
mod storage;
pub(crate) mod store;
pub(crate) mod transaction;

pub(crate) use active::ActiveSession;
pub(crate) use manager::{NewSession, SessionManager};
pub(crate) use model::SessionRef;
