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

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// The path below which the app lives, as browsers have it: empty, or `/app`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct BasePath {
    path: String,
    /// A proxy takes it off, so the app does not see it in requests.
    is_hidden: bool,
}

impl BasePath {
    /// `path` may end with a slash.
    pub(crate) fn new(path: &str, is_hidden: bool) -> BasePath {
        BasePath {
            path: path.trim_end_matches('/').to_owned(),
            is_hidden,
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.path
    }

    /// The app's front page.
    pub(crate) fn home(&self) -> ReturnTo {
        ReturnTo(self.prepend("/"))
    }

    pub(crate) fn prepend(&self, path: &str) -> String {
        format!("{}{path}", self.path)
    }

    /// A path as requests have it, as callers have it.
    pub(crate) fn of_callers(&self, path: &str) -> String {
        match self.is_hidden {
            true => self.prepend(path),
            false => path.to_owned(),
        }
    }

    /// What is left of a path below it.
    pub(crate) fn strip<'a>(&self, path: &'a str) -> Option<&'a str> {
        let rest = path.strip_prefix(&self.path)?;
        rest.starts_with('/').then_some(rest)
    }

    /// Whether a path, with query and fragment, is below it, or is itself.
    pub(crate) fn contains(&self, address: &str) -> bool {
        let rest = address.strip_prefix(&self.path);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?', '#']))
    }

    /// The address of a request, as the app has it, for browsers. `None` if it could
    /// leave the app.
    pub(crate) fn of_request(&self, address: &str) -> Option<ReturnTo> {
        // Before the base stands there: a browser reads `//elsewhere` as another host.
        let address = ReturnTo::parse(address)?;
        match self.is_hidden {
            true => ReturnTo::parse(&self.prepend(address.as_str())),
            false => Some(address).filter(|address| self.contains(address.as_str())),
        }
    }

    /// An address that anyone may have written, for browsers: below the base path, or
    /// as the app has it. `None` if it could leave the app.
    pub(crate) fn parse(&self, address: &str) -> Option<ReturnTo> {
        let parsed = ReturnTo::parse(address)?;
        match self.contains(parsed.as_str()) {
            true => Some(parsed),
            false => self.of_request(parsed.as_str()),
        }
    }

    /// The path of a whole address, if it is the address of this app at `origin`.
    pub(crate) fn of_url(&self, url: &Url, base_url: &Url) -> Option<ReturnTo> {
        let is_own = url.origin() == base_url.origin()
            && url.username().is_empty()
            && url.password().is_none();
        let path = ReturnTo::parse(&url[url::Position::BeforePath..])?;
        (is_own && self.contains(path.as_str())).then_some(path)
    }
}

