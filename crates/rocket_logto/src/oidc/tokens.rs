//! What the token endpoint answers (RFC 6749 section 5, OpenID Connect Core
//! section 3.1.3.3), in types `openidconnect` can work with. Its own ID-token
//! type parses claims on the way; here the token stays the text it was, so
//! that verification comes first and `id_token_hint` is equal byte for byte.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use openidconnect::core::{
    CoreGenderClaim, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm, CoreTokenType,
};
use openidconnect::http::StatusCode;
use openidconnect::{
    AccessToken, EmptyAdditionalClaims, ErrorResponse, IdToken, OAuth2TokenResponse, RefreshToken,
    RequestTokenError, Scope, TokenResponse,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::http::HttpError;
use super::object;
use super::verify;

/// An ID token as it came. `Debug` shows nothing of it.
#[derive(Clone)]
pub(crate) struct RawIdToken(Arc<Shared>);

struct Shared {
    text: String,
    /// The claims in each type they were asked for: a few in any app.
    claims: Mutex<Vec<Arc<dyn Any + Send + Sync>>>,
}

impl RawIdToken {
    pub(crate) fn as_str(&self) -> &str {
        &self.0.text
    }

    /// The claims of a token that was verified before, in a type of choice:
    /// read once for all who share the token.
    pub(crate) fn claims<C>(&self) -> Option<Arc<C>>
    where
        C: DeserializeOwned + Send + Sync + 'static,
    {
        let mut known = self.0.claims.lock().unwrap_or_else(PoisonError::into_inner);
        let shared = |claims: &Arc<dyn Any + Send + Sync>| claims.clone().downcast().ok();
        if let Some(claims) = known.iter().find_map(shared) {
            return Some(claims);
        }
        let claims = Arc::new(verify::claims::<C>(&self.0.text)?);
        known.push(claims.clone());
        Some(claims)
    }
}

impl Serialize for RawIdToken {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.text)
    }
}

impl<'de> Deserialize<'de> for RawIdToken {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(RawIdToken(Arc::new(Shared {
            text: String::deserialize(deserializer)?,
            claims: Mutex::default(),
        })))
    }
}

impl fmt::Debug for RawIdToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RawIdToken([redacted])")
    }
}

/// A successful answer of the token endpoint.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct TokenSet {
    pub access_token: AccessToken,
    #[serde(deserialize_with = "bearer")]
    token_type: CoreTokenType,
    #[serde(default, deserialize_with = "seconds")]
    expires_in: Option<u64>,
    pub refresh_token: Option<RefreshToken>,
    pub id_token: Option<RawIdToken>,
    pub scope: Option<String>,
}

impl OAuth2TokenResponse for TokenSet {
    type TokenType = CoreTokenType;

    fn access_token(&self) -> &AccessToken {
        &self.access_token
    }

    fn token_type(&self) -> &CoreTokenType {
        &self.token_type
    }

    fn expires_in(&self) -> Option<Duration> {
        self.expires_in.map(Duration::from_secs)
    }

    fn refresh_token(&self) -> Option<&RefreshToken> {
        self.refresh_token.as_ref()
    }

    fn scopes(&self) -> Option<&Vec<Scope>> {
        None
    }
}

type UnusedIdToken = IdToken<
    EmptyAdditionalClaims,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm,
>;

impl
    TokenResponse<
        EmptyAdditionalClaims,
        CoreGenderClaim,
        CoreJweContentEncryptionAlgorithm,
        CoreJwsSigningAlgorithm,
    > for TokenSet
{
    fn id_token(&self) -> Option<&UnusedIdToken> {
        None
    }
}

/// An error answer of the token endpoint, with Logto's `code` and `message`.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub(crate) struct TokenErrorBody {
    pub error: String,
    pub error_description: Option<String>,
    pub code: Option<String>,
    pub message: Option<String>,
}

impl ErrorResponse for TokenErrorBody {}

impl fmt::Display for TokenErrorBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.error)
    }
}

