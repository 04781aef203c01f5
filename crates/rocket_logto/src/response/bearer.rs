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
    if let BearerErrorKind::InsufficientScope { .. } = error.kind() {
        body["scope"] = error.scopes().join(" ").into();
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

/// The `WWW-Authenticate` header (RFC 6750 section 3, RFC 9470 section 3, RFC 9728 section
/// 5.1). Its values are our own text, and names of the app's own that the launch has looked at.
fn challenge(error: &BearerError) -> Option<String> {
    use BearerErrorKind::{
        InsufficientAuthentication, InsufficientScope, InvalidRequest, Misconfigured, Missing,
        Unavailable,
    };
    let kind = error.kind();
    if matches!(kind, Unavailable | Misconfigured) {
        return None;
    }
    let mut parameters = Vec::new();
    let mut add = |name: &str, value: &str| parameters.push(format!("{name}={}", quoted(value)));
    // Who has not tried yet is told of no error.
    if !matches!(kind, Missing) {
        add("error", error.code());
    }
    if !matches!(kind, Missing | InsufficientScope { .. }) {
        add("error_description", &error.to_string());
    }
    if let InsufficientAuthentication { required, .. } = kind {
        // No parameter is for methods (`amr`): the body has them.
        if !required.acr_values.is_empty() {
            add("acr_values", &required.acr_values.join(" "));
        }
        if let Some(seconds) = required.seconds() {
            add("max_age", &seconds.to_string());
        }
    }
    if !matches!(kind, InvalidRequest(_)) && !error.scopes().is_empty() {
        add("scope", &error.scopes().join(" "));
    }
    if let Some(address) = error.resource_metadata() {
        add("resource_metadata", address);
    }
    let parameters = parameters.join(", ");
    Some(format!("Bearer {parameters}").trim_end().to_owned())
}
