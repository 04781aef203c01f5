//! A cookie jar that follows RFC 6265bis the way Chromium does. It is written
//! apart from the `cookie` crate, so that it is a second opinion on what the
//! library sends, and every refused `Set-Cookie` is kept for tests to look at.

use rocket::time::{Duration, OffsetDateTime};
use url::{Host, Url};

use super::cookie_date;

/// Chromium's bound on name plus value; longer cookies are dropped silently.
const MAX_NAME_AND_VALUE: usize = 4096;
/// RFC 6265bis 5.6: longer attribute values are ignored.
const MAX_ATTRIBUTE_VALUE: usize = 1024;
/// RFC 6265bis 5.5: no cookie lives longer.
const MAX_LIFETIME: Duration = Duration::days(400);
/// How long Chromium lets a cookie without `SameSite` go with a cross-site POST.
const LAX_ALLOWING_UNSAFE: Duration = Duration::minutes(2);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SameSite {
    Strict,
    Lax,
    None,
    /// No (known) `SameSite` attribute: Lax, but two minutes long also sent with cross-site POSTs.
    Unset,
}

/// A cookie as it lies in the jar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredCookie {
    pub name: String,
    pub value: String,
    /// The host that set it, or its `Domain` attribute. Never a port: RFC 6265bis 8.5.
    pub domain: String,
    pub host_only: bool,
    pub path: String,
    pub secure: bool,
    pub http_only: bool,
    pub same_site: SameSite,
    /// `None` for a cookie that ends with the browser's session.
    pub expires: Option<OffsetDateTime>,
    /// When a cookie of this name, domain, path and value first came; decides the order of sending.
    pub created: OffsetDateTime,
    /// When it came last.
    pub updated: OffsetDateTime,
}

impl StoredCookie {
    /// The life its last `Set-Cookie` gave it, `None` for a session cookie.
    pub fn lifetime(&self) -> Option<Duration> {
        self.expires.map(|end| end - self.updated)
    }

    fn is_same_cookie_as(&self, other: &StoredCookie) -> bool {
        self.name == other.name
            && self.domain == other.domain
            && self.host_only == other.host_only
            && self.path == other.path
    }

    fn is_expired(&self, now: OffsetDateTime) -> bool {
        self.expires.is_some_and(|end| end <= now)
    }
}

/// A `Set-Cookie` that the browser refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    pub url: String,
    pub set_cookie: String,
    pub reason: &'static str,
}

/// Which request asks for cookies.
#[derive(Debug, Clone, Copy)]
pub struct CookieRequest<'r> {
    pub url: &'r Url,
    /// GET, HEAD, OPTIONS or TRACE.
    pub safe_method: bool,
    pub same_site: bool,
    /// A navigation of the whole tab, not a `fetch` or a frame.
    pub top_level_navigation: bool,
}

#[derive(Debug, Clone, Default)]
pub struct CookieJar {
    cookies: Vec<StoredCookie>,
    violations: Vec<Violation>,
}

impl CookieJar {
    /// Takes one `Set-Cookie` value that came with the answer to `url`.
    pub fn store(
        &mut self,
        url: &Url,
        set_cookie: &[u8],
        now: OffsetDateTime,
    ) -> Result<(), Violation> {
        let stored = parse(url, set_cookie, now).and_then(|cookie| self.insert(url, cookie, now));
        stored.map_err(|reason| {
            let violation = Violation {
                url: url.to_string(),
                set_cookie: String::from_utf8_lossy(set_cookie).into_owned(),
                reason,
            };
            self.violations.push(violation.clone());
            violation
        })
    }

