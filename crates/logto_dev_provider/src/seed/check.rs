//! Whether a seed fits together, told in the words of its TOML.

use std::collections::BTreeMap;

use super::{Seed, SeedMachine, SeedOrganization};
use crate::error::SeedError;

impl Seed {
    pub(crate) fn check(&self) -> Result<(), SeedError> {
        if self.users.is_empty() {
            return Err(SeedError::new("`users` is empty: write at least one"));
        }
        let mut names: Vec<&String> = Vec::new();
        for user in &self.users {
            // The username may be the same as the id.
            let username = user.username.iter().filter(|name| **name != user.id);
            names.extend(username.chain([&user.id]));
        }
        unique("users", "users have the id or username", names)?;
        let machines = self.machines.iter().map(|machine| &machine.id);
        unique("machines", "machines have the id", machines.collect())?;
        let proves_nothing =
            |machine: &&SeedMachine| machine.secret.is_empty() && machine.jwks.is_empty();
        if let Some(machine) = self.machines.iter().find(proves_nothing) {
            return Err(SeedError::new(format!(
                "`machines`: {:?} has neither a `secret` nor `jwks`: write one of them",
                machine.id
            )));
        }
        let organizations = self.organizations.iter();
        for organization in organizations {
            let members = |name: &str| self.user(name).is_some();
            check_roles(organization, "members", &organization.members, members)
                .and_then(|()| {
                    let machines = |id: &str| self.machine(id).is_some();
                    check_roles(organization, "machines", &organization.machines, machines)
                })
                .map_err(SeedError::new)?;
        }
        Ok(())
    }
}

fn unique(key: &str, what: &str, mut names: Vec<&String>) -> Result<(), SeedError> {
    names.sort();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        None => Ok(()),
        Some(pair) => Err(SeedError::new(format!(
            "`{key}`: two {what} {:?}: write another one",
            pair[0]
        ))),
    }
}

/// Whether `key` of an organization names only who exists, and roles it has.
fn check_roles(
    organization: &SeedOrganization,
    key: &str,
    roles_by_name: &BTreeMap<String, Vec<String>>,
    exists: impl Fn(&str) -> bool,
) -> Result<(), String> {
    let place = format!("`{key}` of organization {:?}", organization.id);
    for (name, roles) in roles_by_name {
        if !exists(name) {
            let known = match key {
                "members" => "the id or username of one of the `users`",
                _ => "the id of one of the `machines`",
            };
            return Err(format!("{place}: there is no {name:?}: write {known}"));
        }
        let known = &organization.roles;
        if let Some(role) = roles.iter().find(|role| !known.contains_key(*role)) {
            let known: Vec<&str> = known.keys().map(String::as_str).collect();
            return Err(format!(
                "{place}: {name:?} has the role {role:?}, which the organization's `roles` do not \
                 have: write one of {known:?}, or add it there"
            ));
        }
    }
    Ok(())
}
