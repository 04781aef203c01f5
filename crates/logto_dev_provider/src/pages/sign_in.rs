//! The sign-in page: one button for each user.

use super::layout::{escape, hidden, page};
use crate::auth_request::AuthRequest;
use crate::provider::Provider;
use crate::seed::{Seed, SeedUser};
use crate::wire::Reply;

pub(crate) fn sign_in(
    provider: &Provider,
    interaction: &str,
    auth: &AuthRequest,
    alert: Option<&str>,
) -> Reply {
    let seed = provider.seed();
    let hinted = auth.login_hint.as_deref().and_then(|hint| {
        seed.users.iter().find(|user| {
            user.is(hint)
                || user.email.as_deref() == Some(hint)
                || user.phone_number.as_deref() == Some(hint)
        })
    });
    let first_screen = auth.extras.iter().find(|(name, _)| name == "first_screen");
    let registers = first_screen.is_some_and(|(_, value)| value.ends_with("register"));
    let title = if registers { "Sign up" } else { "Sign in" };

    let mut users = String::new();
    // The hinted user comes first and has the focus.
    if let Some(user) = hinted {
        users.push_str(&user_button(&seed, user, true));
    }
    for user in &seed.users {
        if hinted.is_none_or(|hinted| hinted.id != user.id) {
            users.push_str(&user_button(&seed, user, false));
        }
    }
    let origin = auth.redirect_uri.origin().ascii_serialization();
    let status = if alert.is_some() { 401 } else { 200 };
    let alert = alert.map(|text| format!(r#"<p class="alert" role="alert">{}</p>"#, escape(text)));
    let main = format!(
        r#"<h1>{title}</h1>
<p>to <b>{client}</b> at <b>{origin}</b>. Choose who you want to be.</p>
{alert}
<form method="post" action="/sign-in">
{interaction}
<ul class="users">
{users}</ul>
<div class="row">
<button class="plain" name="action" value="cancel">Cancel</button>
<button class="plain" name="action" value="deny">Deny</button>
</div>
</form>
<p class="hint">Cancel goes back with nothing at all, as Logto's consent page does. Deny goes back
with <code>error=access_denied</code>.</p>
{extras}
<p class="hint"><a href="/">Users of this provider</a> can be suspended, to see what the application does then.</p>"#,
        client = escape(&provider.settings.client_id),
        origin = escape(&origin),
        alert = alert.unwrap_or_default(),
        interaction = hidden("interaction", interaction),
        extras = extras(auth),
    );
    page(status, title, &main, &origin, None)
}

fn user_button(seed: &Seed, user: &SeedUser, hinted: bool) -> String {
    let label = user.label();
    let initial = label
        .chars()
        .next()
        .unwrap_or('?')
        .to_uppercase()
        .to_string();
    let mut details = Vec::new();
    details.extend(user.username.as_deref().filter(|name| *name != label));
    details.extend(user.email.as_deref().filter(|email| *email != label));
    let organizations = seed.organizations_of(user).into_iter();
    let organizations: Vec<&str> = organizations.map(|o| o.name.as_str()).collect();
    let organizations = organizations.join(", ");
    if !organizations.is_empty() {
        details.push(&organizations);
    }
    let tag = match (user.suspended, hinted) {
        (true, _) => r#"<span class="tag bad">Suspended</span>"#,
        (false, true) => r#"<span class="tag">login_hint</span>"#,
        (false, false) => "",
    };
    format!(
        r#"<li><button name="user" value="{id}"{focus}><span class="avatar" aria-hidden="true">{initial}</span><span class="who"><b>{label}</b><small>{details}</small></span>{tag}</button></li>
"#,
        id = escape(&user.id),
        focus = if hinted { " autofocus" } else { "" },
        initial = escape(&initial),
        label = escape(label),
        details = escape(&details.join(" · ")),
    )
}

/// What the application asked for beyond the standard.
fn extras(auth: &AuthRequest) -> String {
    if auth.extras_dropped {
        let text = "One of Logto's extra parameters is not valid. Logto drops all of them then, so all are ignored.";
        return format!(r#"<p class="alert">{text}</p>"#);
    }
    if auth.extras.is_empty() {
        return String::new();
    }
    let rows = auth.extras.iter().map(|(name, value)| {
        format!(
            "<dt><code>{}</code></dt><dd><code>{}</code></dd>",
            escape(name),
            escape(value)
        )
    });
    let rows = rows.collect::<String>();
    format!(r#"<h2>Asked for by the application</h2><dl>{rows}</dl>"#)
}
