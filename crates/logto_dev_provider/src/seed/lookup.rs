//! What the endpoints ask of a seed: who is who, and which scopes roles give.

use std::collections::{BTreeMap, BTreeSet};

use super::{Seed, SeedMachine, SeedOrganization, SeedUser};
use crate::names::{MANAGEMENT_API, MANAGEMENT_ROLE, MANAGEMENT_SCOPE, ORGANIZATIONS_RESOURCE};

impl SeedUser {
    /// Whether `key` is this user's id or username.
    pub fn is(&self, key: &str) -> bool {
        self.id == key || self.username.as_deref() == Some(key)
    }

    /// What to call the user on a page.
    pub(crate) fn label(&self) -> &str {
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
    pub(crate) fn roles_of(&self, user: &SeedUser) -> Option<&[String]> {
        let found = self.members.iter().find(|(key, _)| user.is(key));
        found.map(|(_, roles)| roles.as_slice())
    }

    /// The organization scopes a member has through roles, or otherwise.
    pub(crate) fn scopes_of(&self, user: &SeedUser) -> Vec<String> {
        let Some(roles) = self.roles_of(user) else {
            return Vec::new();
        };
        let mut scopes = self.scopes_of_roles(roles);
        let others = user.organization_scopes.get(&self.id);
        scopes.extend(others.into_iter().flatten().cloned());
        scopes
    }

    pub(crate) fn scopes_of_roles(&self, roles: &[String]) -> Vec<String> {
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
    pub(crate) fn active_user(&self, id: &str) -> Option<&SeedUser> {
        self.users
            .iter()
            .find(|user| user.id == id && !user.suspended)
    }

    pub(crate) fn machine(&self, id: &str) -> Option<&SeedMachine> {
        self.machines.iter().find(|machine| machine.id == id)
    }

    /// The user who has this personal access token, unless suspended.
    pub(crate) fn owner_of(&self, personal_access_token: &str) -> Option<&SeedUser> {
        let owns = |user: &&SeedUser| {
            let tokens = &user.personal_access_tokens;
            !user.suspended && tokens.iter().any(|token| token == personal_access_token)
        };
        self.users.iter().find(owns)
    }

    pub(crate) fn organizations_of(&self, user: &SeedUser) -> Vec<&SeedOrganization> {
        let all = self.organizations.iter();
        all.filter(|organization| organization.roles_of(user).is_some())
            .collect()
    }

    pub(crate) fn has_resource(&self, indicator: &str) -> bool {
        [ORGANIZATIONS_RESOURCE, MANAGEMENT_API].contains(&indicator)
            || self
                .resources
                .iter()
                .any(|resource| resource.indicator == indicator)
    }

    /// Scopes of an API resource the user has: through user roles, and through
    /// roles in `organizations`.
    pub(crate) fn resource_scopes(
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
            let others = user.organization_scopes.values().flatten();
            return all.chain(others).cloned().collect();
        }
        let organization_roles: Vec<String> = organizations
            .iter()
            .filter_map(|o| o.roles_of(user))
            .flatten()
            .cloned()
            .collect();
        let mut scopes = self.scopes_of_roles(indicator, &user.roles, &organization_roles);
        let others = user.resource_scopes.get(indicator);
        scopes.extend(others.into_iter().flatten().cloned());
        scopes
    }

    /// Scopes of an API resource that these roles give.
    pub(crate) fn scopes_of_roles(
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
}
