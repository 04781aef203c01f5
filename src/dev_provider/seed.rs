//! Who and what exists at the development provider: users, organizations and
//! API resources. Read from `Rocket.toml`, with a built-in default.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Map, Value, json};

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

fn default_created_at() -> u64 {
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
        let roles = self.roles_of(user).unwrap_or_default();
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

    pub(super) fn organizations_of(&self, user: &SeedUser) -> Vec<&SeedOrganization> {
        let all = self.organizations.iter();
        all.filter(|organization| organization.roles_of(user).is_some())
            .collect()
    }

    pub(super) fn has_resource(&self, indicator: &str) -> bool {
        indicator == ORGANIZATIONS_RESOURCE
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
        let Some(resource) = self.resources.iter().find(|r| r.indicator == indicator) else {
            return BTreeSet::new();
        };
        let organization_roles: Vec<&String> = organizations
            .iter()
            .filter_map(|o| o.roles_of(user))
            .flatten()
            .collect();
        let by_user = resource.scopes.iter();
        let by_user = by_user.filter(|(_, roles)| roles.iter().any(|r| user.roles.contains(r)));
        let by_organization = resource.organization_scopes.iter();
        let by_organization = by_organization
            .filter(|(_, roles)| roles.iter().any(|r| organization_roles.contains(&r)));
        by_user
            .chain(by_organization)
            .map(|(scope, _)| scope.clone())
            .collect()
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
        for organization in &self.organizations {
            let id = &organization.id;
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

impl Default for Seed {
    /// Alice has everything, Bob next to nothing, and Zoë a name that needs escaping.
    fn default() -> Seed {
        Seed {
            users: users(),
            organizations: organizations(),
            resources: resources(),
        }
    }
}

fn users() -> Vec<SeedUser> {
    let text = |text: &str| Some(text.to_owned());
    let Value::Object(custom_data) =
        json!({ "plan": "pro", "tags": ["a", "b"], "cart": { "items": 3 }, "nothing": null })
    else {
        return Vec::new();
    };
    let alice = SeedUser {
        id: "alice4hy6kz2".into(),
        username: text("alice"),
        name: text("Alice Example"),
        picture: text("https://www.example.com/alice.png"),
        email: text("alice@example.com"),
        phone_number: text("15555550101"),
        profile: SeedProfile {
            family_name: text("Example"),
            given_name: text("Alice"),
            preferred_username: text("ali"),
            birthdate: text("1990-02-03"),
            zoneinfo: text("Europe/Berlin"),
            locale: text("de-DE"),
            address: Some(SeedAddress {
                formatted: text("Musterstr. 1\n10115 Berlin"),
                street_address: text("Musterstr. 1"),
                locality: text("Berlin"),
                postal_code: text("10115"),
                country: text("DE"),
                region: None,
            }),
            ..SeedProfile::default()
        },
        custom_data,
        roles: vec!["shopper".into()],
        created_at: default_created_at(),
        ..SeedUser::default()
    };
    let bob = SeedUser {
        id: "bob7d4dc6y32".into(),
        username: text("bob"),
        roles: vec!["reader".into()],
        created_at: default_created_at(),
        ..SeedUser::default()
    };
    let zoe = SeedUser {
        id: "zoe9rsidux5q".into(),
        username: text("zoe"),
        name: text("Zoë <b>O'Hara</b> & \"Söhne\" 🦀"),
        email: text("zoe+test@example.com"),
        created_at: default_created_at(),
        ..SeedUser::default()
    };
    vec![alice, bob, zoe]
}

fn organizations() -> Vec<SeedOrganization> {
    let roles = map(&[
        ("admin", &["manage:members", "view:reports"]),
        ("member", &["view:reports"]),
    ]);
    vec![
        SeedOrganization {
            id: "acme5obvzg01".into(),
            name: "Acme GmbH".into(),
            description: Some("Makes everything".into()),
            roles: roles.clone(),
            members: map(&[("alice", &["admin"]), ("bob", &[])]),
        },
        SeedOrganization {
            id: "globexfrcji1".into(),
            name: "Globex Ltd".into(),
            description: None,
            roles,
            members: map(&[("alice", &["member"])]),
        },
    ]
}

fn resources() -> Vec<SeedResource> {
    vec![
        SeedResource {
            indicator: "https://shopping.your-app.com/api".into(),
            scopes: map(&[("read", &["shopper", "reader"]), ("write", &["shopper"])]),
            organization_scopes: BTreeMap::new(),
        },
        SeedResource {
            indicator: "https://orders.your-app.com/api".into(),
            scopes: BTreeMap::new(),
            organization_scopes: map(&[
                ("orders:read", &["admin", "member"]),
                ("orders:write", &["admin"]),
            ]),
        },
    ]
}

fn map(pairs: &[(&str, &[&str])]) -> BTreeMap<String, Vec<String>> {
    let owned = |values: &[&str]| values.iter().map(|&value| value.to_owned()).collect();
    pairs
        .iter()
        .map(|(key, values)| ((*key).to_owned(), owned(values)))
        .collect()
}
