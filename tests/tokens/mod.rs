//! Access tokens: fetched, refreshed, exchanged and kept, for users and for the app itself.

mod a_broken_key_stops_the_launch;
mod a_failed_refresh_spares_good_sessions;
mod a_token_is_for_what_was_asked;
mod access_to_the_app_can_be_taken_back;
mod an_app_gets_tokens_of_its_own;
mod an_app_proves_itself_with_a_key;
mod an_app_proves_possession;
mod instances_agree_on_tokens;
mod organization_tokens_are_for_members;
mod refresh_is_single_flight;
mod short_lived_tokens_are_kept;
mod tokens_are_exchanged;
mod tokens_are_typed_and_cached;
