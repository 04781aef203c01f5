//! The OpenID Foundation's relying-party plans: a file for each, a test for each module (`docs/conformance.md`).

mod backchannel_logout;
mod basic;
mod binary_by_environment;
mod config;
mod form_post_basic;
mod refresh;
mod rp_initiated_logout;
mod third_party_login;
