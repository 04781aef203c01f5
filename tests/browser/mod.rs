//! What a person sees and does in a real browser (Chromium).

mod a_person_ends_sessions_elsewhere;
mod a_person_keeps_notes;
mod a_person_sees_their_organizations;
mod a_person_signs_in_and_out;
mod a_posted_response_brings_its_cookie;
mod a_single_page_app_calls_through_the_proxy;
mod a_single_page_app_uses_the_session;
mod pages_look_right;
mod the_cause_fits_the_page;
