//! Providers: others than ours, broken ones, hostile ones, and their metadata and keys.

mod a_hostile_provider_costs_little;
mod a_key_type_may_change;
mod a_key_works_at_another_provider;
mod a_wrong_address_is_told;
mod an_api_works_at_another_provider;
mod another_provider_works;
mod canaille_works;
mod dex_works;
mod fapi_works_at_another_provider;
mod keycloak_works;
mod many_tenants_share_one_provider;
mod members_nobody_needs_stop_nobody;
mod metadata_is_the_configured_issuers;
mod metadata_may_be_elsewhere;
mod no_answer_of_the_provider_breaks_the_app;
mod other_providers_shapes_work;
mod provider_can_be_down;
mod signing_keys_rotate;
mod the_development_provider_shows_each_reaction;
