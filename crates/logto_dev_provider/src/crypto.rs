//! Hashes, base64url and randomness: the small things that several modules need.

use aws_lc_rs::digest::{self, Algorithm, Digest};
use aws_lc_rs::rand;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

pub(crate) fn sha256(message: &[u8]) -> Digest {
    digest::digest(&digest::SHA256, message)
}

/// The left half of a hash, as `at_hash` has it (OpenID Connect Core 3.1.3.6).
pub(crate) fn left_half(algorithm: &'static Algorithm, message: &[u8]) -> String {
    let hash = digest::digest(algorithm, message);
    let hash = hash.as_ref();
    base64url(&hash[..hash.len() / 2])
}

pub(crate) fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn from_base64url(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// An unguessable string of 43 characters, as long as Logto's codes and tokens.
///
/// # Panics
///
/// When the operating system has no randomness: a token that can be guessed
/// would be worse.
pub(crate) fn random_token() -> String {
    let mut bytes = [0; 32];
    let filled = rand::fill(&mut bytes);
    assert!(filled.is_ok(), "the operating system has no randomness");
    base64url(bytes)
}

/// A `sub` like those of Logto's users: 12 characters of `0-9a-z`.
///
/// # Panics
///
/// As [`random_token`].
pub(crate) fn random_id() -> String {
    const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let mut bytes = [0; 12];
    let filled = rand::fill(&mut bytes);
    assert!(filled.is_ok(), "the operating system has no randomness");
    let digits = bytes.map(|byte| char::from(DIGITS[usize::from(byte) % DIGITS.len()]));
    digits.iter().collect()
}
