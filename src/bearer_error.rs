//! `BearerError`: why a caller of an API is turned away, in the words of RFC
//! 6750 section 3.

use rocket::Request;
use rocket::http::Status;
use rocket::response::{Responder, Response};

use crate::error::json;

/// Why [`Bearer`](crate::Bearer) let nobody in. A [`Responder`]: a JSON body,
/// the status, and the `WWW-Authenticate` header RFC 6750 section 3 asks for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BearerError {
    /// No credentials: 401, without an error code.
    #[error("no bearer token")]
    Missing,
    /// Credentials in a form that cannot be read, or twice: 400.
    #[error("{0}")]
    InvalidRequest(&'static str),
    /// A token that is not good, or no longer, or for somebody else: 401.
    #[error("{0}")]
    InvalidToken(String),
    /// A good token that allows less than is needed: 403.
    #[error("missing scopes: {}", .missing.join(" "))]
    InsufficientScope {
        /// The scopes it lacks.
        missing: Vec<&'static str>,
    },
    /// The provider's keys cannot be had: 503.
    #[error("the provider's keys cannot be had")]
    Unavailable,
}

impl BearerError {
    /// The status of the answer.
    pub fn status(&self) -> Status {
        match self {
            BearerError::Missing | BearerError::InvalidToken(_) => Status::Unauthorized,
            BearerError::InvalidRequest(_) => Status::BadRequest,
            BearerError::InsufficientScope { .. } => Status::Forbidden,
            BearerError::Unavailable => Status::ServiceUnavailable,
        }
    }

    /// The error code (RFC 6750 section 3.1).
    pub fn code(&self) -> &'static str {
        match self {
            BearerError::Missing => "unauthorized",
            BearerError::InvalidRequest(_) => "invalid_request",
            BearerError::InvalidToken(_) => "invalid_token",
            BearerError::InsufficientScope { .. } => "insufficient_scope",
            BearerError::Unavailable => "temporarily_unavailable",
        }
    }

    /// The challenge. Its values are our own words: nothing to escape.
    fn challenge(&self) -> Option<String> {
        let code = self.code();
        match self {
            BearerError::Missing => Some("Bearer".to_owned()),
            BearerError::InvalidRequest(_) | BearerError::InvalidToken(_) => Some(format!(
                "Bearer error=\"{code}\", error_description=\"{self}\""
            )),
            BearerError::InsufficientScope { missing } => {
                let scope = missing.join(" ");
                Some(format!("Bearer error=\"{code}\", scope=\"{scope}\""))
            }
            BearerError::Unavailable => None,
        }
    }

    pub(crate) fn to_response(&self) -> Response<'static> {
        let mut body = serde_json::json!({
            "error": self.code(),
            "error_description": self.to_string(),
        });
        if let BearerError::InsufficientScope { missing } = self {
            body["scope"] = missing.join(" ").into();
        }
        let mut response = json(self.status(), &body);
        response.set_raw_header("Cache-Control", "no-store");
        if let Some(challenge) = self.challenge() {
            response.set_raw_header("WWW-Authenticate", challenge);
        }
        if *self == BearerError::Unavailable {
            response.set_raw_header("Retry-After", "5");
        }
        response
    }
}

impl<'r> Responder<'r, 'static> for BearerError {
    fn respond_to(self, _: &'r Request<'_>) -> rocket::response::Result<'static> {
        Ok(self.to_response())
    }
}
