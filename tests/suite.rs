//! All over-the-wire tests, in one binary. Each module is a promise and named after it.

mod support;

mod a_guard_that_cannot_work_says_so;
mod a_provider_we_did_not_write;
mod browser_jar_follows_rfc6265bis;
mod chromium_works;
mod claims_stay_fresh;
mod failures_of_refresh;
mod npm_provider_works;
mod organization_tokens;
mod refresh_is_single_flight;
mod sign_in_and_out;
mod support_works;
mod tokens_are_typed_and_cached;
