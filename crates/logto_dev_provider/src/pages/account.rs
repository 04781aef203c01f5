//! `/account/…`: where Logto's account center is. There is nothing to change here, so these
//! pages say what Logto would let the user do, and lead back.

use url::Url;

use super::layout::{escape, page};
use super::not_found;
use crate::provider::Provider;
use crate::wire::{Received, Reply};

/// The pages of Logto's account center, and what they are for.
const PAGES: [(&str, &str); 11] = [
    (
        "security",
        "see how you sign in, your second factors, your social accounts and your sessions",
    ),
    ("email", "change your e-mail address"),
    ("phone", "change your phone number"),
    ("username", "change your user name"),
    ("password", "change your password"),
    ("passkey/add", "add a passkey"),
    ("passkey/manage", "see and remove your passkeys"),
    ("authenticator-app", "set up an authenticator app"),
    (
        "authenticator-app/replace",
        "replace your authenticator app",
    ),
    ("backup-codes/generate", "make new backup codes"),
    ("backup-codes/manage", "see your backup codes"),
];

pub(crate) fn account(provider: &Provider, request: &Received) -> Reply {
    let path = request.path.strip_prefix("/account/").unwrap_or_default();
    let Some((_, what)) = PAGES.iter().find(|(known, _)| *known == path) else {
        return not_found(provider, request);
    };
    let who = match provider.session(request) {
        Some((_, session)) => {
            let seed = provider.seed();
            let label = seed.user(&session.user).map(|user| user.label().to_owned());
            format!("You are signed in as {}.", label.unwrap_or_default())
        }
        None => "You are not signed in here. Logto would ask you to sign in first.".to_owned(),
    };
    let back = match request.query_value("redirect") {
        None => String::new(),
        // Anyone can write a link, and the user trusts this page.
        Some(uri) if !provider.takes_account_redirect(uri) => {
            r#"<p role="status">The address to go back to is not one of the application’s, so there is no link to it.</p>"#
                .to_owned()
        }
        Some(uri) => {
            let host = Url::parse(uri).map(|uri| uri.origin().ascii_serialization());
            format!(
                r#"<p><a class="primary" href="{}">Back</a> to {}</p>"#,
                escape(uri),
                escape(&host.unwrap_or_default())
            )
        }
    };
    let main = format!(
        "<h1>Your account</h1>\n<p>Logto would let you {what} here. At the development provider \
         there is nothing to change.</p>\n<p>{who}</p>\n{back}",
        who = escape(&who),
    );
    page(200, "Your account", &main, "", None)
}
