//! One API that requests are sent on to.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{self, HeaderMap, HeaderValue};
use reqwest::{Client, StatusCode};
use rocket::http::{Method, Status};
use rocket::response::Response;
use rocket::tokio::time::{Instant, sleep_until};
use url::{Position, Url};

use super::address::Target;
use super::download::{Beginning, Download};
use super::failure::{Failure, Kind, Refusal};
use super::headers;
use super::upload::{Flow, FlowState, Pump, Upload};
use crate::config::{ProxyConfig, is_open};
use crate::oidc::dpop::{DPOP_NONCE, Nonces};
use crate::oidc::http::describe;
use crate::response::no_store;
use crate::tokens::token::Token;

pub(super) struct Upstream {
    url: Url,
    /// What has its address.
    source: String,
    client: Client,
    timeout: Duration,
    idle: Duration,
    nonces: Nonces,
}

impl Upstream {
    pub(super) fn new(url: Url, source: String, config: &ProxyConfig, client: Client) -> Upstream {
        if is_open(&url) {
            log::warn!(
                "logto: {source} is {url}, which is http: anybody on the way reads the tokens of \
                 your users"
            );
        }
        Upstream {
            url,
            source,
            client,
            timeout: config.timeout,
            idle: config.idle,
            nonces: Nonces::default(),
        }
    }

    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    /// Without the path of the request, which may hold what is private.
    pub(super) fn failure(&self, kind: Kind, why: impl AsRef<str>) -> Failure {
        let (url, source) = (&self.url[..Position::BeforePath], &self.source);
        Failure::of_upstream(kind, format!("{url} {}; see {source}", why.as_ref()))
    }

    /// Sends the request, and waits for the head of the answer.
    pub(super) async fn send<'r>(
        &self,
        method: Method,
        target: &Target,
        fields: &HeaderMap,
        token: &Token,
        upload: Upload<'r>,
    ) -> Result<Answer<'r>, Refusal> {
        let mut fields = fields.clone();
        let authorization = HeaderValue::try_from(token.authorization());
        let mut authorization = authorization.map_err(|_| {
            self.failure(
                Kind::Unusable,
                "cannot be sent the token, which is no text of a header",
            )
        })?;
        authorization.set_sensitive(true);
        fields.insert(header::AUTHORIZATION, authorization);
        // RFC 9449 section 7.1; `None` for a token that is not bound to a key.
        let nonce = self.nonces.of(&target.url);
        let proof = token.dpop_proof(method.as_str(), target.url.as_str(), nonce.as_deref());
        if let Some(proof) = proof.and_then(|proof| HeaderValue::try_from(proof).ok()) {
            fields.insert(DPOP, proof);
        }
        let is_head = method == Method::Head;
        let method = reqwest::Method::from_bytes(method.as_str().as_bytes());
        let method = method.unwrap_or(reqwest::Method::GET);
        let mut request = self.client.request(method, target.url.clone());
        let mut flow = None;
        match upload {
            Upload::Nothing => {}
            Upload::Short(body) => request = request.body(body),
            Upload::Long {
                body,
                length,
                flow: long,
            } => {
                if let Some(length) = length {
                    fields.insert(header::CONTENT_LENGTH, length.into());
                }
                request = request.body(body);
                flow = Some(long);
            }
        }
        let began = Instant::now();
        let mut sent = Box::pin(request.headers(fields).send());
        let (mut pump, state) = match flow {
            Some(Flow { pump, state }) => (Some(pump), Some(state)),
            None => (None, None),
        };
        let answer = loop {
            let moved = state.as_ref().map_or(began, FlowState::moved_at);
            rocket::tokio::select! {
                biased;
                answer = &mut sent => break answer,
                () = flowing(&mut pump) => pump = None,
                () = sleep_until(moved + self.timeout) => {
                    let moved_since = state.as_ref().map_or(began, FlowState::moved_at) > moved;
                    if !moved_since {
                        let why = format!("does not answer within {:?} (logto.proxy.timeout)", self.timeout);
                        return Err(self.failure(Kind::Timeout, why).into());
                    }
                }
            }
        };
        // What is wrong with the body comes first: the rest follows from it.
        if let Some(kind) = state.as_ref().and_then(FlowState::fault) {
            return Err(
                Failure::of_client(kind, "has a body that is too large, or breaks off").into(),
            );
        }
        match answer {
            Ok(answer) if answer.status() == StatusCode::SWITCHING_PROTOCOLS => {
                let why = "goes over to another protocol, which nobody has asked for";
                Err(self.failure(Kind::Unusable, why).into())
            }
            Ok(answer) => {
                self.nonces.note(&self.url, answer.headers());
                Ok(Answer {
                    answer,
                    pump,
                    is_head,
                })
            }
            Err(error) => Err(self.unsent(&error).into()),
        }
    }

    fn unsent(&self, error: &reqwest::Error) -> Failure {
        let why = describe(error);
        match error.is_connect() {
            true if why.contains("certificate") => {
                let why = format!("cannot be reached: {why}; logto.ca_file counts here, too");
                self.failure(Kind::Unreachable, why)
            }
            true => self.failure(Kind::Unreachable, format!("cannot be reached: {why}")),
            false => self.failure(
                Kind::Unusable,
                format!("breaks off before it answers: {why}"),
            ),
        }
    }
}

