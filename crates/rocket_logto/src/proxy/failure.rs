//! Why a request did not pass, or its answer did not: JSON for the script, one line for the
//! log.

use rocket::Request;
use rocket::http::Status;
use rocket::response::Response;

use crate::error::{Error, ErrorKind, reference};
use crate::measure::Proxied;
use crate::request::ANTI_FORGERY;
use crate::response::error::for_script;
use crate::response::{json, no_store};

/// In seconds.
const RETRY_AFTER: u64 = 5;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Another protocol was asked for.
    Upgrade,
    /// That no form can send is missing.
    NoHeader,
    /// The path can be read in more than one way.
    Address,
    TooLarge,
    /// The browser has not sent its whole body.
    Interrupted,
    Unreachable,
    Timeout,
    Unusable,
    /// Where `again`, the next request has another token.
    TokenRefused {
        again: bool,
    },
    /// By its names, as the upstream has said them.
    Scope(String),
}

impl Kind {
    fn status(&self) -> Status {
        match self {
            Kind::Upgrade => Status::NotImplemented,
            Kind::NoHeader | Kind::Scope(_) => Status::Forbidden,
            Kind::Address | Kind::Interrupted => Status::BadRequest,
            Kind::TooLarge => Status::PayloadTooLarge,
            Kind::Unreachable | Kind::Unusable | Kind::TokenRefused { again: false } => {
                Status::BadGateway
            }
            Kind::Timeout => Status::GatewayTimeout,
            Kind::TokenRefused { again: true } => Status::ServiceUnavailable,
        }
    }

    /// What scripts are told.
    fn name(&self) -> &'static str {
        match self {
            Kind::Upgrade => "Upgrade not supported",
            Kind::NoHeader => "Header missing",
            Kind::Address => "Ambiguous address",
            Kind::TooLarge => "Body too large",
            Kind::Interrupted => "Body incomplete",
            Kind::Unreachable => "Upstream unreachable",
            Kind::Timeout => "Upstream timeout",
            Kind::Unusable => "Bad answer from the upstream",
            Kind::TokenRefused { .. } => "Token refused",
            // The code of RFC 6750 section 3.1.
            Kind::Scope(_) => "insufficient_scope",
        }
    }

    /// What the log has, and the metrics.
    fn outcome(&self) -> Proxied {
        match self {
            Kind::Upgrade | Kind::NoHeader | Kind::Address | Kind::TooLarge | Kind::Interrupted => {
                Proxied::Refused
            }
            Kind::Unreachable => Proxied::Unreachable,
            Kind::Timeout => Proxied::Timeout,
            Kind::Unusable => Proxied::Unusable,
            Kind::TokenRefused { .. } => Proxied::TokenRefused,
            Kind::Scope(_) => Proxied::InsufficientScope,
        }
    }
}

/// What is of this module's own.
#[derive(Debug)]
pub(super) struct Failure {
    kind: Kind,
    reference: String,
    why: String,
}

impl Failure {
    /// `why` goes on from "a request".
    pub(super) fn of_client(kind: Kind, why: impl AsRef<str>) -> Failure {
        Failure::of_upstream(kind, format!("a request to the proxy {}", why.as_ref()))
    }

    pub(super) fn of_upstream(kind: Kind, why: String) -> Failure {
        Failure {
            kind,
            reference: reference(),
            why,
        }
    }

    pub(super) fn log(&self) {
        let level = match self.kind {
            Kind::Upgrade | Kind::Address | Kind::TooLarge | Kind::Interrupted => log::Level::Info,
            _ => log::Level::Warn,
        };
        let (outcome, reference, why) = (self.kind.outcome().name(), &self.reference, &self.why);
        log::log!(
            level,
            kind = "Proxy",
            reason = outcome,
            reference = reference.as_str();
            "logto: Proxy reason={outcome} reference={reference}: {why}"
        );
    }

    fn answer(&self) -> Response<'static> {
        self.log();
        let mut body = serde_json::json!({
            "error": self.kind.name(),
            "reference": self.reference,
        });
        match &self.kind {
            Kind::NoHeader => body["header"] = ANTI_FORGERY.0.into(),
            Kind::Scope(missing) => body["scope"] = missing.as_str().into(),
            _ => {}
        }
        let mut response = json(self.kind.status(), &body);
        match &self.kind {
            Kind::TokenRefused { again: true } => response.set_raw_header("Retry-After", "1"),
            Kind::Unreachable | Kind::Timeout => {
                response.set_raw_header("Retry-After", RETRY_AFTER.to_string())
            }
            _ => false,
        };
        no_store(&mut response);
        response
    }
}

/// Why a request gets no answer of the upstream.
pub(super) enum Refusal {
    /// As of a guard.
    Library(Error),
    Own(Box<Failure>),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Refusal {
        Refusal::Library(error)
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Refusal {
        Refusal::Own(Box::new(failure))
    }
}

impl Refusal {
    pub(super) fn answer(&self, request: &Request<'_>) -> Response<'static> {
        match self {
            Refusal::Library(error) => for_script(error, request),
            Refusal::Own(failure) => failure.answer(),
        }
    }

    pub(super) fn outcome(&self) -> Proxied {
        match self {
            Refusal::Own(failure) => failure.kind.outcome(),
            Refusal::Library(error) => match error.kind() {
                ErrorKind::CrossSite => Proxied::Refused,
                ErrorKind::InsufficientAuthentication | ErrorKind::UnmetAuthentication => {
                    Proxied::StepUp
                }
                _ => Proxied::NoToken,
            },
        }
    }
}
