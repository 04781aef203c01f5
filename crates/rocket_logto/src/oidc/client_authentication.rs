//! Client authentication (RFC 6749 section 2.3, OpenID Connect Core section 9):
//! the only place for it, used by the token, revocation, introspection and
//! pushed-authorization-request endpoints alike.
//!
//! `openidconnect` supports only some of these endpoints, only secrets, and for
//! some only https, while a development provider uses http.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use openidconnect::http::{HeaderValue, Request, header};
use serde_json::json;
use url::Url;
use url::form_urlencoded::{Serializer, byte_serialize};

use super::error::TokenError;
use super::metadata::Metadata;
use crate::clock::Seconds;
use crate::config::{AssertionAudience, ClientConfig, ClientKey, Credentials};

/// How long an assertion is good, in seconds: RFC 7523 section 3 wants it short, and
/// FAPI 2.0 no longer than this.
const ASSERTION_LIFETIME: Seconds = 60;
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A request of `client` at `now` to `endpoint`, one of the provider with this
/// `metadata`, with `params` as its form. A `client_id` among them is sent once, even
/// when the credentials name the client as well. Each has an assertion of its own: it
/// must not be sent twice.
pub(super) fn request(
    client: &ClientConfig,
    metadata: &Metadata,
    endpoint: &Url,
    params: &[(&str, &str)],
    now: Seconds,
) -> Result<Request<Vec<u8>>, TokenError> {
    let mut request = Request::post(endpoint.as_str())
        .header(header::ACCEPT, "application/json")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    let mut form = Serializer::new(String::new());
    if let Credentials::SecretBasic(secret) = &client.credentials {
        form.extend_pairs(params);
        request = request.header(header::AUTHORIZATION, basic(&client.id, secret.secret())?);
    } else {
        form.extend_pairs(params.iter().filter(|(name, _)| *name != "client_id"));
        form.append_pair("client_id", &client.id);
    }
    match &client.credentials {
        Credentials::None | Credentials::SecretBasic(_) => {}
        Credentials::SecretPost(secret) => {
            form.append_pair("client_secret", secret.secret());
        }
        Credentials::PrivateKeyJwt { key, audience } => {
            let audience = match audience {
                AssertionAudience::Issuer => &metadata.issuer,
                AssertionAudience::TokenEndpoint => metadata.token_endpoint.as_str(),
            };
            let announced = &metadata.announced_client_algs;
            let assertion = assertion(&client.id, key, audience, announced, now)?;
            form.append_pair("client_assertion_type", ASSERTION_TYPE)
                .append_pair("client_assertion", &assertion);
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

/// The JWT with which a client proves itself (RFC 7523 section 3). It has no `nbf`: that
/// would only refuse it where the provider's clock is behind.
fn assertion(
    client_id: &str,
    key: &ClientKey,
    audience: &str,
    announced: &[String],
    now: Seconds,
) -> Result<String, TokenError> {
    let alg = key.alg(announced);
    let mut header = json!({ "alg": format!("{alg:?}"), "typ": "JWT", "kid": key.kid() });
    if let Some(thumbprint) = key.certificate() {
        header["x5t#S256"] = thumbprint.into();
    }
    let mut jti = [0; 16];
    aws_lc_rs::rand::fill(&mut jti).map_err(|_| unusable("no random numbers"))?;
    let claims = json!({
        "iss": client_id,
        "sub": client_id,
        "aud": audience,
        "jti": URL_SAFE_NO_PAD.encode(jti),
        "iat": now,
        "exp": now.saturating_add(ASSERTION_LIFETIME),
    });
    let encode = |part: &serde_json::Value| URL_SAFE_NO_PAD.encode(part.to_string());
    let signed = format!("{}.{}", encode(&header), encode(&claims));
    let signature = key.sign(alg, signed.as_bytes());
    let signature = signature.ok_or_else(|| unusable("the client assertion cannot be signed"))?;
    Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

fn unusable(error: impl std::fmt::Display) -> TokenError {
    TokenError::Malformed(error.to_string())
}
