//! Turns outcomes into responses: pages, JSON, RFC 6750, RFC 9470, redirects.

pub(crate) mod bearer;
pub(crate) mod cross_site;
pub(crate) mod error;
pub(crate) mod failed_guard;
pub(crate) mod language;
pub(crate) mod messages;
pub(crate) mod own;
pub(crate) mod page;
pub(crate) mod pages;
pub(crate) mod pending;
pub(crate) mod writer;

use std::io::Cursor;

use rocket::http::{Header, Status};
use rocket::response::Response;

/// A JSON body with its status.
pub(crate) fn json(status: Status, body: &serde_json::Value) -> Response<'static> {
    let body = body.to_string();
    Response::build()
        .status(status)
        .raw_header("Content-Type", "application/json")
        .sized_body(body.len(), Cursor::new(body))
        .finalize()
}

/// Headers that describe one particular response.
const OF_ONE_ANSWER: [&str; 8] = [
    "Content-Disposition",
    "Content-Encoding",
    "Content-Language",
    "Content-Type",
    "ETag",
    "Last-Modified",
    "Location",
    "WWW-Authenticate",
];

/// Replaces a response by `answer`. Its cookies and the headers that Rocket and other
/// fairings set stay.
pub(crate) fn put<'r>(answer: Response<'r>, response: &mut Response<'r>) {
    for name in OF_ONE_ANSWER {
        response.remove_header(name);
    }
    if answer.body().is_none() {
        response.set_sized_body(0, Cursor::new(""));
    }
    response.set_status(answer.status());
    response.merge(answer);
}

/// 303 See Other. `location` must come from [`ReturnTo`](crate::return_to::ReturnTo),
/// from configuration or from a parsed URL.
pub(crate) fn redirect(location: String) -> Response<'static> {
    let mut response = Response::build()
        .status(Status::SeeOther)
        .header(Header::new("Location", location))
        .finalize();
    no_store(&mut response);
    response
}

/// Adds to what a cache has to tell answers apart by, in one header.
pub(crate) fn vary(response: &mut Response<'_>, names: &str) {
    let before = response.headers().get_one("Vary");
    let both = before.map(|before| format!("{before}, {names}"));
    response.set_raw_header("Vary", both.unwrap_or_else(|| names.to_owned()));
}

/// As a quoted string of a header (RFC 9110 section 5.6.4). The text must be printable.
pub(crate) fn quoted(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{escaped}\"")
}

/// For every response that depends on the user, and for those of the sign-in itself:
/// no cache may keep it, and no other site may learn its address.
pub(crate) fn no_store(response: &mut Response<'_>) {
    response.set_raw_header("Cache-Control", "no-store");
    response.set_raw_header("Referrer-Policy", "no-referrer");
}
