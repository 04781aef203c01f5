//! The few HTML pages that the library itself answers with.
//!
//! An application that uses the library may have no templates at all, so these
//! pages are self-contained: one inline stylesheet, no script, nothing fetched.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::LazyLock;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use rocket::http::RawStr;

use crate::sha256::sha256;

const STYLE: &str = include_str!("pages.css");

/// CSP Level 3, section 2.3.1: the hash source that admits [`STYLE`] and no other
/// inline style.
static STYLE_SOURCE: LazyLock<String> =
    LazyLock::new(|| format!("'sha256-{}'", BASE64_STANDARD.encode(sha256(STYLE))));

/// What a page says, and what the user can do. All of it is escaped.
pub(crate) struct Page<'a> {
    pub title: &'a str,
    pub paragraphs: &'a [&'a str],
    /// An id that is also in the log, for the user to quote.
    pub reference: Option<&'a str>,
    /// The first one is shown as the main choice.
    pub actions: &'a [Action<'a>],
}

/// Something to click: a link where a GET is enough, a button to change state.
pub(crate) enum Action<'a> {
    Link {
        href: &'a str,
        label: &'a str,
    },
    /// With one field that the user does not see.
    Form {
        method: &'static str,
        action: &'a str,
        field: (&'static str, &'a str),
        label: &'a str,
    },
}

/// The whole HTML document.
///
/// Send it with [`csp`]: a stricter policy would make the browser drop the inline
/// style.
#[cfg(test)]
pub(crate) fn render(page: &Page<'_>) -> String {
    render_with(page, None)
}

/// The same with the cause of an error below what everybody reads. Only for the debug
/// profile.
pub(crate) fn render_with(page: &Page<'_>, cause: Option<&str>) -> String {
    let title = escape(page.title);
    let mut main = format!("<h1>{title}</h1>\n");
    for paragraph in page.paragraphs {
        // Writing to a String cannot fail.
        let _ = writeln!(main, "<p>{}</p>", escape(paragraph));
    }
    if let Some(reference) = page.reference {
        let _ = writeln!(
            main,
            "<p class=\"reference\">Reference: <code>{}</code></p>",
            escape(reference)
        );
    }
    if !page.actions.is_empty() {
        main.push_str("<div class=\"actions\">\n");
        for (index, action) in page.actions.iter().enumerate() {
            let class = if index == 0 { "action first" } else { "action" };
            main.push_str(&action.render(class));
        }
        main.push_str("</div>\n");
    }
    if let Some(cause) = cause {
        let _ = writeln!(
            main,
            "<section class=\"cause\" aria-labelledby=\"cause\">\n<h2 id=\"cause\">For the \
             developer</h2>\n<p>Only the debug profile shows this. It is the line in the \
             log:</p>\n<p class=\"line\"><code>{}</code></p>\n</section>",
            escape(cause)
        );
    }
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta name=\"robots\" content=\"noindex\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n\
         <body>\n<main>\n{main}</main>\n</body>\n</html>\n"
    )
}

/// The `Content-Security-Policy` of these pages.
///
/// `form_action` holds origins beside our own. Chromium applies `form-action` to
/// the redirects that follow a form's POST as well, so a sign-out button whose
/// POST is answered with a redirect to the provider needs the provider's origin.
/// They must be serialised origins (RFC 6454 section 6.2), which cannot hold the
/// `;` and `,` that would start another directive or policy.
pub(crate) fn csp(form_action: &[String]) -> String {
    let mut policy = format!(
        "default-src 'none'; style-src {}; form-action 'self'",
        *STYLE_SOURCE
    );
    for origin in form_action {
        policy.push(' ');
        policy.push_str(origin);
    }
    policy.push_str("; frame-ancestors 'none'; base-uri 'none'");
    policy
}

impl Action<'_> {
    fn render(&self, class: &str) -> String {
        match self {
            Action::Link { href, label } => format!(
                "<a class=\"{class}\" href=\"{}\">{}</a>\n",
                escape(href),
                escape(label)
            ),
            Action::Form {
                method,
                action,
                field: (name, value),
                label,
            } => format!(
                "<form method=\"{method}\" action=\"{}\"><input type=\"hidden\" name=\"{name}\" \
                 value=\"{}\"><button class=\"{class}\">{}</button></form>\n",
                escape(action),
                escape(value),
                escape(label)
            ),
        }
    }
}

/// Makes `text` safe between tags and inside a quoted attribute.
fn escape(text: &str) -> Cow<'_, str> {
    RawStr::new(text).html_escape()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &str = "\"><script>alert('&amp;')</script>";
    const ESCAPED: &str =
        "&quot;&gt;&lt;script&gt;alert(&#x27;&amp;amp;&#x27;)&lt;&#x2F;script&gt;";

    fn hostile_page() -> String {
        render(&Page {
            title: HOSTILE,
            paragraphs: &[HOSTILE],
            reference: Some(HOSTILE),
            actions: &[
                Action::Link {
                    href: HOSTILE,
                    label: HOSTILE,
                },
                Action::Form {
                    method: "get",
                    action: HOSTILE,
                    field: ("answer", HOSTILE),
                    label: HOSTILE,
                },
            ],
        })
    }

    #[test]
    fn every_part_of_a_page_is_escaped() {
        let html = hostile_page();
        assert!(!html.contains("<script"), "{html}");
        for place in [
            format!("<title>{ESCAPED}</title>"),
            format!("<h1>{ESCAPED}</h1>"),
            format!("<p>{ESCAPED}</p>"),
            format!("<code>{ESCAPED}</code>"),
            format!("href=\"{ESCAPED}\">{ESCAPED}</a>"),
            format!("action=\"{ESCAPED}\"><input"),
            format!("name=\"answer\" value=\"{ESCAPED}\"><button class=\"action\">{ESCAPED}<"),
        ] {
            assert!(html.contains(&place), "{place} not in {html}");
        }
    }

    #[test]
    fn csp_admits_the_very_style_that_is_in_the_page() {
        let html = hostile_page();
        let (_, rest) = html.split_once("<style>").expect("a style element");
        let (style, _) = rest.split_once("</style>").expect("its end");
        let hash = BASE64_STANDARD.encode(sha256(style));
        assert!(csp(&[]).contains(&format!("style-src 'sha256-{hash}';")));
        assert_eq!(html.matches("<style").count(), 1);
        assert!(
            !html.contains("style="),
            "inline style attributes are blocked"
        );
        // The HTML parser turns CR LF into LF before the browser hashes.
        assert!(!style.contains('\r'));
    }

    #[test]
    fn csp_lists_the_provider_for_redirects_after_a_post() {
        let policy = csp(&["https://id.example".into(), "http://localhost:3001".into()]);
        assert!(policy.starts_with("default-src 'none'; "));
        assert!(policy.contains("; form-action 'self' https://id.example http://localhost:3001; "));
        assert!(policy.ends_with("; frame-ancestors 'none'; base-uri 'none'"));
        assert!(!policy.contains("unsafe"));
        assert!(csp(&[]).contains("; form-action 'self'; "));
    }

    #[test]
    fn page_without_extras_has_no_empty_boxes() {
        let html = render(&Page {
            title: "Signed out",
            paragraphs: &[],
            reference: None,
            actions: &[],
        });
        assert!(!html.contains("class=\"actions\""));
        assert!(!html.contains("Reference"));
        assert!(html.contains("<html lang=\"en\">"));
        assert!(html.contains("<main>\n<h1>Signed out</h1>\n</main>"));
    }
}
