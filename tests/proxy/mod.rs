//! The proxy for scripts of the app's own pages, and what they are told of the session (OAuth
//! 2.0 for Browser-Based Applications section 6.1).

mod a_proxy_that_cannot_work_stops_the_launch;
mod answers_speak_for_the_api_only;
mod bodies_flow_both_ways;
mod only_scripts_of_the_app_get_through;
mod requests_arrive_without_the_browsers_secrets;
mod requests_stay_below_the_upstream;
mod scripts_see_the_session;
mod tokens_are_the_users;
