//! What guards, routes and fairings need to know about a request.

pub(crate) mod browser;
pub(crate) mod cookies;
pub(crate) mod subtree;

use std::sync::OnceLock;

use rocket::Request;
use rocket::http::uri::Origin;
use rocket::http::{Accept, ContentType, MediaType, Method};
use url::Url;

use crate::return_to::{BasePath, ReturnTo};

/// The longest sign-in parameter that is accepted, in bytes.
pub(crate) const MAX_PARAMETER: usize = 512;

/// The header that scripts of the app's own pages send to the proxy, and its value. No form, no
/// image and no link can: another origin would need CORS for it, which nobody here grants
/// (OAuth 2.0 for Browser-Based Applications section 6.1.3.3.2).
pub(crate) const ANTI_FORGERY: (&str, &str) = ("X-CSRF", "1");

/// Whether a request has it, once.
pub(crate) fn has_anti_forgery_header(request: &Request<'_>) -> bool {
    let (name, value) = ANTI_FORGERY;
    request.headers().get(name).eq([value])
}

/// The query of a request to one of our own routes, hidden from Rocket's log.
#[derive(Default)]
struct HiddenQuery(OnceLock<String>);

/// The address of a request whose path was changed before Rocket looks for a route.
#[derive(Default)]
struct CameAs(OnceLock<String>);

/// Remembers the address that the request has now.
pub(crate) fn keep_address(request: &Request<'_>) {
    let came_as: &CameAs = request.local_cache(CameAs::default);
    let _ = came_as.0.set(address(request));
}

/// The method as it came. Rocket turns a `HEAD` without a route of its own into a
/// `GET`, so a handler can no longer tell.
struct SentMethod(Method);

/// Remembers a method that Rocket will change. Call it before Rocket looks for a
/// route.
pub(crate) fn keep_method(request: &Request<'_>) {
    if request.method() == Method::Head {
        request.local_cache(|| SentMethod(Method::Head));
    }
}

/// The method as it came, where [`keep_method`] was called.
pub(crate) fn sent_method(request: &Request<'_>) -> Method {
    request.local_cache(|| SentMethod(request.method())).0
}

/// Whether Rocket's router routes `uri` to the path `own`, however it is written:
/// `//callback`, `/callback/`, `/%63allback`. A route that is turned off has no path, and
/// nothing is there, not even `/`.
pub(crate) fn is_at(uri: &Origin<'_>, own: &str) -> bool {
    let segments = own.split('/').filter(|segment| !segment.is_empty());
    !own.is_empty() && uri.path().segments().eq(segments)
}

/// Removes the query from the request's URI, whose path is `own`, before Rocket logs
/// it: on the sign-in routes it holds codes and one-time tokens.
pub(crate) fn hide_query(request: &mut Request<'_>, own: &str) {
    let Some(query) = request.uri().query().map(|query| query.to_string()) else {
        return;
    };
    if let Ok(bare) = Origin::parse_owned(own.to_owned()) {
        request.set_uri(bare);
        let hidden: &HiddenQuery = request.local_cache(HiddenQuery::default);
        let _ = hidden.0.set(query);
    }
}

/// The query of the request as it came.
pub(crate) fn query<'r>(request: &'r Request<'_>) -> &'r str {
    let hidden: &HiddenQuery = request.local_cache(HiddenQuery::default);
    let visible = || request.uri().query().map(|query| query.as_str());
    hidden
        .0
        .get()
        .map(String::as_str)
        .or_else(visible)
        .unwrap_or_default()
}

/// The address to retry or to come back to: path and query as they came, without
/// anything that can be used only once.
pub(crate) fn address(request: &Request<'_>) -> String {
    if let Some(came_as) = request.local_cache(CameAs::default).0.get() {
        return came_as.clone();
    }
    let path = request.uri().path();
    let kept = |pair: &&str| !pair.starts_with("one_time_token=");
    let query: Vec<_> = query(request).split('&').filter(kept).collect();
    match query.join("&") {
        query if query.is_empty() => path.to_string(),
        query => format!("{path}?{query}"),
    }
}

/// The page of this app that sent the request, if the browser says so.
pub(crate) fn own_referer(
    request: &Request<'_>,
    base_path: &BasePath,
    base_url: &Url,
) -> Option<ReturnTo> {
    let referer = Url::parse(request.headers().get_one("Referer")?).ok()?;
    base_path.of_url(&referer, base_url)
}