    fn insert(
        &mut self,
        url: &Url,
        mut cookie: StoredCookie,
        now: OffsetDateTime,
    ) -> Result<(), &'static str> {
        self.cookies.retain(|old| !old.is_expired(now));
        // RFC 6265bis 5.7, step 17: "leave secure cookies alone".
        let shadows_secure = |old: &StoredCookie| {
            old.secure
                && old.name == cookie.name
                && (domain_matches(&old.domain, &cookie.domain)
                    || domain_matches(&cookie.domain, &old.domain))
                && path_matches(&cookie.path, &old.path)
        };
        if !cookie.secure && !is_trustworthy(url) && self.cookies.iter().any(shadows_secure) {
            return Err("an insecure origin may not overwrite a Secure cookie");
        }
        let old = self
            .cookies
            .iter()
            .position(|old| old.is_same_cookie_as(&cookie));
        match old {
            _ if cookie.is_expired(now) => {
                old.map(|index| self.cookies.remove(index));
            }
            // RFC 6265bis keeps the creation time, and so the order of sending, of every
            // cookie that is set again; Chromium only when the value stays the same.
            Some(index) if self.cookies[index].value == cookie.value => {
                cookie.created = self.cookies[index].created;
                self.cookies[index] = cookie;
            }
            Some(index) => {
                self.cookies.remove(index);
                self.cookies.push(cookie);
            }
            None => self.cookies.push(cookie),
        }
        Ok(())
    }

    /// The cookies a request carries, in the order of its `Cookie` header.
    pub fn matching(&self, request: CookieRequest<'_>, now: OffsetDateTime) -> Vec<StoredCookie> {
        let mut matching: Vec<_> = self
            .cookies
            .iter()
            .filter(|cookie| !cookie.is_expired(now) && is_sent(cookie, request, now))
            .cloned()
            .collect();
        // RFC 6265bis 5.8.3, step 2; the sort is stable and the jar in order of creation.
        matching.sort_by_key(|cookie| std::cmp::Reverse(cookie.path.len()));
        matching
    }

    /// The `Cookie` header of a request, `None` when no cookie goes with it.
    pub fn header(&self, request: CookieRequest<'_>, now: OffsetDateTime) -> Option<String> {
        let pairs: Vec<_> = self
            .matching(request, now)
            .into_iter()
            .map(|cookie| match cookie.name.as_str() {
                "" => cookie.value,
                name => format!("{name}={}", cookie.value),
            })
            .collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }

    /// All cookies that have not expired.
    pub fn cookies(&self, now: OffsetDateTime) -> Vec<StoredCookie> {
        let alive = self.cookies.iter().filter(|cookie| !cookie.is_expired(now));
        alive.cloned().collect()
    }

    pub fn cookies_mut(&mut self) -> &mut Vec<StoredCookie> {
        &mut self.cookies
    }

    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }
}

/// RFC 6265bis 5.6 and 5.7.
fn parse(url: &Url, set_cookie: &[u8], now: OffsetDateTime) -> Result<StoredCookie, &'static str> {
    let set_cookie = std::str::from_utf8(set_cookie).map_err(|_| "not UTF-8")?;
    let is_control = |c: char| c.is_ascii_control();
    if set_cookie.chars().any(|c| is_control(c) && c != '\t') {
        return Err("control character");
    }
    let (pair, attributes) = match set_cookie.split_once(';') {
        Some((pair, attributes)) => (pair, attributes),
        None => (set_cookie, ""),
    };
    let (name, value) = pair.split_once('=').unwrap_or(("", pair));
    let (name, value) = (trim(name), trim(value));
    if name.is_empty() && value.is_empty() {
        return Err("neither name nor value");
    }
    // RFC 6265bis lets a tab pass, Chromium does not.
    if name.contains(is_control) || value.contains(is_control) {
        return Err("control character");
    }
    if name.len() + value.len() > MAX_NAME_AND_VALUE {
        return Err("name and value longer than 4096 bytes");
    }

    let attributes = Attributes::parse(attributes, now);
    let host = url.host_str().ok_or("the URL has no host")?;
    let (domain, host_only) = domain_and_host_only(url, host, attributes.domain.as_deref())?;
    let cookie = StoredCookie {
        name: name.to_owned(),
        value: value.to_owned(),
        domain,
        host_only,
        path: attributes.path.unwrap_or_else(|| default_path(url)),
        secure: attributes.secure,
        http_only: attributes.http_only,
        same_site: attributes.same_site,
        expires: attributes
            .max_age
            .or(attributes.expires)
            .map(|end| end.min(now + MAX_LIFETIME)),
        created: now,
        updated: now,
    };

    if cookie.secure && !is_trustworthy(url) {
        return Err("Secure from an insecure origin");
    }
    if cookie.same_site == SameSite::None && !cookie.secure {
        return Err("SameSite=None without Secure");
    }
    check_prefix(&cookie)?;
    Ok(cookie)
}

