//! The key of `web.metrics`, which comes as a bearer token: what Prometheus sends for
//! `authorization` in its configuration.

use std::convert::Infallible;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{Digest, SHA256, digest};
use rocket::Request;
use rocket::request::{FromRequest, Outcome};
use rocket::serde::Deserialize;

pub const CHALLENGE: &str = "Bearer realm=\"metrics\"";

/// In bytes. A shorter one can be guessed.
const SHORTEST: usize = 16;

/// Only its digest is kept: two of them are of one length, so that the comparison tells
/// nothing by how long it takes.
#[derive(Deserialize)]
#[serde(crate = "rocket::serde", try_from = "String")]
pub struct Key(Digest);

impl TryFrom<String> for Key {
    type Error = String;

    fn try_from(key: String) -> Result<Key, String> {
        let proper = key.bytes().all(|byte| byte.is_ascii_graphic());
        match key.len() >= SHORTEST && proper {
            true => Ok(Key(digest(&SHA256, key.as_bytes()))),
            false => Err(format!(
                "the key has to be {SHORTEST} printable ASCII characters or more, without spaces"
            )),
        }
    }
}

impl Key {
    /// Whether the value of an `Authorization` header has it (RFC 6750 section 2.1).
    pub fn is_in(&self, credentials: &str) -> bool {
        let Some((scheme, key)) = credentials.split_once(' ') else {
            return false;
        };
        let brought = digest(&SHA256, key.as_bytes());
        let is_equal = verify_slices_are_equal(brought.as_ref(), self.0.as_ref()).is_ok();
        scheme.eq_ignore_ascii_case("Bearer") && is_equal
    }
}

/// The `Authorization` header, if there is one and no second.
pub struct Credentials<'r>(pub Option<&'r str>);

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Credentials<'r> {
    type Error = Infallible;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Credentials<'r>, Infallible> {
        let mut headers = request.headers().get("Authorization");
        let first = headers.next();
        Outcome::Success(Credentials(first.filter(|_| headers.next().is_none())))
    }
}
