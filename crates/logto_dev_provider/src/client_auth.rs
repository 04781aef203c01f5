//! Client authentication at the token, revocation, introspection and pushed
//! authorization request endpoints.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::client_assertion;
use crate::oidc_error::OidcError;
use crate::provider::Provider;
use crate::wire::{Received, repeated};

/// Client authentication by header, by body or by assertion, never two of them (RFC
/// 6749, section 2.3). Gives the client's id: that of the app, of a machine, or of a client
/// that has described itself.
pub(crate) fn authenticate(provider: &Provider, request: &Received) -> Result<String, OidcError> {
    let invalid = OidcError::invalid_request;
    if let Some(name) = repeated(&request.form) {
        return Err(OidcError::provided_twice(name));
    }
    let in_body = request.form_value("client_secret");
    if let Some(assertion) = request.form_value("client_assertion") {
        if in_body.is_some() || request.header("authorization").is_some() {
            return Err(invalid(ONE_MECHANISM));
        }
        return by_assertion(provider, request, assertion);
    }
    let (id, secret, is_basic) = match request.header("authorization") {
        Some(header) => {
            let (id, secret) = basic_credentials(header)
                .ok_or_else(|| invalid("invalid authorization header value format"))?;
            if in_body.is_some() {
                return Err(invalid(ONE_MECHANISM));
            }
            if request
                .form_value("client_id")
                .is_some_and(|in_body| in_body != id)
            {
                return Err(invalid("mismatch in body and authorization client ids"));
            }
            (id, Some(secret), true)
        }
        None => match request.form_value("client_id") {
            Some(id) => (id.to_owned(), in_body.map(str::to_owned), false),
            None => return Err(invalid("no client authentication mechanism provided")),
        },
    };
    let Registered {
        secret: expected,
        keys,
    } = registered(provider, &id)?;
    let same = match (expected.as_deref(), secret.as_deref()) {
        (Some(expected), Some(secret)) => {
            verify_slices_are_equal(expected.as_bytes(), secret.as_bytes()).is_ok()
        }
        // A client with keys is no public one.
        (None, None) => keys.is_empty(),
        _ => false,
    };
    match (same, is_basic) {
        (true, _) => Ok(id),
        (false, true) => Err(OidcError::invalid_client().challenged("Basic", &provider.issuer())),
        (false, false) => Err(OidcError::invalid_client()),
    }
}

const ONE_MECHANISM: &str = "client authentication must only be provided using one mechanism";

/// What a client is registered with.
struct Registered {
    secret: Option<String>,
    /// Public ones, as JWKs.
    keys: Vec<Value>,
}

fn registered(provider: &Provider, id: &str) -> Result<Registered, OidcError> {
    let unknown = match provider.client(id) {
        Ok(client) => {
            return Ok(Registered {
                secret: client.secret(provider),
                keys: client.keys(provider),
            });
        }
        Err(unknown) => unknown,
    };
    let seed = provider.seed();
    let machine = seed.machine(id).ok_or(unknown)?;
    Ok(Registered {
        // Without one nothing is right, not even nothing.
        secret: Some(machine.secret.clone()).filter(|secret| !secret.is_empty()),
        keys: machine.jwks.clone(),
    })
}

/// RFC 7521 section 4.2: `client_id` may stand beside the assertion, and must then be
/// the same.
fn by_assertion(
    provider: &Provider,
    request: &Received,
    assertion: &str,
) -> Result<String, OidcError> {
    let id = client_assertion::subject(assertion)?;
    let in_body = request.form_value("client_id");
    if in_body.is_some_and(|in_body| in_body != id) {
        return Err(OidcError::invalid_request("client_id mismatch"));
    }
    let keys = registered(provider, &id)?.keys;
    client_assertion::verify(provider, request, &id, &keys)?;
    Ok(id)
}

/// Both halves are form-urlencoded before they are joined (RFC 6749, section 2.3.1).
fn basic_credentials(header: &str) -> Option<(String, String)> {
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    Some((form_decoded(id), form_decoded(secret)))
}

fn form_decoded(text: &str) -> String {
    // A stray `&` or `=` can only come unencoded; it would split the pair.
    let safe = text.replace('&', "%26").replace('=', "%3D");
    let mut pairs = url::form_urlencoded::parse(safe.as_bytes());
    pairs
        .next()
        .map(|(name, _)| name.into_owned())
        .unwrap_or_default()
}
