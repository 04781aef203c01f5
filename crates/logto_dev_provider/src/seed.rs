//! Who and what exists at the development provider: users, machines,
//! organizations and API resources. Read from `Rocket.toml`, with a built-in
//! default.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Map, Value};

/// Everything the provider starts with. A list that is left out of the
/// configuration is the built-in one.
///
/// ```toml
/// [[debug.logto.dev_provider.users]]
/// id = "u-dora"
/// username = "dora"
/// name = "Dora Example"
/// email = "dora@example.com"
/// roles = ["shopper"]
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Seed {
    /// The users, in the order of the sign-in page.
    pub users: Vec<SeedUser>,
    /// The applications that call APIs in nobody's name.
    pub machines: Vec<SeedMachine>,
    /// The organizations, their roles and members.
    pub organizations: Vec<SeedOrganization>,
    /// The API resources, their scopes and the roles that give them.
    pub resources: Vec<SeedResource>,
}

/// A user. What is left out is absent or null in the claims, as Logto has it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
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
    /// `roles`: names that [`SeedResource::scopes`] refers to.
    #[serde(default)]
    pub roles: Vec<String>,
    /// The values of personal access tokens, to be exchanged for access tokens.
    #[serde(default)]
    pub personal_access_tokens: Vec<String>,
    /// A suspended user cannot sign in, and refreshing fails.
    #[serde(default)]
    pub suspended: bool,
    /// `created_at` in milliseconds.
    #[serde(default = "default_created_at")]
    pub created_at: u64,
    /// `updated_at` in milliseconds; the start of the provider unless set.
    #[serde(default)]
    pub updated_at: Option<u64>,
}

pub(super) fn default_created_at() -> u64 {
    1_735_689_600_000
}

/// Standard claims that Logto leaves out when they are not set.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
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
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedMachine {
    /// The client's id, and the `sub` of its tokens.
    pub id: String,
    /// The client's secret.
    pub secret: String,
    /// `roles`: names that [`SeedResource::scopes`] refers to. Logto's own
    /// `Logto Management API access` opens the Management API.
    #[serde(default)]
    pub roles: Vec<String>,
}

/// An organization.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
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
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
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

/// The reserved resource whose scopes are those of organization roles.
pub(super) const ORGANIZATIONS_RESOURCE: &str = "urn:logto:resource:organizations";

/// Logto's own API, which is there without being registered.
pub(super) const MANAGEMENT_API: &str = "https://default.logto.app/api";
/// Its one scope, and the role that Logto has for it.
pub(super) const MANAGEMENT_SCOPE: &str = "all";
const MANAGEMENT_ROLE: &str = "Logto Management API access";

impl SeedUser {
    /// Whether `key` is this user's id or username.
    pub fn is(&self, key: &str) -> bool {
        self.id == key || self.username.as_deref() == Some(key)
    }

    /// What to call the user on a page.
    pub(super) fn label(&self) -> &str {
        let label = self
            .name
            .as_ref()
            .or(self.username.as_ref())
            .or(self.email.as_ref());
        label.unwrap_or(&self.id)
    }
}

impl SeedOrganization {
    /// The roles of a member; `None` for anybody else.
    pub(super) fn roles_of(&self, user: &SeedUser) -> Option<&[String]> {
        let found = self.members.iter().find(|(key, _)| user.is(key));
        found.map(|(_, roles)| roles.as_slice())
    }

    /// The organization scopes a member has through roles.
    pub(super) fn scopes_of(&self, user: &SeedUser) -> Vec<String> {
        self.scopes_of_roles(self.roles_of(user).unwrap_or_default())
    }

    pub(super) fn scopes_of_roles(&self, roles: &[String]) -> Vec<String> {
        let scopes = roles
            .iter()
            .filter_map(|role| self.roles.get(role))
            .flatten();
        let scopes: BTreeSet<&String> = scopes.collect();
        scopes.into_iter().cloned().collect()
    }
}

impl Seed {
    /// The user with this id or username.
    pub fn user(&self, key: &str) -> Option<&SeedUser> {
        self.users.iter().find(|user| user.is(key))
    }

    /// The user with this id or username, to be changed.
    pub fn user_mut(&mut self, key: &str) -> Option<&mut SeedUser> {
        self.users.iter_mut().find(|user| user.is(key))
    }

    /// The user with this id, unless suspended.
    pub(super) fn active_user(&self, id: &str) -> Option<&SeedUser> {
        self.users
            .iter()
            .find(|user| user.id == id && !user.suspended)
    }

