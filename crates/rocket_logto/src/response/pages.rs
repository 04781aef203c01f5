//! The HTML of the built-in pages.
//!
//! An application that uses the library may have no templates at all, so these
//! pages are self-contained: one inline stylesheet, no script, and nothing fetched but the
//! app's icon.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::LazyLock;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use rocket::http::RawStr;
use url::Url;

use super::page::{Page, PageAction};
use crate::sha256::sha256;

const STYLE: &str = include_str!("pages.css");

/// CSP Level 3, section 2.3.1: the hash source that admits [`STYLE`] and no other
/// inline style.
static STYLE_SOURCE: LazyLock<String> =
    LazyLock::new(|| format!("'sha256-{}'", BASE64_STANDARD.encode(sha256(STYLE))));

/// What is around a page, in its language.
pub(crate) struct Frame<'a> {
    /// The app's, which stands for its name where that is not configured.
    pub host: &'a str,
    pub is_from_the_right: bool,
    pub reference: String,
    pub for_the_developer: [String; 2],
}

/// The whole HTML document. All of the page is escaped.
///
/// Send it with [`csp`]: a stricter policy would make the browser drop the inline
/// style.
pub(crate) fn render(page: &Page, frame: &Frame<'_>) -> String {
    let title = escape(&page.title);
    let mut main = format!("<h1>{title}</h1>\n");
    // Writing to a String cannot fail.
    for paragraph in &page.paragraphs {
        let _ = writeln!(main, "<p>{}</p>", escape(paragraph));
    }
    if !page.actions.is_empty() {
        main.push_str("<div class=\"actions\">\n");
        for (index, action) in page.actions.iter().enumerate() {
            let class = if index == 0 { "action first" } else { "action" };
            main.push_str(&render_action(action, class));
        }
        main.push_str("</div>\n");
    }
    if let Some(reference) = &page.reference {
        let _ = writeln!(
            main,
            "<p class=\"reference\">{} <code>{}</code></p>",
            escape(&frame.reference),
            escape(reference)
        );
    }
    if let Some(cause) = &page.cause {
        let [heading, text] = &frame.for_the_developer;
        let _ = writeln!(
            main,
            "<section class=\"cause\" aria-labelledby=\"cause\">\n<h2 id=\"cause\">{}</h2>\n\
             <p>{}</p>\n<p class=\"line\"><code lang=\"en\" dir=\"ltr\">{}</code></p>\n</section>",
            escape(heading),
            escape(text),
            escape(cause)
        );
    }
    let (language, home) = (escape(&page.language), escape(&page.home));
    let direction = if frame.is_from_the_right {
        "rtl"
    } else {
        "ltr"
    };
    let name = escape(page.app_name.as_deref().unwrap_or(frame.host));
    let full_title = match page.app_name {
        Some(_) => format!("{title} · {name}"),
        None => title.to_string(),
    };
    let [mut favicon, mut icon] = [const { String::new() }; 2];
    if let Some(address) = &page.app_icon {
        let address = escape(address);
        favicon = format!("<link rel=\"icon\" href=\"{address}\">\n");
        // The name stands beside it.
        icon = format!("<img src=\"{address}\" alt=\"\" width=\"32\" height=\"32\">");
    }
    format!(
        "<!doctype html>\n<html lang=\"{language}\" dir=\"{direction}\">\n<head>\n\
         <meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta name=\"robots\" content=\"noindex\">\n\
         <title>{full_title}</title>\n{favicon}<style>{STYLE}</style>\n</head>\n\
         <body>\n<header><a class=\"brand\" href=\"{home}\">{icon}<span>{name}</span></a></header>\n\
         <main>\n{main}</main>\n</body>\n</html>\n"
    )
}

