//! Where the configuration comes from, and what a wrong one does.

mod a_profile_refuses_what_contradicts_it;
mod addresses_come_from_configuration;
mod configuration_mistakes_stop_the_launch;
mod routes_can_be_moved_or_turned_off;
mod the_first_start_has_no_dead_end;
mod the_right_configuration_wins;
