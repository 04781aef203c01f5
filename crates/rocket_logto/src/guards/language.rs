//! `Language`: the language in which the library's pages answer a request.

use std::fmt;

use rocket::{Ignite, Request, Rocket, Sentinel};
use serde::{Serialize, Serializer};

use crate::error::Error;
use crate::logto::fairing_is_missing;
use crate::response::language;

/// The language in which the library's pages speak to the user: for pages of yours that are
/// to speak the same.
///
/// It is what [`LogtoFairing::language`](crate::LogtoFairing::language) says, or else the best
/// match for the browser's `Accept-Language`, or else English; always one of English, Thai and
/// those that [`LogtoFairing::messages`](crate::LogtoFairing::messages) adds. It never fails.
///
/// A response that depends on it should say so (`Vary: Accept-Language`), unless it is for one
/// user only: those of signed-in users are in no cache.
///
/// # Network
///
/// None.
///
/// # Standards
///
/// BCP 47, RFC 9110 section 12.5.4.
///
/// # Examples
///
/// ```rust
/// use rocket::get;
/// use rocket_logto::Language;
///
/// #[get("/hello")]
/// fn hello(language: Language) -> &'static str {
///     match language.as_str() {
///         "th" => "สวัสดี",
///         _ => "Hello",
///     }
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Language(String);

impl Language {
    /// Its tag (BCP 47), such as `en` or `pt-BR`, for the attribute `lang` as well.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Serializes the tag.
impl Serialize for Language {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

from_request!(Language: Error, []);

async fn find(request: &Request<'_>) -> Result<Language, Error> {
    Ok(Language(language::tag(request)))
}

impl Sentinel for Language {
    fn abort(rocket: &Rocket<Ignite>) -> bool {
        fairing_is_missing(rocket, "Language")
    }
}
