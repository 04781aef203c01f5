//! All over-the-wire tests, in one binary. Each module is a promise and named after it.

mod support;

mod a_broken_exchange_signs_nobody_in;
mod addresses_come_from_configuration;
mod browser_jar_follows_rfc6265bis;
mod chromium_works;
mod configuration_mistakes_stop_the_launch;
mod guards_answer_by_who_asks;
mod many_tabs;
mod nothing_opens_a_protected_path;
mod npm_provider_works;
mod provider_can_be_down;
mod return_to_stays_in_the_app;
mod sessions_end_in_time;
mod sign_in_and_out;
mod sign_in_request_is_exact;
mod sign_out_ends_everything;
mod support_works;
mod the_right_configuration_wins;
