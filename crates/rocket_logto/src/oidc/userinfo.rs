//! The userinfo endpoint (OpenID Connect Core section 5.3): plain JSON, or a signed
//! JWT if the application is registered for one.

use openidconnect::http::{Request, Response, StatusCode, header};

use super::error::{TokenError, TokenErrorBody};
use super::http::Caller;
use super::provider::{Credential, Provider};
use super::{answer, object};
use crate::measure::Endpoint;

/// The response as it came, which must be of `media_type`. `None` when the provider
/// does not accept the token.
pub(super) async fn user_info(
    provider: &Provider,
    credential: Credential<'_>,
    media_type: &str,
) -> Result<Option<Vec<u8>>, TokenError> {
    let metadata = provider.metadata().await?;
    let endpoint = metadata
        .userinfo_endpoint
        .as_ref()
        .ok_or_else(|| TokenError::Malformed("metadata names no userinfo_endpoint".into()))?;
    let request = Request::get(endpoint.as_str())
        .header(header::ACCEPT, media_type)
        .body(Vec::new())
        .map_err(|error| TokenError::Malformed(error.to_string()))?;
    let response = provider
        .send_with(Endpoint::UserInfo, request, credential, Caller::Known)
        .await?;
    match response.status() {
        StatusCode::OK if is(&response, media_type) && refused(&response).is_none() => {
            return Ok(Some(response.into_body()));
        }
        StatusCode::UNAUTHORIZED => return Ok(None),
        _ => {}
    }
    // RFC 6750 section 3.1, with whatever status and content type.
    match refused(&response) {
        Some(body) if body.error == "invalid_token" => Ok(None),
        Some(body) => Err(TokenError::Denied(Box::new(body))),
        None if response.status() == StatusCode::OK => Err(TokenError::Malformed(format!(
            "userinfo is not {media_type}"
        ))),
        None => Err(TokenError::Malformed(format!(
            "userinfo answered {}",
            response.status()
        ))),
    }
}

/// The error in the response. Claims have a `sub`, and a claim of that name is none.
fn refused(response: &Response<Vec<u8>>) -> Option<TokenErrorBody> {
    #[derive(serde::Deserialize)]
    struct Claims {
        sub: Option<serde::de::IgnoredAny>,
    }
    let claims = object::<Claims>(response.body()).ok();
    match claims.and_then(|claims| claims.sub) {
        Some(_) => None,
        None => answer::refusal(response),
    }
}

fn is(response: &Response<Vec<u8>>, media_type: &str) -> bool {
    let content_type = response.headers().get(header::CONTENT_TYPE);
    content_type
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|value| value.trim().eq_ignore_ascii_case(media_type))
}