/// Dot segments, and segments that decode to dots, backslashes or control
/// characters: proxies and browsers disagree about those. A proxy may decode slashes
/// before it resolves dots, and Java's servers cut segments at semicolons.
fn is_treacherous(segment: &str) -> bool {
    let decoded = percent_decode_str(segment).decode_utf8_lossy();
    let again = percent_decode_str(&decoded).decode_utf8_lossy();
    [decoded.as_ref(), again.as_ref()].iter().any(|text| {
        let is_dots = |part: &str| matches!(part.split(';').next(), Some("." | ".."));
        text.split('/').any(is_dots) || text.chars().any(|c| c.is_control() || c == '\\')
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
            "/..%2fb",
            "/a/x%2f..%2f..%2fb",
            "/%252e%252e%252fb",
            "/..;/b",
            "/..;x=1/b",
            "/.;/b",
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

    #[test]
    fn a_base_path_keeps_addresses_below_it() {
        let hidden = BasePath::new("/app/", true);
        let seen = BasePath::new("/app", false);
        let root = BasePath::new("/", true);
        let kept = |base: &BasePath, value| base.parse(value).map(|kept| kept.0);
        for (value, when_hidden, when_seen) in [
            ("/app", Some("/app"), Some("/app")),
            ("/app/", Some("/app/"), Some("/app/")),
            ("/app/x?y#z", Some("/app/x?y#z"), Some("/app/x?y#z")),
            ("/app?y", Some("/app?y"), Some("/app?y")),
            ("/", Some("/app/"), None),
            ("/x", Some("/app/x"), None),
            ("/application", Some("/app/application"), None),
            ("/App/x", Some("/app/App/x"), None),
            ("/%61pp/x", Some("/app/%61pp/x"), None),
            ("/app%2fx", Some("/app/app%2fx"), None),
            ("//evil.example", None, None),
            ("/app/../x", None, None),
            ("/app/..%2fx", None, None),
            ("/app/..;/x", None, None),
            (
                "/app//evil.example",
                Some("/app//evil.example"),
                Some("/app//evil.example"),
            ),
        ] {
            assert_eq!(kept(&hidden, value).as_deref(), when_hidden, "{value}");
            assert_eq!(kept(&seen, value).as_deref(), when_seen, "{value}");
            let parsed = ReturnTo::parse(value).map(|parsed| parsed.0);
            assert_eq!(kept(&root, value), parsed, "{value}");
            // What was kept is kept when it is checked again.
            if let Some(again) = when_hidden {
                assert_eq!(kept(&hidden, again).as_deref(), Some(again));
            }
        }
        // A request for the app's own `/app/x` is one for `/app/app/x`.
        let address = hidden.of_request("/app/x").map(|address| address.0);
        assert_eq!(address.as_deref(), Some("/app/app/x"));
        assert_eq!(hidden.of_request("//evil.example"), None);
        assert_eq!(
            hidden.of_request(&format!("/{}", "a".repeat(MAX_LENGTH - 2))),
            None
        );
        let homes = [&hidden, &seen, &root].map(|base| base.home().0);
        assert_eq!(homes, ["/app/", "/app/", "/"]);
    }

    #[test]
    fn a_whole_address_is_of_this_app_or_of_another() {
        let base_url = Url::parse("https://example.com/app/").unwrap();
        let base = BasePath::new(base_url.path(), true);
        let of = |url: &str| {
            base.of_url(&Url::parse(url).unwrap(), &base_url)
                .map(|kept| kept.0)
        };
        assert_eq!(
            of("https://example.com/app/x?y").as_deref(),
            Some("/app/x?y")
        );
        for other in [
            "https://example.com/x",
            "https://example.com/application",
            "https://example.com/app/../x",
            "https://user@example.com/app/x",
            "https://example.com:8443/app/x",
            "http://example.com/app/x",
            "https://app.example.com/app/x",
        ] {
            assert_eq!(of(other), None, "{other}");
        }
    }

    /// The segments of a path as a proxy has them that decodes before it resolves dots.
    fn resolved(path: &str) -> Vec<String> {
        let decoded = percent_decode_str(path).decode_utf8_lossy();
        let mut segments = Vec::new();
        for segment in decoded.split(['/', '\\']) {
            match segment {
                ".." => drop(segments.pop()),
                "" | "." => {}
                segment => segments.push(segment.to_owned()),
            }
        }
        segments
    }

    proptest! {
        #[test]
        fn never_leaves_the_base_path(
            base in "(/app)?",
            value in "(/|%2f|app|x|\\.|%2e|%252e|;|\\?|#|%5c|\\\\|:|@|%25|2f){0,12}",
            is_hidden: bool,
        ) {
            let base_url = Url::parse("https://example.com/app/").unwrap();
            let path = BasePath::new("/app", is_hidden);
            if let Some(kept) = path.parse(&format!("{base}{value}")) {
                let joined = base_url.join(kept.as_str()).unwrap();
                prop_assert_eq!(joined.origin(), base_url.origin());
                let first = resolved(joined.path()).into_iter().next();
                prop_assert_eq!(first.as_deref(), Some("app"), "{:?}", kept);
                prop_assert_eq!(path.parse(kept.as_str()), Some(kept));
            }
        }

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
