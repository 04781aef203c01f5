//! Whether a client that is somebody else's may have what it asks for. In plain words: who
//! it is, as far as that is known, what it gets, and where that goes.

use std::fmt::Write;

use super::layout::{escape, form_target, hidden, page, place};
use super::sign_in::way_to;
use crate::auth_request::AuthRequest;
use crate::claims;
use crate::clients::Client;
use crate::provider::is_loopback;
use crate::seed::SeedUser;
use crate::store::Grant;
use crate::wire::Reply;

/// Characters of a name that are shown.
const NAME_MAX: usize = 60;

pub(crate) fn consent(
    interaction: &str,
    auth: &AuthRequest,
    user: &SeedUser,
    allowed: &Grant,
) -> Reply {
    let main = format!(
        r#"<h1>Allow access?</h1>
<p>{client} asks for access in the name of <b>{user}</b>. {known}</p>
<h2>It gets</h2>
<dl>{gets}</dl>
<h2>It goes to</h2>
<p><b>{place}</b>{whose}</p>
<form method="post" action="/consent">
{interaction_field}
<div class="row">
<button class="primary" name="action" value="allow">Allow</button>
<button class="plain" name="action" value="deny">Deny</button>
</div>
</form>
<p>{others}</p>
<p class="hint">Deny goes back with <code>error=access_denied</code>. This is asked each time: nobody
has registered this client here.</p>"#,
        client = called(&auth.client),
        user = escape(user.label()),
        known = known(&auth.client),
        gets = gets(auth, allowed),
        place = escape(&place(&auth.redirect_uri)),
        whose = whose(auth),
        interaction_field = hidden("interaction", interaction),
        others = way_to("/sign-in", interaction, "Choose somebody else"),
    );
    let target = form_target(&auth.redirect_uri);
    page(200, "Allow access", &main, &target, None)
}

/// A client by name and host, as HTML.
pub(super) fn called(client: &Client) -> String {
    let name = client.name().map(str::trim).filter(|name| !name.is_empty());
    let name = name.map(|name| {
        let shown: String = name.chars().take(NAME_MAX).collect();
        format!("<b><bdi>{}</bdi></b>", escape(&shown))
    });
    let host = client
        .host()
        .map(|host| format!("<b>{}</b>", escape(&host)));
    match (name, host) {
        (Some(name), Some(host)) => format!("{name} of {host}"),
        (None, Some(host)) => format!("A client of {host}"),
        (Some(name), None) => format!("A client that calls itself {name}"),
        (None, None) => "A client without a name".to_owned(),
    }
}

/// What is known of who it is.
fn known(client: &Client) -> &'static str {
    match client.host() {
        None => "It has registered itself: nobody has checked who it is, and it may use any name.",
        Some(host) if is_loopback(&format!("http://{host}/")) => {
            "A program on this machine says so, and nobody has checked it."
        }
        Some(_) => {
            "The host is certain. The name is what its owner writes, and nobody has checked it."
        }
    }
}

/// What is allowed by the button, and what is not to be had.
fn gets(auth: &AuthRequest, allowed: &Grant) -> String {
    let words = |scopes: &mut dyn Iterator<Item = &String>| {
        let scopes = scopes.map(|scope| format!("<code>{}</code> ", escape(scope)));
        scopes.collect::<String>()
    };
    let mut rows = String::new();
    let mut row = |what: &str, scopes: String| {
        if !scopes.is_empty() {
            let _ = write!(rows, "<dt>{what}</dt><dd>{scopes}</dd>");
        }
    };
    let is_own = |scope: &&String| claims::SCOPES.contains(&scope.as_str());
    row(
        "about the user",
        words(&mut allowed.scopes.iter().filter(is_own)),
    );
    for (resource, scopes) in &allowed.resources {
        let scopes = match scopes.is_empty() {
            true => "a token without scopes".to_owned(),
            false => words(&mut scopes.iter()),
        };
        row("at an API", format!("{}: {scopes}", escape(resource)));
    }
    let is_not_given = |scope: &&String| !allowed.scopes.contains(*scope);
    row(
        "not this user’s to give",
        words(&mut auth.scopes.iter().filter(is_not_given)),
    );
    match rows.is_empty() {
        true => "<dt>nothing</dt><dd>but who the user is</dd>".to_owned(),
        false => rows,
    }
}

/// Whoever is behind the address.
fn whose(auth: &AuthRequest) -> &'static str {
    let uri = &auth.redirect_uri;
    match uri.scheme() {
        _ if is_loopback(uri.as_str()) => {
            ", a program on this machine. Whatever listens there gets the access: allow it only if \
             you have just started this yourself."
        }
        "http" | "https" => "",
        _ => {
            ", a program on this machine. Whatever opens such addresses here gets the access: allow \
             it only if you have just started this yourself."
        }
    }
}
