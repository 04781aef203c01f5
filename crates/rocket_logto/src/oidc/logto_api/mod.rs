//! Logto's own APIs, which speak JSON: the Management API, for the app itself, and the
//! Account API, for a user. One path for all calls; what is said of a failure is the same.

pub(crate) mod session;

use openidconnect::http::{HeaderValue, Method, Request, Response, StatusCode, header};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use super::error::{TokenError, one_line, printable};
use super::failure::failed;
use super::http::{Caller, HttpError};
use super::provider::{Credential, Provider};
use crate::config::NamedBy;
use crate::error::{Error, ErrorKind};
use crate::measure::Endpoint;

/// One call. What a user or another program has written is only in segments, the query and
/// the body, where it cannot lead elsewhere.
pub(crate) struct Call<'a> {
    pub method: Method,
    /// Below Logto's address, each in a segment of its own.
    pub path: &'a [&'a str],
    pub query: &'a [(&'a str, &'a str)],
    pub body: Option<Value>,
    pub credential: Credential<'a>,
    /// The id of the record that says who the user has proven to be.
    pub verification: Option<&'a str>,
}

/// Why a call gave nothing.
#[derive(Debug)]
pub(crate) enum ApiError {
    /// There is no such thing, or no such address.
    NotFound,
    /// Logto says no, in its own words.
    Refused(Refusal),
    /// It could not be asked, or its answer cannot be read.
    Failed(Error),
}

/// What Logto says: a code for programs, and a message in English.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub status: StatusCode,
    pub code: String,
    message: Option<String>,
}

impl Refusal {
    pub(crate) fn is(&self, status: StatusCode, code: &str) -> bool {
        self.status == status && self.code == code
    }

    /// As an error, with what was answered.
    pub(crate) fn told(self, error: Error) -> Error {
        let facts = format!("answered {} code={}", self.status.as_u16(), self.code);
        error.with_facts(facts).with_provider_message(self.message)
    }
}

impl ApiError {
    /// As an error, where nothing more is known of what was asked for.
    pub(crate) fn into_error(self) -> Error {
        match self {
            ApiError::NotFound => Error::new(ErrorKind::ProviderBadAnswer, "logto_api_not_found")
                .for_operator(
                    "Logto has no such API: is logto.endpoint its address, and is it new enough?",
                ),
            ApiError::Refused(refusal) => {
                let error = Error::new(ErrorKind::Denied, refusal.code.clone());
                refusal.told(error)
            }
            ApiError::Failed(error) => error,
        }
    }
}

#[derive(Deserialize)]
struct RefusalBody {
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    message: Option<String>,
}

/// Logto's address: the issuer without its path. `None` at another provider.
pub(crate) fn endpoint(issuer: &str, named_by: NamedBy) -> Option<Url> {
    let base = match named_by {
        NamedBy::Endpoint => issuer.strip_suffix("/oidc")?,
        NamedBy::Issuer => return None,
    };
    Url::parse(&format!("{base}/")).ok()
}

impl Provider {
    /// Makes one call, never repeated. Nothing but a success is given.
    pub(crate) async fn call(&self, call: Call<'_>) -> Result<Response<Vec<u8>>, ApiError> {
        let credential = call.credential;
        let request = self.request(call).map_err(ApiError::Failed)?;
        let sent = self.send_with(Endpoint::LogtoApi, request, credential, Caller::Known);
        let response = match sent.await {
            Err(TokenError::Http(HttpError::NotFound(_))) => return Err(ApiError::NotFound),
            response => response.map_err(|error| ApiError::Failed(failed(error)))?,
        };
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let body = super::object::<RefusalBody>(response.body()).ok();
        let code = body.as_ref().and_then(|body| body.code.as_deref());
        match (status, code) {
            // Also where Logto has no such API; GET is told apart no better.
            (StatusCode::NOT_FOUND, _) => Err(ApiError::NotFound),
            (_, Some(code)) => Err(ApiError::Refused(Refusal {
                status,
                code: printable(code),
                message: body
                    .as_ref()
                    .and_then(|body| Some(one_line(body.message.as_ref()?))),
            })),
            (_, None) => {
                let error = Error::new(ErrorKind::ProviderBadAnswer, "logto_api_bad_answer");
                let what = format!("Logto's API answered {status}, and not as Logto does");
                Err(ApiError::Failed(error.for_operator(what)))
            }
        }
    }

    fn request(&self, call: Call<'_>) -> Result<Request<Vec<u8>>, Error> {
        let config = self.config();
        let mut url = endpoint(&config.issuer, config.named_by).ok_or_else(|| {
            Error::misconfigured(
                "not_at_logto",
                "this is an API of Logto's: name your Logto by logto.endpoint, not by logto.issuer",
            )
        })?;
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(call.path);
        }
        if !call.query.is_empty() {
            url.query_pairs_mut().extend_pairs(call.query);
        }
        let unusable = |what: &str| Error::new(ErrorKind::ProviderBadAnswer, what);
        let mut request = Request::builder()
            .method(call.method)
            .uri(url.as_str())
            .header(header::ACCEPT, "application/json");
        if let Some(id) = call.verification {
            let id = HeaderValue::try_from(id)
                .map_err(|_| unusable("the_verification_fits_no_header"))?;
            request = request.header("logto-verification-id", id);
        }
        let body = match call.body {
            Some(body) => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                body.to_string().into_bytes()
            }
            None => Vec::new(),
        };
        request
            .body(body)
            .map_err(|_| unusable("the_request_is_none"))
    }
}

/// The JSON of a success. What does not fit names the member and no value.
pub(crate) fn read<T: DeserializeOwned>(response: &Response<Vec<u8>>) -> Result<T, ApiError> {
    let mut json = serde_json::Deserializer::from_slice(response.body());
    serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let error = super::error::Unreadable::at(&error).to_string();
        let unreadable = Error::new(ErrorKind::ProviderBadAnswer, "logto_api_unreadable");
        ApiError::Failed(unreadable.for_operator(error))
    })
}
