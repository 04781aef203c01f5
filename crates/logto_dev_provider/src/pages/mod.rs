//! The HTML the provider shows: sign-in, sign-up, the control page, sign-out, errors.
//! No scripts but one, which submits `form_post` answers and has a button for browsers
//! without scripts.

mod account;
mod consent;
mod layout;
mod outcome;
mod refused;
mod refused_client;
mod second_factor;
mod sign_in;
mod sign_up;
mod user;
mod users;

use url::Url;

use crate::own_pages::Foreign;
use crate::provider::Provider;
use crate::wire::{Received, Reply};
use layout::{escape, form_target, hidden_fields, page};

pub(crate) use account::account;
pub(crate) use consent::consent;
pub(crate) use refused::refused;
pub(crate) use second_factor::second_factor;
pub(crate) use sign_in::sign_in;
pub(crate) use sign_up::{full, sign_up};
pub(crate) use user::{no_such_user, user, user_path};
pub(crate) use users::users;

const STYLE: &str = include_str!("style.css");
const SUBMIT: &str = "document.forms[0].submit()";

pub(crate) fn style(_: &Provider, _: &Received) -> Reply {
    let mut reply = Reply::new(200, "text/css; charset=utf-8", STYLE);
    reply.set_header("cache-control", "max-age=300");
    reply
}

pub(crate) fn error(status: u16, title: &str, text: &str) -> Reply {
    let main = format!("<h1>{}</h1>\n<p>{}</p>", escape(title), escape(text));
    page(status, title, &main, "", None)
}

/// A form that another site has sent.
pub(crate) fn cross_site() -> Reply {
    let text = "This form was sent from another site.";
    error(403, "Not from here", text)
}

/// A request to one of the pages that is refused.
pub(crate) fn foreign(why: Foreign) -> Reply {
    match why {
        Foreign::Site => cross_site(),
        Foreign::Host => {
            let text = "These pages are for this machine, under the name localhost or an address \
                        like 127.0.0.1. This request named another host.";
            error(403, "Another host", text)
        }
    }
}

/// Sends the response by a form that submits itself (OAuth 2.0 Form Post Response Mode).
pub(crate) fn form_post(redirect_uri: &Url, params: &[(String, String)]) -> Reply {
    let pairs = params.iter();
    let fields = hidden_fields(pairs.map(|(name, value)| (name.as_str(), value.as_str())));
    let main = format!(
        r#"<h1>Signing in…</h1>
<form method="post" action="{action}">{fields}
<noscript><p>Scripts are off in this browser.</p></noscript>
<button class="primary">Go on</button></form>"#,
        action = escape(redirect_uri.as_str()),
    );
    let target = form_target(redirect_uri);
    page(200, "Signing in", &main, &target, Some(SUBMIT))
}

/// Asks before a sign-out. `target` is where the browser goes after it.
pub(crate) fn confirm_sign_out(
    provider: &Provider,
    params: &[(&str, &str)],
    target: Option<&str>,
) -> Reply {
    let fields = hidden_fields(params.iter().copied());
    let target = target.and_then(|uri| Url::parse(uri).ok());
    let target = target.map(|uri| form_target(&uri));
    let main = format!(
        r#"<h1>Sign out?</h1>
<p>You are signed in at the development provider.</p>
<form method="post" action="{action}">{fields}
<button class="primary">Sign out</button></form>"#,
        action = escape(&provider.path("/session/end/confirm")),
    );
    page(200, "Sign out", &main, &target.unwrap_or_default(), None)
}

pub(crate) fn signed_out() -> Reply {
    error(
        200,
        "Signed out",
        "You are signed out of the development provider.",
    )
}

pub(crate) fn not_found(_: &Provider, _: &Received) -> Reply {
    error(
        404,
        "Not found",
        "The development provider has nothing here.",
    )
}

pub(crate) fn too_large() -> Reply {
    error(413, "Too large", "The request body is over 1 MiB.")
}

pub(crate) fn failed() -> Reply {
    let text = "The development provider failed to answer this request.";
    error(500, "Something went wrong", text)
}
