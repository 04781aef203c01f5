//! The test kit: what apps test themselves with.

mod an_app_is_tested_without_a_provider;
mod step_up_is_tested_without_a_provider;
