//! Requests and answers of the development provider as plain values, and the
//! one Rocket handler that turns the former into the latter.

use std::io::Cursor;
use std::sync::Arc;

use rocket::data::ToByteUnit;
use rocket::http::{Header, Method, Status};
use rocket::route::{Handler, Outcome, Route};
use rocket::{Data, Request, Response};
use serde_json::Value;

use super::Provider;
use super::query;

/// What a request to the provider is for: hooks and recorded requests are
/// sorted by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Endpoint {
    /// `{issuer}/.well-known/openid-configuration`
    Discovery,
    /// `{issuer}/jwks`
    Jwks,
    /// `{issuer}/auth`
    Auth,
    /// `{issuer}/request`, for pushed authorization requests (RFC 9126).
    PushedAuth,
    /// `{issuer}/token`
    Token,
    /// `{issuer}/me`
    UserInfo,
    /// `{issuer}/token/revocation`
    Revocation,
    /// `{issuer}/token/introspection`
    Introspection,
    /// `{issuer}/session/end` and its confirmation.
    EndSession,
    /// `/api/users` and `/api/subject-tokens` of the Management API.
    Management,
    /// The provider's own pages: sign-in form, list of users, style sheet.
    Page,
    /// Anything else; answered 404.
    Unknown,
}

/// A request as the provider received it.
#[derive(Clone, Debug)]
pub struct Received {
    /// What it was for.
    pub endpoint: Endpoint,
    /// `GET`, `POST`, …
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// The query's pairs, decoded, in order.
    pub query: Vec<(String, String)>,
    /// The header lines, names as they arrived.
    pub headers: Vec<(String, String)>,
    /// The pairs of a form-encoded body, decoded, in order.
    pub form: Vec<(String, String)>,
    /// The body as it arrived, at most 1 MiB of it.
    pub body: Vec<u8>,
}

impl Received {
    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self
            .headers
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The first value of a query parameter.
    pub fn query_value(&self, name: &str) -> Option<&str> {
        first(&self.query, name)
    }

    /// The first value of a form field.
    pub fn form_value(&self, name: &str) -> Option<&str> {
        first(&self.form, name)
    }

    /// The value of a cookie.
    pub(super) fn cookie(&self, name: &str) -> Option<&str> {
        let pairs = self
            .headers
            .iter()
            .filter(|(n, _)| n.eq_ignore_ascii_case("cookie"));
        pairs
            .flat_map(|(_, value)| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .find_map(|(n, value)| (n == name).then_some(value))
    }
}

pub(super) fn first<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs
        .iter()
        .find(|(n, _)| n == name)
        .map(|(_, value)| value.as_str())
}

/// An answer, just before it is sent.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// The header lines. `Content-Length` is added when it is sent.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Reply {
    /// An answer with a JSON body, not to be stored.
    pub fn json(status: u16, body: &Value) -> Reply {
        Reply::new(status, "application/json; charset=utf-8", body.to_string())
    }

    pub(super) fn new(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Reply {
        let reply = Reply {
            status,
            headers: Vec::new(),
            body: body.into(),
        };
        reply
            .with("content-type", content_type)
            .with("cache-control", "no-store")
    }

    pub(super) fn redirect(location: &str) -> Reply {
        let text = format!("Redirecting to {location}");
        Reply::new(303, "text/plain; charset=utf-8", text).with("location", location)
    }

    pub(super) fn with(mut self, name: &str, value: &str) -> Reply {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self
            .headers
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// Replaces every line of a header by this one.
    pub fn set_header(&mut self, name: &str, value: &str) {
        self.remove_header(name);
        self.headers.push((name.to_owned(), value.to_owned()));
    }

    /// Removes every line of a header.
    pub fn remove_header(&mut self, name: &str) {
        self.headers.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
    }

    /// Edits a JSON body in place; a body that is not JSON is edited as `null`.
    pub fn edit_json(&mut self, edit: impl FnOnce(&mut Value)) {
        let mut body = serde_json::from_slice(&self.body).unwrap_or(Value::Null);
        edit(&mut body);
        self.body = body.to_string().into_bytes();
    }
}

type Answer = fn(&Provider, &Received) -> Reply;

/// Answers one endpoint: records the request, waits if a hook says so, asks
/// `answer`, and lets a hook spoil the result.
#[derive(Clone)]
struct EndpointHandler {
    provider: Arc<Provider>,
    endpoint: Endpoint,
    answer: Answer,
}

#[rocket::async_trait]
impl Handler for EndpointHandler {
    async fn handle<'r>(&self, request: &'r Request<'_>, data: Data<'r>) -> Outcome<'r> {
        let body = match data.open(1.mebibytes()).into_bytes().await {
            Ok(body) => body.into_inner(),
            Err(_) => return Outcome::Error(Status::BadRequest),
        };
        let received = receive(self.endpoint, request, body);
        // Before anybody can see the request, and set the hooks for the next one.
        let wait = self.provider.hooks.wait(self.endpoint);
        self.provider.record(&received);
        wait.await;
        let mut reply = (self.answer)(&self.provider, &received);
        self.provider.hooks.edit_reply(&received, &mut reply);
        if let Some(observe) = self.provider.settings.observer {
            observe(&received, &reply);
        }
        Outcome::Success(response(reply))
    }
}

fn receive(endpoint: Endpoint, request: &Request<'_>, body: Vec<u8>) -> Received {
    let pairs = |bytes: &[u8]| url::form_urlencoded::parse(bytes).into_owned().collect();
    let query = pairs(query::of(request).as_bytes());
    let is_form = request
        .content_type()
        .is_some_and(|content_type| content_type.is_form());
    let form = if is_form { pairs(&body) } else { Vec::new() };
    let headers = request.headers().iter();
    Received {
        endpoint,
        method: request.method().to_string(),
        path: request.uri().path().to_string(),
        query,
        headers: headers
            .map(|h| (h.name().to_string(), h.value().to_owned()))
            .collect(),
        form,
        body,
    }
}

fn response<'r>(reply: Reply) -> Response<'r> {
    let mut response = Response::build();
    response.status(Status::new(reply.status));
    for (name, value) in reply.headers {
        response.header_adjoin(Header::new(name, value));
    }
    response
        .sized_body(reply.body.len(), Cursor::new(reply.body))
        .finalize()
}

/// A route for `endpoint`. Unknown paths are routes too, of the lowest rank, so
/// that tests can see calls the provider did not expect.
pub(super) fn route(
    provider: &Arc<Provider>,
    method: Method,
    path: &str,
    endpoint: Endpoint,
    answer: Answer,
) -> Route {
    let provider = provider.clone();
    let rank = if endpoint == Endpoint::Unknown {
        100
    } else {
        0
    };
    Route::ranked(
        rank,
        method,
        path,
        EndpointHandler {
            provider,
            endpoint,
            answer,
        },
    )
}
