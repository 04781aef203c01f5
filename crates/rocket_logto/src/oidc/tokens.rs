//! The response of the token endpoint (RFC 6749 section 5.1, OpenID Connect Core
//! section 3.1.3.3). The ID token stays text, so that nothing reads its claims
//! before they are verified, and `id_token_hint` is the same byte for byte.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use openidconnect::{AccessToken, RefreshToken};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::verify;

/// An ID token as it came. `Debug` does not show it.
#[derive(Clone)]
pub(crate) struct RawIdToken(Arc<Shared>);

struct Shared {
    text: String,
    /// The claims in each type they were read into; an app has only a few.
    claims: Mutex<Vec<Arc<dyn Any + Send + Sync>>>,
}

impl RawIdToken {
    pub(crate) fn as_str(&self) -> &str {
        &self.0.text
    }

    /// The claims, read into `C`. The token must have been verified before. Read
    /// once for all who share the token.
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

/// A successful response of the token endpoint.
#[derive(Debug, Deserialize)]
pub(crate) struct TokenSet {
    pub access_token: AccessToken,
    #[serde(rename = "token_type", deserialize_with = "bearer")]
    _token_type: (),
    #[serde(default, deserialize_with = "lifetime")]
    pub expires_in: Option<Duration>,
    pub refresh_token: Option<RefreshToken>,
    pub id_token: Option<RawIdToken>,
    pub scope: Option<String>,
}

/// RFC 6749 section 7.1: a token of an unknown type must not be used.
fn bearer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(), D::Error> {
    let token_type = String::deserialize(deserializer)?;
    match token_type.eq_ignore_ascii_case("bearer") {
        true => Ok(()),
        false => Err(serde::de::Error::custom("token_type is not Bearer")),
    }
}

/// Seconds as a number, or as the string that some providers send.
fn lifetime<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Whole(u64),
        Other(f64),
        Text(String),
    }
    let seconds = match Option::<Either>::deserialize(deserializer)? {
        Some(Either::Whole(seconds)) => Some(seconds),
        // A negative or absurdly large number counts as a token that has expired.
        Some(Either::Other(seconds)) => Some(
            Duration::try_from_secs_f64(seconds)
                .unwrap_or_default()
                .as_secs(),
        ),
        Some(Either::Text(text)) => text.parse().ok(),
        None => None,
    };
    Ok(seconds.map(Duration::from_secs))
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
        assert_eq!(tokens.expires_in, Some(Duration::from_secs(3600)));
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
            .map(|tokens| Some(tokens.expires_in?.as_secs()))
        };
        assert_eq!(parse("bEARER", 7.into()).unwrap(), Some(7));
        assert_eq!(parse("Bearer", "3600".into()).unwrap(), Some(3600));
        assert_eq!(parse("Bearer", (-1).into()).unwrap(), Some(0));
        assert_eq!(parse("Bearer", 1.5.into()).unwrap(), Some(1));
        assert_eq!(parse("Bearer", 1e300.into()).unwrap(), Some(0));
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
