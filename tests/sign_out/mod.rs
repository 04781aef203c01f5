//! Signing out: by the user, and by the provider (OpenID Connect Back-Channel Logout 1.0).

mod backchannel_logout;
mod backchannel_logout_tokens;
mod sign_out_ends_everything;
