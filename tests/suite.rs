//! All over-the-wire tests, in one binary. Each module is a promise and named after it.
// Tables of cases hold functions.
#![allow(clippy::type_complexity)]
#[cfg(feature = "redis")]
#[cfg(feature = "redis")]
#[cfg(feature = "redis")]
#[cfg(feature = "redis")]
mod support;

mod a_broken_exchange_signs_nobody_in;
mod a_guard_that_cannot_work_says_so;
mod a_hostile_provider_costs_little;
mod a_provider_we_did_not_write;
mod a_sign_in_begun_elsewhere;
mod addresses_come_from_configuration;
mod an_api_lets_in_its_callers_only;
mod backchannel_logout;
mod backchannel_logout_tokens;
mod browser_jar_follows_rfc6265bis;
mod callback_belongs_to_this_browser;
mod callback_takes_only_proper_responses;
mod chromium_works;
mod claims_stay_fresh;
mod configuration_mistakes_stop_the_launch;
mod cookies_cannot_be_tossed_or_confused;
mod every_session_store_keeps_its_promises;
mod failures_of_refresh;
mod form_post_is_as_strict;
mod guards_answer_by_who_asks;
mod id_token_belongs_to_its_access_token;
mod id_token_claims_are_checked;
mod id_token_header_is_not_trusted;
mod id_token_signature_is_pinned;
mod in_a_real_browser;
mod keys_can_be_rotated;
mod many_tabs;
mod metadata_is_the_configured_issuers;
mod no_answer_of_the_provider_breaks_the_app;
mod nothing_opens_a_protected_path;
mod nothing_secret_is_told;
mod npm_provider_works;
mod one_client_does_not_harm_the_others;
mod organization_tokens;
mod organizations_in_a_real_browser;
mod organizations_resources_and_session;
mod pages_carry_security_headers;
mod pages_look_right;
mod provider_can_be_down;
mod provider_mix_up_is_refused;
mod redis_keeps_sessions;
mod refresh_is_single_flight;
mod return_to_stays_in_the_app;
mod sessions_end_in_time;
mod sessions_of_any_size;
mod sign_in_and_out;
mod sign_in_floods;
mod sign_in_request_is_exact;
mod sign_out_ends_everything;
mod signing_keys_rotate;
mod support_works;
mod the_right_configuration_wins;
mod tokens_are_typed_and_cached;
mod two_instances_behind_nginx;
mod userinfo_belongs_to_the_session;
