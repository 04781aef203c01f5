//! The forms of the control page: each changes something, and leads to the page that
//! says what the application will do about it.

use std::collections::BTreeMap;

use crate::keys::SigningAlg;
use crate::pages;
use crate::provider::Provider;
use crate::seed::Seed;
use crate::wire::{Received, Reply};

/// The longest role that can be typed.
const ROLE_MAX: usize = 128;

pub(crate) fn suspend(provider: &Provider, request: &Received) -> Reply {
    let suspend = request.form_value("suspend") == Some("yes");
    let done = if suspend { "suspended" } else { "back" };
    let user = user(request);
    of_user(user, done, provider.suspend(user, suspend))
}

/// Access control for the application.
pub(crate) fn access(provider: &Provider, request: &Received) -> Reply {
    let gives = request.form_value("access") == Some("yes");
    let done = if gives { "given" } else { "taken" };
    let user = user(request);
    of_user(user, done, provider.set_access(user, gives))
}

pub(crate) fn end_sessions(provider: &Provider, request: &Received) -> Reply {
    let user = user(request);
    of_user(user, "ended", provider.end_sessions_of(user))
}

pub(crate) fn delete(provider: &Provider, request: &Received) -> Reply {
    match provider.delete_user(user(request)) {
        true => Reply::redirect("/?done=deleted"),
        false => pages::no_such_user(),
    }
}

/// All roles and memberships of a user: what is not ticked ends.
pub(crate) fn roles(provider: &Provider, request: &Received) -> Reply {
    let user = user(request);
    let roles = {
        let typed = request.form_value("new_role").map(str::trim);
        let typed = typed.filter(|role| !role.is_empty());
        let mut roles: Vec<String> = Vec::new();
        for role in values(request, "role").chain(typed) {
            let is_one = role.len() <= ROLE_MAX && !role.chars().any(char::is_control);
            if is_one && !roles.iter().any(|known| known == role) {
                roles.push(role.to_owned());
            }
        }
        roles
    };
    let organizations = memberships(&provider.seed(), request);
    of_user(
        user,
        "roles",
        provider.set_roles(user, roles, organizations),
    )
}

/// Who has a role is a member.
fn memberships(seed: &Seed, request: &Received) -> BTreeMap<String, Vec<String>> {
    let organizations = seed.organizations.iter().filter_map(|organization| {
        let id = &organization.id;
        let field = role_field(id);
        let ticked: Vec<&str> = values(request, &field).collect();
        let known = organization.roles.keys();
        let roles: Vec<String> = known
            .filter(|role| ticked.contains(&role.as_str()))
            .cloned()
            .collect();
        let is_member = values(request, "member").any(|member| member == id);
        (is_member || !roles.is_empty()).then(|| (id.clone(), roles))
    });
    organizations.collect()
}

/// The name of the check boxes for the roles in an organization.
pub(crate) fn role_field(organization: &str) -> String {
    format!("role_in:{organization}")
}

/// Rotates the signing key: with `type`, to one of this type.
pub(crate) fn keys(provider: &Provider, request: &Received) -> Reply {
    let active = provider.keys().active;
    let (alg, done) = match request.form_value("type") {
        Some("RSA") => (SigningAlg::Rs256, "type"),
        Some("EC") => (SigningAlg::Es384, "type"),
        _ => (active, "rotated"),
    };
    provider.rotate_keys(alg);
    Reply::redirect(&format!("/?done={done}"))
}

fn user(request: &Received) -> &str {
    request.form_value("user").unwrap_or_default()
}

fn values<'r>(request: &'r Received, name: &'r str) -> impl Iterator<Item = &'r str> {
    let found = request.form.iter().filter(move |(field, _)| field == name);
    found.map(|(_, value)| value.as_str())
}

/// To the page of a user.
fn of_user(user: &str, done: &str, is_known: bool) -> Reply {
    match is_known {
        true => Reply::redirect(&format!("{}&done={done}", pages::user_path(user))),
        false => pages::no_such_user(),
    }
}
