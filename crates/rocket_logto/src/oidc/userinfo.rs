//! The userinfo endpoint (OpenID Connect Core section 5.3): plain JSON, or a
//! signed JWT where the application is registered for one.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openidconnect::AccessToken;
use openidconnect::http::{HeaderValue, Request, Response, StatusCode, header};
use serde::Deserialize;

use super::client::OidcClient;
use super::keys::KeySet;
use super::provider::Sender;
use super::tokens::TokenError;
use super::verify::{ForClient, Rejection, jws};
use crate::claims::{Audience, Claim};
use crate::clock::{Seconds, has_expired};

/// Section 5.3.2: a signed answer names its issuer and whom it is for.
#[derive(Deserialize)]
struct Signed {
    iss: String,
    aud: Audience,
    #[serde(default)]
    exp: Claim<i64>,
}

impl OidcClient {
    /// The claims, as JSON text; who they are about is for the caller to
    /// compare. `None`: the provider does not accept the token.
    pub(crate) async fn user_info(
        &self,
        access_token: &AccessToken,
        now: Seconds,
    ) -> Result<Option<Vec<u8>>, TokenError> {
        let media_type = match self.config.signed_userinfo {
            true => "application/jwt",
            false => "application/json",
        };
        let response = self.ask(access_token, media_type).await?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::UNAUTHORIZED => return Ok(None),
            status => return Err(TokenError::Malformed(format!("userinfo answered {status}"))),
        }
        if !is(&response, media_type) {
            return Err(TokenError::Malformed(format!(
                "userinfo is not {media_type}"
            )));
        }
        match self.config.signed_userinfo {
            true => self.verified(response.body(), now).await.map(Some),
            false => Ok(Some(response.into_body())),
        }
    }

    async fn ask(
        &self,
        access_token: &AccessToken,
        media_type: &str,
    ) -> Result<Response<Vec<u8>>, TokenError> {
        let metadata = self.provider.metadata().await.map_err(TokenError::from)?;
        let endpoint = metadata
            .userinfo_endpoint
            .as_ref()
            .ok_or_else(|| TokenError::Malformed("metadata names no userinfo_endpoint".into()))?;
        let mut bearer = HeaderValue::try_from(format!("Bearer {}", access_token.secret()))
            .map_err(|_| TokenError::Malformed("the access token fits no header".into()))?;
        bearer.set_sensitive(true);
        let request = Request::get(endpoint.as_str())
            .header(header::ACCEPT, media_type)
            .header(header::AUTHORIZATION, bearer)
            .body(Vec::new())
            .map_err(|error| TokenError::Malformed(error.to_string()))?;
        self.http.send(request).await.map_err(TokenError::Http)
    }

    /// The claims of a signed answer, with keys fetched anew, once, when its
    /// key is not known.
    async fn verified(&self, body: &[u8], now: Seconds) -> Result<Vec<u8>, TokenError> {
        let rejected =
            |reason: Rejection| TokenError::Malformed(format!("signed_userinfo_{reason}"));
        let token = std::str::from_utf8(body).map_err(|_| rejected(Rejection::Malformed))?;
        let expected = self.expected(now);
        self.provider
            .with_keys(Sender::Provider, |keys| signed(token, keys, &expected))
            .await?
            .map_err(rejected)
    }
}

/// The claims of a good answer, as the JSON text they came as.
pub(super) fn signed(
    token: &str,
    keys: &KeySet,
    expected: &ForClient<'_>,
) -> Result<Vec<u8>, Rejection> {
    let claims: Signed = jws(token, keys, expected.alg, &["JWT"])?;
    expected.concerns(&claims.iss, &claims.aud)?;
    let over = |exp: &Seconds| has_expired(*exp, expected.now, expected.tolerance);
    if claims.exp.value().is_some_and(over) {
        return Err(Rejection::Expired);
    }
    let payload = token.split('.').nth(1).ok_or(Rejection::Malformed)?;
    URL_SAFE_NO_PAD
        .decode(payload)
        .map_err(|_| Rejection::Malformed)
}

fn is(response: &Response<Vec<u8>>, media_type: &str) -> bool {
    let content_type = response.headers().get(header::CONTENT_TYPE);
    content_type
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|value| value.trim().eq_ignore_ascii_case(media_type))
}