/// The `Content-Security-Policy` of these pages.
///
/// `icon` is the address of the app's icon. `form_action` holds origins beside our own.
/// Chromium applies `form-action` to the redirects that follow a form's POST as well, so a
/// sign-out button whose POST is answered with a redirect to the provider needs the
/// provider's origin. They must be serialised origins (RFC 6454 section 6.2), which cannot
/// hold the `;` and `,` that would start another directive or policy.
pub(crate) fn csp(icon: Option<&str>, form_action: &[String]) -> String {
    let images = icon.map(|icon| format!(" img-src {};", icon_source(icon)));
    format!(
        "default-src 'none'; style-src {};{} {}",
        *STYLE_SOURCE,
        images.unwrap_or_default(),
        directives(form_action)
    )
}

/// That of a page of the app's own which brings none: its files and those of no other site,
/// and no script.
pub(crate) fn own_csp(icon: Option<&str>, form_action: &[String]) -> String {
    let icon = icon.map(icon_source).filter(|source| source != "'self'");
    let icon = icon.map(|source| format!(" {source}")).unwrap_or_default();
    format!(
        "default-src 'none'; style-src 'self'; font-src 'self'; img-src 'self' data:{icon}; {}",
        directives(form_action)
    )
}

fn directives(form_action: &[String]) -> String {
    let mut targets = String::from("'self'");
    for origin in form_action {
        targets.push(' ');
        targets.push_str(origin);
    }
    format!("form-action {targets}; frame-ancestors 'none'; base-uri 'none'")
}

/// Where the icon comes from, and nothing else: the configuration has made sure that it is
/// a path or a URL.
fn icon_source(icon: &str) -> String {
    match Url::parse(icon) {
        Ok(url) => url.origin().ascii_serialization(),
        Err(_) => "'self'".to_owned(),
    }
}

fn render_action(action: &PageAction, class: &str) -> String {
    let label = escape(&action.label);
    let Some(form) = &action.form else {
        let href = action.href.as_deref().unwrap_or_default();
        return format!(
            "<a class=\"{class}\" href=\"{}\">{label}</a>\n",
            escape(href)
        );
    };
    format!(
        "<form method=\"{}\" action=\"{}\"><input type=\"hidden\" name=\"{}\" value=\"{}\">\
         <button class=\"{class}\">{label}</button></form>\n",
        form.method,
        escape(&form.action),
        form.field.name,
        escape(&form.field.value),
    )
}

