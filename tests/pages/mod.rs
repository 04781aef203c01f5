//! The web app's own pages, and what every page carries.

mod notes_are_kept_apart;
mod pages_belong_to_the_configuration;
mod pages_carry_security_headers;
mod pages_work_with_three_variables;
mod the_cause_is_for_the_developer;
