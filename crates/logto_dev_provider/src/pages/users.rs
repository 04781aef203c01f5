//! `/`: who exists, and a switch to suspend them.

use super::cross_site;
use super::layout::{escape, hidden, page};
use crate::discovery;
use crate::provider::{Provider, read};
use crate::seed::{Seed, SeedUser};
use crate::wire::{Received, Reply};

/// `/`: who exists, and a switch to suspend them.
pub(crate) fn users(provider: &Provider, _: &Received) -> Reply {
    let seed = provider.seed();
    let users = seed
        .users
        .iter()
        .map(|user| user_row(&seed, user))
        .collect::<String>();
    let registered = read(&provider.registered);
    let list = |uris: &[String], any_loopback: bool| {
        let uris = uris.iter().map(String::as_str);
        let any = any_loopback.then_some("any on this machine");
        let items = uris
            .chain(any)
            .map(|uri| format!("<code>{}</code> ", escape(uri)));
        items.collect::<String>()
    };
    let main = format!(
        r#"<h1>Users</h1>
<p>A suspended user cannot sign in; refreshing and the userinfo endpoint fail for them.
Users, organizations and resources come from the seed the provider was started with.</p>
<ul class="users">
{users}</ul>
<h2>Provider</h2>
<dl>
<dt>Issuer</dt><dd><a href="{discovery}"><code>{issuer}</code></a></dd>
<dt>Client</dt><dd><code>{client}</code></dd>
<dt>Redirect URIs</dt><dd>{redirect_uris}</dd>
<dt>After sign-out</dt><dd>{post_logout_redirect_uris}</dd>
</dl>"#,
        discovery = escape(&provider.path(discovery::PATH)),
        issuer = escape(&provider.issuer()),
        client = escape(&provider.settings.client_id),
        redirect_uris = list(
            &registered.redirect_uris,
            provider.settings.any_loopback_redirect_uri,
        ),
        post_logout_redirect_uris = list(
            &registered.post_logout_redirect_uris,
            provider.settings.any_loopback_post_logout_redirect_uri,
        ),
    );
    page(200, "Users", &main, "", None)
}

fn user_row(seed: &Seed, user: &SeedUser) -> String {
    let mut details = vec![user.id.clone()];
    details.extend(user.username.clone());
    details.extend(user.email.clone());
    if !user.roles.is_empty() {
        details.push(format!("roles: {}", user.roles.join(", ")));
    }
    for organization in seed.organizations_of(user) {
        let roles = organization.roles_of(user).unwrap_or_default().join(", ");
        let roles = if roles.is_empty() {
            "no role".into()
        } else {
            roles
        };
        details.push(format!("{} ({roles})", organization.name));
    }
    let (value, word) = if user.suspended {
        ("no", "Unsuspend")
    } else {
        ("yes", "Suspend")
    };
    let tag = if user.suspended {
        r#"<span class="tag bad">Suspended</span>"#
    } else {
        ""
    };
    let label = escape(user.label());
    format!(
        r#"<li class="card"><span class="who"><b>{label}</b> {tag}<small>{details}</small></span>
<form method="post" action="/suspend">{id}{suspend}<button class="plain">{word}<span class="hidden"> {label}</span></button></form></li>
"#,
        details = escape(&details.join(" · ")),
        id = hidden("user", &user.id),
        suspend = hidden("suspend", value),
    )
}

pub(crate) fn suspend(provider: &Provider, request: &Received) -> Reply {
    if !provider.is_same_origin(request) {
        return cross_site();
    }
    let user = request.form_value("user").unwrap_or_default();
    provider.suspend(user, request.form_value("suspend") == Some("yes"));
    Reply::redirect("/")
}
