//! The one HTTP client for every call to the provider: no redirects, one deadline
//! for the whole exchange, a limit on the response's size, and a limit on
//! concurrent calls. No Rocket types, no protocol.

use std::time::Duration;

use openidconnect::http::{HeaderMap, Method, Request, Response, StatusCode, header};
use rocket::tokio::sync::{Semaphore, SemaphorePermit};
use rocket::tokio::time::timeout;

use crate::config::ProviderConfig;
use crate::measure::{Answer, Endpoint, ProviderCall};
#[cfg(all(feature = "testing", debug_assertions))]
use crate::transport::InPlaceOfNetwork;

/// In bytes. Discovery documents and key sets take a few kB, tokens with many
/// claims tens of kB.
const MAX_BODY: usize = 1024 * 1024;
/// How long a call may wait for its turn before it fails as "busy".
const MAX_WAIT: Duration = Duration::from_secs(1);

/// Why there is no usable response. Never holds a body, which may be a token.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum HttpError {
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    #[error("could not connect: {0}")]
    Connect(String),
    #[error("could not connect: {0}: see logto.ca_file, and the certificate of the provider")]
    Certificate(String),
    #[error("the answer broke off: {0}")]
    Broken(String),
    #[error("the answer is larger than {MAX_BODY} bytes")]
    TooLarge,
    #[error("answered {0}, a redirect; redirects are never followed")]
    Redirect(StatusCode),
    #[error("answered {0}")]
    Server(StatusCode),
    /// A document that is not there. The address is without its query.
    #[error("answered 404 Not Found at {0}")]
    NotFound(String),
    #[error("answered 429 Too Many Requests")]
    TooManyRequests { retry_after: Option<u64> },
    #[error("too many calls to the provider at once")]
    Busy,
}

impl HttpError {
    /// Whether the provider certainly saw nothing of the request.
    pub(crate) fn is_unsent(&self) -> bool {
        matches!(
            self,
            HttpError::Connect(_) | HttpError::Certificate(_) | HttpError::Busy
        )
    }

    /// Whether it is not over by itself: another address, or another certificate, has
    /// to be there first.
    pub(super) fn is_lasting(&self) -> bool {
        matches!(
            self,
            HttpError::NotFound(_) | HttpError::Redirect(_) | HttpError::Certificate(_)
        )
    }
}

/// Who caused a call. Anyone can make up a token, a code or a sign-in, so such
/// callers get only some of the turns; the rest is left for signed-in users.
#[derive(Clone, Copy)]
pub(super) enum Caller {
    /// A signed-in user, or the app itself.
    Known,
    /// A browser that returns with a code.
    Returning,
    Stranger,
}

pub(super) struct HttpClient {
    client: reqwest::Client,
    #[cfg(all(feature = "testing", debug_assertions))]
    transport: Option<InPlaceOfNetwork>,
    deadline: Duration,
    turns: Semaphore,
    turns_for_returning: Semaphore,
    turns_for_strangers: Semaphore,
}

/// What every client of this crate is like: it follows no redirects, and trusts `ca_file`.
pub(crate) fn builder(config: &ProviderConfig) -> Result<reqwest::ClientBuilder, reqwest::Error> {
    let builder = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("rocket_logto/", env!("CARGO_PKG_VERSION")))
        .referer(false);
    Ok(match &config.ca_pem {
        Some(pem) => builder.tls_certs_merge(reqwest::Certificate::from_pem_bundle(pem)?),
        None => builder,
    })
}

impl HttpClient {
    pub(super) fn new(config: &ProviderConfig) -> Result<HttpClient, reqwest::Error> {
        let turns = config.max_concurrent_op_calls;
        Ok(HttpClient {
            client: builder(config)?.build()?,
            #[cfg(all(feature = "testing", debug_assertions))]
            transport: config.transport.clone(),
            deadline: config.http_timeout,
            turns: Semaphore::new(turns),
            turns_for_returning: Semaphore::new(turns.div_ceil(2)),
            turns_for_strangers: Semaphore::new(turns.div_ceil(4)),
        })
    }

    /// Sends one request, once. The caller reads any response that is not a
    /// redirect, 429 or 5xx, and no 404 to a GET.
    pub(super) async fn send(
        &self,
        endpoint: Endpoint,
        request: Request<Vec<u8>>,
        caller: Caller,
    ) -> Result<Response<Vec<u8>>, HttpError> {
        let call = ProviderCall::begin(endpoint);
        let answer = self.in_turn(request, caller).await;
        call.end(measured(&answer));
        answer
    }

