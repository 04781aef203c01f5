//! One request of a [`Browser`] and its answer: the headers a browser adds by
//! itself, and what a test asks of a response.

use reqwest::Method;
use reqwest::header::{
    ACCEPT, CONTENT_TYPE, COOKIE, HeaderMap, HeaderName, HeaderValue, LOCATION, ORIGIN, SET_COOKIE,
};
use rocket::time::OffsetDateTime;
use serde::de::DeserializeOwned;
use url::{Host, Url, form_urlencoded};

use super::browser::Browser;
use super::cookie_jar::{CookieRequest, is_trustworthy};
use super::html::Page;
use super::leaks;

/// What kind of request the browser makes; decides `Accept` and `Sec-Fetch-*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The whole tab goes there.
    Navigate,
    /// `fetch()` by a page's script, with credentials.
    Cors,
    /// No browser at all: only cookies, no headers of its own.
    Bare,
}

/// A request before it is sent.
pub struct Request<'b> {
    pub(super) browser: &'b Browser,
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    pub(super) mode: Mode,
    pub(super) initiator: Option<Url>,
    pub(super) passed: Vec<Url>,
    pub(super) cookie_header: Option<Vec<u8>>,
}

impl Request<'_> {
    /// The whole tab goes there: `Accept: text/html`, `Sec-Fetch-Mode: navigate`.
    pub fn navigation(mut self) -> Self {
        self.mode = Mode::Navigate;
        self
    }

    /// A script asks: `Accept: application/json`, `Sec-Fetch-Mode: cors`.
    pub fn fetch(mut self) -> Self {
        self.mode = Mode::Cors;
        self
    }

    /// The page that makes the request; without one the user typed the address.
    pub fn initiator(mut self, page: impl AsRef<str>) -> Self {
        self.initiator = Some(parse(page.as_ref()));
        self
    }

    /// Sets a header, over what the browser would send.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let name = HeaderName::try_from(name).expect("a header name");
        let value = HeaderValue::from_bytes(value.as_ref()).expect("a header value");
        self.headers.insert(name, value);
        self
    }

    /// Sends these bytes as the `Cookie` header, whatever the jar holds.
    pub fn cookie_header_override(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.cookie_header = Some(bytes.as_ref().to_vec());
        self
    }

    pub fn form(self, fields: &[(impl AsRef<str>, impl AsRef<str>)]) -> Self {
        self.body("application/x-www-form-urlencoded", urlencoded(fields))
    }

    pub fn body(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.headers.insert(CONTENT_TYPE, header(content_type));
        self.body = body.into();
        self
    }

    pub async fn send(self) -> Response {
        let shown = format!("{} {}", self.method, self.url);
        let sent = self.try_send().await;
        sent.unwrap_or_else(|error| panic!("{shown}: {error:?}"))
    }

    /// As [`Request::send`], for exchanges that are meant to fail.
    pub async fn try_send(self) -> Result<Response, reqwest::Error> {
        let (wire_url, mut headers) = self.browser.wire(&self.url);
        headers.extend(self.browser_headers());
        if let Some(cookies) = self.cookies() {
            headers.insert(
                COOKIE,
                HeaderValue::from_bytes(&cookies).expect("a Cookie header"),
            );
        }
        for (name, value) in &self.headers {
            headers.insert(name, value.clone());
        }
        let answer = self
            .browser
            .client
            .request(self.method.clone(), wire_url)
            .headers(headers)
            .body(self.body.clone())
            .send()
            .await?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let wire_url = answer.url().clone();
        let body = answer.bytes().await?.to_vec();
        leaks::answered(&wire_url, status, &headers, &body);

        let now = OffsetDateTime::now_utc();
        for set_cookie in headers.get_all(SET_COOKIE) {
            // A refusal is kept in the jar's violations.
            let _ = self
                .browser
                .jar()
                .store(&self.url, set_cookie.as_bytes(), now);
        }
        Ok(Response {
            status,
            headers,
            body,
            url: self.url,
            method: self.method,
            mode: self.mode,
            initiator: self.initiator,
            passed: self.passed,
            sent_content_type: self.headers.get(CONTENT_TYPE).cloned(),
            sent_body: self.body,
        })
    }

    fn cookies(&self) -> Option<Vec<u8>> {
        if let Some(bytes) = &self.cookie_header {
            return Some(bytes.clone());
        }
        let request = CookieRequest {
            url: &self.url,
            safe_method: self.method.is_safe(),
            same_site: self
                .initiator
                .as_ref()
                .is_none_or(|page| same_site(page, &self.url)),
            top_level_navigation: self.mode != Mode::Cors,
        };
        let header = self
            .browser
            .jar()
            .header(request, OffsetDateTime::now_utc());
        header.map(String::into_bytes)
    }

    fn browser_headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let (accept, mode, dest) = match self.mode {
            Mode::Navigate => (
                "text/html,application/xhtml+xml,*/*;q=0.8",
                "navigate",
                "document",
            ),
            Mode::Cors => ("application/json", "cors", "empty"),
            Mode::Bare => return headers,
        };
        headers.insert(ACCEPT, header(accept));
        // Fetch Metadata goes to trustworthy URLs only.
        if is_trustworthy(&self.url) {
            headers.insert("sec-fetch-mode", header(mode));
            headers.insert("sec-fetch-dest", header(dest));
            headers.insert("sec-fetch-site", header(self.sec_fetch_site()));
            if self.mode == Mode::Navigate {
                headers.insert("sec-fetch-user", header("?1"));
            }
        }
        if let Some(page) = &self.initiator
            && (!self.method.is_safe()
                || (self.mode == Mode::Cors && !same_origin(page, &self.url)))
        {
            // Fetch, "append a request Origin header": tainted by a cross-origin redirect.
            let tainted = self.passed.iter().any(|url| !same_origin(url, page))
                && !same_origin(self.passed.last().unwrap_or(page), &self.url);
            let origin = page.origin().ascii_serialization();
            headers.insert(ORIGIN, header(if tainted { "null" } else { &origin }));
        }
        headers
    }

    /// Fetch Metadata 2.3: the widest relation of the initiator to any URL of the redirect chain.
    fn sec_fetch_site(&self) -> &'static str {
        let Some(page) = &self.initiator else {
            return "none";
        };
        let chain = || self.passed.iter().chain([&self.url]);
        if chain().all(|url| same_origin(page, url)) {
            "same-origin"
        } else if chain().all(|url| same_site(page, url)) {
            "same-site"
        } else {
            "cross-site"
        }
    }
}

