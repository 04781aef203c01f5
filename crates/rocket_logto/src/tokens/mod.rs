//! Access tokens: what is known of one, what it is for, and the caches that keep
//! them, for users, for the app itself and for callers.

pub(crate) mod bearer;
pub(crate) mod cache;
pub(crate) mod machine;
pub(crate) mod subject_token;
pub(crate) mod token;
