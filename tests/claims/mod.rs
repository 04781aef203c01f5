//! What the app says of a user: claims of the ID token and of the userinfo endpoint.

mod claims_stay_fresh;
mod userinfo_belongs_to_the_session;
mod userinfo_can_be_signed;
