//! Signing in: the request to the provider, the callback, the ID token, and being asked again.

mod a_broken_exchange_signs_nobody_in;
mod a_link_asks_first;
mod a_second_factor_is_asked_for;
mod a_session_swallows_no_demand;
mod a_silent_sign_in_disturbs_nobody;
mod a_user_signs_in_and_out;
mod a_wrong_set_up_is_called_so;
mod an_unknown_response_begins_one_sign_in;
mod another_host_goes_to_base_url_first;
mod another_site_can_only_begin_a_sign_in;
mod callback_belongs_to_this_browser;
mod callback_takes_only_proper_responses;
mod cookies_that_cannot_be_read_are_told;
mod every_error_code_gets_a_page_that_is_true;
mod form_post_is_as_strict;
mod id_token_belongs_to_its_access_token;
mod id_token_claims_are_checked;
mod id_token_header_is_not_trusted;
mod id_token_signature_is_pinned;
mod only_documents_start_a_sign_in;
mod provider_mix_up_is_refused;
mod requests_can_be_pushed;
mod return_to_stays_in_the_app;
mod sign_in_request_is_exact;
mod step_up_asks_again;
mod tabs_do_not_disturb_each_other;
