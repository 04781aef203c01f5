//! An HTTP client that behaves like a browser where sign-in depends on it:
//! cookies, `SameSite`, `Sec-Fetch-*`, `Origin`, redirects one hop at a time,
//! links and forms. Methods panic when the exchange itself fails, so that a
//! test reads as the steps of a user.

use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use reqwest::Method;
use reqwest::header::{
    ACCEPT, CONTENT_TYPE, COOKIE, HOST, HeaderMap, HeaderName, HeaderValue, LOCATION, ORIGIN,
    SET_COOKIE,
};
use rocket::time::OffsetDateTime;
use serde::de::DeserializeOwned;
use url::{Host, Url, form_urlencoded};

use super::cookie_jar::{CookieJar, CookieRequest, StoredCookie, Violation, is_trustworthy};
use super::html::{Page, Pick};

/// The page a cross-site attacker would send a request from.
pub const CROSS_SITE: &str = "https://cross-site.example/";

/// One browser profile. Its methods take `&self`, so requests may run side by
/// side on one jar; a clone has a copy of the jar, as a thief of cookies would.
pub struct Browser {
    client: reqwest::Client,
    jar: Mutex<CookieJar>,
    proxied: Vec<(Url, Url)>,
}

impl Clone for Browser {
    fn clone(&self) -> Self {
        Browser {
            client: self.client.clone(),
            jar: Mutex::new(self.jar().clone()),
            proxied: self.proxied.clone(),
        }
    }
}

impl Default for Browser {
    fn default() -> Self {
        Browser::new()
    }
}

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

impl Browser {
    pub fn new() -> Browser {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(Duration::from_secs(30))
            .build()
            .expect("an HTTP client");
        Browser {
            client,
            jar: Mutex::default(),
            proxied: Vec::new(),
        }
    }

    /// Requests for `public` (say `https://app.example.com`) go to `target` in
    /// plain HTTP, as if through a reverse proxy that ends TLS: with the public
    /// `Host`, and `X-Forwarded-Proto: https`.
    pub fn behind_proxy(mut self, public: &str, target: &str) -> Browser {
        self.proxied.push((parse(public), parse(target)));
        self
    }

