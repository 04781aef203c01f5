//! The objects inside Logto's own claims: linked identities and organizations.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::claim::{Claim, TolerantClaim};

/// A social identity linked to the user: one value of the `identities` claim.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Identity {
    /// The user's id at the social provider.
    #[serde(rename = "userId")]
    pub user_id: String,
    /// What the social provider told about the user.
    #[serde(default, skip_serializing_if = "Claim::is_absent")]
    pub details: Claim<Map<String, Value>>,
    /// Everything else in the object.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// An enterprise single sign-on identity of the user: one item of the `sso_identities` claim.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SsoIdentity {
    /// The identity provider.
    pub issuer: String,
    /// The user's id at that provider.
    #[serde(rename = "identityId")]
    pub identity_id: String,
    /// What that provider told about the user.
    #[serde(default, skip_serializing_if = "Claim::is_absent")]
    pub detail: Claim<Map<String, Value>>,
    /// Everything else in the object.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// An organization the user belongs to: one item of the `organization_data` claim.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct OrganizationData {
    /// The organization's id.
    pub id: String,
    /// Its name, for people.
    pub name: String,
    /// What it is; null when nobody wrote anything.
    #[serde(default, skip_serializing_if = "Claim::is_absent")]
    pub description: Claim<String>,
    /// Everything else in the object.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl TolerantClaim for BTreeMap<String, Identity> {}
impl TolerantClaim for Vec<SsoIdentity> {}
impl TolerantClaim for Vec<OrganizationData> {}