    pub(super) fn machine(&self, id: &str) -> Option<&SeedMachine> {
        self.machines.iter().find(|machine| machine.id == id)
    }

    /// The user who has this personal access token, unless suspended.
    pub(super) fn owner_of(&self, personal_access_token: &str) -> Option<&SeedUser> {
        let owns = |user: &&SeedUser| {
            let tokens = &user.personal_access_tokens;
            !user.suspended && tokens.iter().any(|token| token == personal_access_token)
        };
        self.users.iter().find(owns)
    }

    pub(super) fn organizations_of(&self, user: &SeedUser) -> Vec<&SeedOrganization> {
        let all = self.organizations.iter();
        all.filter(|organization| organization.roles_of(user).is_some())
            .collect()
    }

    pub(super) fn has_resource(&self, indicator: &str) -> bool {
        [ORGANIZATIONS_RESOURCE, MANAGEMENT_API].contains(&indicator)
            || self
                .resources
                .iter()
                .any(|resource| resource.indicator == indicator)
    }

    /// Scopes of an API resource the user has: through user roles, and through
    /// roles in `organizations`.
    pub(super) fn resource_scopes(
        &self,
        user: &SeedUser,
        indicator: &str,
        organizations: &[&SeedOrganization],
    ) -> BTreeSet<String> {
        if indicator == ORGANIZATIONS_RESOURCE {
            // Which of them a member really has is decided when a token is issued.
            let all = self
                .organizations
                .iter()
                .flat_map(|o| o.roles.values().flatten());
            return all.cloned().collect();
        }
        let organization_roles: Vec<String> = organizations
            .iter()
            .filter_map(|o| o.roles_of(user))
            .flatten()
            .cloned()
            .collect();
        self.scopes_of_roles(indicator, &user.roles, &organization_roles)
    }

    /// Scopes of an API resource that these roles give.
    pub(super) fn scopes_of_roles(
        &self,
        indicator: &str,
        roles: &[String],
        organization_roles: &[String],
    ) -> BTreeSet<String> {
        if indicator == MANAGEMENT_API {
            let has = roles.iter().any(|role| role == MANAGEMENT_ROLE);
            return has
                .then(|| MANAGEMENT_SCOPE.to_owned())
                .into_iter()
                .collect();
        }
        let Some(resource) = self.resources.iter().find(|r| r.indicator == indicator) else {
            return BTreeSet::new();
        };
        let given = |scopes: &BTreeMap<String, Vec<String>>, held: &[String]| {
            let scopes = scopes.iter();
            let scopes = scopes.filter(|(_, roles)| roles.iter().any(|role| held.contains(role)));
            scopes.map(|(scope, _)| scope.clone()).collect::<Vec<_>>()
        };
        let by_role = given(&resource.scopes, roles);
        let by_organization = given(&resource.organization_scopes, organization_roles);
        by_role.into_iter().chain(by_organization).collect()
    }

    /// Says what does not fit together, in the words of the configuration.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.users.is_empty() {
            return Err("`users` is empty".into());
        }
        for (index, user) in self.users.iter().enumerate() {
            let names = [Some(&user.id), user.username.as_ref()];
            for name in names.into_iter().flatten() {
                if self.users[index + 1..].iter().any(|other| other.is(name)) {
                    return Err(format!("`users`: two users are called {name:?}"));
                }
            }
        }
        for (index, machine) in self.machines.iter().enumerate() {
            let mut others = self.machines[index + 1..].iter();
            if others.any(|other| other.id == machine.id) {
                let id = &machine.id;
                return Err(format!("`machines`: two machines are called {id:?}"));
            }
        }
        for organization in &self.organizations {
            let id = &organization.id;
            for (machine, roles) in &organization.machines {
                if self.machine(machine).is_none() {
                    return Err(format!(
                        "organization {id:?}: no machine is called {machine:?}"
                    ));
                }
                if let Some(role) = roles.iter().find(|r| !organization.roles.contains_key(*r)) {
                    return Err(format!(
                        "organization {id:?}: {machine:?} has no such role: {role:?}"
                    ));
                }
            }
            for (member, roles) in &organization.members {
                if self.user(member).is_none() {
                    return Err(format!("organization {id:?}: no user is called {member:?}"));
                }
                if let Some(role) = roles.iter().find(|r| !organization.roles.contains_key(*r)) {
                    return Err(format!(
                        "organization {id:?}: {member:?} has no such role: {role:?}"
                    ));
                }
            }
        }
        Ok(())
    }
}
