//! The names and attributes of all cookies that a browser gets: one owner, so that two
//! apps at one host do not disturb each other, and no cookie passes for another.

use std::fmt::Write as _;

use ::cookie::SameSite;

use super::CookieSpec;
use crate::clock::Seconds;
use crate::config::{LogtoConfig, ResponseMode};
use crate::sha256::sha256;

/// Cookies know hosts, but no ports, and all paths of a host share its limits. So the
/// names say which app they are of: by a digest, or by `session.cookie_name`.
pub(crate) struct CookieNames {
    session: String,
    /// What the names of sign-ins under way begin with.
    transactions: String,
    question: String,
    left: String,
    quiet: String,
    path: String,
    secure: bool,
    transactions_same_site: SameSite,
}

impl CookieNames {
    pub(crate) fn of(config: &LogtoConfig) -> CookieNames {
        let prefix = prefix(config);
        let named = |what: &str| match &config.cookie_name {
            Some(name) => format!("{prefix}{name}_{what}"),
            None => format!("{prefix}logto_{what}_{}", digest(config)),
        };
        let session = match &config.cookie_name {
            Some(name) => format!("{prefix}{name}"),
            None => named("session"),
        };
        CookieNames {
            session,
            transactions: format!("{}_", named("txn")),
            question: named("question"),
            left: named("left"),
            quiet: named("quiet"),
            path: match config.base_path() {
                "" => "/".to_owned(),
                path => path.to_owned(),
            },
            secure: config.is_https(),
            // The response to a `form_post` request is a cross-site POST, to which
            // browsers add only cookies with `SameSite=None`.
            transactions_same_site: match config.response_mode {
                ResponseMode::FormPost => SameSite::None,
                ResponseMode::Query => SameSite::Lax,
            },
        }
    }

    /// The session's cookie; when it takes several, the first one.
    pub(crate) fn session(&self) -> &str {
        &self.session
    }

    /// The cookie of the sign-in that `hash` is of.
    pub(crate) fn transaction(&self, hash: &str) -> String {
        format!("{}{hash}", self.transactions)
    }

    pub(crate) fn is_transaction(&self, name: &str) -> bool {
        name.starts_with(&self.transactions)
    }

    /// The cookie of a sign-in that waits for the user's answer.
    pub(crate) fn question(&self) -> &str {
        &self.question
    }

    /// The cookie of a browser that is at the provider to sign out there.
    pub(crate) fn left(&self) -> &str {
        &self.left
    }

    /// The cookie of a browser in which no sign-in begins by itself.
    pub(crate) fn quiet(&self) -> &str {
        &self.quiet
    }

    /// The attributes of the session's cookies.
    pub(crate) fn session_spec<'a>(&'a self, name: &'a str, max_age: Seconds) -> CookieSpec<'a> {
        CookieSpec {
            name,
            path: &self.path,
            max_age,
            secure: self.secure,
            same_site: SameSite::Lax,
        }
    }

    /// The attributes of the cookie of a sign-in.
    pub(crate) fn transaction_spec<'a>(
        &'a self,
        name: &'a str,
        max_age: Seconds,
    ) -> CookieSpec<'a> {
        CookieSpec {
            same_site: self.transactions_same_site,
            ..self.session_spec(name, max_age)
        }
    }
}

/// With `__Host-` the browser insists on `Secure`, `Path=/` and no `Domain`, so no
/// neighbouring host can plant the cookie. Below a path there is only `__Secure-`, which
/// insists on `Secure` (RFC 6265bis section 4.1.3).
fn prefix(config: &LogtoConfig) -> &'static str {
    match (config.is_https(), config.base_path()) {
        (true, "") => "__Host-",
        (true, _) => "__Secure-",
        (false, _) => "",
    }
}

/// Of what tells one app at a host from another: the registration; and the path, because
/// the cookies of an app at `/` come to one at `/app`, too.
fn digest(config: &LogtoConfig) -> String {
    // No issuer has a line break in it.
    let app = format!(
        "{}\n{}\n{}",
        config.issuer(),
        config.app_id(),
        config.base_path()
    );
    sha256(app)[..5]
        .iter()
        .fold(String::new(), |mut hex, byte| {
            // Writing to a String cannot fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        })
}
