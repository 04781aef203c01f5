//! Requests that are refused, and not sent back to the application: for the developer,
//! who sees them in the browser. Logto shows the JSON that programs get here, too.

use std::fmt::Write;

use url::Url;

use super::layout::{escape, page};
use super::refused_client;
use super::users::uris;
use crate::oidc_error::OidcError;
use crate::provider::{Provider, is_loopback, read};
use crate::wire::{Endpoint, Received, Reply, first};

/// Parameters that are shown.
const SHOWN_MAX: usize = 40;
/// Characters of one that are shown.
const VALUE_MAX: usize = 300;

/// The answer to a request that failed: a page for browsers, and for everybody else
/// `reply`, as it is.
pub(crate) fn refused(
    provider: &Provider,
    request: &Received,
    params: &[(String, String)],
    error: &OidcError,
    reply: Reply,
) -> Reply {
    if !request.wants_html() {
        return reply;
    }
    let title = match request.endpoint {
        Endpoint::EndSession => "This sign-out is refused",
        _ => "This sign-in is refused",
    };
    let (expected, advice) = refused_client::advice(provider, params, error)
        .unwrap_or_else(|| advice(provider, params, error));
    let main = format!(
        r#"<h1>{title}</h1>
<p class="alert"><code>{code}</code>: {description}</p>
<p>Nothing goes back to the application. At Logto the user would see a page of JSON.</p>
{advice}
<h2>Expected</h2>
<dl>{expected}</dl>
<h2>Sent</h2>
<dl>{sent}</dl>"#,
        code = escape(error.error),
        description = escape(&error.description),
        sent = sent(params),
    );
    page(reply.status, title, &main, "", None)
}

/// The parameters, without what is secret.
fn sent(params: &[(String, String)]) -> String {
    const SECRET: [&str; 4] = [
        "client_secret",
        "client_assertion",
        "id_token_hint",
        "code_verifier",
    ];
    if params.is_empty() {
        return "<dt>Nothing</dt><dd>no parameters at all</dd>".into();
    }
    let mut rows = String::new();
    for (name, value) in params.iter().take(SHOWN_MAX) {
        let shown = if SECRET.contains(&name.as_str()) {
            format!("{} characters, not shown", value.chars().count())
        } else {
            format!("<code>{}</code>", escape(&cut(value)))
        };
        let _ = write!(rows, "<dt>{}</dt><dd>{shown}</dd>", escape(&cut(name)));
    }
    if params.len() > SHOWN_MAX {
        let _ = write!(rows, "<dt>…</dt><dd>{} more</dd>", params.len() - SHOWN_MAX);
    }
    rows
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(VALUE_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// What would have been right, and what to write.
fn advice(provider: &Provider, params: &[(String, String)], error: &OidcError) -> (String, String) {
    let settings = &provider.settings;
    let client = format!(
        "<dt>client_id</dt><dd><code>{}</code></dd>",
        escape(&settings.client_id)
    );
    let registered = read(&provider.registered);
    let description = error.description.as_str();
    if description.contains("post_logout_redirect_uri") {
        let known = &registered.post_logout_redirect_uris;
        let any = settings.any_loopback_post_logout_redirect_uri;
        let expected = format!(
            "<dt>post_logout_redirect_uri</dt><dd>{}</dd>",
            uris(known, any)
        );
        let sent = first(params, "post_logout_redirect_uri").unwrap_or_default();
        let advice = address(sent, known, "post_sign_out", "post-logout-redirect-uri");
        return (expected, advice);
    }
    if error.error == "invalid_redirect_uri" {
        let known = &registered.redirect_uris;
        let any = settings.any_loopback_redirect_uri;
        let expected = format!("<dt>redirect_uri</dt><dd>{}</dd>", uris(known, any));
        let sent = first(params, "redirect_uri").unwrap_or_default();
        return (
            expected,
            address(sent, known, "routes.callback", "redirect-uri"),
        );
    }
    if description.contains("id_token_hint") {
        let keys = provider.keys().current_and_previous();
        let keys = keys
            .iter()
            .map(|(kid, _)| format!("<code>{}</code> ", escape(kid)));
        let keys = keys.collect::<String>();
        let expected = format!(
            "<dt>id_token_hint</dt><dd>an ID token of this provider for the client, signed by a key \
             that is still published: {keys}</dd>{client}"
        );
        let advice = "<p>There is nothing to write in <code>Rocket.toml</code>. The key of the token \
                      may have been rotated out, or the token is another provider’s. rocket_logto \
                      leaves the hint out where its key is not published; <code>client_id</code> \
                      alone is enough.</p>";
        return (expected, advice.into());
    }
    if error.error == "invalid_request_uri" {
        let expected = "<dt>request_uri</dt><dd>one that was pushed within the last minute, and is \
                        used once</dd>";
        let advice = "<p>There is nothing to write in <code>Rocket.toml</code>: go back to the \
                      application, and start the sign-in there again.</p>";
        return (expected.into(), advice.into());
    }
    let endpoint = provider.endpoint();
    let toml = format!(
        "[debug.logto]\nendpoint = {endpoint:?}\napp_id = {:?}\napp_secret = \"…\"",
        settings.client_id
    );
    let advice = snippet(
        "Write in <code>Rocket.toml</code> of the application",
        &toml,
    ) + "<p>The secret is the one that the provider was started with. Without \
         <code>endpoint</code> an application with rocket_logto starts a provider of its own, and \
         needs none of these.</p>";
    (client, advice)
}

/// Which keys make the address that was sent one that is registered.
fn address(sent: &str, registered: &[String], path_key: &str, option: &str) -> String {
    let url = Url::parse(sent).ok();
    let origin = |url: &Url| url.origin().ascii_serialization();
    let known: Vec<Url> = registered
        .iter()
        .filter_map(|uri| Url::parse(uri).ok())
        .collect();
    // One that differs in as little as possible.
    let nearest = known.iter().min_by_key(|known| {
        let differs = url.as_ref().map_or((true, true), |url| {
            (known.path() != url.path(), origin(known) != origin(url))
        });
        u8::from(differs.0) + u8::from(differs.1)
    });
    let mut advice = String::new();
    if let Some(nearest) = nearest {
        let mut toml = String::from("[debug.logto]\n");
        if url
            .as_ref()
            .is_none_or(|url| origin(url) != origin(nearest))
        {
            let _ = writeln!(toml, "base_url = {:?}", origin(nearest));
        }
        if url.as_ref().is_none_or(|url| url.path() != nearest.path()) {
            let _ = writeln!(toml, "{path_key} = {:?}", nearest.path());
        }
        if toml.lines().count() > 1 {
            let lead = "Write in <code>Rocket.toml</code> of the application, so that it sends an \
                        address that is registered";
            advice.push_str(&snippet(lead, toml.trim_end()));
        }
    }
    // Nothing that another site could have somebody paste into a shell.
    let plain = |c: char| c.is_ascii_graphic() && !"'\"`$\\".contains(c);
    if is_loopback(sent) && sent.chars().all(plain) {
        let lead =
            "Or register the address that was sent, where the provider is a program of its own";
        let command = format!("logto_dev_provider --{option} '{}'", cut(sent));
        advice.push_str(&snippet(lead, &command));
    }
    advice
}

fn snippet(lead: &str, text: &str) -> String {
    format!("<p>{lead}:</p>\n<pre><code>{}</code></pre>\n", escape(text))
}
