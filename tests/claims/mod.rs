//! What the app says of a user: claims of the ID token and of the userinfo endpoint.

mod claims_stay_fresh;
mod times_are_any_number;
mod userinfo_belongs_to_the_session;
mod userinfo_can_be_signed;