    pub fn request(&self, method: Method, url: impl AsRef<str>) -> Request<'_> {
        Request {
            browser: self,
            method,
            url: parse(url.as_ref()),
            headers: HeaderMap::new(),
            body: Vec::new(),
            mode: Mode::Bare,
            initiator: None,
            passed: Vec::new(),
            cookie_header: None,
        }
    }

    /// A GET with cookies and no other header.
    pub async fn get(&self, url: impl AsRef<str>) -> Response {
        self.request(Method::GET, url).send().await
    }

    /// The user types the address.
    pub async fn navigate(&self, url: impl AsRef<str>) -> Response {
        self.request(Method::GET, url).navigation().send().await
    }

    /// The user follows a link on the page `initiator`.
    pub async fn navigate_from(
        &self,
        initiator: impl AsRef<str>,
        url: impl AsRef<str>,
    ) -> Response {
        let request = self.request(Method::GET, url);
        request.navigation().initiator(initiator).send().await
    }

    /// As [`Browser::navigate`], then through all redirects. The answers are in order, the last one is no redirect.
    pub async fn navigate_following(&self, url: impl AsRef<str>, max: usize) -> Vec<Response> {
        let first = self.navigate(url).await;
        self.follow_all(first, max).await
    }

    /// A script of a page at the same origin asks for JSON.
    pub async fn fetch_json(&self, url: impl AsRef<str>) -> Response {
        let url = parse(url.as_ref());
        let request = self.request(Method::GET, &url);
        request.fetch().initiator(&url).send().await
    }

    /// The user submits a form on a page at the same origin.
    pub async fn post_form(&self, url: impl AsRef<str>, fields: &[(&str, &str)]) -> Response {
        let url = parse(url.as_ref());
        let request = self.request(Method::POST, &url);
        request
            .navigation()
            .initiator(&url)
            .form(fields)
            .send()
            .await
    }

    /// A form on [`CROSS_SITE`] is submitted, whether or not the user meant to.
    pub async fn cross_site_post(&self, url: impl AsRef<str>, fields: &[(&str, &str)]) -> Response {
        let request = self.request(Method::POST, url);
        request
            .navigation()
            .initiator(CROSS_SITE)
            .form(fields)
            .send()
            .await
    }

    /// The one hop that `response` redirects to.
    pub async fn follow(&self, response: &Response) -> Response {
        let target = response.location().unwrap_or_else(|| {
            panic!(
                "{} {} is no redirect: {}",
                response.method,
                response.url,
                response.text()
            )
        });
        let keeps_method = matches!(response.status, 307 | 308);
        let turns_to_get = match response.status {
            303 => response.method != Method::HEAD,
            _ => !keeps_method && response.method == Method::POST,
        };
        let method = if turns_to_get {
            Method::GET
        } else {
            response.method.clone()
        };
        let mut request = self.request(method, &target);
        request.mode = response.mode;
        request.initiator = response.initiator.clone();
        request.passed = response.passed.clone();
        request.passed.push(response.url.clone());
        if !turns_to_get {
            request.body = response.sent_body.clone();
            if let Some(content_type) = &response.sent_content_type {
                request.headers.insert(CONTENT_TYPE, content_type.clone());
            }
        }
        request.send().await
    }

    /// All hops from `first` on, `first` included.
    pub async fn follow_all(&self, first: Response, max: usize) -> Vec<Response> {
        let mut hops = vec![first];
        while let Some(last) = hops.last().filter(|last| last.is_redirect()) {
            assert!(
                hops.len() <= max,
                "more than {max} redirects: {:#?}",
                urls(&hops)
            );
            let next = self.follow(last).await;
            hops.push(next);
        }
        hops
    }

    /// The user follows the link with this text.
    pub async fn click(&self, page: &Response, link_text: &str) -> Response {
        let parsed = page.page();
        let link = parsed.links.iter().find(|link| link.text == link_text);
        let link = link.unwrap_or_else(|| {
            panic!(
                "no link {link_text:?} at {}; there are {:?}",
                page.url, parsed.links
            )
        });
        let target = page.url.join(&link.href).expect("a link's address");
        self.navigate_from(&page.url, target).await
    }

    /// The user fills in and submits a form of `page`: `"Sign in"` presses the
    /// button with this text, `0` submits the first form as a script would.
    pub async fn submit<'p>(
        &self,
        page: &Response,
        pick: impl Into<Pick<'p>>,
        fill: &[(&str, &str)],
    ) -> Response {
        let pick = pick.into();
        let parsed = page.page();
        let (form, button) = parsed.find(pick).unwrap_or_else(|| {
            panic!(
                "no form for {pick:?} at {}; there are {:#?}",
                page.url, parsed.forms
            )
        });
        let action = button
            .and_then(|button| button.formaction.as_deref())
            .unwrap_or(&form.action);
        let mut target = match action {
            "" => page.url.clone(),
            action => page.url.join(action).expect("a form's action"),
        };
        target.set_fragment(None);
        let fields = form.submission(button, fill);
        let request = if form.is_post {
            self.request(Method::POST, target).form(&fields)
        } else {
            target.set_query(Some(&urlencoded(&fields)));
            self.request(Method::GET, target)
        };
        request.navigation().initiator(&page.url).send().await
    }

    fn jar(&self) -> MutexGuard<'_, CookieJar> {
        self.jar
            .lock()
            .expect("no test panics with the jar in hand")
    }

    pub fn cookies(&self) -> Vec<StoredCookie> {
        self.jar().cookies(OffsetDateTime::now_utc())
    }

    /// The cookie of this name; panics when there are two.
    pub fn cookie(&self, name: &str) -> Option<StoredCookie> {
        let cookies = self.cookies();
        let mut named = cookies.into_iter().filter(|cookie| cookie.name == name);
        let cookie = named.next();
        assert!(named.next().is_none(), "two cookies are named {name}");
        cookie
    }

    /// Every `Set-Cookie` this browser refused. Tests assert that it is empty.
    pub fn violations(&self) -> Vec<Violation> {
        self.jar().violations().to_vec()
    }

    /// Takes a `Set-Cookie` value as if `url` had sent it.
    pub fn set_cookie_raw(
        &self,
        url: impl AsRef<str>,
        set_cookie: impl AsRef<[u8]>,
    ) -> Result<(), Violation> {
        let url = parse(url.as_ref());
        let now = OffsetDateTime::now_utc();
        self.jar().store(&url, set_cookie.as_ref(), now)
    }

    /// Changes cookies behind the server's back: `browser.edit_cookies(|jar| jar.clear())`.
    pub fn edit_cookies(&self, edit: impl FnOnce(&mut Vec<StoredCookie>)) {
        edit(self.jar().cookies_mut());
    }

    /// The `Cookie` header that a navigation typed by the user would carry.
    pub fn cookie_header(&self, url: impl AsRef<str>) -> Option<String> {
        let request = CookieRequest {
            url: &parse(url.as_ref()),
            safe_method: true,
            same_site: true,
            top_level_navigation: true,
        };
        self.jar().header(request, OffsetDateTime::now_utc())
    }

    /// Where a request for `url` really goes, and the headers the proxy adds.
    fn wire(&self, url: &Url) -> (Url, HeaderMap) {
        let mut headers = HeaderMap::new();
        let proxied = self
            .proxied
            .iter()
            .find(|(public, _)| public.origin() == url.origin());
        let Some((public, target)) = proxied else {
            return (url.clone(), headers);
        };
        headers.insert(HOST, header(public.authority()));
        headers.insert("x-forwarded-proto", header(public.scheme()));
        let mut wire = target.clone();
        wire.set_path(url.path());
        wire.set_query(url.query());
        (wire, headers)
    }
}

/// A request before it is sent.
pub struct Request<'b> {
    browser: &'b Browser,
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Vec<u8>,
    mode: Mode,
    initiator: Option<Url>,
    passed: Vec<Url>,
    cookie_header: Option<Vec<u8>>,
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
        let body = answer.bytes().await?.to_vec();

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
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
    url: Url,
    method: Method,
    mode: Mode,
    initiator: Option<Url>,
    passed: Vec<Url>,
    sent_content_type: Option<HeaderValue>,
    sent_body: Vec<u8>,
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

fn urlencoded(fields: &[(impl AsRef<str>, impl AsRef<str>)]) -> String {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish()
}

fn parse(url: &str) -> Url {
    Url::parse(url).unwrap_or_else(|error| panic!("{url:?} is no URL: {error}"))
}

fn header(value: &str) -> HeaderValue {
    HeaderValue::from_str(value).expect("a header value")
}
