//! Requests and answers as plain values.

use serde_json::Value;

/// What a request to the provider is for: hooks and recorded requests are
/// sorted by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Endpoint {
    /// The metadata: `{issuer}/.well-known/openid-configuration`, and where RFC 8414 has them.
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
    /// `/api/…`: the Management API.
    Management,
    /// `/api/my-account/…` and `/api/verifications/…`: the Account API.
    Account,
    /// `{issuer}/register` (RFC 7591).
    Registration,
    /// What browsers ask before a request of a page of another origin.
    Preflight,
    /// The provider's own pages: sign-in and sign-up, account pages, control page, style sheet.
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
    /// The header lines, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The pairs of a form-encoded body, decoded, in order.
    pub form: Vec<(String, String)>,
    /// The body, at most 1 MiB of it.
    pub body: Vec<u8>,
}

impl Received {
    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    /// The first value of a query parameter.
    pub fn query_value(&self, name: &str) -> Option<&str> {
        first(&self.query, name)
    }

    /// The first value of a form field.
    pub fn form_value(&self, name: &str) -> Option<&str> {
        first(&self.form, name)
    }

    /// The parameters of an endpoint that takes GET and POST.
    pub(crate) fn params(&self) -> &[(String, String)] {
        match self.method.as_str() {
            "POST" => &self.form,
            _ => &self.query,
        }
    }

    /// Whether it is a browser's, that shows what it gets: `text/html` is among what is
    /// accepted (RFC 9110, section 12.5.1).
    pub(crate) fn wants_html(&self) -> bool {
        let accepted = self.header("accept").unwrap_or_default().split(',');
        let mut kinds = accepted.map(|range| range.split(';').map(str::trim));
        kinds.any(|mut range| {
            let kind = range.next().unwrap_or_default();
            let is_refused = range.any(|q| matches!(q, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"));
            kind.eq_ignore_ascii_case("text/html") && !is_refused
        })
    }

    /// The value of a cookie.
    pub(crate) fn cookie(&self, name: &str) -> Option<&str> {
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

pub(crate) fn first<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs
        .iter()
        .find(|(n, _)| n == name)
        .map(|(_, value)| value.as_str())
}

/// A parameter that is there twice, against RFC 6749, section 3.1. RFC 8707
/// excepts `resource`.
pub(crate) fn repeated(pairs: &[(String, String)]) -> Option<&str> {
    let mut names = pairs.iter().map(|(name, _)| name.as_str()).enumerate();
    let repeated = names.find(|(index, name)| {
        *name != "resource" && pairs[..*index].iter().any(|(earlier, _)| earlier == name)
    });
    repeated.map(|(_, name)| name)
}

fn header<'a>(lines: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let mut lines = lines.iter();
    let found = lines.find(|(n, _)| n.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.as_str())
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

    pub(crate) fn new(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Reply {
        let reply = Reply {
            status,
            headers: Vec::new(),
            body: body.into(),
        };
        reply
            .with("content-type", content_type)
            .with("cache-control", "no-store")
    }

    pub(crate) fn redirect(location: &str) -> Reply {
        let text = format!("Redirecting to {location}");
        Reply::new(303, "text/plain; charset=utf-8", text).with("location", location)
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Reply {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The first value of a header.
    #[cfg(feature = "_hooks")]
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
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
