//! The web app's own pages, the library's, and what every page carries.

mod notes_are_kept_apart;
mod pages_belong_to_the_configuration;
mod pages_carry_security_headers;
mod pages_carry_the_apps_name;
mod pages_look_like_a_product;
mod pages_may_be_the_apps_own;
mod pages_speak_the_readers_language;
mod pages_work_with_three_variables;
mod the_cause_is_for_the_developer;
