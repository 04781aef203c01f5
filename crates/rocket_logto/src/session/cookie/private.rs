//! What reads and writes the sealed cookies of one request, and forms that a browser sends
//! back, beside those of the session.

use super::CookieKeys;
use super::names::CookieNames;
use crate::clock::Seconds;
use crate::session::model::{CLOCKS_DIFFER, Registration};

#[derive(Clone, Copy)]
pub(crate) struct PrivateCookies<'a> {
    pub names: &'a CookieNames,
    pub keys: &'a CookieKeys,
    pub registration: &'a Registration,
    pub cookies: &'a [(&'a str, &'a str)],
    pub now: Seconds,
}

impl PrivateCookies<'_> {
    /// Whether what was sealed `at` that time still counts. Allows for an instance whose
    /// clock is ahead.
    pub(crate) fn is_live(&self, at: Seconds, lifetime: Seconds) -> bool {
        (-CLOCKS_DIFFER..lifetime).contains(&self.now.saturating_sub(at))
    }
}
