//! What a person sees and does in a real browser (Chromium).

mod form_post_in_a_real_browser;
mod in_a_real_browser;
mod organizations_in_a_real_browser;
mod pages_look_right;
