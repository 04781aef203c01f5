//! Why a call to the provider failed, as data. It never holds a response, which may
//! be a token. What it means for a request is in `failure`.

use openidconnect::http::StatusCode;
use url::Url;

pub(super) use super::error_body::Sent;
pub(crate) use super::error_body::{TokenErrorBody, one_line, printable};
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
    #[error("{what}: answered {status}{}", address_key(what))]
    Status {
        what: &'static str,
        status: StatusCode,
    },
    /// It is no JSON: a page of maintenance, or half of an answer.
    #[error("{what}: {error}")]
    Malformed { what: &'static str, error: String },
    /// It is JSON, and not what it has to be.
    #[error("{what}: {error}{}", address_key(what))]
    Unfit { what: &'static str, error: String },
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
    /// FAPI 2.0 Security Profile section 5.3.3.2.
    #[error(
        "metadata: pushed_authorization_request_endpoint is missing, and a client of \
         logto.profile = \"fapi2\" has to push its requests there"
    )]
    NoPushedRequests,
    #[error("not tried again yet after: {0}")]
    Pausing(Box<ProviderError>),
}

/// Which keys the address was made of, where another address may be the right one.
fn key_for(what: &str, error: &HttpError) -> &'static str {
    match error {
        HttpError::NotFound(_) | HttpError::Redirect(_) => address_key(what),
        _ => "",
    }
}

fn address_key(what: &str) -> &'static str {
    match what {
        METADATA => {
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
            | ProviderError::Unfit { .. }
            | ProviderError::NoPushedRequests
            | ProviderError::Unusable(_) => true,
            // A page about maintenance, perhaps.
            ProviderError::Malformed { .. }
            | ProviderError::Http { .. }
            | ProviderError::Status { .. } => false,
            ProviderError::Pausing(error) => error.is_about_content(),
        }
    }

    pub(super) fn unreadable(what: &'static str, unreadable: &Unreadable) -> ProviderError {
        let error = unreadable.to_string();
        match unreadable.is_json {
            true => ProviderError::Unfit { what, error },
            false => ProviderError::Malformed { what, error },
        }
    }

    /// Whether somebody has to change something, here or at the provider: it is not
    /// over by itself.
    pub(crate) fn is_lasting(&self) -> bool {
        match self {
            ProviderError::Http { error, .. } => error.is_lasting(),
            ProviderError::Malformed { .. } => false,
            ProviderError::Pausing(error) => error.is_lasting(),
            ProviderError::Status { status, .. } => {
                let passing = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_EARLY];
                status.is_client_error() && !passing.contains(status)
            }
            ProviderError::Unfit { .. }
            | ProviderError::IssuerMismatch { .. }
            | ProviderError::NoPushedRequests
            | ProviderError::Unusable(_)
            | ProviderError::Insecure { .. } => true,
        }
    }
}

/// Why JSON cannot be used. It names the member and holds no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub(crate) struct Unreadable {
    what: String,
    /// Only the members are not the right ones.
    is_json: bool,
}

impl Unreadable {
    pub(super) fn no_object(is_json: bool) -> Unreadable {
        Unreadable {
            what: "not a JSON object".into(),
            is_json,
        }
    }

    /// The error's own text may hold a value; the path holds only names.
    pub(super) fn at(error: &serde_path_to_error::Error<serde_json::Error>) -> Unreadable {
        let inner = error.inner();
        let text = inner.to_string();
        let named = |prefix: &str| {
            let rest = text.strip_prefix(prefix)?;
            Some(printable(rest.split('`').next()?))
        };
        let what = if let Some(name) = named("missing field `") {
            format!("without \"{name}\"")
        } else if let Some(name) = named("duplicate field `") {
            format!("with \"{name}\" twice")
        } else {
            format!("at \"{}\"", printable(&error.path().to_string()))
        };
        let is_json = inner.classify() == serde_json::error::Category::Data;
        Unreadable { what, is_json }
    }

    pub(super) fn more() -> Unreadable {
        Unreadable {
            what: "more than a JSON object".into(),
            is_json: false,
        }
    }
}

/// Why a call for tokens or claims failed.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum TokenError {
    #[error("{0}")]
    Denied(Box<TokenErrorBody>),
    #[error("{0}")]
    Http(#[from] HttpError),
    #[error("unusable answer: {0}")]
    Malformed(String),
    /// Metadata or keys that somebody has to change something about.
    #[error("{0}")]
    SetUp(String),
    #[error("this app has no credentials at the provider")]
    NoCredentials,
}

impl TokenError {
    /// Whether nobody answers at the provider's address: then a browser gets no page
    /// there either.
    pub(crate) fn is_unreachable(&self) -> bool {
        matches!(self, TokenError::Http(HttpError::Connect(_)))
    }
}

/// Without metadata, the call that needed it fails.
impl From<ProviderError> for TokenError {
    fn from(error: ProviderError) -> Self {
        match error {
            ProviderError::Pausing(error) => TokenError::from(*error),
            error if error.is_lasting() => TokenError::SetUp(error.to_string()),
            ProviderError::Http { error, .. } => TokenError::Http(error),
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
