//! The claims of a JWT access token.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::claim::TolerantClaim;
use super::numeric_date::NumericDate;
use super::{Audience, Claim, numeric_date, standard};

/// The claims of a JWT access token, for an API resource, an organization or both.
///
/// All of them decide what a caller may do, so none may occur twice, and each must have its
/// standard type; but for `acr`, `amr` and `auth_time`, which most APIs do not look at: in another
/// shape they count as absent. What other providers call otherwise is read as well: see
/// [`scopes`](AccessTokenClaims::scopes) and [`client_id()`](AccessTokenClaims::client_id).
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
    /// The API resource, or `urn:logto:organization:<id>` for an organization token. Empty where
    /// the token has none, as AWS Cognito's.
    #[serde(default)]
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
    /// The client the token was issued to, where the token calls it so; see
    /// [`client_id()`](AccessTokenClaims::client_id).
    #[serde(default, skip_serializing_if = "Claim::is_absent")]
    pub client_id: Claim<String>,
    /// The scopes, separated by spaces, from text or from a list; see
    /// [`scopes`](AccessTokenClaims::scopes).
    #[serde(
        default,
        skip_serializing_if = "Claim::is_absent",
        deserialize_with = "scopes"
    )]
    pub scope: Claim<String>,
    /// The scopes under the name that Okta, Entra ID, Hydra and others use, in the same way.
    #[serde(
        default,
        skip_serializing_if = "Claim::is_absent",
        deserialize_with = "scopes"
    )]
    pub scp: Claim<String>,
    /// Logto: the organization in which the resource may be used. An organization token without a
    /// resource names it in `aud` alone.
    #[serde(default, skip_serializing_if = "Claim::is_absent")]
    pub organization_id: Claim<String>,
    /// How strongly the user has authenticated (RFC 9068 section 2.2.1), such as
    /// [`logto_acr::MFA`](crate::logto_acr::MFA). Absent where it is no text.
    #[serde(
        default,
        skip_serializing_if = "Claim::is_absent",
        deserialize_with = "tolerant"
    )]
    pub acr: Claim<String>,
    /// The methods they have authenticated with (RFC 8176). Absent where it is no list of texts.
    #[serde(
        default,
        skip_serializing_if = "Claim::is_absent",
        deserialize_with = "tolerant"
    )]
    pub amr: Claim<Vec<String>>,
    /// When they have authenticated, in seconds since 1970. Absent where it is no number.
    #[serde(
        default,
        skip_serializing_if = "Claim::is_absent",
        deserialize_with = "tolerant_time"
    )]
    pub auth_time: Claim<i64>,
    /// Every other claim, such as a Logto tenant's custom claims.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl AccessTokenClaims {
    /// The scopes granted (RFC 6749 section 3.3): those of `scope`, or where there is no `scope`,
    /// those of `scp`. Never both, and never `permissions`, which is nobody's standard.
    ///
    /// None when `scope` is `""`, which is what Logto sends when there are none.
    ///
    /// # Examples
    ///
    /// ```
    /// # use rocket_logto::AccessTokenClaims;
    /// let claims: AccessTokenClaims = serde_json::from_str(
    ///     r#"{"iss":"https://example.okta.com","sub":"u","aud":"api","iat":0,"exp":1,
    ///         "cid":"app","scp":["read","write"]}"#,
    /// )?;
    /// assert_eq!(claims.scopes().collect::<Vec<_>>(), ["read", "write"]);
    /// assert_eq!(claims.client_id(), Some("app"));
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        let scope = self.granted().unwrap_or_default();
        scope.split(' ').filter(|scope| !scope.is_empty())
    }

    /// The scopes as text; `None` when the token does not say.
    pub(crate) fn granted(&self) -> Option<&str> {
        self.scope.as_deref().or(self.scp.as_deref())
    }

    /// The client the token was issued to, by whichever name the provider has for it: `client_id`
    /// (RFC 9068, Logto, AWS Cognito), else `azp` (Keycloak, Entra ID v2), else `cid` (Okta), else
    /// `appid` (Entra ID v1).
    pub fn client_id(&self) -> Option<&str> {
        let other = |name: &&str| self.extra.get(*name)?.as_str().filter(|id| !id.is_empty());
        let named = self.client_id.as_deref();
        named.or_else(|| ["azp", "cid", "appid"].iter().find_map(other))
    }

    /// Whether it may be used with some proof only (`cnf`, RFC 7800 section 3.1).
    pub(crate) fn is_bound(&self) -> bool {
        self.extra.get("cnf").is_some_and(|cnf| !cnf.is_null())
    }

    /// The thumbprint of the key that it is bound to (`jkt`, RFC 9449 section 6.1), if it is to
    /// nothing else.
    pub(crate) fn thumbprint(&self) -> Option<&str> {
        let cnf = self.extra.get("cnf")?.as_object()?;
        let thumbprint = cnf.get("jkt")?.as_str()?;
        (cnf.len() == 1 && !thumbprint.is_empty()).then_some(thumbprint)
    }

    /// Whether this scope was granted.
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes().any(|granted| granted == scope)
    }
}

/// Scopes as text or as a list of names, as text. A name with a space in it would be two.
fn scopes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Claim<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "scopes must be a string or an array of strings")]
    enum Written {
        Text(String),
        Names(Vec<String>),
    }
    match Claim::<Written>::deserialize(deserializer)? {
        Claim::Absent => Ok(Claim::Absent),
        Claim::Null => Ok(Claim::Null),
        Claim::Value(Written::Text(text)) => Ok(Claim::Value(text)),
        Claim::Value(Written::Names(names)) => match names.iter().any(|name| name.contains(' ')) {
            false => Ok(Claim::Value(names.join(" "))),
            true => Err(serde::de::Error::custom("a scope must not hold a space")),
        },
    }
}

fn subject<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    standard::subject(String::deserialize(deserializer)?)
}

/// A value of another type counts as absent: whoever needs the claim refuses the token then.
fn tolerant<'de, D, T>(deserializer: D) -> Result<Claim<T>, D::Error>
where
    D: Deserializer<'de>,
    T: TolerantClaim,
{
    Ok(match Value::deserialize(deserializer)? {
        Value::Null => Claim::Null,
        value => T::from_json(value).ok().into(),
    })
}

fn tolerant_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Claim<i64>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Null => Claim::Null,
        value => NumericDate::deserialize(&value)
            .ok()
            .map(|date| date.0)
            .into(),
    })
}