/// Whether the request came to the host of `base_url`, as far as it says. The port makes
/// no difference to cookies, and many proxies leave it out.
pub(crate) fn is_at_host(request: &Request<'_>, base_url: &Url) -> bool {
    match (request.host(), base_url.host_str()) {
        (Some(host), Some(own)) => host.domain() == own,
        _ => true,
    }
}

/// Whether a browser asks for a page, rather than a program for data.
pub(crate) fn is_navigation(request: &Request<'_>) -> bool {
    matches!(request.method(), Method::Get | Method::Head) && wants_page(request)
}

/// Whether a browser sends a form. A program states what it accepts, or nothing, and
/// gets data.
pub(crate) fn is_form(request: &Request<'_>) -> bool {
    let has_form = request.content_type() == Some(&ContentType::Form);
    let says_so = request.accept().is_some() || request.headers().contains("Sec-Fetch-Mode");
    request.method() == Method::Post && has_form && says_so && wants_page(request)
}

/// Whether a browser loads a page of its own, and not one in a frame, or an image
/// (Fetch Metadata Request Headers, section 2).
pub(crate) fn is_whole_page(request: &Request<'_>) -> bool {
    wants_page(request) && is_for_a_document(request)
}

/// Whether the answer could be a page of its own: the browser says so, or says nothing
/// about it (section 2.1). An image, a frame or a script starts no sign-in.
pub(crate) fn is_for_a_document(request: &Request<'_>) -> bool {
    let destination = request.headers().get_one("Sec-Fetch-Dest");
    destination.is_none_or(|destination| destination == "document")
}

/// Who made the browser send a request, as far as it says (Fetch Metadata Request Headers,
/// section 2.3; RFC 6454 section 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sender {
    /// A page of this app.
    Ourselves,
    /// The user: at the address bar, by a bookmark, or in another program, such as one for
    /// mail. A browser does not tell these apart.
    User,
    /// A page of another site, or of another host.
    Other,
    /// An old browser, or no browser: it does not say.
    Unknown,
}

impl Sender {
    pub(crate) fn of(request: &Request<'_>, base_url: &Url) -> Sender {
        // Said twice, it is said by nobody who can be believed.
        let said = |name| {
            let mut values = request.headers().get(name);
            values.next().map(|value| match values.next() {
                None => value,
                Some(_) => "",
            })
        };
        match said("Sec-Fetch-Site") {
            Some("same-origin") => return Sender::Ourselves,
            Some("none") => return Sender::User,
            Some(_) => return Sender::Other,
            None => {}
        }
        match said("Origin") {
            Some(origin) if origin == base_url.origin().ascii_serialization() => Sender::Ourselves,
            Some(_) => Sender::Other,
            None => Sender::Unknown,
        }
    }
}

/// Whether a request changes nothing (RFC 9110 section 9.2.1), or was sent by a page of this
/// app or by the user. Every browser says so with what is no GET.
pub(crate) fn is_harmless(request: &Request<'_>, base_url: &Url) -> bool {
    matches!(
        request.method(),
        Method::Get | Method::Head | Method::Options | Method::Trace
    ) || matches!(
        Sender::of(request, base_url),
        Sender::Ourselves | Sender::User
    )
}

fn wants_page(request: &Request<'_>) -> bool {
    if let Some(mode) = request.headers().get_one("Sec-Fetch-Mode") {
        return mode == "navigate";
    }
    let names = |accept: &Accept, media: MediaType| {
        accept
            .media_types()
            .any(|accepted| accepted.top() == media.top() && accepted.sub() == media.sub())
    };
    match request.accept() {
        Some(accept) => names(accept, MediaType::HTML) || !names(accept, MediaType::JSON),
        None => true,
    }
}

/// Whether the user has not asked for this yet: the browser prefetches, or it is a
/// `HEAD`. Such a request must not change anything.
pub(crate) fn is_speculative(request: &Request<'_>) -> bool {
    let header = |name| request.headers().get_one(name).unwrap_or_default();
    sent_method(request) == Method::Head
        || header("Sec-Purpose").contains("prefetch")
        || header("Purpose") == "prefetch"
        || header("X-Moz") == "prefetch"
}
