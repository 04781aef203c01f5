//! Client authentication (RFC 6749 section 2.3, OpenID Connect Core section 9):
//! the only place for it, used by the token, revocation, introspection and
//! pushed-authorization-request endpoints alike.
//!
//! `openidconnect` supports only some of these endpoints, only secrets, and for
//! some only https, while a development provider uses http.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use openidconnect::http::{HeaderValue, Request, header};
use url::Url;
use url::form_urlencoded::{Serializer, byte_serialize};

use super::error::TokenError;
use crate::config::{ClientAuthMethod, ClientConfig};

/// A request of `client` to `endpoint`, with `params` as its form. A `client_id`
/// among them is sent once, even when the credentials name the client as well.
pub(super) fn request(
    client: &ClientConfig,
    endpoint: &Url,
    params: &[(&str, &str)],
) -> Result<Request<Vec<u8>>, TokenError> {
    let mut request = Request::post(endpoint.as_str())
        .header(header::ACCEPT, "application/json")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    let mut form = Serializer::new(String::new());
    match (client.auth_method, &client.secret) {
        (ClientAuthMethod::ClientSecretBasic, Some(secret)) => {
            form.extend_pairs(params);
            request = request.header(header::AUTHORIZATION, basic(&client.id, secret.secret())?);
        }
        // The methods `client_secret_post` and `none`.
        (_, secret) => {
            form.extend_pairs(params.iter().filter(|(name, _)| *name != "client_id"));
            form.append_pair("client_id", &client.id);
            if let Some(secret) = secret {
                form.append_pair("client_secret", secret.secret());
            }
        }
    }
    request.body(form.finish().into_bytes()).map_err(unusable)
}

/// RFC 6749 section 2.3.1: both parts are form-urlencoded first.
fn basic(id: &str, secret: &str) -> Result<HeaderValue, TokenError> {
    let encode = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
    let pair = format!("{}:{}", encode(id), encode(secret));
    let mut value =
        HeaderValue::try_from(format!("Basic {}", STANDARD.encode(pair))).map_err(unusable)?;
    value.set_sensitive(true);
    Ok(value)
}

fn unusable(error: impl std::fmt::Display) -> TokenError {
    TokenError::Malformed(error.to_string())
}
