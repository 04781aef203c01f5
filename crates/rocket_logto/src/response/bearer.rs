//! Turns a [`BearerError`] into a response (RFC 6750 section 3).

use rocket::Request;
use rocket::response::{Responder, Response};

use super::json;
use crate::error::bearer::{BearerError, BearerErrorKind};

impl<'r> Responder<'r, 'static> for BearerError {
    fn respond_to(self, _: &'r Request<'_>) -> rocket::response::Result<'static> {
        Ok(answer(&self))
    }
}

pub(crate) fn answer(error: &BearerError) -> Response<'static> {
    error.log();
    let mut body = serde_json::json!({
        "error": error.code(),
        "error_description": error.to_string(),
    });
    if *error.kind() != BearerErrorKind::Missing {
        body["reference"] = error.reference().into();
    }
    if let BearerErrorKind::InsufficientScope { missing } = error.kind() {
        body["scope"] = missing.join(" ").into();
    }
    let mut response = json(error.status(), &body);
    response.set_raw_header("Cache-Control", "no-store");
    if let Some(challenge) = challenge(error) {
        response.set_raw_header("WWW-Authenticate", challenge);
    }
    let retry_after = match error.kind() {
        BearerErrorKind::Unavailable => Some("5"),
        // Somebody has to change something first.
        BearerErrorKind::Misconfigured => Some("60"),
        _ => None,
    };
    if let Some(seconds) = retry_after {
        response.set_raw_header("Retry-After", seconds);
    }
    response
}

/// The `WWW-Authenticate` header. Its values are our own text, so there is nothing to
/// escape.
fn challenge(error: &BearerError) -> Option<String> {
    let code = error.code();
    match error.kind() {
        BearerErrorKind::Missing => Some("Bearer".to_owned()),
        BearerErrorKind::InvalidRequest(_) | BearerErrorKind::InvalidToken(_) => Some(format!(
            "Bearer error=\"{code}\", error_description=\"{error}\""
        )),
        BearerErrorKind::InsufficientScope { missing } => {
            let scope = missing.join(" ");
            Some(format!("Bearer error=\"{code}\", scope=\"{scope}\""))
        }
        BearerErrorKind::Unavailable | BearerErrorKind::Misconfigured => None,
    }
}
