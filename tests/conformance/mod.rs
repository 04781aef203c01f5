//! The OpenID Foundation's relying-party plans: a file for each, a test for each module (`docs/conformance.md`).

mod backchannel_logout;
mod basic;
mod config;
mod fapi2;
mod form_post_basic;
mod refresh;
mod rp_initiated_logout;
mod the_binary_needs_only_its_environment;
mod third_party_login;
