//! Guards on routes: who gets in, and how everybody else is answered.

mod a_failed_guard_is_answered_whatever_catches_it;
mod a_guard_that_cannot_work_says_so;
mod a_protected_subtree_needs_a_session;
mod guards_answer_by_who_asks;
mod nothing_opens_a_protected_path;
mod requests_come_from_our_own_pages;
mod roles_decide_who_may;