/// Makes `text` safe between tags and inside a quoted attribute.
fn escape(text: &str) -> Cow<'_, str> {
    RawStr::new(text).html_escape()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::response::page::PageKind;

    const HOSTILE: &str = "\"><script>alert('&amp;')</script>";
    const ESCAPED: &str =
        "&quot;&gt;&lt;script&gt;alert(&#x27;&amp;amp;&#x27;)&lt;&#x2F;script&gt;";

    fn frame() -> Frame<'static> {
        Frame {
            host: "app.example",
            is_from_the_right: false,
            reference: "Reference:".into(),
            for_the_developer: ["For the developer".into(), "The line:".into()],
        }
    }

    fn page(text: &str) -> Page {
        Page {
            kind: PageKind::SignedOut,
            status: 200,
            language: "en".into(),
            title: text.into(),
            paragraphs: Vec::new(),
            reference: None,
            actions: Vec::new(),
            app_name: None,
            app_icon: None,
            home: "/".into(),
            cause: None,
        }
    }

    fn hostile_page() -> String {
        let text = || HOSTILE.to_owned();
        let page = Page {
            language: text(),
            paragraphs: vec![text()],
            reference: Some(text()),
            actions: vec![
                PageAction::link(text(), HOSTILE),
                PageAction::button(text(), "get", HOSTILE, ("answer", HOSTILE)),
            ],
            app_name: Some(text()),
            app_icon: Some(text()),
            home: text(),
            cause: Some(text()),
            ..page(HOSTILE)
        };
        let frame = Frame {
            host: HOSTILE,
            is_from_the_right: false,
            reference: text(),
            for_the_developer: [text(), text()],
        };
        render(&page, &frame)
    }

    #[test]
    fn every_part_of_a_page_is_escaped() {
        let html = hostile_page();
        assert!(!html.contains("<script"), "{html}");
        for place in [
            format!("<html lang=\"{ESCAPED}\""),
            format!("<title>{ESCAPED} · {ESCAPED}</title>"),
            format!("<link rel=\"icon\" href=\"{ESCAPED}\">"),
            format!("<a class=\"brand\" href=\"{ESCAPED}\"><img src=\"{ESCAPED}\""),
            format!("<span>{ESCAPED}</span>"),
            format!("<h1>{ESCAPED}</h1>"),
            format!("<p>{ESCAPED}</p>"),
            format!("<p class=\"reference\">{ESCAPED} <code>{ESCAPED}</code>"),
            format!("href=\"{ESCAPED}\">{ESCAPED}</a>"),
            format!("action=\"{ESCAPED}\"><input"),
            format!("name=\"answer\" value=\"{ESCAPED}\"><button class=\"action\">{ESCAPED}<"),
            format!("<h2 id=\"cause\">{ESCAPED}</h2>\n<p>{ESCAPED}</p>"),
            format!("dir=\"ltr\">{ESCAPED}</code></p>"),
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
        assert!(csp(None, &[]).contains(&format!("style-src 'sha256-{hash}';")));
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
        let origins = ["https://id.example".into(), "http://localhost:3001".into()];
        for policy in [csp(None, &origins), own_csp(None, &origins)] {
            assert!(policy.starts_with("default-src 'none'; "));
            assert!(
                policy.contains("; form-action 'self' https://id.example http://localhost:3001; ")
            );
            assert!(policy.ends_with("; frame-ancestors 'none'; base-uri 'none'"));
            assert!(!policy.contains("unsafe"));
        }
        assert!(csp(None, &[]).contains("; form-action 'self'; "));
    }

    #[test]
    fn csp_admits_the_icon_and_no_other_image() {
        for (icon, images) in [
            (None, None),
            (Some("/static/icon.svg"), Some("'self'")),
            (
                Some("https://cdn.example:8443/a/icon.svg?v=1;,"),
                Some("https://cdn.example:8443"),
            ),
        ] {
            let policy = csp(icon, &[]);
            let mut directives = policy.split("; ");
            let found = directives.find_map(|directive| directive.strip_prefix("img-src "));
            assert_eq!(found, images, "{policy}");
        }
        let policy = own_csp(Some("https://cdn.example/icon.svg"), &[]);
        let images = "; img-src 'self' data: https://cdn.example; ";
        assert!(policy.contains(images), "{policy}");
        let policy = own_csp(Some("/icon.svg"), &[]);
        assert!(policy.contains("; img-src 'self' data:; "), "{policy}");
    }

    #[test]
    fn page_without_extras_has_no_empty_boxes() {
        let html = render(&page("Signed out"), &frame());
        for extra in [
            "class=\"actions\"",
            "Reference",
            "<img",
            "rel=\"icon\"",
            "cause\">",
        ] {
            assert!(!html.contains(extra), "{extra}");
        }
        assert!(html.contains("<html lang=\"en\" dir=\"ltr\">"));
        assert!(html.contains("<title>Signed out</title>"));
        assert!(html.contains("<main>\n<h1>Signed out</h1>\n</main>"));
        // Somebody has to be the sender.
        assert!(
            html.contains("<header><a class=\"brand\" href=\"&#x2F;\"><span>app.example</span>")
        );
    }

    #[test]
    fn a_page_in_arabic_goes_from_right_to_left() {
        let frame = Frame {
            is_from_the_right: true,
            ..frame()
        };
        let page = Page {
            language: "ar".into(),
            ..page("x")
        };
        assert!(render(&page, &frame).contains("<html lang=\"ar\" dir=\"rtl\">"));
    }
}
