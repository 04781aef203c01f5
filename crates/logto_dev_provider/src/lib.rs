//! ```no_run
//! use logto_dev_provider::{DevProvider, Settings};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let mut settings = Settings::new("my-app", "my-secret");
//! settings.redirect_uris = vec!["http://localhost:3000/callback".into()];
//! let provider = DevProvider::start(settings).await?;
//! println!("sign in at {}", provider.endpoint());
//! provider.stop().await;
//! # Ok(()) }
//! ```
//!
//! A small OpenID provider that behaves like [Logto](https://logto.io) on the
//! wire, for development and tests. **Never for production**: it signs in
//! anybody who presses a button.
//!
//! It runs inside the process on the loopback interface, keeps everything in
//! memory unless [`Settings::state_file`] names a file, and has no passwords. The same provider is a program for apps in any
//! language:
//!
//! ```console
//! $ cargo install logto_dev_provider
//! $ logto_dev_provider --help
//! ```
//!
//! What it answers was compared with recordings of a real Logto: discovery, the
//! authorization endpoint with PKCE (S256) and pushed requests, codes, refresh
//! tokens with rotation and reuse detection, access tokens for API resources and
//! organizations, for users and for machines, token exchange, userinfo,
//! revocation, introspection, sign-out and back-channel logout; and of Logto's
//! Management API the few calls that go with these. Its [webhooks](Settings::webhook)
//! have the shape that Logto's source code gives them. Step-up has both of Logto's levels,
//! `urn:logto:acr:1fa` and `urn:logto:acr:mfa`, with a pretended second factor.
//!
//! # Who can sign in
//!
//! [`Settings::seed`] says which users, machines, organizations and API
//! resources there are: [`Seed::default`] has some of each, [`Seed::from_toml`]
//! reads yours. [`DevProvider::edit_seed`] changes them while it runs. People can sign
//! up, too: a user name is enough.
//!
//! # Which clients
//!
//! The application of the [settings](Settings), the machines of the seed, and clients that
//! nobody has registered, such as those of the Model Context Protocol: one whose `client_id` is
//! the address of a document that describes it, and, with
//! [`Settings::dynamic_registration`], one that registers itself (RFC 7591). Users are asked
//! for consent before such a client gets anything. The README says what they may do.
//!
//! # What an operator does
//!
//! `/` is a control page for whoever sits at this machine: it suspends users, deletes
//! them, changes their roles, ends their sessions, and rotates keys, and says what an
//! application does about that. Tests do the same by [`DevProvider::suspend`],
//! [`DevProvider::edit_seed`], [`DevProvider::end_sessions_of`] and
//! [`DevProvider::rotate_keys`].
//!
//! # Logging
//!
//! It writes to the [`log`] facade with the target `logto_dev_provider`, and
//! every line begins with "development provider". Requests are logged at the
//! level `debug`, without their queries. It never touches the logger or the log
//! level of the process.

#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod account;
mod accounts;
mod acr;
mod auth_request;
mod authorize;
mod backchannel;
mod claims;
mod client_assertion;
mod client_auth;
mod clients;
mod consent;
mod console;
mod cors;
mod crypto;
mod dev_provider;
mod discovery;
mod dpop;
mod error;
mod exchange;
mod hooks;
mod issue;
mod keys;
mod machine;
mod management;
mod names;
mod oidc_error;
mod own_pages;
mod pages;
mod provider;
mod routes;
mod second_factor;
mod seed;
mod server;
mod session;
mod settings;
mod state_file;
mod store;
#[cfg(all(test, feature = "_hooks"))]
mod tests;
mod token;
mod userinfo;
mod webhooks;
mod wire;

pub use dev_provider::DevProvider;
pub use error::{SeedError, StartError};
pub use keys::{SigningAlg, UnknownSigningAlg};
pub use seed::{
    Seed, SeedAddress, SeedMachine, SeedOrganization, SeedProfile, SeedResource, SeedUser,
};
pub use settings::Settings;
pub use webhooks::Webhook;

#[cfg(feature = "_hooks")]
#[doc(hidden)]
pub use {
    hooks::{Held, Hooks, Signing},
    wire::{Endpoint, Received, Reply},
};

/// The examples of the README compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
