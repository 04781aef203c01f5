//! What all pages have in common.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use url::{Host, Url};

use crate::crypto::sha256;
use crate::wire::Reply;

/// Text for HTML, and for attributes in double quotes.
pub(super) fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(['&', '<', '>', '"', '\'', '/', '`']) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#x27;"),
            '/' => escaped.push_str("&#x2F;"),
            '`' => escaped.push_str("&#96;"),
            other => escaped.push(other),
        }
    }
    Cow::Owned(escaped)
}

/// Where a form may end up that leads to `uri`, for `form-action` (CSP 3, section 2.3.1): an
/// origin, where there is one that can be written there.
pub(super) fn form_target(uri: &Url) -> String {
    match (uri.host(), uri.scheme()) {
        (Some(Host::Domain(_) | Host::Ipv4(_)), "http" | "https") => {
            uri.origin().ascii_serialization()
        }
        (_, scheme) => format!("{scheme}:"),
    }
}

/// What to call the place that `uri` leads to: its origin, or the scheme that a program has
/// claimed.
pub(super) fn place(uri: &Url) -> String {
    match uri.scheme() {
        "http" | "https" => uri.origin().ascii_serialization(),
        scheme => format!("{scheme}:"),
    }
}

/// A whole page. `form_targets` are the origins a form may end up at: Chromium
/// applies `form-action` to the redirect after a form too.
pub(super) fn page(
    status: u16,
    title: &str,
    main: &str,
    form_targets: &str,
    script: Option<&str>,
) -> Reply {
    let mut policy = format!(
        "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; \
         frame-ancestors 'none'; form-action 'self' {form_targets}"
    );
    let mut tail = String::new();
    if let Some(script) = script {
        let hash = STANDARD.encode(sha256(script.as_bytes()));
        policy.push_str(&format!("; script-src 'sha256-{hash}'"));
        tail = format!("<script>{script}</script>");
    }
    let title = escape(title);
    let html = format!(
        r#"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>{title} · Development provider</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/assets/dev-provider.css">
</head>
<body>
<header class="banner">
<strong>Development provider</strong>
<span>Not Logto, no passwords, never for production.</span>
</header>
<main>
{main}
</main>
{tail}
</body>
</html>
"#
    );
    Reply::new(status, "text/html; charset=utf-8", html)
        .with("content-security-policy", &policy)
        .with("x-content-type-options", "nosniff")
        .with("x-frame-options", "DENY")
        .with("referrer-policy", "no-referrer")
}

/// A hidden form field.
pub(super) fn hidden(name: &str, value: &str) -> String {
    format!(
        r#"<input type="hidden" name="{}" value="{}">"#,
        escape(name),
        escape(value)
    )
}

/// Hidden form fields.
pub(super) fn hidden_fields<'a>(fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let fields = fields.into_iter();
    fields.map(|(name, value)| hidden(name, value)).collect()
}