    async fn in_turn(
        &self,
        request: Request<Vec<u8>>,
        caller: Caller,
    ) -> Result<Response<Vec<u8>>, HttpError> {
        let _part = match caller {
            Caller::Known => None,
            Caller::Returning => Some(turn(&self.turns_for_returning).await?),
            Caller::Stranger => Some(turn(&self.turns_for_strangers).await?),
        };
        let _turn = turn(&self.turns).await?;
        match timeout(self.deadline, self.exchange(request)).await {
            Ok(result) => result,
            Err(_) => Err(HttpError::Timeout(self.deadline)),
        }
    }

    async fn exchange(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, HttpError> {
        #[cfg(all(feature = "testing", debug_assertions))]
        if let Some(InPlaceOfNetwork { transport, .. }) = &self.transport {
            let is_get = request.method() == Method::GET;
            let url = is_get.then(|| request.uri().to_string());
            let answer = transport.answer(request);
            return judge(answer.status(), answer.headers(), url).map(|()| answer);
        }
        let request = reqwest::Request::try_from(request)
            .map_err(|error| HttpError::Connect(describe(&error)))?;
        let host = host(request.url());
        let document = (request.method() == Method::GET).then(|| without_query(request.url()));
        let mut answer = self.client.execute(request).await.map_err(|error| {
            let describe = format!("{host}: {}", describe(&error));
            match error.is_connect() {
                true if describe.contains("certificate") => HttpError::Certificate(describe),
                true => HttpError::Connect(describe),
                false => HttpError::Broken(describe),
            }
        })?;

        let status = answer.status();
        judge(status, answer.headers(), document)?;

        let mut response = Response::new(Vec::new());
        *response.status_mut() = status;
        *response.headers_mut() = std::mem::take(answer.headers_mut());
        while let Some(chunk) = answer
            .chunk()
            .await
            .map_err(|error| HttpError::Broken(describe(&error)))?
        {
            if response.body().len() + chunk.len() > MAX_BODY {
                return Err(HttpError::TooLarge);
            }
            response.body_mut().extend_from_slice(&chunk);
        }
        Ok(response)
    }
}

/// For the metrics: what came of it, and nothing of what it says.
fn measured(answer: &Result<Response<Vec<u8>>, HttpError>) -> Answer {
    match answer {
        Ok(answer) if answer.status().is_success() => Answer::Ok,
        Ok(_) | Err(HttpError::NotFound(_)) => Answer::Refused,
        Err(HttpError::TooManyRequests { .. }) => Answer::RateLimited,
        Err(HttpError::Server(_)) => Answer::ServerError,
        Err(HttpError::Connect(_) | HttpError::Certificate(_)) => Answer::Unreachable,
        Err(HttpError::Timeout(_)) => Answer::Timeout,
        Err(HttpError::Busy) => Answer::Busy,
        Err(HttpError::Broken(_) | HttpError::TooLarge | HttpError::Redirect(_)) => {
            Answer::Unusable
        }
    }
}

/// Whether an answer is one that the caller can read. `document` is the address of what was
/// to be had by a GET, without its query.
fn judge(
    status: StatusCode,
    headers: &HeaderMap,
    document: Option<String>,
) -> Result<(), HttpError> {
    if status == StatusCode::TOO_MANY_REQUESTS {
        let retry_after = headers.get(header::RETRY_AFTER);
        let retry_after = retry_after.and_then(|value| value.to_str().ok()?.parse().ok());
        return Err(HttpError::TooManyRequests { retry_after });
    }
    if status.is_redirection() {
        return Err(HttpError::Redirect(status));
    }
    if status.is_server_error() {
        return Err(HttpError::Server(status));
    }
    match document {
        Some(url) if status == StatusCode::NOT_FOUND => Err(HttpError::NotFound(url)),
        _ => Ok(()),
    }
}

/// The host, and the port where it is not the usual one.
fn host(url: &reqwest::Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

fn without_query(url: &reqwest::Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.into()
}

/// Waits for one of the turns.
async fn turn(turns: &Semaphore) -> Result<SemaphorePermit<'_>, HttpError> {
    match timeout(MAX_WAIT, turns.acquire()).await {
        Ok(Ok(turn)) => Ok(turn),
        _ => Err(HttpError::Busy),
    }
}

/// The innermost cause says what happened. The outer ones hold the URL, whose query
/// must not be logged.
pub(crate) fn describe(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
