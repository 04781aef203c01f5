//! Looks for secrets where none belong. Everything anybody logs in this
//! process, at the finest level, and every answer of an app under test is kept,
//! and so is every secret that was around: codes, tokens, verifiers, cookies,
//! the client's own. At the end of the process, because a line may be written
//! before a test knows the secret in it, the one is searched for the other; a
//! find fails the run.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use log::{Level, Record};
use logto_dev_provider::{Endpoint, Received, Reply};
use reqwest::header::{HeaderMap, LOCATION, SET_COOKIE};
use serde_json::Value;
use url::Url;

use super::app::CLIENT_SECRET;

/// Shorter ones are made up by tests and turn up by chance.
const SHORTEST: usize = 16;

/// Paths of the library, whose answers hold no secret for anybody. A test's
/// own handlers may show a token on purpose.
pub const OWN: [&str; 9] = [
    "/sign-in",
    "/sign-up",
    "/callback",
    "/sign-out",
    "/backchannel-logout",
    "/initiate-login",
    "/session.json",
    "/healthz",
    "/readyz",
];

#[derive(Default)]
struct Kept {
    /// Log lines and answers.
    texts: Vec<String>,
    /// The kinds of secrets, by a part of each that has no punctuation.
    secrets: HashMap<String, &'static str>,
    /// Ports of apps, and whether all their pages are searched.
    apps: HashMap<u16, bool>,
}

static KEPT: LazyLock<Mutex<Kept>> = LazyLock::new(Mutex::default);

fn kept() -> MutexGuard<'static, Kept> {
    KEPT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From now on, and for all that was before, `secret` must turn up nowhere.
pub fn keep(kind: &'static str, secret: &str) {
    let part = runs(secret).max_by_key(|run| run.len()).unwrap_or_default();
    if part.len() >= SHORTEST {
        kept().secrets.insert(part.to_owned(), kind);
    }
}

/// An app listens here. Its handlers are a test's own, or those of the demo,
/// which shows no token to anybody.
pub fn app(port: u16, is_demo: bool) {
    kept().apps.insert(port, is_demo);
}

/// A line of a log, by whatever library. Except for two of Rocket's own, which
/// at the level `debug` writes down whole requests and responses before a
/// fairing sees them; the fairing warns of that level at launch.
pub fn logged(record: &Record<'_>) {
    let is_rocket = record.target() == "rocket::server";
    if is_rocket && record.level() == Level::Debug {
        return;
    }
    let (level, target, line) = (record.level(), record.target(), record.args());
    let text = format!("log, {level} {target}: {line}");
    // A caller of an API who writes the token into the address is refused, but
    // nobody can unsay it.
    if is_rocket && text.contains("?access_token=") {
        return;
    }
    kept().texts.push(text);
}

/// Output of a process.
pub fn printed(output: &str) {
    kept().texts.push(format!("output: {output}"));
}

/// An answer to a test's browser.
pub fn answered(url: &Url, status: u16, headers: &HeaderMap, body: &[u8]) {
    let Some(is_demo) = url.port().and_then(|port| kept().apps.get(&port).copied()) else {
        return;
    };
    for line in headers.get_all(SET_COOKIE) {
        let line = line.to_str().unwrap_or_default();
        let pair = line.split(';').next().and_then(|pair| pair.split_once('='));
        if let Some((name, value)) = pair
            && name.contains("logto_")
        {
            keep("cookie", value);
        }
    }
    if !(is_demo || status >= 300 || OWN.contains(&url.path())) {
        return;
    }
    let mut text = format!("answer, {status} {}:", url.path());
    for (name, value) in headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        match name {
            // Where it belongs.
            &SET_COOKIE => {}
            &LOCATION => text.push_str(&format!("\nlocation: {}", without_hint(&value))),
            name => text.push_str(&format!("\n{name}: {value}")),
        }
    }
    text.push_str(&format!("\n{}", String::from_utf8_lossy(body)));
    kept().texts.push(text);
}

