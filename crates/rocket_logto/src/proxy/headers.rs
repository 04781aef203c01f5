//! What passes of the headers, in both directions.

use std::collections::HashSet;

use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};
use rocket::Request;

use crate::request::ANTI_FORGERY;

/// Of one connection only (RFC 9110 section 7.6.1), whatever `Connection` names besides.
const HOP_BY_HOP: [&str; 9] = [
    "connection",
    "http2-settings",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "expect",
];

/// What the browser sends to this app and not to the API: who the user is here, and what
/// claims to come from a proxy. An API may believe it, and anyone can write it.
const NOT_SENT: [&str; 24] = [
    "authorization",
    "cookie",
    "cookie2",
    "dpop",
    // Set for the upstream.
    "host",
    "content-length",
    "via",
    // Of the page, which is none of the API's: to it, this is no browser.
    "origin",
    "referer",
    // Who the client is, and at which address.
    "forwarded",
    "x-real-ip",
    "client-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "true-client-ip",
    "cf-connecting-ip",
    "fastly-client-ip",
    "x-host",
    // Other addresses and methods than those that were looked at.
    "x-rewrite-url",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-url",
    "x-original-host",
];
const NOT_SENT_PREFIXES: [&str; 4] = ["access-control-", "proxy-", "sec-", "x-forwarded-"];

/// What an upstream must not say in this app's name: to the browser about this origin, to
/// caches, and to a server in front of the app.
const NOT_PASSED: [&str; 30] = [
    "set-cookie",
    "set-cookie2",
    "clear-site-data",
    "strict-transport-security",
    "expect-ct",
    "alt-svc",
    "service-worker-allowed",
    "nel",
    "report-to",
    "reporting-endpoints",
    "timing-allow-origin",
    "refresh",
    // Of this app's pages, as Rocket's Shield has them.
    "x-frame-options",
    "x-content-type-options",
    "permissions-policy",
    // A browser would ask for a password.
    "www-authenticate",
    "authentication-info",
    // Nobody stores what is for one user.
    "cache-control",
    "pragma",
    "expires",
    "age",
    "surrogate-control",
    "cdn-cache-control",
    // Rewritten.
    "location",
    "content-location",
    // Of this server.
    "server",
    "date",
    "via",
    // nginx and others serve a file of theirs for it.
    "x-sendfile",
    "x-lighttpd-send-file",
];
const NOT_PASSED_PREFIXES: [&str; 5] = [
    "access-control-",
    "proxy-",
    "public-key-pins",
    "x-accel-",
    "x-reproxy-",
];
/// Tells nginx to let a stream flow.
const PASSED_ALL_THE_SAME: &str = "x-accel-buffering";

/// The request's headers for the upstream, without the token.
pub(super) fn of_request(request: &Request<'_>) -> HeaderMap {
    let named = named_by(request.headers().get("Connection"));
    let mut headers = HeaderMap::new();
    for field in request.headers().iter() {
        let name = field.name.as_str().to_ascii_lowercase();
        if !is_sent(&name) || named.contains(&name) {
            continue;
        }
        let value = HeaderValue::from_bytes(field.value.as_bytes());
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), value) {
            headers.append(name, value);
        }
    }
    // RFC 9110 section 7.6.3: under a name, because the own one is nobody's business.
    headers.insert(header::VIA, HeaderValue::from_static("1.1 rocket_logto"));
    headers
}

/// Those of the answer for the browser.
pub(super) fn of_answer(answer: &HeaderMap) -> Vec<(String, String)> {
    let connection = answer.get_all(header::CONNECTION).into_iter();
    let named = named_by(connection.filter_map(|value| value.to_str().ok()));
    let is_chunked = answer.contains_key(header::TRANSFER_ENCODING);
    let passes = |name: &str| {
        let is_length = is_chunked && name == "content-length";
        is_passed(name) && !named.contains(name) && !is_length
    };
    answer
        .iter()
        .filter(|(name, _)| passes(name.as_str()))
        .filter_map(|(name, value)| {
            // Rocket's headers are text.
            let value = str::from_utf8(value.as_bytes()).ok()?;
            Some((name.as_str().to_owned(), value.to_owned()))
        })
        .collect()
}

fn is_sent(name: &str) -> bool {
    // CGI and its heirs take one for the other (RFC 3875 section 4.1.18).
    let name = name.replace('_', "-");
    let ours = ANTI_FORGERY.0.to_ascii_lowercase();
    !HOP_BY_HOP.contains(&&*name)
        && !NOT_SENT.contains(&&*name)
        && !NOT_SENT_PREFIXES
            .iter()
            .any(|prefix| name.starts_with(prefix))
        && name != ours
}

fn is_passed(name: &str) -> bool {
    let is_kept = HOP_BY_HOP.contains(&name)
        || NOT_PASSED.contains(&name)
        || NOT_PASSED_PREFIXES
            .iter()
            .any(|prefix| name.starts_with(prefix));
    !is_kept || name == PASSED_ALL_THE_SAME
}

/// What `Connection` names, in small letters.
fn named_by<'a>(values: impl Iterator<Item = &'a str>) -> HashSet<String> {
    let names = values.flat_map(|value| value.split(','));
    names.map(|name| name.trim().to_ascii_lowercase()).collect()
}
