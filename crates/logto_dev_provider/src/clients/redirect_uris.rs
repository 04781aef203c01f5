//! The redirect URIs of clients that describe themselves: which may be named, and which is
//! the same as one that is (RFC 6749 section 3.1.2, RFC 8252 sections 7 and 8.4).

use serde::{Deserialize, Serialize};
use url::Url;

use crate::provider::is_loopback;

/// `application_type` (OpenID Connect Dynamic Client Registration 1.0, section 2). It says
/// `web` where nothing is said; programs on the user's machine that came before MCP asked
/// for it say nothing, so nothing is concluded from that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum ApplicationType {
    Web,
    Native,
}

/// Schemes with which a browser runs something, shows a file, or does not redirect.
const NEVER: [&str; 12] = [
    "javascript",
    "data",
    "vbscript",
    "file",
    "blob",
    "about",
    "filesystem",
    "view-source",
    "ws",
    "wss",
    "ftp",
    "mailto",
];

/// Why a client may not be sent answers there.
pub(super) fn check(uri: &str, of: Option<ApplicationType>) -> Result<(), String> {
    let wrong = |why: &str| Err(format!("{uri:?} {why}"));
    let is_plain = !uri.contains(|c: char| c.is_control() || c.is_whitespace());
    let Some(url) = Url::parse(uri).ok().filter(|_| is_plain) else {
        return wrong("is no absolute URI");
    };
    if uri.contains('#') {
        return wrong("has a fragment");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return wrong("has a user name or a password");
    }
    let scheme = url.scheme();
    if NEVER.contains(&scheme) {
        return wrong("has a scheme that no application answers to");
    }
    match (scheme, of) {
        ("https", _) => Ok(()),
        ("http", _) if !is_loopback(uri) => {
            wrong("is http: that is for 127.0.0.1, [::1] and localhost only")
        }
        (_, Some(ApplicationType::Web)) => {
            wrong("is for an application_type native: one that is web has https")
        }
        _ => Ok(()),
    }
}

/// Whether `sent` is the address that was registered: as text, but for the port of a
/// loopback address, which a program takes as it gets it (RFC 8252, section 7.3).
/// `localhost` is not in that section; programs use it all the same.
pub(super) fn is_same(registered: &str, sent: &str) -> bool {
    registered == sent
        || without_port(registered).is_some_and(|known| without_port(sent) == Some(known))
}

/// Host, and all that follows the port, of an `http` address on the loopback interface.
fn without_port(uri: &str) -> Option<(&str, &str)> {
    let rest = uri.strip_prefix("http://")?;
    let hosts = ["127.0.0.1", "[::1]", "localhost"];
    let host = hosts.into_iter().find(|host| rest.starts_with(host))?;
    let after_host = &rest[host.len()..];
    let tail = match after_host.strip_prefix(':') {
        None => after_host,
        Some(port) => {
            let tail = port.trim_start_matches(|c: char| c.is_ascii_digit());
            if tail.len() == port.len() {
                return None;
            }
            tail
        }
    };
    // The host has to end here: `localhost.example` is another one, `localhost@…` a name.
    (tail.is_empty() || tail.starts_with(['/', '?'])).then_some((host, tail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_port_of_a_loopback_address_may_differ() {
        for (registered, sent) in [
            ("http://127.0.0.1/cb", "http://127.0.0.1:51234/cb"),
            ("http://127.0.0.1:1/cb", "http://127.0.0.1:2/cb"),
            ("http://127.0.0.1:1/cb", "http://127.0.0.1/cb"),
            ("http://[::1]/cb?a=b", "http://[::1]:51234/cb?a=b"),
            ("http://localhost:3000/cb", "http://localhost:51234/cb"),
            ("http://localhost", "http://localhost:51234"),
            ("https://app.example/cb", "https://app.example/cb"),
            ("com.example.app:/cb", "com.example.app:/cb"),
        ] {
            assert!(is_same(registered, sent), "{registered} {sent}");
        }
        for (registered, sent) in [
            ("http://127.0.0.1/cb", "http://127.0.0.1:51234/other"),
            ("http://127.0.0.1/cb", "http://127.0.0.1:51234/cb/"),
            ("http://127.0.0.1/cb", "http://127.0.0.1:51234/cb?x=1"),
            ("http://127.0.0.1/cb", "http://localhost:51234/cb"),
            ("http://127.0.0.1/cb", "http://[::1]:51234/cb"),
            ("http://127.0.0.1/cb", "http://127.0.0.2:51234/cb"),
            ("http://127.0.0.1/cb", "https://127.0.0.1:51234/cb"),
            ("http://127.0.0.1/cb", "http://127.0.0.1:/cb"),
            ("http://127.0.0.1/cb", "http://127.0.0.1:1@evil.example/cb"),
            ("http://127.0.0.1/cb", "http://127.0.0.1.evil.example/cb"),
            ("http://localhost/cb", "http://localhost.evil.example/cb"),
            ("http://localhost/cb", "http://localhost@evil.example/cb"),
            ("http://localhost", "http://localhost:1.evil.example"),
            ("http://localhost/cb", "http://localhost\\@evil.example/cb"),
            ("http://localhost/cb", "http://LOCALHOST/cb"),
            ("https://localhost/cb", "https://localhost:51234/cb"),
            ("https://app.example/cb", "https://app.example:8443/cb"),
            ("http://app.example/cb", "http://app.example:8080/cb"),
        ] {
            assert!(!is_same(registered, sent), "{registered} {sent}");
        }
    }

    #[test]
    fn what_may_be_registered() {
        use ApplicationType::{Native, Web};
        for (uri, of) in [
            ("https://app.example/cb", None),
            ("https://app.example/cb", Some(Web)),
            ("https://app.example/cb", Some(Native)),
            ("http://localhost:3000/cb", None),
            ("http://127.0.0.1/cb", Some(Native)),
            ("http://[::1]:1/cb", None),
            ("com.example.app:/cb", Some(Native)),
            ("cursor://anysphere.cursor-mcp/oauth/callback", None),
        ] {
            assert_eq!(check(uri, of), Ok(()), "{uri} {of:?}");
        }
        for (uri, of, why) in [
            ("/cb", None, "no absolute URI"),
            ("", None, "no absolute URI"),
            ("https://app.example/c b", None, "no absolute URI"),
            ("java\nscript:alert(1)", None, "no absolute URI"),
            ("https://app.example/cb#", None, "fragment"),
            ("https://app.example/cb#x", None, "fragment"),
            ("https://me@app.example/cb", None, "user name"),
            ("https://:x@app.example/cb", None, "password"),
            ("http://app.example/cb", None, "is http"),
            ("http://app.example/cb", Some(Native), "is http"),
            ("http://localhost.evil.example/cb", None, "is http"),
            ("http://localhost/cb", Some(Web), "application_type"),
            ("cursor://x/cb", Some(Web), "application_type"),
            ("javascript:alert(1)", None, "scheme"),
            ("JavaScript:alert(1)", None, "scheme"),
            ("data:text/html,x", Some(Native), "scheme"),
            ("file:///etc/passwd", None, "scheme"),
        ] {
            let error = check(uri, of).expect_err(uri);
            assert!(error.contains(why), "{uri}: {error}");
        }
    }
}
