//! All over-the-wire tests, in one binary. Each module is a promise and named after it.

mod support;

mod a_provider_we_did_not_write;
mod backchannel_logout;
mod backchannel_logout_tokens;
mod browser_jar_follows_rfc6265bis;
mod chromium_works;
#[cfg(feature = "redis")]
mod every_session_store_keeps_its_promises;
mod in_a_real_browser;
mod keys_can_be_rotated;
mod npm_provider_works;
mod pages_carry_security_headers;
mod pages_look_right;
#[cfg(feature = "redis")]
mod redis_keeps_sessions;
mod sessions_of_any_size;
mod sign_in_and_out;
mod support_works;