/// Never ends where nothing flows.
async fn flowing(pump: &mut Option<Pump<'_>>) {
    match pump {
        Some(pump) => pump.await,
        None => std::future::pending().await,
    }
}

/// An answer whose head has come.
pub(super) struct Answer<'r> {
    answer: reqwest::Response,
    /// The rest of the request's body, where the upstream answers before it has it all.
    pump: Option<Pump<'r>>,
    is_head: bool,
}

impl<'r> Answer<'r> {
    pub(super) fn is_unauthorized(&self) -> bool {
        self.answer.status() == StatusCode::UNAUTHORIZED
    }

    pub(super) fn is_forbidden(&self) -> bool {
        self.answer.status() == StatusCode::FORBIDDEN
    }

    /// Whether all that is wrong is the nonce of the proof (RFC 9449 section 9).
    pub(super) fn asks_for_nonce(&self) -> bool {
        self.is_unauthorized()
            && self.answer.headers().contains_key(DPOP_NONCE)
            && self
                .challenges()
                .any(|challenge| challenge.contains("use_dpop_nonce"))
    }

    /// The values of `WWW-Authenticate`.
    pub(super) fn challenges(&self) -> impl Iterator<Item = &str> {
        let values = self.answer.headers().get_all(header::WWW_AUTHENTICATE);
        values.into_iter().filter_map(|value| value.to_str().ok())
    }

    /// The answer for the browser.
    pub(super) async fn into_response(
        self,
        target: &Target,
        upstream: &Upstream,
    ) -> Result<Response<'r>, Refusal> {
        let Answer {
            mut answer,
            pump,
            is_head,
        } = self;
        let head = std::mem::take(answer.headers_mut());
        let status = answer.status();
        let mut response = Response::new();
        response.set_status(Status::new(status.as_u16()));
        let mut vary = Vec::new();
        for (name, value) in headers::of_answer(&head) {
            match name == "vary" {
                true => vary.push(value),
                false => response.adjoin_raw_header(name, value),
            };
        }
        if !vary.is_empty() {
            response.set_raw_header("Vary", vary.join(", "));
        }
        for name in [header::LOCATION, header::CONTENT_LOCATION] {
            let Some(value) = head
                .get(&name)
                .map(|value| value.to_str().unwrap_or_default())
            else {
                continue;
            };
            match target.seen_by_browser(value, &upstream.url) {
                Some(seen) => drop(response.set_raw_header(name.as_str().to_owned(), seen)),
                None if status.is_redirection() && name == header::LOCATION => {
                    let why = "redirects to an address of its own that is not below the proxy's";
                    return Err(upstream.failure(Kind::Unusable, why).into());
                }
                None => {}
            }
        }
        no_store(&mut response);
        let source = Arc::from(format!(
            "{}; see {}",
            &upstream.url[..Position::BeforePath],
            upstream.source
        ));
        let download = Download::new(answer, pump, upstream.idle, source);
        let has_length = response.headers().contains("Content-Length");
        let is_stream = response
            .content_type()
            .is_some_and(|kind| kind.is_event_stream());
        // Of no body the length is not none: it is that of the body that is not here.
        let is_bodiless = is_head || matches!(status.as_u16(), 204 | 304);
        if has_length || is_stream || is_bodiless {
            response.set_streamed_body(download);
        } else {
            match download.begin().await {
                Beginning::Whole(body) => {
                    response.set_sized_body(body.len(), std::io::Cursor::new(body))
                }
                Beginning::Endless(download) => response.set_streamed_body(download),
                Beginning::Broken(why) => {
                    let why = format!("breaks off its answer: {why}");
                    return Err(upstream.failure(Kind::Unusable, why).into());
                }
            };
        }
        response.set_max_chunk_size(CHUNK);
        Ok(response)
    }
}

const DPOP: &str = "dpop";
/// In bytes.
const CHUNK: usize = 16 * 1024;
