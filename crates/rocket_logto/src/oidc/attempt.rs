//! What belongs to one sign-in and to no other: `state`, `nonce` and the PKCE verifier,
//! all derived from one secret, because that is all the browser's cookie has room for.

use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// RFC 7636 section 7.1: a verifier has 256 bits of entropy.
const LENGTH: usize = 32;
/// What the `state` of a second attempt begins with. It says so even to an app that the
/// browser sends no cookies to.
const SECOND: &str = "again.";

/// One sign-in, by its secret.
#[derive(Clone)]
pub(crate) struct Attempt {
    secret: [u8; LENGTH],
    is_second: bool,
}

impl Attempt {
    /// A new one. The second one of a browser follows a response to an attempt that
    /// nothing was known of.
    pub(crate) fn new(is_second: bool) -> Result<Attempt, Unspecified> {
        let mut secret = [0; LENGTH];
        aws_lc_rs::rand::fill(&mut secret)?;
        Ok(Attempt { secret, is_second })
    }

    /// The attempt with this secret, if `state` is its.
    pub(crate) fn with_state(secret: [u8; LENGTH], state: &str) -> Option<Attempt> {
        let is_second = is_second(state);
        let attempt = Attempt { secret, is_second };
        (attempt.state() == state).then_some(attempt)
    }

    pub(crate) fn secret(&self) -> &[u8; LENGTH] {
        &self.secret
    }

    pub(crate) fn is_second(&self) -> bool {
        self.is_second
    }

    pub(crate) fn state(&self) -> String {
        let state = self.derive("state", 16);
        match self.is_second {
            true => format!("{SECOND}{state}"),
            false => state,
        }
    }

    pub(crate) fn nonce(&self) -> String {
        self.derive("nonce", 16)
    }

    /// PKCE (RFC 7636 section 4.1).
    pub(crate) fn code_verifier(&self) -> String {
        self.derive("code_verifier", 32)
    }

    /// HMAC-SHA-256 is a pseudorandom function: none of these says anything about the
    /// secret, or about another one.
    fn derive(&self, what: &str, length: usize) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.secret);
        let tag = hmac::sign(&key, what.as_bytes());
        URL_SAFE_NO_PAD.encode(&tag.as_ref()[..length])
    }
}

/// Whether it is the `state` of a second attempt, be it ours or made up.
pub(crate) fn is_second(state: &str) -> bool {
    state.starts_with(SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_an_attempt_follows_from_its_secret() {
        for is_second in [false, true] {
            let attempt = Attempt::new(is_second).unwrap();
            let state = attempt.state();
            assert_eq!(super::is_second(&state), is_second);
            let again = Attempt::with_state(*attempt.secret(), &state).unwrap();
            assert_eq!(again.nonce(), attempt.nonce());
            assert_eq!(again.code_verifier(), attempt.code_verifier());
            assert_eq!(attempt.code_verifier().len(), 43);
            assert_ne!(attempt.nonce(), state);

            let other = Attempt::new(is_second).unwrap();
            assert_ne!(other.state(), state);
            assert_ne!(other.nonce(), attempt.nonce());
            assert_ne!(other.code_verifier(), attempt.code_verifier());
            assert!(Attempt::with_state(*other.secret(), &state).is_none());
        }
    }
}
