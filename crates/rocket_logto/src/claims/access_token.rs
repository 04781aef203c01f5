//! The claims of a JWT access token.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::{Audience, Claim, numeric_date, standard};

/// The claims of a JWT access token, for an API resource, an organization or both.
///
/// All of them decide what a caller may do, so each must have its standard type and must not
/// occur twice.
///
/// # Standards
///
/// RFC 9068 section 2.2.
///
/// # Examples
///
/// ```
/// use rocket_logto::AccessTokenClaims;
///
/// let claims: AccessTokenClaims = serde_json::from_str(
///     r#"{"jti":"sMX-Ba9caM6p","sub":"qcw1a16z5jxs","iat":1795333407,"exp":1795337007,
///         "scope":"read write","client_id":"sz2oitlz9q69","iss":"http://localhost:3001/oidc",
///         "aud":"https://shopping.example.com/api"}"#,
/// )?;
/// assert!(claims.has_scope("read"));
/// assert_eq!(claims.scopes().collect::<Vec<_>>(), ["read", "write"]);
/// assert!(claims.organization_id.is_absent());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AccessTokenClaims {
    /// The provider that issued the token.
    pub iss: String,
    /// The id of the user, or of the client where no user is involved. Never empty in claims that
    /// were read from JSON.
    #[serde(deserialize_with = "subject")]
    pub sub: String,
    /// The API resource, or `urn:logto:organization:<id>` for an organization token.
    pub aud: Audience,
    /// When it expires, in seconds since 1970.
    #[serde(deserialize_with = "numeric_date::seconds")]
    pub exp: i64,
    /// When it was issued, in seconds since 1970.
    #[serde(deserialize_with = "numeric_date::seconds")]
    pub iat: i64,
    /// When it becomes valid, in seconds since 1970 (RFC 7519 section 4.1.5).
    #[serde(
        default,
        skip_serializing_if = "Claim::is_absent",
        deserialize_with = "numeric_date::optional"
    )]
    pub nbf: Claim<i64>,
    /// The id of the token itself.
    #[serde(default, skip_serializing_if = "Claim::is_absent")]
    pub jti: Claim<String>,
    /// The client the token was issued to.
    #[serde(default, skip_serializing_if = "Claim::is_absent")]
    pub client_id: Claim<String>,
    /// The scopes as they were sent; see [`scopes`](AccessTokenClaims::scopes).
    #[serde(default, skip_serializing_if = "Claim::is_absent")]
    pub scope: Claim<String>,
    /// Logto: the organization in which the resource may be used. An organization token without a
    /// resource names it in `aud` alone.
    #[serde(default, skip_serializing_if = "Claim::is_absent")]
    pub organization_id: Claim<String>,
    /// Every other claim, such as a Logto tenant's custom claims.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl AccessTokenClaims {
    /// The scopes granted (RFC 6749 section 3.3).
    ///
    /// None when `scope` is missing, null or `""`, which is what Logto sends when there are none.
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        let scope = self.scope.as_deref().unwrap_or_default();
        scope.split(' ').filter(|scope| !scope.is_empty())
    }

    /// Whether this scope was granted.
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes().any(|granted| granted == scope)
    }
}

fn subject<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    standard::subject(String::deserialize(deserializer)?)
}
