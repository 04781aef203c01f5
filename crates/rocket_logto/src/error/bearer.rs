//! `BearerError`: why a caller of an API is turned away, in the words of RFC
//! 6750 section 3.

use rocket::Request;
use rocket::http::Status;
use rocket::response::{Responder, Response};

use crate::error::reference;
use crate::response::json;

/// Why [`Bearer`](crate::Bearer) let nobody in. A [`Responder`]: a JSON body,
/// the status, and the `WWW-Authenticate` header RFC 6750 section 3 asks for.
///
/// Making one writes a line to the log with its
/// [`reference`](BearerError::reference), except where no token came at all.
///
/// ```rust
/// use rocket::get;
/// use rocket_logto::{Bearer, BearerError, BearerErrorKind};
///
/// # use rocket_logto::{Permission, Resource};
/// # struct Shopping;
/// # impl Resource for Shopping {
/// #     const INDICATOR: &'static str = "https://shopping.your-app.com/api";
/// # }
/// # struct ReadCart;
/// # impl Permission for ReadCart {
/// #     type Audience = Shopping;
/// #     const SCOPES: &'static [&'static str] = &["read"];
/// # }
/// #[get("/api/cart")]
/// fn cart(caller: Result<Bearer<ReadCart>, BearerError>) -> Result<String, BearerError> {
///     match caller {
///         Ok(caller) => Ok(format!("The cart of {}", caller.sub())),
///         // Without a token there is something to see, too; a bad one is refused.
///         Err(error) if *error.kind() == BearerErrorKind::Missing => Ok("An empty cart".into()),
///         Err(error) => Err(error),
///     }
/// }
/// ```
#[derive(Clone, Debug, thiserror::Error)]
#[error("{kind}")]
pub struct BearerError {
    kind: BearerErrorKind,
    reference: String,
}

/// The kinds of [`BearerError`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BearerErrorKind {
    /// No credentials: 401, without an error code.
    #[error("no bearer token")]
    Missing,
    /// Credentials in a form that cannot be read, or twice, or in the address; or
    /// a request that names no organization where one is needed: 400.
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
    /// The provider's keys, or its word on an opaque token, cannot be had: 503.
    #[error("the token cannot be checked right now")]
    Unavailable,
}

impl BearerError {
    /// `reason` is for the log: a word for programs, never a token or a claim.
    pub(crate) fn new(kind: BearerErrorKind, reason: &str) -> BearerError {
        let reference = reference();
        let what = match kind {
            BearerErrorKind::Missing => "",
            BearerErrorKind::Unavailable => "not checked",
            _ => "rejected",
        };
        if !what.is_empty() {
            log::warn!("logto: bearer token {what}, reason={reason} reference={reference}");
        }
        BearerError { kind, reference }
    }

    pub(crate) fn invalid_request(why: &'static str, reason: &str) -> BearerError {
        BearerError::new(BearerErrorKind::InvalidRequest(why), reason)
    }

    pub(crate) fn invalid_token(why: impl Into<String>, reason: &str) -> BearerError {
        BearerError::new(BearerErrorKind::InvalidToken(why.into()), reason)
    }

    /// What was wrong.
    pub fn kind(&self) -> &BearerErrorKind {
        &self.kind
    }

    /// The id that stands in the log line and in the answer.
    pub fn reference(&self) -> &str {
        &self.reference
    }

    /// The status of the answer.
    pub fn status(&self) -> Status {
        match self.kind {
            BearerErrorKind::Missing | BearerErrorKind::InvalidToken(_) => Status::Unauthorized,
            BearerErrorKind::InvalidRequest(_) => Status::BadRequest,
            BearerErrorKind::InsufficientScope { .. } => Status::Forbidden,
            BearerErrorKind::Unavailable => Status::ServiceUnavailable,
        }
    }

    /// The error code (RFC 6750 section 3.1).
    pub fn code(&self) -> &'static str {
        match self.kind {
            BearerErrorKind::Missing => "unauthorized",
            BearerErrorKind::InvalidRequest(_) => "invalid_request",
            BearerErrorKind::InvalidToken(_) => "invalid_token",
            BearerErrorKind::InsufficientScope { .. } => "insufficient_scope",
            BearerErrorKind::Unavailable => "temporarily_unavailable",
        }
    }

    /// The challenge. Its values are our own words: nothing to escape.
    fn challenge(&self) -> Option<String> {
        let code = self.code();
        match &self.kind {
            BearerErrorKind::Missing => Some("Bearer".to_owned()),
            BearerErrorKind::InvalidRequest(_) | BearerErrorKind::InvalidToken(_) => Some(format!(
                "Bearer error=\"{code}\", error_description=\"{self}\""
            )),
            BearerErrorKind::InsufficientScope { missing } => {
                let scope = missing.join(" ");
                Some(format!("Bearer error=\"{code}\", scope=\"{scope}\""))
            }
            BearerErrorKind::Unavailable => None,
        }
    }

    pub(crate) fn to_response(&self) -> Response<'static> {
        let mut body = serde_json::json!({
            "error": self.code(),
            "error_description": self.to_string(),
        });
        if self.kind != BearerErrorKind::Missing {
            body["reference"] = self.reference.clone().into();
        }
        if let BearerErrorKind::InsufficientScope { missing } = &self.kind {
            body["scope"] = missing.join(" ").into();
        }
        let mut response = json(self.status(), &body);
        response.set_raw_header("Cache-Control", "no-store");
        if let Some(challenge) = self.challenge() {
            response.set_raw_header("WWW-Authenticate", challenge);
        }
        if self.kind == BearerErrorKind::Unavailable {
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
