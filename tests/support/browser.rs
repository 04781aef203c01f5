//! An HTTP client that behaves like a browser where sign-in depends on it:
//! cookies, `SameSite`, `Sec-Fetch-*`, `Origin`, redirects one hop at a time,
//! links and forms. Methods panic when the exchange itself fails, so that a
//! test reads as the steps of a user.

use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HOST, HeaderMap};
use rocket::time::OffsetDateTime;
use url::Url;

use super::cookie_jar::{CookieJar, CookieRequest, StoredCookie, Violation};
use super::exchange::{header, parse, urlencoded};
use super::html::Pick;

pub use super::exchange::{Mode, Request, Response, query, same_site, urls};

/// The page a cross-site attacker would send a request from.
pub const CROSS_SITE: &str = "https://cross-site.example/";

/// One browser profile. Its methods take `&self`, so requests may run side by
/// side on one jar; a clone has a copy of the jar, as a thief of cookies would.
pub struct Browser {
    pub(super) client: reqwest::Client,
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

impl Browser {
    pub fn new() -> Browser {
        Browser::of(reqwest::Client::builder())
    }

    /// Knows sites by these certificates, and no others.
    pub fn trusting(certificates: impl IntoIterator<Item = reqwest::Certificate>) -> Browser {
        Browser::of(reqwest::Client::builder().tls_certs_only(certificates))
    }

    fn of(client: reqwest::ClientBuilder) -> Browser {
        let client = client
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(Duration::from_secs(60))
            .build();
        Browser {
            client: client.expect("an HTTP client"),
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

    pub(super) fn jar(&self) -> MutexGuard<'_, CookieJar> {
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
    pub(super) fn wire(&self, url: &Url) -> (Url, HeaderMap) {
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
