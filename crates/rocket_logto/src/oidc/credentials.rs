//! How a client proves who it is (RFC 6749 section 2.3), for the endpoints that
//! `openidconnect` cannot call, or would call over https only: a development
//! provider is on http.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use openidconnect::HttpRequest;
use openidconnect::http::{Request, header};
use url::Url;
use url::form_urlencoded::{Serializer, byte_serialize};

use super::tokens::TokenError;
use crate::config::{ClientAuthMethod, ClientConfig};

/// A form with the client's credentials.
pub(super) fn form(
    client: &ClientConfig,
    endpoint: &Url,
    fields: &[(&str, &str)],
) -> Result<HttpRequest, TokenError> {
    let mut request = Request::post(endpoint.as_str())
        .header(header::ACCEPT, "application/json")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    let mut form = Serializer::new(String::new());
    form.extend_pairs(fields);
    match (client.auth_method, &client.secret) {
        (ClientAuthMethod::ClientSecretBasic, Some(secret)) => {
            // RFC 6749 section 2.3.1: form-urlencoded first.
            let encode = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
            let pair = format!("{}:{}", encode(&client.id), encode(secret.secret()));
            request = request.header(
                header::AUTHORIZATION,
                format!("Basic {}", STANDARD.encode(pair)),
            );
        }
        (_, secret) => {
            form.append_pair("client_id", &client.id);
            if let Some(secret) = secret {
                form.append_pair("client_secret", secret.secret());
            }
        }
    }
    request
        .body(form.finish().into_bytes())
        .map_err(|error| TokenError::Malformed(error.to_string()))
}
