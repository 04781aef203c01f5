//! Turns a [`BearerError`] into a response (RFC 6750 section 3).

use rocket::Request;
use rocket::response::{Responder, Response};

use super::{json, quoted};
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
    if let BearerErrorKind::InsufficientAuthentication { required, .. } = error.kind() {
        if let Some(seconds) = required.seconds() {
            body["max_age"] = seconds.into();
        }
        if !required.acr_values.is_empty() {
            body["acr_values"] = required.acr_values.join(" ").into();
        }
        if !required.amr.is_empty() {
            body["amr"] = required.amr.into();
        }
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

/// The `WWW-Authenticate` header. Its values are our own text, and names of the app's own that
/// the launch has looked at.
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
        // RFC 9470 section 3. No parameter is for methods (`amr`): the body has them.
        BearerErrorKind::InsufficientAuthentication { required, .. } => {
            let mut challenge = format!("Bearer error=\"{code}\", error_description=\"{error}\"");
            if !required.acr_values.is_empty() {
                let values = quoted(&required.acr_values.join(" "));
                challenge.push_str(&format!(", acr_values={values}"));
            }
            if let Some(seconds) = required.seconds() {
                challenge.push_str(&format!(", max_age=\"{seconds}\""));
            }
            Some(challenge)
        }
        BearerErrorKind::Unavailable | BearerErrorKind::Misconfigured => None,
    }
}