/// An answer, its body read to the end.
#[derive(Debug, Clone)]
pub struct Response {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    pub(super) url: Url,
    pub(super) method: Method,
    pub(super) mode: Mode,
    pub(super) initiator: Option<Url>,
    pub(super) passed: Vec<Url>,
    pub(super) sent_content_type: Option<HeaderValue>,
    pub(super) sent_body: Vec<u8>,
}

impl Response {
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The address that was asked.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The header's value, `None` when missing; panics when it came twice.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).into_iter();
        let value = values.next();
        assert!(values.next().is_none(), "{name} came twice");
        value.map(|value| value.to_str().expect("an ASCII header"))
    }

    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The raw `Set-Cookie` values.
    pub fn set_cookies(&self) -> Vec<String> {
        let values = self.headers.get_all(SET_COOKIE).into_iter();
        values
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
            .collect()
    }

    pub fn bytes(&self) -> &[u8] {
        &self.body
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json<T: DeserializeOwned>(&self) -> T {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{}: {error}: {}", self.url, self.text()))
    }

    pub fn page(&self) -> Page {
        Page::parse(&self.text())
    }

    pub fn is_redirect(&self) -> bool {
        matches!(self.status, 301 | 302 | 303 | 307 | 308) && self.headers.contains_key(LOCATION)
    }

    /// Where a redirect leads, absolute.
    pub fn location(&self) -> Option<Url> {
        let location = self.header("location").filter(|_| self.is_redirect())?;
        Some(self.url.join(location).expect("a Location"))
    }

    /// A query parameter of [`Response::location`]; panics when it is there twice.
    pub fn location_query(&self, name: &str) -> Option<String> {
        query(&self.location()?, name)
    }
}

/// The value of a query parameter; panics when it is there twice.
pub fn query(url: &Url, name: &str) -> Option<String> {
    let mut values = url.query_pairs().filter(|(known, _)| known == name);
    let value = values.next();
    assert!(values.next().is_none(), "{name} is twice in {url}");
    value.map(|(_, value)| value.into_owned())
}

/// The addresses of a chain of redirects, for messages.
pub fn urls(hops: &[Response]) -> Vec<String> {
    hops.iter()
        .map(|hop| format!("{} {}", hop.status, hop.url))
        .collect()
}

pub fn same_origin(a: &Url, b: &Url) -> bool {
    a.origin() == b.origin()
}

/// Schemefully same-site. Ports do not count. In place of the public suffix
/// list, the last two labels of a name are its site.
pub fn same_site(a: &Url, b: &Url) -> bool {
    let site = |url: &Url| match url.host() {
        Some(Host::Domain(name)) => {
            let labels: Vec<_> = name.rsplitn(3, '.').take(2).map(str::to_owned).collect();
            labels.join(".")
        }
        Some(address) => address.to_string(),
        None => String::new(),
    };
    a.scheme() == b.scheme() && site(a) == site(b)
}

pub(super) fn urlencoded(fields: &[(impl AsRef<str>, impl AsRef<str>)]) -> String {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish()
}

pub(super) fn parse(url: &str) -> Url {
    Url::parse(url).unwrap_or_else(|error| panic!("{url:?} is no URL: {error}"))
}

pub(super) fn header(value: &str) -> HeaderValue {
    HeaderValue::from_str(value).expect("a header value")
}
