//! All over-the-wire tests, in one binary. Each module is a promise and named after it.

mod support;

mod a_provider_we_did_not_write;
mod browser_jar_follows_rfc6265bis;
mod chromium_works;
mod in_a_real_browser;
mod npm_provider_works;
mod pages_carry_security_headers;
mod pages_look_right;
mod sign_in_and_out;
#[cfg(feature = "redis")]
mod sign_in_floods;
mod support_works;
#[cfg(feature = "redis")]
mod two_instances_behind_nginx;
