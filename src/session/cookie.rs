//! How a secret value is kept in a browser: AES-256-GCM under Rocket's
//! `secret_key`, bound to the cookie's name, read from the raw `Cookie` header.

use ::cookie::{Cookie, CookieJar, Key, SameSite};
use rocket::Request;

use crate::config::LogtoConfig;
use crate::oidc::verify::Seconds;

/// Browsers drop a larger cookie without a word (RFC 6265bis section 5.5 asks
/// for 4096 bytes of name and value; attributes are counted here, too).
const MAX_COOKIE: usize = 4096;

/// Seals and opens cookie values. The first key seals; all open.
pub(crate) struct CookieKeys(Vec<Key>);

/// The value does not fit a cookie; `0` is how large it would be, in bytes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLarge(pub usize);

/// Everything about a cookie but its value.
pub(crate) struct CookieSpec<'a> {
    pub name: &'a str,
    pub max_age: Seconds,
    pub secure: bool,
    pub same_site: SameSite,
}

impl CookieKeys {
    pub(crate) fn new(current: Key) -> CookieKeys {
        CookieKeys(vec![current])
    }

    /// The `Set-Cookie` line that stores `plain`.
    pub(crate) fn seal(&self, spec: &CookieSpec<'_>, plain: String) -> Result<String, TooLarge> {
        let mut jar = CookieJar::new();
        if let Some(key) = self.0.first() {
            jar.private_mut(key)
                .add(Cookie::new(spec.name.to_owned(), plain));
        }
        let value = jar.get(spec.name).map(|sealed| sealed.value().to_owned());
        let line = spec.line(value.unwrap_or_default());
        match line.len() {
            size if size > MAX_COOKIE => Err(TooLarge(size)),
            _ => Ok(line),
        }
    }

    /// The text that was sealed under this very name, or `None`.
    pub(crate) fn open(&self, name: &str, value: &str) -> Option<String> {
        self.0.iter().find_map(|key| {
            let sealed = Cookie::new(name.to_owned(), value.to_owned());
            let opened = CookieJar::new().private(key).decrypt(sealed)?;
            Some(opened.value().to_owned())
        })
    }
}

impl CookieSpec<'_> {
    /// The `Set-Cookie` line that removes the cookie.
    pub(crate) fn removal(&self) -> String {
        CookieSpec {
            max_age: 0,
            ..*self
        }
        .line(String::new())
    }

    fn line(&self, value: String) -> String {
        Cookie::build((self.name.to_owned(), value))
            .path("/")
            .http_only(true)
            .secure(self.secure)
            .same_site(self.same_site)
            .max_age(cookie::time::Duration::seconds(self.max_age))
            .build()
            .to_string()
    }
}

/// `__Host-` makes the browser insist on `Secure`, `Path=/` and no `Domain`, so
/// that no neighbouring host can plant the cookie.
pub(crate) fn name(config: &LogtoConfig, name: &str) -> String {
    match config.is_https() {
        true => format!("__Host-{name}"),
        false => name.to_owned(),
    }
}

/// All cookies of a request as they stand in the header: names compared byte
/// for byte, nothing decoded, nothing trimmed but the spaces of the syntax.
/// Rocket's own jar decodes names and lets the last duplicate win, which would
/// let `%5F%5FHost-…` stand in for `__Host-…`.
pub(crate) fn raw_cookies<'r>(request: &'r Request<'_>) -> Vec<(&'r str, &'r str)> {
    if !request.headers().contains("Cookie") {
        // Rocket's local client hands cookies over without a header.
        return request
            .cookies()
            .iter()
            .map(|cookie| cookie.name_value())
            .collect();
    }
    request
        .headers()
        .get("Cookie")
        .flat_map(parse_header)
        .collect()
}

fn parse_header(header: &str) -> impl Iterator<Item = (&str, &str)> {
    header.split(';').filter_map(|pair| {
        let (name, value) = pair.trim_matches([' ', '\t']).split_once('=')?;
        Some((name, value))
    })
}

/// The value of the one cookie with this name. Two of them mean that somebody
/// tossed one in: then neither counts.
pub(crate) fn only<'a>(cookies: &[(&'a str, &'a str)], name: &str) -> Option<&'a str> {
    let mut found = cookies.iter().filter(|(other, _)| *other == name);
    match (found.next(), found.next()) {
        (Some((_, value)), None) => Some(value),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SPEC: CookieSpec<'static> = CookieSpec {
        name: "__Host-logto",
        max_age: 60,
        secure: true,
        same_site: SameSite::Lax,
    };

    fn value(line: &str) -> String {
        Cookie::parse(line.to_owned()).unwrap().value().to_owned()
    }

    #[test]
    fn opens_what_it_sealed_under_the_same_name_only() {
        let keys = CookieKeys::new(Key::generate());
        let line = keys.seal(&SPEC, "secret".into()).unwrap();
        assert!(!line.contains("secret"));
        let sealed = value(&line);
        assert_eq!(
            keys.open("__Host-logto", &sealed).as_deref(),
            Some("secret")
        );
        assert_eq!(keys.open("__Host-logto_txn", &sealed), None);
        assert_eq!(
            CookieKeys::new(Key::generate()).open("__Host-logto", &sealed),
            None
        );
    }

    #[test]
    fn sets_every_attribute() {
        let keys = CookieKeys::new(Key::generate());
        let line = keys.seal(&SPEC, "x".into()).unwrap();
        for attribute in [
            "; HttpOnly",
            "; SameSite=Lax",
            "; Secure",
            "; Path=/",
            "; Max-Age=60",
        ] {
            assert!(line.contains(attribute), "{line}");
        }
        assert!(!line.contains("Domain"));
        assert!(SPEC.removal().contains("Max-Age=0"));
    }

    #[test]
    fn says_when_it_does_not_fit() {
        let keys = CookieKeys::new(Key::generate());
        assert!(keys.seal(&SPEC, "x".repeat(2900)).is_ok());
        let TooLarge(size) = keys.seal(&SPEC, "x".repeat(3100)).unwrap_err();
        assert!(size > MAX_COOKIE);
    }

    #[test]
    fn reads_names_byte_for_byte_and_refuses_duplicates() {
        let read = |header: &'static str| {
            let cookies: Vec<_> = parse_header(header).collect();
            only(&cookies, "__Host-x").map(str::to_owned)
        };
        assert_eq!(read("a=1; __Host-x=good; b=2").as_deref(), Some("good"));
        assert_eq!(
            read("__Host-x=good; %5F%5FHost-x=evil").as_deref(),
            Some("good")
        );
        assert_eq!(read("%5F%5FHost-x=evil"), None);
        assert_eq!(read("\u{2003}__Host-x=evil"), None);
        assert_eq!(read("__host-x=evil"), None);
        assert_eq!(read("__Host-x=good; __Host-x=evil"), None);
        assert_eq!(read("__Host-x=good; __Host-x=good"), None);
        assert_eq!(read("__Host-x"), None);
        assert_eq!(read("__Host-x =evil"), None);
        assert_eq!(read("__Host-x=a=b").as_deref(), Some("a=b"));
    }

    proptest! {
        #[test]
        fn never_opens_what_it_did_not_seal(value in "\\PC{0,200}") {
            let keys = CookieKeys::new(Key::derive_from(&[7; 32]));
            prop_assert_eq!(keys.open("name", &value), None);
        }
    }
}
