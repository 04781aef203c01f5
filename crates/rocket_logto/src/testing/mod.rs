//! For tests of what is built on this crate: the feature `testing`.
//!
//! ```toml
//! [dev-dependencies]
//! rocket_logto = { version = "0.1", features = ["testing"] }
//! ```
//!
//! | | |
//! |---|---|
//! | [`offline`] | an app without a provider, a port or the network |
//! | [`TestUser`] | signs in to it, in one line |
//! | [`TestToken`] | an access token that its API takes |
//! | [`machine_may`], [`later`] | what the app itself may do; time that passes |
//! | [`session_store_conformance`] | whether a session store of your own keeps its promises |
//!
//! [`guide::testing`](crate::guide::testing) has them all in one app.
//!
//! # In release builds
//!
//! What signs somebody in without a provider is there in debug builds only
//! (`debug_assertions`), whatever features are on: an app that uses it outside of its tests
//! does not compile with `--release`. The checks of stores compile in every profile.

mod conformance;
#[cfg(debug_assertions)]
mod offline;
#[cfg(debug_assertions)]
mod token;
#[cfg(debug_assertions)]
mod user;

pub use self::conformance::{session_store_conformance, session_store_conformance_without_tokens};
#[cfg(debug_assertions)]
pub use self::offline::{later, machine_may, offline};
#[cfg(debug_assertions)]
pub use self::token::TestToken;
#[cfg(debug_assertions)]
pub use self::user::TestUser;