/// RFC 6265bis 5.7, steps 20 to 22. That `Secure` came from a secure origin is checked already.
fn check_prefix(cookie: &StoredCookie) -> Result<(), &'static str> {
    let starts_with = |text: &str, prefix: &str| {
        text.get(..prefix.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    if cookie.name.is_empty()
        && ["__Secure-", "__Host-"]
            .iter()
            .any(|prefix| starts_with(&cookie.value, prefix))
    {
        return Err("a cookie without a name pretends to be a prefixed one");
    }
    if starts_with(&cookie.name, "__Secure-") && !cookie.secure {
        return Err("__Secure- needs Secure");
    }
    if starts_with(&cookie.name, "__Host-") {
        if !cookie.secure {
            return Err("__Host- needs Secure");
        }
        if !cookie.host_only {
            return Err("__Host- allows no Domain");
        }
        if cookie.path != "/" {
            return Err("__Host- needs Path=/");
        }
    }
    Ok(())
}

struct Attributes {
    /// The end that `Max-Age` gives; it goes before `Expires`.
    max_age: Option<OffsetDateTime>,
    expires: Option<OffsetDateTime>,
    domain: Option<String>,
    path: Option<String>,
    secure: bool,
    http_only: bool,
    same_site: SameSite,
}

impl Attributes {
    fn parse(attributes: &str, now: OffsetDateTime) -> Attributes {
        let mut parsed = Attributes {
            max_age: None,
            expires: None,
            domain: None,
            path: None,
            secure: false,
            http_only: false,
            same_site: SameSite::Unset,
        };
        for attribute in attributes.split(';') {
            let (name, value) = attribute.split_once('=').unwrap_or((attribute, ""));
            let (name, value) = (trim(name), trim(value));
            if value.len() > MAX_ATTRIBUTE_VALUE {
                continue;
            }
            match name.to_ascii_lowercase().as_str() {
                "expires" => parsed.expires = cookie_date::parse(value).or(parsed.expires),
                "max-age" => parsed.max_age = max_age(value, now).or(parsed.max_age),
                "domain" => {
                    let domain = value.strip_prefix('.').unwrap_or(value);
                    parsed.domain = Some(domain.to_ascii_lowercase());
                }
                "path" => parsed.path = value.starts_with('/').then(|| value.to_owned()),
                "secure" => parsed.secure = true,
                "httponly" => parsed.http_only = true,
                "samesite" => {
                    parsed.same_site = match value.to_ascii_lowercase().as_str() {
                        "strict" => SameSite::Strict,
                        "lax" => SameSite::Lax,
                        "none" => SameSite::None,
                        _ => SameSite::Unset,
                    }
                }
                _ => {}
            }
        }
        parsed
    }
}

fn max_age(value: &str, now: OffsetDateTime) -> Option<OffsetDateTime> {
    let digits = value.strip_prefix('-').unwrap_or(value);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let seconds = value.parse::<i64>().unwrap_or(i64::MAX);
    if value.starts_with('-') || seconds == 0 {
        return Some(OffsetDateTime::UNIX_EPOCH);
    }
    Some(now + Duration::seconds(seconds.min(MAX_LIFETIME.whole_seconds())))
}

fn domain_and_host_only(
    url: &Url,
    host: &str,
    domain: Option<&str>,
) -> Result<(String, bool), &'static str> {
    match domain {
        None | Some("") => Ok((host.to_owned(), true)),
        Some(domain) if domain == host => {
            let names_one_host =
                !matches!(url.host(), Some(Host::Domain(_))) || !host.contains('.');
            Ok((host.to_owned(), names_one_host))
        }
        Some(domain) if !domain.contains('.') => Err("Domain is a public suffix"),
        Some(domain)
            if matches!(url.host(), Some(Host::Domain(_))) && domain_matches(host, domain) =>
        {
            Ok((domain.to_owned(), false))
        }
        Some(_) => Err("Domain does not match the host"),
    }
}

fn is_sent(cookie: &StoredCookie, request: CookieRequest<'_>, now: OffsetDateTime) -> bool {
    let host = request.url.host_str().unwrap_or_default();
    let host_fits = match cookie.host_only {
        true => cookie.domain == host,
        false => domain_matches(host, &cookie.domain),
    };
    let lax = request.top_level_navigation && request.safe_method;
    let site_fits = request.same_site
        || match cookie.same_site {
            SameSite::None => true,
            SameSite::Lax => lax,
            SameSite::Unset => {
                let young = now - cookie.updated < LAX_ALLOWING_UNSAFE;
                lax || (request.top_level_navigation && young)
            }
            SameSite::Strict => false,
        };
    host_fits
        && site_fits
        && path_matches(request.url.path(), &cookie.path)
        && (!cookie.secure || is_trustworthy(request.url))
}

/// Whether a browser treats the URL as secure: https, or this very machine
/// (W3C Secure Contexts, "potentially trustworthy").
pub fn is_trustworthy(url: &Url) -> bool {
    let loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    url.scheme() == "https" || loopback
}

/// RFC 6265bis 5.1.3.
fn domain_matches(host: &str, domain: &str) -> bool {
    host == domain
        || host
            .strip_suffix(domain)
            .is_some_and(|rest| rest.ends_with('.'))
}

/// RFC 6265bis 5.1.4.
fn path_matches(request_path: &str, cookie_path: &str) -> bool {
    request_path
        .strip_prefix(cookie_path)
        .is_some_and(|rest| rest.is_empty() || cookie_path.ends_with('/') || rest.starts_with('/'))
}

fn default_path(url: &Url) -> String {
    match url.path().rfind('/') {
        None | Some(0) => "/".to_owned(),
        Some(end) => url.path()[..end].to_owned(),
    }
}

fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}
