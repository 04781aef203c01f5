//! `ReturnTo`: where the browser goes after signing in. The only defence against
//! open redirects (RFC 9700 section 4.11), applied when the value comes in and
//! again when it is used. Pure logic; imports nothing of the crate.

use percent_encoding::percent_decode_str;
use url::Url;

/// In bytes: longer than any address a person bookmarks, shorter than a cookie.
const MAX_LENGTH: usize = 2048;

/// A path of this app, with query and fragment; safe in a `Location` header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReturnTo(String);

impl ReturnTo {
    /// `None` for anything that could leave the app or that a browser and a
    /// server might read differently.
    pub(crate) fn parse(value: &str) -> Option<ReturnTo> {
        let graphic = value.bytes().all(|byte| byte.is_ascii_graphic());
        if value.len() > MAX_LENGTH || !graphic || !value.starts_with('/') || value.contains('\\') {
            return None;
        }
        if value.starts_with("//") || !percent_encoding_is_valid(value) {
            return None;
        }
        let path = value.split(['?', '#']).next().unwrap_or(value);
        if path.split('/').any(is_treacherous) {
            return None;
        }
        // The parser that browsers follow (WHATWG URL) decides: joined to a base,
        // the value must stay at its origin.
        let base = Url::parse("https://origin.invalid/").ok()?;
        let joined = base.join(value).ok()?;
        let same = joined.origin() == base.origin() && joined.username().is_empty();
        // The parser may have encoded some characters, which makes it longer.
        let kept = &joined[url::Position::BeforePath..];
        (same && kept.len() <= MAX_LENGTH).then(|| ReturnTo(kept.to_owned()))
    }

    /// The app's front page.
    pub(crate) fn home() -> ReturnTo {
        ReturnTo("/".to_owned())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Dot segments, and segments that decode to dots, backslashes or control
/// characters: proxies and browsers disagree about those.
fn is_treacherous(segment: &str) -> bool {
    let decoded = percent_decode_str(segment).decode_utf8_lossy();
    let again = percent_decode_str(&decoded).decode_utf8_lossy();
    [decoded.as_ref(), again.as_ref()].iter().any(|text| {
        matches!(*text, "." | "..") || text.chars().any(|c| c.is_control() || c == '\\')
    })
}

fn percent_encoding_is_valid(value: &str) -> bool {
    value.split('%').skip(1).all(|rest| {
        let mut digits = rest.bytes();
        let mut digit = || digits.next().is_some_and(|byte| byte.is_ascii_hexdigit());
        digit() && digit()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn keeps_paths_of_the_app() {
        let longest = format!("/{}", "a".repeat(MAX_LENGTH - 1));
        for path in [
            longest.as_str(),
            // Not what it looks like: percent, then a letter that is no digit.
            "/%25G1",
            "/",
            "/protected",
            "/a/b.c/~d",
            "/search?q=a%20b&next=https://other.example/#top",
            "/%C3%BC",
            "/%2f%2fevil.example",
            "/a;b=c",
            "/:8080/x",
            "/@evil.example",
        ] {
            assert_eq!(
                ReturnTo::parse(path).as_ref().map(ReturnTo::as_str),
                Some(path)
            );
        }
    }

    #[test]
    fn refuses_everything_that_could_leave() {
        let long = format!("/{}", "a".repeat(MAX_LENGTH));
        for value in [
            "",
            "evil.example",
            "https://evil.example",
            "https:evil.example",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/\t/evil.example",
            "/\n/evil.example",
            "/%09/evil.example",
            "/%5cevil.example",
            "/%255cevil.example",
            "/a/../b",
            "/a/..",
            "/./b",
            "/%2e%2e/b",
            "/%252e%252e/b",
            "javascript:alert(1)",
            "data:text/html,x",
            " /",
            "/a b",
            "/ü",
            "/\u{2028}",
            "/%zz",
            "/%",
            "/%a",
            "/\0",
            long.as_str(),
        ] {
            assert_eq!(ReturnTo::parse(value), None, "{value:?}");
        }
    }

    proptest! {
        #[test]
        fn never_leaves_the_origin(value in "[/\\\\a-z0-9.:@%#? \\t\u{e9}-]{0,24}") {
            let base = Url::parse("https://app.example.com/").unwrap();
            if let Some(kept) = ReturnTo::parse(&value) {
                let joined = base.join(kept.as_str()).unwrap();
                prop_assert_eq!(joined.origin(), base.origin());
                prop_assert!(!kept.as_str().starts_with("//"));
                // What passed once passes again unchanged: it is checked at use, too.
                prop_assert_eq!(ReturnTo::parse(kept.as_str()), Some(kept));
            }
        }
    }
}
