//! Access tokens: what is known about one, what it is for, and the caches that keep
//! the tokens of users, of the app itself and of callers.

pub(crate) mod bearer;
pub(crate) mod cache;
pub(crate) mod machine;
pub(crate) mod proofs;
pub(crate) mod subject_token;
pub(crate) mod token;
