//! The parts of a seed, as they are written in TOML.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

/// A user. What is left out is absent or null in the claims, as Logto has it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct SeedUser {
    /// `sub`.
    pub id: String,
    /// `username`.
    #[serde(default)]
    pub username: Option<String>,
    /// `name`.
    #[serde(default)]
    pub name: Option<String>,
    /// `picture`, a URL.
    #[serde(default)]
    pub picture: Option<String>,
    /// `email`; verified, as every e-mail address at Logto is.
    #[serde(default)]
    pub email: Option<String>,
    /// `phone_number`, digits only.
    #[serde(default)]
    pub phone_number: Option<String>,
    /// The other standard claims of the scopes `profile` and `address`.
    #[serde(default)]
    pub profile: SeedProfile,
    /// `custom_data`.
    #[serde(default)]
    pub custom_data: Map<String, Value>,
    /// `identities`: social accounts by target.
    #[serde(default)]
    pub identities: Map<String, Value>,
    /// `sso_identities`.
    #[serde(default)]
    pub sso_identities: Vec<Value>,
    /// `roles`: what [`SeedResource::scopes`] refers to.
    #[serde(default)]
    pub roles: Vec<String>,
    /// Scopes of API resources by indicator, beside those that roles give.
    #[serde(default)]
    pub resource_scopes: BTreeMap<String, Vec<String>>,
    /// Organization scopes by the id of an organization, beside those that roles give.
    /// They count for members.
    #[serde(default)]
    pub organization_scopes: BTreeMap<String, Vec<String>>,
    /// Further claims of ID tokens and of the userinfo endpoint, whatever was asked for.
    /// They replace those of the same names.
    #[serde(default)]
    pub claims: Map<String, Value>,
    /// The values of personal access tokens, to be exchanged for access tokens.
    #[serde(default)]
    pub personal_access_tokens: Vec<String>,
    /// Whether the user has a second factor, which is pretended: without one they cannot meet
    /// `acr_values=urn:logto:acr:mfa`.
    #[serde(default = "yes")]
    pub second_factor: bool,
    /// A suspended user cannot sign in, and refreshing fails.
    #[serde(default)]
    pub suspended: bool,
    /// Whether the application is closed to this user, by Logto's access control for
    /// applications: the token endpoint answers `access_denied`, and userinfo goes on.
    #[serde(default)]
    pub no_access: bool,
    /// `created_at` in milliseconds.
    #[serde(default = "default_created_at")]
    pub created_at: u64,
    /// `updated_at` in milliseconds; the start of the provider unless set.
    #[serde(default)]
    pub updated_at: Option<u64>,
}

fn yes() -> bool {
    true
}

/// The first of January 2025.
fn default_created_at() -> u64 {
    1_735_689_600_000
}

/// Standard claims that Logto leaves out when they are not set.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
#[allow(missing_docs)] // Named after the claims of OpenID Connect Core 5.1.
pub struct SeedProfile {
    pub family_name: Option<String>,
    pub given_name: Option<String>,
    pub middle_name: Option<String>,
    pub nickname: Option<String>,
    pub preferred_username: Option<String>,
    pub profile: Option<String>,
    pub website: Option<String>,
    pub gender: Option<String>,
    pub birthdate: Option<String>,
    pub zoneinfo: Option<String>,
    pub locale: Option<String>,
    pub address: Option<SeedAddress>,
}

/// The `address` claim. Logto spells its keys in camel case, so they go out as
/// `streetAddress`, `postalCode`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
#[allow(missing_docs)] // Named after the claims of OpenID Connect Core 5.1.1.
pub struct SeedAddress {
    pub formatted: Option<String>,
    #[serde(alias = "streetAddress")]
    pub street_address: Option<String>,
    pub locality: Option<String>,
    pub region: Option<String>,
    #[serde(alias = "postalCode")]
    pub postal_code: Option<String>,
    pub country: Option<String>,
}

