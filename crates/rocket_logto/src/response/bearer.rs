//! Turns a [`BearerError`] into a response (RFC 6750 section 3).

use rocket::Request;
use rocket::response::{Responder, Response};

use super::{json, quoted};
use crate::config::SigningAlg;
use crate::error::bearer::{BearerError, BearerErrorKind, Scheme};

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
    if let BearerErrorKind::NonceRequired { nonce } = error.kind() {
        response.set_raw_header("DPoP-Nonce", nonce.clone());
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
    let scheme = match error.scheme() {
        Scheme::Bearer => "Bearer",
        Scheme::Dpop => "DPoP",
    };
    let mut params: Vec<(&str, String)> = Vec::new();
    match error.kind() {
        BearerErrorKind::Missing => {}
        BearerErrorKind::InvalidRequest(_)
        | BearerErrorKind::InvalidToken(_)
        | BearerErrorKind::InvalidProof(_)
        | BearerErrorKind::NonceRequired { .. } => {
            params.push(("error", code.to_owned()));
            params.push(("error_description", error.to_string()));
        }
        BearerErrorKind::InsufficientScope { missing } => {
            params.push(("error", code.to_owned()));
            params.push(("scope", missing.join(" ")));
        }
        // RFC 9470 section 3. No parameter is for methods (`amr`): the body has them.
        BearerErrorKind::InsufficientAuthentication { required, .. } => {
            params.push(("error", code.to_owned()));
            params.push(("error_description", error.to_string()));
            if !required.acr_values.is_empty() {
                params.push(("acr_values", required.acr_values.join(" ")));
            }
            if let Some(seconds) = required.seconds() {
                params.push(("max_age", seconds.to_string()));
            }
        }
        BearerErrorKind::Unavailable | BearerErrorKind::Misconfigured => return None,
    }
    // RFC 9449 section 7.1.
    if error.scheme() == Scheme::Dpop {
        let algs = SigningAlg::OF_PROOFS.map(|alg| format!("{alg:?}"));
        params.push(("algs", algs.join(" ")));
    }
    let params = params.iter();
    let params: Vec<_> = params
        .map(|(name, value)| format!("{name}={}", quoted(value)))
        .collect();
    Some(
        format!("{scheme} {}", params.join(", "))
            .trim_end()
            .to_owned(),
    )
}
