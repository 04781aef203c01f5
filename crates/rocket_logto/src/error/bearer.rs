//! `BearerError`: why a caller of an API is refused (RFC 6750 section 3).

use rocket::http::Status;

use super::{Logged, reference};
use crate::authentication::Authentication;

/// Why [`Bearer`](crate::Bearer) refused a caller.
///
/// It is a [`Responder`](rocket::response::Responder): it answers with the status,
/// a JSON body and a `WWW-Authenticate` header. It then writes a line to the log
/// with the [`reason`](BearerError::reason) and the
/// [`reference`](BearerError::reference), unless there was no token at all.
///
/// # Network
///
/// None.
///
/// # Standards
///
/// RFC 6750 section 3.
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
///         // No token is fine here; a bad one is refused.
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
    /// In a place of its own, because guards return it by value.
    told: Box<Told>,
}

/// What the log line and the challenge go on with.
#[derive(Clone, Debug, Default)]
struct Told {
    details: String,
    scheme: Scheme,
    scopes: Vec<&'static str>,
    /// The address of what the API tells about itself.
    metadata: Option<String>,
}

/// How a token came, or has to come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// RFC 6750 section 2.1.
    #[default]
    Bearer,
    /// RFC 9449 section 7.1.
    Dpop,
}

/// The kinds of [`BearerError`]. More may be added.
///
/// # Standards
///
/// RFC 6750 section 3.1, RFC 9449 sections 7.1 and 9, RFC 9470 section 3.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BearerErrorKind {
    /// No credentials: 401, without an error code.
    #[error("no bearer token")]
    Missing,
    /// The credentials cannot be read, or came twice or in the address; or the
    /// request does not name an organization that is needed: 400. Holds a text for
    /// the caller.
    #[error("{0}")]
    InvalidRequest(&'static str),
    /// The token is not good, has expired, or is for another audience: 401. Holds
    /// a text for the caller.
    #[error("{0}")]
    InvalidToken(String),
    /// The token is bound to a key, and the proof of possession that came with it is not good, or
    /// did not come: 401 (RFC 9449 section 7.1). Holds a text for the caller.
    #[error("{0}")]
    InvalidProof(&'static str),
    /// The proof has to hold a nonce of this app, which the answer gives in `DPoP-Nonce`: 401 (RFC
    /// 9449 section 9). Of `dpop_nonces`.
    #[error("the proof needs the nonce of the DPoP-Nonce header")]
    NonceRequired {
        /// What the next proof must hold.
        nonce: String,
    },
    /// The token is good, but lacks scopes: 403.
    #[error("missing scopes: {}", .missing.join(" "))]
    InsufficientScope {
        /// The scopes it lacks.
        missing: Vec<&'static str>,
    },
    /// The token is good, but its user has not authenticated as the permission's
    /// [`AUTHENTICATION`](crate::Permission::AUTHENTICATION) demands: 401 with what is needed
    /// (RFC 9470).
    #[error("{why}")]
    InsufficientAuthentication {
        /// A text for the caller.
        why: &'static str,
        /// What is needed.
        required: Box<Authentication>,
    },
    /// The provider's keys, or its answer about an opaque token, are not available:
    /// 503.
    #[error("the token cannot be checked right now")]
    Unavailable,
    /// This API cannot check tokens as it is set up at the provider: wrong credentials,
    /// metadata of another issuer, no key. It is not over by itself: 503, and the log
    /// says what to change.
    #[error("this API is not set up correctly to check tokens; trying again does not help")]
    Misconfigured,
}

impl BearerError {
    /// `reason` is for the log: machine-readable, never a token or a claim's value.
    pub(crate) fn new(kind: BearerErrorKind, reason: impl Into<String>) -> BearerError {
        BearerError {
            kind,
            reason: reason.into(),
            reference: reference(),
            logged: Logged::default(),
            told: Box::default(),
        }
    }

    /// The same for a token of another scheme, which the challenge then names.
    pub(crate) fn by(mut self, scheme: Scheme) -> BearerError {
        self.told.scheme = scheme;
        self
    }

    pub(crate) fn scheme(&self) -> Scheme {
        self.told.scheme
    }

    pub(crate) fn invalid_request(why: &'static str, reason: &str) -> BearerError {
        BearerError::new(BearerErrorKind::InvalidRequest(why), reason)
    }

    pub(crate) fn invalid_token(why: impl Into<String>, reason: &str) -> BearerError {
        BearerError::new(BearerErrorKind::InvalidToken(why.into()), reason)
    }

    /// Sets what the log line goes on with.
    pub(crate) fn with_details(mut self, details: String) -> BearerError {
        self.told.details = details;
        self
    }

    /// Sets what its challenge tells of the API: all the scopes that the request needs, and
    /// where its metadata are.
    pub(crate) fn needing(
        mut self,
        scopes: Vec<&'static str>,
        metadata: Option<String>,
    ) -> BearerError {
        self.told.scopes = scopes;
        self.told.metadata = metadata;
        self
    }

    /// All the scopes that the request needs, those included that the token has.
    pub fn scopes(&self) -> &[&'static str] {
        &self.told.scopes
    }

    /// The address of the API resource's metadata (RFC 9728), if it has any.
    pub fn resource_metadata(&self) -> Option<&str> {
        self.told.metadata.as_deref()
    }

    /// What was wrong.
    pub fn kind(&self) -> &BearerErrorKind {
        &self.kind
    }

    /// The machine-readable reason, such as `expired` or `aud`. It is in the log
    /// line, not in the response.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// A random id that is in the log line and in the response.
    pub fn reference(&self) -> &str {
        &self.reference
    }

    /// The status of the response.
    pub fn status(&self) -> Status {
        match self.kind {
            BearerErrorKind::Missing
            | BearerErrorKind::InvalidToken(_)
            | BearerErrorKind::InvalidProof(_)
            | BearerErrorKind::NonceRequired { .. }
            | BearerErrorKind::InsufficientAuthentication { .. } => Status::Unauthorized,
            BearerErrorKind::InvalidRequest(_) => Status::BadRequest,
            BearerErrorKind::InsufficientScope { .. } => Status::Forbidden,
            BearerErrorKind::Unavailable | BearerErrorKind::Misconfigured => {
                Status::ServiceUnavailable
            }
        }
    }

    /// The error code for the caller (RFC 6750 section 3.1, RFC 9449 section 7.1, RFC 9470 section 3).
    pub fn code(&self) -> &'static str {
        match self.kind {
            BearerErrorKind::Missing => "unauthorized",
            BearerErrorKind::InvalidRequest(_) => "invalid_request",
            BearerErrorKind::InvalidToken(_) => "invalid_token",
            BearerErrorKind::InvalidProof(_) => "invalid_dpop_proof",
            BearerErrorKind::NonceRequired { .. } => "use_dpop_nonce",
            BearerErrorKind::InsufficientScope { .. } => "insufficient_scope",
            BearerErrorKind::InsufficientAuthentication { .. } => {
                "insufficient_user_authentication"
            }
            BearerErrorKind::Unavailable => "temporarily_unavailable",
            BearerErrorKind::Misconfigured => "server_error",
        }
    }

    /// Writes the one log line, when the error is answered or dropped.
    pub(crate) fn log(&self) {
        let what = match self.kind {
            // Each client gets one now and then, and goes on.
            BearerErrorKind::Missing | BearerErrorKind::NonceRequired { .. } => return,
            BearerErrorKind::Unavailable | BearerErrorKind::Misconfigured => "not checked",
            _ => "rejected",
        };
        let level = match self.kind {
            BearerErrorKind::Misconfigured => log::Level::Error,
            _ => log::Level::Warn,
        };
        if self.logged.first() {
            let (reason, reference, details) = (&self.reason, &self.reference, &self.told.details);
            log::log!(
                level,
                "logto: bearer token {what}, reason={reason} reference={reference}{details}"
            );
        }
    }
}
