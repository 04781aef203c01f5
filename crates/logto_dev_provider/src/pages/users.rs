//! `/`: the control page. Who exists, which keys sign, and buttons to change that.

use super::layout::{escape, hidden, page};
use super::outcome;
use crate::discovery;
use crate::keys::SigningAlg;
use crate::provider::{Provider, lock, read};
use crate::seed::{Seed, SeedUser};
use crate::wire::{Received, Reply};

pub(crate) fn users(provider: &Provider, request: &Received) -> Reply {
    let done = request.query_value("done");
    let is_told = read(&provider.registered).webhook.is_some();
    let done = done.and_then(|done| outcome::of_provider(done, is_told));
    let users = {
        let seed = provider.seed();
        let rows = seed.users.iter().map(|user| user_row(&seed, user));
        rows.collect::<String>()
    };
    let main = format!(
        r#"<h1>Control page</h1>
<p>Change who exists and which keys sign, to see what the application does about it. A tool for
development: it listens on this machine only, and asks nobody who they are. {kept}</p>
{not_kept}{done}
<h2>Users</h2>
<p>More come by signing up: <b>Sign up as somebody new</b> on the sign-in page.</p>
<ul class="users">
{users}</ul>
{keys}
{provider}"#,
        kept = kept(provider),
        not_kept = not_kept(provider),
        done = outcome::status(done),
        keys = keys(provider),
        provider = about(provider),
    );
    page(200, "Control page", &main, "", None)
}

/// Where changes are kept, if anywhere.
fn kept(provider: &Provider) -> String {
    match &provider.settings.state_file {
        Some(path) if provider.state_is_others() => format!(
            "Another provider that is running has <code>{}</code>: changes made here end with the \
             process.",
            escape(&path.display().to_string())
        ),
        Some(path) => format!(
            "Changes made here are kept in <code>{}</code>.",
            escape(&path.display().to_string())
        ),
        None => "Changes end with the process: <code>dev_provider.state_file</code> keeps them."
            .to_owned(),
    }
}

/// That the last change will be forgotten.
pub(super) fn not_kept(provider: &Provider) -> String {
    let why = lock(&provider.not_kept).clone();
    let alert = |why: String| {
        let why = escape(&why).into_owned();
        format!(r#"<p class="alert" role="alert">The last change is not kept: {why}</p>"#)
    };
    why.map(alert).unwrap_or_default()
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
    format!(
        r#"<li class="card"><span class="who"><a href="{path}"><b>{label}</b></a> {tag}<small>{details}</small></span>
{button}</li>
"#,
        path = escape(&super::user_path(&user.id)),
        label = escape(user.label()),
        tag = tag(user),
        details = escape(&details.join(" · ")),
        button = suspend_form(user),
    )
}

/// That a user is suspended.
pub(super) fn tag(user: &SeedUser) -> &'static str {
    match user.suspended {
        true => r#"<span class="tag bad">Suspended</span>"#,
        false => "",
    }
}

/// Suspends a user, or brings them back.
pub(super) fn suspend_form(user: &SeedUser) -> String {
    let (value, word) = match user.suspended {
        true => ("no", "Bring back"),
        false => ("yes", "Suspend"),
    };
    format!(
        r#"<form method="post" action="/suspend">{id}{suspend}<button class="plain">{word}<span class="hidden"> {label}</span></button></form>"#,
        id = hidden("user", &user.id),
        suspend = hidden("suspend", value),
        label = escape(user.label()),
    )
}

fn keys(provider: &Provider) -> String {
    let (known, algs) = {
        let keys = provider.keys();
        (keys.current_and_previous(), keys.algs())
    };
    let rows = ["Signs", "Before"].into_iter().zip(known);
    let rows = rows.map(|(what, (kid, alg))| {
        let kid = escape(&kid).into_owned();
        format!("<dt>{what}</dt><dd>{alg}, <code>{kid}</code></dd>")
    });
    let other = match provider.keys().active {
        SigningAlg::Rs256 => ("EC", "EC (ES384)"),
        _ => ("RSA", "RSA (RS256)"),
    };
    format!(
        r#"<h2 id="keys">Signing keys</h2>
<dl>{rows}<dt>Announced</dt><dd>{algs}</dd></dl>
<p class="hint">As Logto’s console does it: the new key signs at once, the one before stays published, older ones are gone.</p>
<form method="post" action="/keys" class="row">
<button class="plain">Rotate the key</button>
<button class="plain" name="type" value="{type}">Change the type to {name}</button>
</form>"#,
        rows = rows.collect::<String>(),
        algs = algs.join(", "),
        type = other.0,
        name = other.1,
    )
}

/// What an application has to know of it.
fn about(provider: &Provider) -> String {
    let registered = read(&provider.registered);
    let logout = registered.backchannel_logout_uri.as_deref();
    format!(
        r#"<h2>Provider</h2>
<dl>
<dt>Issuer</dt><dd><a href="{discovery}"><code>{issuer}</code></a></dd>
<dt>Client</dt><dd><code>{client}</code></dd>
<dt>Redirect URIs</dt><dd>{redirect_uris}</dd>
<dt>Other clients</dt><dd>{others}</dd>
<dt>After sign-out</dt><dd>{post_logout_redirect_uris}</dd>
<dt>Logout tokens</dt><dd>{logout}</dd>
<dt>Webhooks</dt><dd>{webhook}</dd>
</dl>"#,
        discovery = escape(&provider.path(discovery::PATH)),
        issuer = escape(&provider.issuer()),
        client = escape(&provider.settings.client_id),
        redirect_uris = uris(
            &registered.redirect_uris,
            provider.settings.any_loopback_redirect_uri,
        ),
        others = others(provider),
        post_logout_redirect_uris = uris(
            &registered.post_logout_redirect_uris,
            provider.settings.any_loopback_post_logout_redirect_uri,
        ),
        logout = address(logout),
        webhook = address(registered.webhook.as_ref().map(|webhook| &*webhook.url)),
    )
}

/// Which clients there may be besides.
fn others(provider: &Provider) -> String {
    let documents = "those with a document at their <code>client_id</code>";
    match provider.settings.dynamic_registration {
        true => {
            let registered = provider.store().registered_clients.len();
            format!("{documents}, and those that register themselves: {registered} so far")
        }
        false => format!("{documents}; nobody may register (<code>dynamic_registration</code>)"),
    }
}

fn address(uri: Option<&str>) -> String {
    uri.map_or("none".into(), |uri| format!("<code>{}</code>", escape(uri)))
}

/// Registered addresses.
pub(super) fn uris(uris: &[String], any_loopback: bool) -> String {
    let uris = uris.iter().map(String::as_str);
    let any = any_loopback.then_some("any on this machine");
    let items = uris
        .chain(any)
        .map(|uri| format!("<code>{}</code> ", escape(uri)));
    let items = items.collect::<String>();
    match items.is_empty() {
        true => "none".into(),
        false => items,
    }
}
