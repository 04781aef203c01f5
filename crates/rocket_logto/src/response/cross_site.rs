//! The error for what another site has made the browser send.

use rocket::Request;

use crate::error::{Error, ErrorKind};

/// The log says what came, since a test or a program of the app's own may have sent it.
pub(crate) fn not_from_here(request: &Request<'_>) -> Error {
    let sent = |name: &str| match request.headers().get_one(name) {
        // What strangers send is kept short.
        Some(value) => format!("{:?}", value.chars().take(100).collect::<String>()),
        None => "none".to_owned(),
    };
    let (site, origin) = (sent("Sec-Fetch-Site"), sent("Origin"));
    Error::new(ErrorKind::CrossSite, "not_from_this_origin").for_operator(format!(
        "the request came with Sec-Fetch-Site {site} and Origin {origin}; pages of this app send \
         \"same-origin\", and a program or a test may do so"
    ))
}
