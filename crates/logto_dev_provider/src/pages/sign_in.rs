//! The sign-in page: one button for each user.

use super::consent::called;
use super::layout::{escape, form_target, hidden, page, place};
use crate::auth_request::AuthRequest;
use crate::provider::Provider;
use crate::seed::{Seed, SeedUser};
use crate::wire::Reply;

/// The user whom the application expects, by `login_hint`.
pub(super) struct Hinted(String);

impl Hinted {
    pub(super) fn of(seed: &Seed, auth: &AuthRequest) -> Option<Hinted> {
        let hint = auth.login_hint.as_deref()?;
        let user = seed.users.iter().find(|user| {
            user.is(hint)
                || user.email.as_deref() == Some(hint)
                || user.phone_number.as_deref() == Some(hint)
        });
        user.map(|user| Hinted(user.id.clone()))
    }
}

pub(crate) fn sign_in(
    provider: &Provider,
    interaction: &str,
    auth: &AuthRequest,
    alert: Option<&str>,
) -> Reply {
    let seed = provider.seed();
    let hinted = Hinted::of(&seed, auth);
    let target = form_target(&auth.redirect_uri);
    let status = if alert.is_some() { 401 } else { 200 };
    let alert = alert.map(|text| format!(r#"<p class="alert" role="alert">{}</p>"#, escape(text)));
    let main = format!(
        r#"<h1>Sign in</h1>
<p>to {client} at <b>{origin}</b>. Choose who you want to be.</p>
{alert}
{users}
<p>{sign_up}</p>
{asked_for}
<p class="hint">On the <a href="/">control page</a> users can be suspended, roles changed and keys
rotated, to see what the application does then.</p>"#,
        client = client(provider, auth),
        origin = escape(&place(&auth.redirect_uri)),
        alert = alert.unwrap_or_default(),
        users = users_form(&seed, interaction, hinted.as_ref()),
        sign_up = way_to("/sign-up", interaction, "Sign up as somebody new"),
        asked_for = asked_for(auth),
    );
    page(status, "Sign in", &main, &target, None)
}

/// Who it is that asks.
pub(super) fn client(provider: &Provider, auth: &AuthRequest) -> String {
    match auth.client.is_third_party() {
        true => called(&auth.client),
        false => format!("<b>{}</b>", escape(auth.client.id(provider))),
    }
}

/// A link to another page of the same sign-in.
pub(super) fn way_to(path: &str, interaction: &str, text: &str) -> String {
    let interaction = escape(interaction);
    format!(r#"<a href="{path}?interaction={interaction}">{text}</a>"#)
}

/// A button for each user.
pub(super) fn users_form(seed: &Seed, interaction: &str, hinted: Option<&Hinted>) -> String {
    let is_hinted = |user: &SeedUser| hinted.is_some_and(|hinted| hinted.0 == user.id);
    // The hinted user comes first and has the focus.
    let (first, others): (Vec<_>, Vec<_>) = seed.users.iter().partition(|user| is_hinted(user));
    let users = first.into_iter().chain(others);
    let users = users.map(|user| user_button(seed, user, is_hinted(user)));
    format!(
        r#"<form method="post" action="/sign-in">
{interaction}
<ul class="users">
{users}</ul>
<div class="row">
<button class="plain" name="action" value="cancel">Cancel</button>
<button class="plain" name="action" value="deny">Deny</button>
</div>
</form>
<p class="hint">Cancel goes back with nothing at all, as Logto's consent page does. Deny goes back
with <code>error=access_denied</code>.</p>"#,
        interaction = hidden("interaction", interaction),
        users = users.collect::<String>(),
    )
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
pub(super) fn asked_for(auth: &AuthRequest) -> String {
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
