//! Guides: one page for each topic. The tests compile their examples.
//!
//! | guide | about |
//! |---|---|
//! | [`sessions`] | users and their claims, routes, signing in and out from a handler, step-up, when a session ends, seeing and ending sessions, where they are kept |
//! | [`hooks`] | your own code at a sign-in, when claims change and when a session ends; data of your own in the session |
//! | [`step_up`] | a more recent sign-in, or a stronger one, for pages and for APIs; APIs that ask for it |
//! | [`webhooks`] | what Logto tells by itself, and when: suspended users, other roles; hooks of your own for it |
//! | [`pages`] | the pages of the library: your name and icon, your language, pages of your own |
//! | [`tokens`] | access tokens for APIs, for organizations and for the app itself; token exchange |
//! | [`dpop`] | tokens that are bound to a key (DPoP), of your app and of your API's callers; the FAPI 2.0 Security Profile |
//! | [`account`] | Logto's account pages, the user's sessions there, its Management API, magic links, access that is taken back |
//! | [`apis`] | protecting an API, services that are only an API, opaque tokens |
//! | [`single_page_app`] | a page of scripts without tokens: the proxy, the session for scripts, what they are answered |
//! | [`mcp`] | an MCP server: assistants that find their way by themselves, scopes on the way, `Origin`, sessions of the protocol |
//! | [`production`] | checklist, nginx, several instances, Redis, changing the key, memory |
//! | [`operation`] | metrics, alerts, and the lines in the log |
//! | [`providers`] | providers other than Logto: what to set, what works, what does not |
//! | [`testing`] | signing in in your app's tests |
//! | [`from_python`] | from Logto's Python SDK to this crate, call by call |
//! | [`troubleshooting`] | symptom, log line, what to do |
//!
//! [`LogtoConfig`] documents every key and every environment variable. In the repository,
//! `examples/README.md` lists small whole apps for these topics, each with its tests.

// For the links in the guides.
#[allow(unused_imports)]
use crate::*;

#[doc = include_str!("sessions.md")]
pub mod sessions {}

#[doc = include_str!("hooks.md")]
pub mod hooks {}

#[doc = include_str!("step_up.md")]
pub mod step_up {}
#[doc = include_str!("webhooks.md")]
pub mod webhooks {}

#[doc = include_str!("pages.md")]
pub mod pages {}

#[doc = include_str!("tokens.md")]
pub mod tokens {}

#[doc = include_str!("dpop.md")]
pub mod dpop {}

#[doc = include_str!("account.md")]
pub mod account {}

#[doc = include_str!("apis.md")]
pub mod apis {}

#[doc = include_str!("single_page_app.md")]
pub mod single_page_app {}
#[doc = include_str!("mcp.md")]
pub mod mcp {}

#[doc = include_str!("production.md")]
pub mod production {}

#[doc = include_str!("operation.md")]
pub mod operation {}

#[doc = include_str!("providers.md")]
pub mod providers {}

#[doc = include_str!("testing.md")]
pub mod testing {}

#[doc = include_str!("from_python.md")]
pub mod from_python {}

#[doc = include_str!("troubleshooting.md")]
pub mod troubleshooting {}
