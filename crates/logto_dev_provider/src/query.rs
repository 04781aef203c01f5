//! Keeps the query of a request out of Rocket's log: it holds codes, tokens and
//! people's names.

use std::sync::OnceLock;

use rocket::Request;
use rocket::http::uri::Origin;

#[derive(Default)]
struct HiddenQuery(OnceLock<String>);

/// Takes the query out of the request's URI, before Rocket logs it.
pub(crate) fn hide(request: &mut Request<'_>) {
    let path = request.uri().path().to_string();
    let query = request.uri().query().map(|query| query.to_string());
    if let (Some(query), Ok(bare)) = (query, Origin::parse_owned(path)) {
        request.set_uri(bare);
        let hidden: &HiddenQuery = request.local_cache(HiddenQuery::default);
        let _ = hidden.0.set(query);
    }
}

/// The query of the request as it came.
pub(crate) fn of<'r>(request: &'r Request<'_>) -> &'r str {
    let hidden: &HiddenQuery = request.local_cache(HiddenQuery::default);
    hidden.0.get().map(String::as_str).unwrap_or_default()
}