/// RP-Initiated Logout 1.0 section 2 has the ID token in the address.
fn without_hint(location: &str) -> String {
    let kept = |part: &&str| !part.starts_with("id_token_hint=");
    let parts = location.split_inclusive(['?', '&']).filter(kept);
    parts.collect()
}

/// What passes a development provider: see `Settings::observer`.
pub fn observe(received: &Received, reply: &Reply) {
    for (name, kind) in [
        ("code", "code"),
        ("code_verifier", "code_verifier"),
        ("refresh_token", "refresh_token"),
        ("client_secret", "client_secret"),
        ("client_assertion", "client_assertion"),
    ] {
        if let Some(value) = received.form_value(name) {
            keep(kind, value);
        }
    }
    let credentials = received.header("authorization").unwrap_or_default();
    match credentials.split_once(' ') {
        Some(("Basic", value)) => keep("client_secret", value),
        Some(("Bearer", value)) => keep("access_token", value),
        _ => {}
    }
    if received.endpoint == Endpoint::Token
        && let Ok(answer) = serde_json::from_slice::<Value>(&reply.body)
    {
        for name in ["access_token", "refresh_token", "id_token"] {
            if let Some(token) = answer[name].as_str() {
                keep(name, token);
            }
        }
    }
    let location = reply
        .header("location")
        .and_then(|url| Url::parse(url).ok());
    if let Some(location) = location {
        for (_, code) in location.query_pairs().filter(|(name, _)| name == "code") {
            keep("code", &code);
        }
    }
}

/// The kinds of secrets there were so far.
pub fn kinds() -> BTreeSet<&'static str> {
    kept().secrets.values().copied().collect()
}

/// Who has logged so far: the crates.
pub fn loggers() -> BTreeSet<String> {
    let logged = |text: &String| {
        let target = text.strip_prefix("log, ")?.split(' ').nth(1)?;
        Some(target.split([':', ' ']).next()?.to_owned())
    };
    kept().texts.iter().filter_map(logged).collect()
}

/// A kind of secret, and the texts it is in, up to the line.
fn found(kept: &Kept) -> BTreeMap<&'static str, Vec<String>> {
    let mut found: BTreeMap<&'static str, Vec<String>> = BTreeMap::new();
    for text in &kept.texts {
        let first: HashSet<&'static str> = runs(text)
            .filter(|run| run.len() >= SHORTEST)
            .filter_map(|run| kept.secrets.get(run).copied())
            .chain(text.contains(CLIENT_SECRET).then_some("client_secret"))
            .chain(holds_a_jwt(text).then_some("JWT"))
            .collect();
        for kind in first {
            found.entry(kind).or_default().push(text.clone());
        }
    }
    found
}

/// The stretches of what tokens are made of in base64url.
fn runs(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_'))
}

/// Two neighbouring parts that begin as JSON objects do in base64url.
fn holds_a_jwt(text: &str) -> bool {
    let objects = text.split('.').map(|part| {
        let start = part.rfind("eyJ").map(|start| &part[start..]);
        start.is_some_and(|object| object.len() >= SHORTEST && runs(object).count() == 1)
    });
    let objects: Vec<bool> = objects.collect();
    let begins = text.split('.').map(|part| part.starts_with("eyJ"));
    let begins: Vec<bool> = begins.collect();
    (1..objects.len()).any(|index| objects[index - 1] && begins[index])
}

/// After `main`, when no test can write any more.
#[used]
#[cfg_attr(target_os = "macos", unsafe(link_section = "__DATA,__mod_term_func"))]
#[cfg_attr(not(target_os = "macos"), unsafe(link_section = ".fini_array"))]
static SEARCH: extern "C" fn() = search;

extern "C" fn search() {
    let kept = kept();
    let found = found(&kept);
    if found.is_empty() {
        return;
    }
    for (kind, texts) in &found {
        eprintln!(
            "LEAK of a {kind}, {} times, first in:\n{}",
            texts.len(),
            texts[0]
        );
    }
    std::process::abort();
}
