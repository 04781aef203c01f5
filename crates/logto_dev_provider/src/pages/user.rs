//! `/user?id=…`: one user, and all that can be changed of them.

use std::collections::BTreeSet;

use super::layout::{escape, hidden, page};
use super::users::{not_kept, suspend_form, tag};
use super::{error, outcome};
use crate::console::role_field;
use crate::provider::{Provider, read};
use crate::seed::{Seed, SeedOrganization, SeedUser};
use crate::wire::{Received, Reply};

/// The address of the page.
pub(crate) fn user_path(id: &str) -> String {
    let id: String = url::form_urlencoded::byte_serialize(id.as_bytes()).collect();
    format!("/user?id={id}")
}

pub(crate) fn no_such_user() -> Reply {
    let text = "There is no such user, or no longer. The control page lists who is here.";
    error(404, "No such user", text)
}

pub(crate) fn user(provider: &Provider, request: &Received) -> Reply {
    let seed = provider.seed();
    let id = request.query_value("id").unwrap_or_default();
    let Some(user) = seed.user(id) else {
        return no_such_user();
    };
    let told = {
        let registered = read(&provider.registered);
        outcome::Told {
            of_sign_outs: registered.backchannel_logout_uri.is_some(),
            of_changes: registered.webhook.is_some(),
        }
    };
    let done = request.query_value("done");
    let done = done.and_then(|done| outcome::of_user(done, told));
    let main = format!(
        r#"<p><a href="/">Control page</a></p>
<h1>{label} {tag}</h1>
{not_kept}{done}
<dl>
<dt>Id (<code>sub</code>)</dt><dd><code>{id}</code></dd>
<dt>User name</dt><dd>{username}</dd>
<dt>E-mail</dt><dd>{email}</dd>
</dl>
{roles}
<h2>Sessions</h2>
<p>Ends this user’s sessions at the provider, as if they had signed out in each browser, and sends
the application a logout token.</p>
<form method="post" action="/end-sessions">{user}<button class="plain">End the sessions</button></form>
<h2>Access to the application</h2>
<p>{access}</p>
<form method="post" action="/access">{user}{turn}</form>
<h2>Account</h2>
<div class="row">{suspend}
<details><summary>Delete …</summary>
<form method="post" action="/delete">{user}<button class="plain bad">Delete for good</button></form></details></div>"#,
        label = escape(user.label()),
        tag = tag(user),
        not_kept = not_kept(provider),
        done = outcome::status(done),
        id = escape(&user.id),
        username = shown(user.username.as_deref()),
        email = shown(user.email.as_deref()),
        roles = roles(&seed, user),
        user = hidden("user", &user.id),
        suspend = suspend_form(user),
        access = match user.no_access {
            true => "This user may not use the application: access was taken back.",
            false => "This user may use the application.",
        },
        turn = match user.no_access {
            true => format!(
                "{}<button class=\"plain\">Give access</button>",
                hidden("access", "yes")
            ),
            false => "<button class=\"plain\">Take access back</button>".to_owned(),
        },
    );
    page(200, user.label(), &main, "", None)
}

fn shown(value: Option<&str>) -> String {
    value.map_or_else(|| "none".into(), |value| escape(value).into_owned())
}

/// The form with all roles.
fn roles(seed: &Seed, user: &SeedUser) -> String {
    let known: BTreeSet<&String> = {
        let of_resources = seed.resources.iter();
        let of_resources = of_resources.flat_map(|resource| resource.scopes.values().flatten());
        let of_users = seed.users.iter().flat_map(|user| &user.roles);
        of_resources.chain(of_users).collect()
    };
    let mut boxes = String::new();
    for role in known {
        boxes.push_str(&check_box("role", role, user.roles.contains(role), role));
    }
    let organizations = seed.organizations.iter();
    let organizations = organizations.map(|organization| membership(organization, user));
    format!(
        r#"<h2>Roles</h2>
<form method="post" action="/roles">{id}
<fieldset><legend>Of the user</legend>
{boxes}
<label for="new-role">Another role</label>
<input id="new-role" name="new_role" maxlength="128" autocomplete="off">
</fieldset>
{organizations}
<button class="primary">Save the roles</button>
</form>"#,
        id = hidden("user", &user.id),
        organizations = organizations.collect::<String>(),
    )
}

fn membership(organization: &SeedOrganization, user: &SeedUser) -> String {
    let roles = organization.roles_of(user);
    let field = role_field(&organization.id);
    let mut boxes = check_box("member", &organization.id, roles.is_some(), "Is a member");
    for role in organization.roles.keys() {
        let has = roles.unwrap_or_default().contains(role);
        boxes.push_str(&check_box(&field, role, has, role));
    }
    format!(
        "<fieldset><legend>In {name}</legend>\n{boxes}</fieldset>\n",
        name = escape(&organization.name),
    )
}

/// The label is around the box, so it needs no id.
fn check_box(name: &str, value: &str, is_ticked: bool, label: &str) -> String {
    format!(
        r#"<label class="tick"><input type="checkbox" name="{name}" value="{value}"{ticked}> {label}</label>
"#,
        name = escape(name),
        value = escape(value),
        ticked = if is_ticked { " checked" } else { "" },
        label = escape(label),
    )
}
