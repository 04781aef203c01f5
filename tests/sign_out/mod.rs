//! Signing out: by the user, and by the provider (OpenID Connect Back-Channel Logout 1.0).

mod logout_tokens_are_verified;
mod providers_sign_out_in_their_own_ways;
mod sign_out_ends_everything;
mod the_provider_can_end_sessions;
mod who_says_nothing_is_asked;
