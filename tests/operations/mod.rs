//! The app as its operator meets it: logs, load, and several instances.

mod a_container_says_whether_it_is_healthy;
mod a_restart_loses_no_request;
mod an_app_may_live_below_a_path;
mod metrics_count_what_happens;
mod nothing_secret_is_told;
mod one_client_does_not_harm_the_others;
mod readiness_says_what_is_wrong;
mod sign_in_floods_leave_nothing;
mod the_log_has_a_line_for_each_event;
mod the_proxy_tells_no_secrets;
mod tracing_users_get_the_lines;
mod two_instances_are_one_app;
