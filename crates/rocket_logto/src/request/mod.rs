//! What the crate wants to know of a request, whoever handles it.

pub(crate) mod cookies;

use std::sync::OnceLock;

use rocket::Request;
use rocket::http::uri::Origin;
use rocket::http::{Accept, ContentType, MediaType, Method};
use url::{Position, Url};

use crate::return_to::ReturnTo;

/// The longest parameter of a sign-in that is taken, in bytes.
pub(crate) const MAX_PARAMETER: usize = 512;

/// The query of a request to one of our own routes.
#[derive(Default)]
struct HiddenQuery(OnceLock<String>);

/// The method as it came. Rocket makes a `GET` of a `HEAD` that has no route of
/// its own, so a handler cannot tell any more.
struct SentMethod(Method);

/// Remembers the method where Rocket changes it; to be called before Rocket
/// looks for a route.
pub(crate) fn keep_method(request: &Request<'_>) {
    if request.method() == Method::Head {
        request.local_cache(|| SentMethod(Method::Head));
    }
}

/// Whether Rocket's router takes `uri` for the path `own`, in whatever way it is
/// written: `//callback`, `/callback/`, `/%63allback`.
pub(crate) fn is_at(uri: &Origin<'_>, own: &str) -> bool {
    let segments = own.split('/').filter(|segment| !segment.is_empty());
    uri.path().segments().eq(segments)
}

/// Takes the query out of the request's URI, which is at the path `own`, before
/// Rocket logs it: on the routes of the sign-in it holds codes and one-time
/// tokens.
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

/// The address to try again at, or to come back to: path and query as they
/// came, but nothing that is good for one use only.
pub(crate) fn address(request: &Request<'_>) -> String {
    let path = request.uri().path();
    let kept = |pair: &&str| !pair.starts_with("one_time_token=");
    let query: Vec<_> = query(request).split('&').filter(kept).collect();
    match query.join("&") {
        query if query.is_empty() => path.to_string(),
        query => format!("{path}?{query}"),
    }
}

/// The page of this app that the request was sent from, if the browser says so.
pub(crate) fn own_referer(request: &Request<'_>, base_url: &Url) -> Option<ReturnTo> {
    let referer = Url::parse(request.headers().get_one("Referer")?).ok()?;
    let is_own = referer.origin() == base_url.origin();
    ReturnTo::parse(&referer[Position::BeforePath..]).filter(|_| is_own)
}

/// Whether a person's browser asks for a page, rather than a program for data.
pub(crate) fn is_navigation(request: &Request<'_>) -> bool {
    matches!(request.method(), Method::Get | Method::Head) && wants_page(request)
}

/// Whether a person's browser sends a form. A program says what it wants, or
/// nothing at all; then it gets data.
pub(crate) fn is_form(request: &Request<'_>) -> bool {
    let has_form = request.content_type() == Some(&ContentType::Form);
    let says_so = request.accept().is_some() || request.headers().contains("Sec-Fetch-Mode");
    request.method() == Method::Post && has_form && says_so && wants_page(request)
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

/// Whether nobody asked for this yet: a browser fetching ahead, or a `HEAD`.
/// Nothing may change then.
pub(crate) fn is_speculative(request: &Request<'_>) -> bool {
    let header = |name| request.headers().get_one(name).unwrap_or_default();
    request.local_cache(|| SentMethod(request.method())).0 == Method::Head
        || header("Sec-Purpose").contains("prefetch")
        || header("Purpose") == "prefetch"
        || header("X-Moz") == "prefetch"
}
