//! `BearerError`: why a caller of an API is turned away, in the words of RFC
//! 6750 section 3.

use rocket::http::Status;

use super::{Logged, reference};

/// Why [`Bearer`](crate::Bearer) let nobody in. A
/// [`Responder`](rocket::response::Responder): a JSON body, the status, and the
/// `WWW-Authenticate` header RFC 6750 section 3 asks for.
///
/// The answer writes a line to the log with the [`reason`](BearerError::reason) and
/// the [`reference`](BearerError::reference), except where no token came at all.
///
/// # Examples
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
    reason: String,
    reference: String,
    logged: Logged,
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
    pub(crate) fn new(kind: BearerErrorKind, reason: impl Into<String>) -> BearerError {
        BearerError {
            kind,
            reason: reason.into(),
            reference: reference(),
            logged: Logged::default(),
        }
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

    /// Why, in a word for programs; it stands in the log line, not in the answer.
    pub fn reason(&self) -> &str {
        &self.reason
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

    /// Writes the one log line, where the error is answered or given up.
    pub(crate) fn log(&self) {
        let what = match self.kind {
            BearerErrorKind::Missing => return,
            BearerErrorKind::Unavailable => "not checked",
            _ => "rejected",
        };
        if self.logged.first() {
            let (reason, reference) = (&self.reason, &self.reference);
            log::warn!("logto: bearer token {what}, reason={reason} reference={reference}");
        }
    }
}
