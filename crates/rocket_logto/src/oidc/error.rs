//! Why a call to the provider failed, as data. It never holds a response, which may
//! be a token. What it means for a request is in `failure`.

use std::fmt;

use openidconnect::http::StatusCode;
use serde::{Deserialize, Deserializer};
use url::Url;

use super::http::HttpError;
use super::metadata::METADATA;

/// Why metadata or keys are not available.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum ProviderError {
    #[error("{what}: {error}{}", key_for(what, error))]
    Http {
        what: &'static str,
        error: HttpError,
    },
    #[error("{what}: answered {status}")]
    Status {
        what: &'static str,
        status: StatusCode,
    },
    #[error("{what}: {error}")]
    Malformed { what: &'static str, error: String },
    #[error("metadata: issuer is {found:?}, configured is {expected:?}{advice}")]
    IssuerMismatch {
        expected: String,
        found: String,
        /// Which keys to look at, after a colon.
        advice: String,
    },
    /// A member that nothing works without.
    #[error("metadata: {0} is missing or no absolute URL")]
    Unusable(&'static str),
    #[error("metadata: {member} {} is not https{}", shown(url), although(url))]
    Insecure { member: &'static str, url: Box<Url> },
    #[error("not tried again yet after: {0}")]
    Pausing(Box<ProviderError>),
}

/// Which keys the address was made of.
fn key_for(what: &str, error: &HttpError) -> &'static str {
    match error {
        HttpError::NotFound(_) if what == METADATA => {
            ": see logto.endpoint, which is Logto's base URL, or logto.issuer, which is what \
             another provider calls itself, and logto.discovery_url, which is where its metadata \
             are, if not below the issuer"
        }
        _ => "",
    }
}

/// The address is the provider's word, so only so much of it is told.
fn shown(url: &Url) -> String {
    url.as_str().chars().take(200).collect()
}

fn although(url: &Url) -> String {
    match (url.scheme(), url.host_str()) {
        ("http", Some(host)) => format!(
            " although the issuer is: the provider has to publish https addresses; if the way \
             there is safe without, see logto.http_hosts, which may have {host:?}"
        ),
        _ => String::new(),
    }
}

impl ProviderError {
    /// Whether it is what the provider says that is wrong, so that no waiting helps.
    pub(super) fn is_about_content(&self) -> bool {
        match self {
            ProviderError::IssuerMismatch { .. }
            | ProviderError::Insecure { .. }
            | ProviderError::Unusable(_) => true,
            // A page about maintenance, perhaps.
            ProviderError::Malformed { .. }
            | ProviderError::Http { .. }
            | ProviderError::Status { .. } => false,
            ProviderError::Pausing(error) => error.is_about_content(),
        }
    }

    /// The line and column of a JSON error, without the text around it.
    pub(super) fn unreadable(what: &'static str, error: &serde_json::Error) -> ProviderError {
        let (line, column) = (error.line(), error.column());
        let kind = error.classify();
        ProviderError::Malformed {
            what,
            error: format!("{kind:?} error at {line}:{column}"),
        }
    }
}

/// Why a call for tokens or claims failed.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum TokenError {
    #[error("{0}")]
    Denied(TokenErrorBody),
    #[error("{0}")]
    Http(#[from] HttpError),
    #[error("unusable answer: {0}")]
    Malformed(String),
    #[error("this app has no credentials at the provider")]
    NoCredentials,
}

/// Without metadata, the call that needed it fails.
impl From<ProviderError> for TokenError {
    fn from(error: ProviderError) -> Self {
        match error {
            ProviderError::Http { error, .. } => TokenError::Http(error),
            ProviderError::Pausing(error) => TokenError::from(*error),
            other => TokenError::Malformed(other.to_string()),
        }
    }
}

/// Why a sign-in could not be started.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AuthorizeError {
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// The provider did not accept the pushed request.
    #[error("{0}")]
    Push(TokenError),
}

/// An error response (RFC 6749 section 5.2), with Logto's `code` and `message`. All
/// of it is the provider's own text; the methods `code` and `message` give what may
/// be logged.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub(crate) struct TokenErrorBody {
    pub error: String,
    #[serde(default, deserialize_with = "text")]
    error_description: Option<String>,
    #[serde(default, deserialize_with = "text")]
    code: Option<String>,
    #[serde(default, deserialize_with = "text")]
    message: Option<String>,
}

/// In characters. The provider's messages are one sentence.
const MAX_MESSAGE: usize = 200;

impl TokenErrorBody {
    /// Logto's own code, or else the standard one.
    pub(super) fn code(&self) -> String {
        printable(self.code.as_deref().unwrap_or(&self.error))
    }

    /// The provider's message, as one line of bounded length. Prefers
    /// `error_description`: Logto's `message` only translates its code, often
    /// vaguely.
    pub(crate) fn message(&self) -> Option<String> {
        let message = self.error_description.as_ref().or(self.message.as_ref())?;
        Some(one_line(message))
    }
}

/// A message of the provider's, as one line of bounded length.
pub(super) fn one_line(message: &str) -> String {
    let printable = message.chars().filter(|c| !c.is_control());
    printable.take(MAX_MESSAGE).collect()
}

impl fmt::Display for TokenErrorBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.code())
    }
}

/// A provider's error code is text of its own: only the characters that RFC 6749
/// section 5.2 allows, and not too many, go into a log.
pub(crate) fn printable(code: &str) -> String {
    code.chars()
        .filter(|c| c.is_ascii_alphanumeric() || "_-.".contains(*c))
        .take(64)
        .collect()
}

/// A string, or `None` for another type: that is not worth losing `error` for.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(match serde_json::Value::deserialize(deserializer)? {
        serde_json::Value::String(text) => Some(text),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn body(value: serde_json::Value) -> TokenErrorBody {
        serde_json::from_value(value).expect("an error body")
    }

    #[test]
    fn what_the_provider_says_is_one_short_line() {
        let said = |description: &str| {
            body(json!({ "error": "e", "error_description": description })).message()
        };
        assert_eq!(
            said("no\r\nsuch\u{1b}[1m\u{9b}client"),
            Some("nosuch[1mclient".into())
        );
        let long = said(&"\u{fc}".repeat(1000)).expect("a message");
        assert_eq!(long.chars().count(), 200);
    }

    #[test]
    fn a_description_says_more_than_a_message_and_either_may_be_missing() {
        let recorded = include_str!("../../fixtures/logto/17b-m2m-no-resource.json");
        let recorded: serde_json::Value = serde_json::from_str(recorded).unwrap();
        let recorded = body(recorded["response"]["body"].clone());
        let words = "both `resource` and `organization_id` are not provided";
        assert_eq!(recorded.message().as_deref(), Some(words));
        let message = body(json!({ "error": "e", "message": "m" }));
        assert_eq!(message.message().as_deref(), Some("m"));
        assert_eq!(body(json!({ "error": "e" })).message(), None);
    }

    #[test]
    fn members_of_other_types_do_not_hide_the_error() {
        let odd = body(json!({ "error": "invalid_grant", "code": 400, "message": null }));
        assert_eq!((odd.code(), odd.message()), ("invalid_grant".into(), None));
    }
}
