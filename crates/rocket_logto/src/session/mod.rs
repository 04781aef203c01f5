//! The life of a session. [`SessionManager`] owns it: a callback asks it to begin one, a
//! guard to resolve one, a route to end one. [`ActiveSession`] is what a request of a
//! signed-in user holds.

mod active;
mod changes;
mod concurrent;
pub(crate) mod context;
pub(crate) mod cookie;
mod live;
mod locks;
mod manager;
mod model;
mod overview;
pub(crate) mod questions;
mod readiness;
mod refresh;
mod revocation;
pub(crate) mod seen_filter;
mod sessions;
mod storage;
pub(crate) mod store;
mod subject;
mod told;
pub(crate) mod transaction;
mod webhook;

pub(crate) use active::{ActiveSession, Ends};
pub(crate) use manager::{Answer, NewSession, SessionManager};
pub(crate) use model::SessionRef;
pub use sessions::{SessionInfo, Sessions};
pub use subject::Subject;
pub(crate) use webhook::take as take_webhook;
