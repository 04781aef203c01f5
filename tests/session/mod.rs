//! The life of a session: its cookies, its stores, and how it ends.

mod a_killed_refresh_holds_nobody_up;
mod a_late_answer_brings_no_old_cookie;
mod a_redis_cluster_keeps_sessions;
mod a_session_belongs_to_one_registration;
mod a_session_seen_before_is_as_strict;
mod apps_on_one_host_do_not_disturb_each_other;
mod cookie_keys_can_be_rotated;
mod cookies_cannot_be_tossed_or_confused;
mod every_session_store_keeps_its_promises;
mod one_account_costs_nobody_else_anything;
mod redis_is_reached_over_tls;
mod redis_keeps_sessions;
mod redis_needs_no_more_than_its_acl;
mod sentinels_lead_to_the_master;
mod sessions_end_in_time;
mod sessions_may_have_any_size;
