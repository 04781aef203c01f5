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
use serde_json::{Map, Value};

use super::dpop::ProofKey;
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
    fn new(text: String) -> RawIdToken {
        RawIdToken(Arc::new(Shared {
            text,
            claims: Mutex::default(),
        }))
    }

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

    /// All its claims, for a look at them that is not worth remembering.
    pub(crate) fn members(&self) -> Option<Map<String, Value>> {
        verify::claims(&self.0.text)
    }

    /// The claim for want of which the token cannot be read into `C`, if that is why. A
    /// name only: what `serde` says of a wrong type quotes the value.
    pub(crate) fn missing_claim<C: DeserializeOwned>(&self) -> Option<String> {
        let error = serde_json::from_value::<C>(Value::Object(self.members()?)).err()?;
        let error = error.to_string();
        let name = error.strip_prefix("missing field `")?.split('`').next()?;
        Some(name.to_owned())
    }
}

impl Serialize for RawIdToken {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.text)
    }
}

impl<'de> Deserialize<'de> for RawIdToken {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(RawIdToken::new)
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
    #[serde(deserialize_with = "token_type")]
    pub token_type: TokenType,
    #[serde(default, deserialize_with = "lifetime")]
    pub expires_in: Option<Duration>,
    #[serde(default, deserialize_with = "refresh_token")]
    pub refresh_token: Option<RefreshToken>,
    #[serde(default, deserialize_with = "id_token")]
    pub id_token: Option<RawIdToken>,
    #[serde(default, deserialize_with = "members::scope")]
    pub scope: Option<String>,
    /// The response itself, for what else a provider says in it. Only of a sign-in.
    #[serde(skip)]
    pub answer: TokenAnswer,
    /// The key that the access token is bound to.
    #[serde(skip)]
    pub key: Option<Arc<ProofKey>>,
}

/// How an access token is used (RFC 6749 section 7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenType {
    Bearer,
    Dpop,
}

/// A whole response. `Debug` does not show it.
#[derive(Default)]
pub(crate) struct TokenAnswer(Vec<u8>);

impl TokenAnswer {
    pub(super) fn new(body: Vec<u8>) -> TokenAnswer {
        TokenAnswer(body)
    }

    /// Its members, without the tokens.
    pub(crate) fn members(&self) -> Map<String, Value> {
        let mut members: Map<String, Value> = super::object(&self.0).unwrap_or_default();
        members.retain(|name, _| !["access_token", "refresh_token", "id_token"].contains(&&**name));
        members
    }
}

impl fmt::Debug for TokenAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenAnswer([redacted])")
    }
}

mod members {
    use crate::oidc::tolerance::{optional_members, text};

    optional_members! {
        refresh_token: String = text;
        id_token: String = text;
        scope: String = text;
    }
}

fn refresh_token<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<RefreshToken>, D::Error> {
    let token = members::refresh_token(deserializer)?;
    Ok(token.map(RefreshToken::new))
}

fn id_token<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<RawIdToken>, D::Error> {
    // Empty text is a token that is malformed, as any other text would be.
    match Value::deserialize(deserializer)? {
        Value::String(text) => Ok(Some(RawIdToken::new(text))),
        other => {
            let token = members::id_token(other).map_err(serde::de::Error::custom)?;
            Ok(token.map(RawIdToken::new))
        }
    }
}

/// RFC 6749 sections 5.1 and 7.1: the name in any case, and a token of an unknown type must not
/// be used.
fn token_type<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TokenType, D::Error> {
    let name = String::deserialize(deserializer)?;
    let known = [("bearer", TokenType::Bearer), ("dpop", TokenType::Dpop)];
    let found = known
        .iter()
        .find(|(known, _)| name.eq_ignore_ascii_case(known));
    let unknown = || serde::de::Error::custom("token_type is neither Bearer nor DPoP");
    found.map(|(_, kind)| *kind).ok_or_else(unknown)
}

/// Seconds as a number, or as the string that some providers send.
fn lifetime<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Whole(u64),
        Other(f64),
        Text(String),
        Odd(serde::de::IgnoredAny),
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
        Some(Either::Odd(_)) | None => None,
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
    fn takes_known_types_of_tokens_and_any_spelling_of_a_lifetime() {
        let parse = |token_type: &str, expires_in: serde_json::Value| {
            serde_json::from_value::<TokenSet>(serde_json::json!({
                "access_token": "a", "token_type": token_type, "expires_in": expires_in,
            }))
            .map(|tokens| Some(tokens.expires_in?.as_secs()))
        };
        assert_eq!(parse("bEARER", 7.into()).unwrap(), Some(7));
        assert_eq!(parse("dpOP", 7.into()).unwrap(), Some(7));
        assert_eq!(parse("Bearer", "3600".into()).unwrap(), Some(3600));
        assert_eq!(parse("Bearer", (-1).into()).unwrap(), Some(0));
        assert_eq!(parse("Bearer", 1.5.into()).unwrap(), Some(1));
        assert_eq!(parse("Bearer", 1e300.into()).unwrap(), Some(0));
        assert_eq!(parse("Bearer", "soon".into()).unwrap(), None);
        for odd in [
            serde_json::json!(true),
            serde_json::json!([]),
            serde_json::json!({}),
        ] {
            assert_eq!(parse("Bearer", odd).unwrap(), None);
        }
        assert!(parse("mac", 7.into()).is_err());
    }

    #[test]
    fn what_is_optional_and_odd_counts_as_absent() {
        let odd = serde_json::json!([null, "", 7, true, [], {}, ["a"]]);
        for value in odd.as_array().unwrap() {
            for name in ["refresh_token", "id_token", "scope", "session_state"] {
                if (name, value) == ("id_token", &Value::from("")) {
                    continue;
                }
                let mut answer = serde_json::json!({ "access_token": "a", "token_type": "Bearer" });
                answer[name] = value.clone();
                let tokens: TokenSet = serde_json::from_value(answer).expect("an answer");
                assert!(tokens.refresh_token.is_none(), "{name} {value}");
                assert!(
                    tokens.id_token.is_none() && tokens.scope.is_none(),
                    "{name} {value}"
                );
            }
            for name in ["access_token", "token_type"]
                .iter()
                .filter(|_| *value != "")
            {
                let mut answer = serde_json::json!({ "access_token": "a", "token_type": "Bearer" });
                answer[*name] = value.clone();
                assert!(
                    serde_json::from_value::<TokenSet>(answer).is_err(),
                    "{name} {value}"
                );
            }
        }
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
