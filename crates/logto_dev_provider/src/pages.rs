//! The HTML the development provider shows: sign-in, users, sign-out, errors.
//! No scripts but one, which submits `form_post` answers and has a button for
//! browsers without scripts.

use std::borrow::Cow;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rocket::http::RawStr;
use url::Url;

use super::Provider;
use super::auth_request::AuthRequest;
use super::discovery;
use super::seed::{Seed, SeedUser};
use super::wire::{Received, Reply};

const STYLE: &str = include_str!("style.css");
const SUBMIT: &str = "document.forms[0].submit()";

pub(super) fn style(_: &Provider, _: &Received) -> Reply {
    let mut reply = Reply::new(200, "text/css; charset=utf-8", STYLE);
    reply.set_header("cache-control", "max-age=300");
    reply
}

fn escape(text: &str) -> Cow<'_, str> {
    RawStr::new(text).html_escape()
}

/// A whole page. `form_targets` are the origins a form may end up at: Chromium
/// applies `form-action` to the redirect after a form too.
fn page(status: u16, title: &str, main: &str, form_targets: &str, script: Option<&str>) -> Reply {
    let mut policy = format!(
        "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; \
         frame-ancestors 'none'; form-action 'self' {form_targets}"
    );
    let mut tail = String::new();
    if let Some(script) = script {
        let hash = STANDARD.encode(digest(&SHA256, script.as_bytes()));
        policy.push_str(&format!("; script-src 'sha256-{hash}'"));
        tail = format!("<script>{script}</script>");
    }
    let title = escape(title);
    let html = format!(
        r#"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>{title} · Development provider</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/assets/dev-provider.css">
</head>
<body>
<header class="banner">
<strong>Development provider</strong>
<span>Not Logto, no passwords, never for production.</span>
</header>
<main>
{main}
</main>
{tail}
</body>
</html>
"#
    );
    Reply::new(status, "text/html; charset=utf-8", html)
        .with("content-security-policy", &policy)
        .with("x-content-type-options", "nosniff")
        .with("x-frame-options", "DENY")
        .with("referrer-policy", "no-referrer")
}

fn hidden(name: &str, value: &str) -> String {
    format!(
        r#"<input type="hidden" name="{}" value="{}">"#,
        escape(name),
        escape(value)
    )
}

pub(super) fn error(status: u16, title: &str, text: &str) -> Reply {
    let main = format!("<h1>{}</h1>\n<p>{}</p>", escape(title), escape(text));
    page(status, title, &main, "", None)
}

pub(super) fn sign_in(
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
    let (before, after): (Vec<_>, Vec<_>) = seed
        .users
        .iter()
        .partition(|user| hinted.is_some_and(|hinted| hinted.id == user.id));
    for user in before {
        users.push_str(&user_button(&seed, user, true));
    }
    for user in after {
        users.push_str(&user_button(&seed, user, false));
    }
    let origin = auth.redirect_uri.origin().ascii_serialization();
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
    let status = if main.contains(r#"role="alert""#) {
        401
    } else {
        200
    };
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
    let mut organizations = seed
        .organizations_of(user)
        .into_iter()
        .map(|o| o.name.as_str());
    let organizations = organizations.by_ref().collect::<Vec<_>>().join(", ");
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
        let text = "One of Logto's extra parameters is not valid. Logto drops all of them then, so none is heeded.";
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

/// Sends the response by a form that submits itself (OAuth 2.0 Form Post Response Mode).
pub(super) fn form_post(redirect_uri: &Url, params: &[(String, String)]) -> Reply {
    let fields = params
        .iter()
        .map(|(name, value)| hidden(name, value))
        .collect::<String>();
    let main = format!(
        r#"<h1>Signing in…</h1>
<form method="post" action="{action}">{fields}
<noscript><p>Scripts are off in this browser.</p></noscript>
<button class="primary">Go on</button></form>"#,
        action = escape(redirect_uri.as_str()),
    );
    let origin = redirect_uri.origin().ascii_serialization();
    page(200, "Signing in", &main, &origin, Some(SUBMIT))
}

pub(super) fn confirm_sign_out(provider: &Provider, params: &[(&str, &str)]) -> Reply {
    let fields = params
        .iter()
        .map(|(name, value)| hidden(name, value))
        .collect::<String>();
    let uris = provider.post_logout_redirect_uris();
    let origins = uris.iter().filter_map(|uri| Url::parse(uri).ok());
    let origins: Vec<String> = origins
        .map(|uri| uri.origin().ascii_serialization())
        .collect();
    let main = format!(
        r#"<h1>Sign out?</h1>
<p>You are signed in at the development provider.</p>
<form method="post" action="{action}">{fields}
<button class="primary">Sign out</button></form>"#,
        action = escape(&provider.path("/session/end/confirm")),
    );
    page(200, "Sign out", &main, &origins.join(" "), None)
}

pub(super) fn signed_out() -> Reply {
    error(
        200,
        "Signed out",
        "You are signed out of the development provider.",
    )
}

pub(super) fn not_found(_: &Provider, _: &Received) -> Reply {
    error(
        404,
        "Not found",
        "The development provider has nothing here.",
    )
}

/// `/`: who exists, and a switch to suspend them.
pub(super) fn users(provider: &Provider, _: &Received) -> Reply {
    let seed = provider.seed();
    let users = seed
        .users
        .iter()
        .map(|user| user_row(&seed, user))
        .collect::<String>();
    let list = |uris: Vec<String>| {
        let items = uris
            .iter()
            .map(|uri| format!("<code>{}</code> ", escape(uri)));
        items.collect::<String>()
    };
    let main = format!(
        r#"<h1>Users</h1>
<p>A suspended user cannot sign in; refreshing and the userinfo endpoint fail for them.
Change users, organizations and resources in <code>Rocket.toml</code>.</p>
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
        redirect_uris = list(provider.redirect_uris()),
        post_logout_redirect_uris = list(provider.post_logout_redirect_uris()),
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

pub(super) fn suspend(provider: &Provider, request: &Received) -> Reply {
    if !provider.is_same_origin(request) {
        return error(
            403,
            "Not from here",
            "This form was sent from another site.",
        );
    }
    let user = request.form_value("user").unwrap_or_default();
    provider.suspend(user, request.form_value("suspend") == Some("yes"));
    Reply::redirect("/")
}