/// Why a call for tokens failed. Never holds the answer itself, which may be a
/// token response: `RequestTokenError::Parse` does.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum TokenError {
    #[error("{0}")]
    Denied(TokenErrorBody),
    #[error("{0}")]
    Http(HttpError),
    #[error("unusable answer: {0}")]
    Malformed(String),
    #[error("this app has no credentials at the provider")]
    NoCredentials,
}

impl TokenError {
    pub(super) fn unreadable() -> TokenError {
        TokenError::Malformed("not the JSON it should be".into())
    }

    /// What an answer that is no success says, about `what` was asked.
    pub(super) fn refused(what: &str, status: StatusCode, body: &[u8]) -> TokenError {
        match object(body) {
            Ok(body) => TokenError::Denied(body),
            Err(_) => TokenError::Malformed(format!("{what} answered {status}")),
        }
    }
}

impl From<RequestTokenError<HttpError, TokenErrorBody>> for TokenError {
    fn from(error: RequestTokenError<HttpError, TokenErrorBody>) -> Self {
        match error {
            RequestTokenError::ServerResponse(body) => TokenError::Denied(body),
            RequestTokenError::Request(error) => TokenError::Http(error),
            RequestTokenError::Parse(error, _) => {
                TokenError::Malformed(format!("at \"{}\"", error.path()))
            }
            RequestTokenError::Other(_) => {
                TokenError::Malformed("empty, or not application/json".into())
            }
        }
    }
}

/// RFC 6749 section 7.1: a token of a type that is not understood is not used.
fn bearer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<CoreTokenType, D::Error> {
    let token_type = String::deserialize(deserializer)?;
    match token_type.eq_ignore_ascii_case("bearer") {
        true => Ok(CoreTokenType::Bearer),
        false => Err(serde::de::Error::custom("token_type is not Bearer")),
    }
}

/// Seconds as a number, or as the text some providers send.
fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Whole(u64),
        Other(f64),
        Text(String),
    }
    Ok(match Option::<Either>::deserialize(deserializer)? {
        Some(Either::Whole(seconds)) => Some(seconds),
        Some(Either::Other(seconds)) if seconds >= 0.0 => Some(
            Duration::try_from_secs_f64(seconds)
                .unwrap_or_default()
                .as_secs(),
        ),
        Some(Either::Other(_)) => Some(0),
        Some(Either::Text(text)) => text.parse().ok(),
        None => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_recorded_answers() {
        let exchange: serde_json::Value = serde_json::from_str(include_str!(
            "../../fixtures/logto/04-token-response-authorization-code.json"
        ))
        .unwrap();
        let tokens: TokenSet =
            serde_json::from_value(exchange["response"]["body"].clone()).unwrap();
        assert_eq!(tokens.expires_in(), Some(Duration::from_secs(3600)));
        assert!(tokens.refresh_token.is_some());
        assert_eq!(
            tokens.id_token.unwrap().as_str(),
            exchange["response"]["body"]["id_token"].as_str().unwrap()
        );
    }

    #[test]
    fn takes_only_bearer_tokens_and_any_spelling_of_a_lifetime() {
        let parse = |token_type: &str, expires_in: serde_json::Value| {
            serde_json::from_value::<TokenSet>(serde_json::json!({
                "access_token": "a", "token_type": token_type, "expires_in": expires_in,
            }))
            .map(|tokens| tokens.expires_in.map(|seconds| seconds.to_string()))
        };
        assert_eq!(parse("bEARER", 7.into()).unwrap().as_deref(), Some("7"));
        assert_eq!(
            parse("Bearer", "3600".into()).unwrap().as_deref(),
            Some("3600")
        );
        assert_eq!(parse("Bearer", (-1).into()).unwrap().as_deref(), Some("0"));
        assert_eq!(parse("Bearer", 1.5.into()).unwrap().as_deref(), Some("1"));
        assert_eq!(parse("Bearer", "soon".into()).unwrap(), None);
        assert!(parse("mac", 7.into()).is_err());
    }

    #[test]
    fn debug_shows_no_token() {
        let tokens: TokenSet = serde_json::from_value(serde_json::json!({
            "access_token": "canary-a", "token_type": "Bearer",
            "refresh_token": "canary-r", "id_token": "canary-i",
        }))
        .unwrap();
        assert!(!format!("{tokens:?}").contains("canary"));
    }
}
