//! The objects inside Logto's own claims: linked identities and organizations.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::claim::{Claim, TolerantClaim};

/// A social identity linked to the user: one value of the `identities` claim.
///
/// # Examples
///
/// ```
/// use rocket_logto::UserInfoClaims;
///
/// let claims: UserInfoClaims = serde_json::from_str(
///     r#"{"sub":"qcw1a16z5jxs","identities":{"github":{"userId":"583231"}}}"#,
/// )?;
/// let github = claims.identities.value().and_then(|identities| identities.get("github"));
/// assert_eq!(github.map(|identity| identity.user_id.as_str()), Some("583231"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Identity {
    /// The user's id at the social provider.
    #[serde(rename = "userId")]
    pub user_id: String,
    /// What the social provider sent about the user.
    #[serde(default, skip_serializing_if = "Claim::is_absent")]
    pub details: Claim<Map<String, Value>>,
    /// Everything else in the object.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// An enterprise single sign-on identity of the user: one item of the `sso_identities` claim.
///
/// # Examples
///
/// ```
/// use rocket_logto::SsoIdentity;
///
/// let identity: SsoIdentity = serde_json::from_str(
///     r#"{"issuer":"https://idp.example.com","identityId":"alice"}"#,
/// )?;
/// assert_eq!(identity.identity_id, "alice");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SsoIdentity {
    /// The issuer of the identity provider.
    pub issuer: String,
    /// The user's id at that provider.
    #[serde(rename = "identityId")]
    pub identity_id: String,
    /// What that provider sent about the user.
    #[serde(default, skip_serializing_if = "Claim::is_absent")]
    pub detail: Claim<Map<String, Value>>,
    /// Everything else in the object.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// An organization the user belongs to: one item of the `organization_data` claim.
///
/// # Examples
///
/// ```
/// use rocket_logto::UserInfoClaims;
///
/// let claims: UserInfoClaims = serde_json::from_str(
///     r#"{"sub":"qcw1a16z5jxs",
///         "organization_data":[{"id":"acme5obvzg01","name":"Acme","description":null}]}"#,
/// )?;
/// let organizations = claims.organization_data.as_deref().unwrap_or_default();
/// assert_eq!(organizations[0].name, "Acme");
/// assert!(organizations[0].description.is_null());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct OrganizationData {
    /// The organization's id.
    pub id: String,
    /// Its display name.
    pub name: String,
    /// Its description; null when it has none.
    #[serde(default, skip_serializing_if = "Claim::is_absent")]
    pub description: Claim<String>,
    /// Everything else in the object.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl TolerantClaim for BTreeMap<String, Identity> {}
impl TolerantClaim for Vec<SsoIdentity> {}
impl TolerantClaim for Vec<OrganizationData> {}