/// An application of the type "Machine-to-machine": it gets tokens of its own
/// (client credentials), and signs nobody in.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct SeedMachine {
    /// The client's id, and the `sub` of its tokens.
    pub id: String,
    /// The client's secret. None when left out or empty; then it needs `jwks`.
    #[serde(default)]
    pub secret: String,
    /// The client's public keys, as JWKs: it may authenticate by a JWT it has signed
    /// with one of them (`private_key_jwt`, RFC 7523).
    #[serde(default)]
    pub jwks: Vec<Value>,
    /// `roles`: what [`SeedResource::scopes`] refers to. Logto's own
    /// `Logto Management API access` opens the Management API.
    #[serde(default)]
    pub roles: Vec<String>,
}

/// An organization.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct SeedOrganization {
    /// The id, as in `urn:logto:organization:<id>`.
    pub id: String,
    /// The display name.
    pub name: String,
    /// The description; null unless set.
    #[serde(default)]
    pub description: Option<String>,
    /// Organization roles, and the organization scopes each gives.
    #[serde(default)]
    pub roles: BTreeMap<String, Vec<String>>,
    /// Members (id or username), and the organization roles each has.
    #[serde(default)]
    pub members: BTreeMap<String, Vec<String>>,
    /// Machines by id, and the organization roles each has.
    #[serde(default)]
    pub machines: BTreeMap<String, Vec<String>>,
}

/// An API resource.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct SeedResource {
    /// The resource indicator, a URI (RFC 8707).
    pub indicator: String,
    /// Scopes, and the user roles that give each.
    #[serde(default)]
    pub scopes: BTreeMap<String, Vec<String>>,
    /// Scopes, and the organization roles that give each.
    #[serde(default)]
    pub organization_scopes: BTreeMap<String, Vec<String>>,
}

impl SeedUser {
    /// A user with this id and nothing else.
    ///
    /// ```
    /// # use logto_dev_provider::SeedUser;
    /// let mut dora = SeedUser::new("dora8x2k1m0c");
    /// dora.username = Some("dora".into());
    /// dora.roles = vec!["reader".into()];
    /// assert!(dora.is("dora") && dora.is("dora8x2k1m0c"));
    /// ```
    pub fn new(id: impl Into<String>) -> SeedUser {
        SeedUser {
            id: id.into(),
            username: None,
            name: None,
            picture: None,
            email: None,
            phone_number: None,
            profile: SeedProfile::default(),
            custom_data: Map::new(),
            identities: Map::new(),
            sso_identities: Vec::new(),
            roles: Vec::new(),
            resource_scopes: BTreeMap::new(),
            organization_scopes: BTreeMap::new(),
            claims: Map::new(),
            personal_access_tokens: Vec::new(),
            second_factor: true,
            suspended: false,
            no_access: false,
            created_at: default_created_at(),
            updated_at: None,
        }
    }
}

impl SeedMachine {
    /// A machine without roles.
    pub fn new(id: impl Into<String>, secret: impl Into<String>) -> SeedMachine {
        SeedMachine {
            id: id.into(),
            secret: secret.into(),
            jwks: Vec::new(),
            roles: Vec::new(),
        }
    }
}

impl SeedOrganization {
    /// An organization without roles and members.
    ///
    /// ```
    /// # use logto_dev_provider::SeedOrganization;
    /// let mut initech = SeedOrganization::new("initech0x7a", "Initech");
    /// initech.roles.insert("boss".into(), vec!["view:reports".into()]);
    /// initech.members.insert("alice".into(), vec!["boss".into()]);
    /// ```
    pub fn new(id: impl Into<String>, name: impl Into<String>) -> SeedOrganization {
        SeedOrganization {
            id: id.into(),
            name: name.into(),
            description: None,
            roles: BTreeMap::new(),
            members: BTreeMap::new(),
            machines: BTreeMap::new(),
        }
    }
}

impl SeedResource {
    /// An API resource without scopes.
    pub fn new(indicator: impl Into<String>) -> SeedResource {
        SeedResource {
            indicator: indicator.into(),
            scopes: BTreeMap::new(),
            organization_scopes: BTreeMap::new(),
        }
    }
}
