//! All over-the-wire tests, in one binary. Each module is a promise and named after it.

mod support;

mod a_provider_we_did_not_write;
mod browser_jar_follows_rfc6265bis;
mod callback_belongs_to_this_browser;
mod callback_takes_only_proper_responses;
mod chromium_works;
mod cookies_cannot_be_tossed_or_confused;
mod form_post_is_as_strict;
mod id_token_belongs_to_its_access_token;
mod id_token_claims_are_checked;
mod id_token_header_is_not_trusted;
mod id_token_signature_is_pinned;
mod metadata_is_the_configured_issuers;
mod npm_provider_works;
mod provider_mix_up_is_refused;
mod sign_in_and_out;
mod signing_keys_rotate;
mod support_works;
mod userinfo_belongs_to_the_session;
