//! The sign-up page: a form for somebody new.

use super::layout::{escape, form_target, hidden, page, place};
use super::sign_in::{Hinted, asked_for, client, users_form, way_to};
use crate::accounts::{SignUp, USERS_MAX};
use crate::auth_request::AuthRequest;
use crate::provider::Provider;
use crate::wire::Reply;

/// With what was typed, and what is wrong with it.
pub(crate) fn sign_up(
    provider: &Provider,
    interaction: &str,
    auth: &AuthRequest,
    typed: Option<&SignUp>,
    wrong: &[(&'static str, String)],
) -> Reply {
    let seed = provider.seed();
    let hinted = Hinted::of(&seed, auth).filter(|_| typed.is_none());
    // The application may have meant somebody who is here already.
    let hint = auth.login_hint.as_deref().filter(|_| hinted.is_none());
    let hint = SignUp::hinted(hint);
    let typed = typed.unwrap_or(&hint);
    let focus = match wrong.first() {
        Some((field, _)) => field,
        None if hinted.is_some() => "",
        None => "username",
    };
    let field = |name: &'static str, label: &str, value: &str, more: &str| {
        let wrong = wrong.iter().find(|(field, _)| *field == name);
        let why = wrong.map(|(_, why)| why.as_str());
        text_field(name, label, value, more, why, focus == name)
    };
    let target = form_target(&auth.redirect_uri);
    let (status, title) = match wrong.is_empty() {
        true => (200, "Sign up"),
        false => (422, "Error: Sign up"),
    };
    let main = format!(
        r#"<h1>Sign up</h1>
<p>to {client} at <b>{origin}</b>, as somebody new.</p>
<form method="post" action="/sign-up" novalidate>
{interaction}
{username}{name}{email}
<button class="primary">Sign up</button>
</form>
<p class="hint">No password, and no mail is sent. A new user has no roles and is in no organization.</p>
<h2>Or be somebody who is here</h2>
{users}
{asked_for}
<p class="hint">{sign_in}</p>"#,
        client = client(provider, auth),
        origin = escape(&place(&auth.redirect_uri)),
        username = field(
            "username",
            "User name",
            &typed.username,
            r#" required autocomplete="username" autocapitalize="none" spellcheck="false""#,
        ),
        name = field(
            "name",
            "Name, if you like",
            &typed.name,
            r#" autocomplete="name""#
        ),
        email = field(
            "email",
            "E-mail, if you like",
            &typed.email,
            r#" type="email" autocomplete="email""#,
        ),
        users = users_form(&seed, interaction, hinted.as_ref()),
        interaction = hidden("interaction", interaction),
        asked_for = asked_for(auth),
        sign_in = way_to("/sign-in", interaction, "Back to the sign-in page"),
    );
    page(status, title, &main, &target, None)
}

/// A field, its label, and what is wrong with it.
fn text_field(
    name: &str,
    label: &str,
    value: &str,
    more: &str,
    wrong: Option<&str>,
    has_focus: bool,
) -> String {
    let (attributes, why) = match wrong {
        None => (String::new(), String::new()),
        Some(why) => (
            format!(r#" aria-invalid="true" aria-describedby="{name}-wrong""#),
            format!(r#"<p class="wrong" id="{name}-wrong">{}</p>"#, escape(why)),
        ),
    };
    format!(
        r#"<label for="{name}">{label}</label>
<input id="{name}" name="{name}" value="{value}" maxlength="128"{more}{attributes}{focus}>
{why}
"#,
        value = escape(value),
        focus = if has_focus { " autofocus" } else { "" },
    )
}

/// Nobody else fits in.
pub(crate) fn full(interaction: &str) -> Reply {
    let main = format!(
        r#"<h1>Nobody else fits in</h1>
<p class="alert">{USERS_MAX} users have signed up, and more are not kept.</p>
<p>Delete some of them on the <a href="/">control page</a>, or be one of them: {sign_in}</p>"#,
        sign_in = way_to("/sign-in", interaction, "back to the sign-in page"),
    );
    page(403, "Nobody else fits in", &main, "", None)
}
