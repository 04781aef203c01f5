//! Self-tests of the tests' own tools: no promise of the app is in here.

mod browser_jar_follows_rfc6265bis;
mod chromium_works;
mod npm_provider_works;
mod support_works;
