//! `WebhookError`: why a webhook is not taken.

use rocket::Request;
use rocket::http::Status;
use rocket::response::{Responder, Response};

use crate::error::{Logged, reference};
use crate::measure;

/// Why [`Webhook`](crate::Webhook) has not taken a request.
///
/// It is a [`Responder`] that answers with the status and nothing else: who sends what is
/// not signed is told nothing.
///
/// # Network
///
/// None.
///
/// # Examples
///
/// ```rust
/// use rocket::{http::Status, post};
/// use rocket_logto::{Webhook, WebhookError, WebhookErrorKind};
///
/// #[post("/hooks", data = "<webhook>")]
/// fn hooks(webhook: Result<Webhook, WebhookError>) -> Result<Status, WebhookError> {
///     match webhook {
///         Ok(webhook) => println!("{}", webhook.name()),
///         Err(error) if *error.kind() == WebhookErrorKind::Repeated => println!("again"),
///         Err(error) => return Err(error),
///     }
///     Ok(Status::NoContent)
/// }
/// ```
#[derive(Clone, Debug, thiserror::Error)]
#[error("{kind}")]
pub struct WebhookError {
    kind: WebhookErrorKind,
    reference: String,
    logged: Logged,
}

/// The kinds of [`WebhookError`]. More may be added. The texts are those of the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WebhookErrorKind {
    /// It has no signature: 401.
    #[error(
        "it has no logto-signature-sha-256: it is not from Logto, or the webhook has no signing \
         key there"
    )]
    Unsigned,
    /// The signature is not that of the body with one of the keys: 401.
    #[error(
        "no key of logto.webhook.signing_keys has signed it: it is not from Logto, the webhook has \
         another signing key there, or a proxy has changed the body"
    )]
    BadSignature,
    /// It is longer than Rocket's limit `webhook`: 413.
    #[error("it is longer than limits.webhook, 1 MiB unless that is set")]
    TooLarge,
    /// It is signed, and cannot be read: 400. Holds what is wrong, for the log.
    #[error("it is signed, but {0}")]
    Unreadable(String),
    /// It is signed, and more than five minutes old: 400.
    #[error(
        "it is signed, but was made more than five minutes ago: somebody has kept it, or the \
             clocks of this machine and of Logto differ (logto.clock_tolerance)"
    )]
    TooOld,
    /// It is signed, and from later than now: 400.
    #[error(
        "it is signed, but made later than now: the clocks of this machine and of Logto \
             differ by more than logto.clock_tolerance"
    )]
    FromTheFuture,
    /// It was taken before, and has no effect a second time: 200, so that whoever has sent it
    /// again in good faith does not go on.
    #[error("it was taken before, and has no effect a second time")]
    Repeated,
    /// Whether it was taken before cannot be told: 503.
    #[error("whether it was taken before cannot be told: {0}")]
    Unavailable(String),
}

impl WebhookError {
    pub(crate) fn new(kind: WebhookErrorKind) -> WebhookError {
        WebhookError {
            kind,
            reference: reference(),
            logged: Logged::default(),
        }
    }

    /// What was wrong.
    pub fn kind(&self) -> &WebhookErrorKind {
        &self.kind
    }

    /// A random id that is in the log line.
    pub fn reference(&self) -> &str {
        &self.reference
    }

    /// The status of the response.
    pub fn status(&self) -> Status {
        match self.kind {
            WebhookErrorKind::Unsigned | WebhookErrorKind::BadSignature => Status::Unauthorized,
            WebhookErrorKind::TooLarge => Status::PayloadTooLarge,
            WebhookErrorKind::Unreadable(_)
            | WebhookErrorKind::TooOld
            | WebhookErrorKind::FromTheFuture => Status::BadRequest,
            WebhookErrorKind::Repeated => Status::Ok,
            WebhookErrorKind::Unavailable(_) => Status::ServiceUnavailable,
        }
    }

    /// Writes the one log line.
    pub(crate) fn log(&self) {
        if !self.logged.first() {
            return;
        }
        let level = match self.kind {
            WebhookErrorKind::Repeated => log::Level::Info,
            _ => log::Level::Warn,
        };
        let (why, reference) = (&self.kind, &self.reference);
        log::log!(
            level,
            "logto: a webhook was not taken, because {why} reference={reference}"
        );
    }

    /// The status and nothing else.
    pub(crate) fn answer(&self) -> Response<'static> {
        nothing(self.status())
    }
}

impl From<&WebhookErrorKind> for measure::Webhook {
    fn from(kind: &WebhookErrorKind) -> measure::Webhook {
        match kind {
            WebhookErrorKind::Unsigned => measure::Webhook::Unsigned,
            WebhookErrorKind::BadSignature => measure::Webhook::BadSignature,
            WebhookErrorKind::TooLarge => measure::Webhook::TooLarge,
            WebhookErrorKind::Unreadable(_) => measure::Webhook::Unreadable,
            WebhookErrorKind::TooOld => measure::Webhook::TooOld,
            WebhookErrorKind::FromTheFuture => measure::Webhook::FromTheFuture,
            WebhookErrorKind::Repeated => measure::Webhook::Repeated,
            WebhookErrorKind::Unavailable(_) => measure::Webhook::Unavailable,
        }
    }
}

fn nothing(status: Status) -> Response<'static> {
    let mut response = Response::build().status(status).finalize();
    response.set_raw_header("Cache-Control", "no-store");
    response
}

impl<'r> Responder<'r, 'static> for WebhookError {
    fn respond_to(self, _: &'r Request<'_>) -> rocket::response::Result<'static> {
        self.log();
        Ok(self.answer())
    }
}
