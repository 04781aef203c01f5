//! APIs that let callers in by their bearer tokens (RFC 6750, RFC 9068, RFC 7662).

mod a_challenge_becomes_a_sign_in;
mod a_refused_caller_is_told_to_the_operator;
mod access_tokens_have_many_shapes;
mod an_api_asks_for_a_stronger_authentication;
mod an_api_lets_in_its_callers_only;
mod an_api_needs_no_sign_in;
mod an_api_tells_where_its_tokens_come_from;
mod bearer_claims_are_checked;
mod bearer_tokens_prove_themselves;
mod opaque_tokens_are_asked_about;
