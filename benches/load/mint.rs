//! Sessions nobody has seen: copies of a real one under other ids, sealed anew
//! with the app's key.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cookie::{Cookie, CookieJar, Key};
use serde_json::Value;

use crate::Outcome;

/// What the name of the session's cookie begins with.
const NAME: &str = "logto_session";
/// 64 bytes, so that none are derived.
pub const SECRET_KEY: &str =
    "bG9hZC1sb2FkLWxvYWQtbG9hZC1sb2FkLWxvYWQtbG9hZC1sb2FkLWxvYWQtbG9hZC1sb2FkLWxvYWQtbG9hZA==";

/// `count` `Cookie` headers made from `header`.
pub fn sessions(header: &str, count: usize) -> Outcome<Vec<String>> {
    let key = Key::try_from(&STANDARD.decode(SECRET_KEY)?[..])?;
    let (name, value) = header
        .split("; ")
        .filter_map(|pair| pair.split_once('='))
        .find(|(name, _)| name.starts_with(NAME))
        .ok_or("no session cookie")?;
    let sealed = Cookie::new(name.to_owned(), value.to_owned());
    let opened = CookieJar::new()
        .private(&key)
        .decrypt(sealed)
        .ok_or("not sealed with this key")?;
    // Just used, so that it is not written anew.
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let mut session: Value = serde_json::from_str(opened.value())?;
    let copy = |number: usize| {
        session["i"] = format!("{number:043}").into();
        session["s"] = now.into();
        let mut jar = CookieJar::new();
        jar.private_mut(&key)
            .add(Cookie::new(name.to_owned(), session.to_string()));
        jar.get(name)
            .map(|cookie| format!("{name}={}", cookie.value()))
            .unwrap_or_default()
    };
    Ok((0..count).map(copy).collect())
}
