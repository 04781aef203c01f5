//! Access tokens: fetched, refreshed, exchanged and kept, for users and for the app itself.

mod an_app_gets_tokens_of_its_own;
mod failures_of_refresh;
mod instances_agree_on_tokens;
mod organization_tokens;
mod refresh_is_single_flight;
mod tokens_are_exchanged;
mod tokens_are_typed_and_cached;
