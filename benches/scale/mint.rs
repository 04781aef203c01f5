//! Sessions of people who have not signed in: copies of a real one under other ids, sealed anew
//! with the app's key, as the app itself would have written them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cookie::{Cookie, CookieJar, Key};
use rocket_logto::Record;
use serde_json::{Value, json};

use crate::Outcome;

/// 64 bytes, so that none are derived.
pub const SECRET_KEY: &str =
    "c2NhbGVzY2FsZXNjYWxlc2NhbGVzY2FsZXNjYWxlc2NhbGVzY2FsZXNjYWxlc2NhbGVzY2FsZXNjYWxlc2NhbA==";
const VARIABLE: &str = "TEMPLATE";

/// When a session was used the last time.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Age {
    JustUsed,
    /// So that it is written anew with the next request.
    AMinute,
}

/// What a real session says, and the name of its cookie.
pub struct Template {
    name: String,
    session: Value,
    key: Key,
}

impl Template {
    /// Of a session that is in this cookie.
    pub fn of(name: &str, value: &str) -> Outcome<Template> {
        let key = key()?;
        let sealed = Cookie::new(name.to_owned(), value.to_owned());
        let opened = CookieJar::new().private(&key).decrypt(sealed);
        let opened = opened.ok_or("not sealed with this key, or more than one cookie")?;
        Ok(Template {
            name: name.to_owned(),
            session: serde_json::from_str(opened.value())?,
            key,
        })
    }

    /// What [`Template::variable`] has put there.
    pub fn from_environment() -> Outcome<Template> {
        let text: Value = serde_json::from_str(&std::env::var(VARIABLE)?)?;
        Ok(Template {
            name: text["name"].as_str().ok_or("no name")?.to_owned(),
            session: text["session"].clone(),
            key: key()?,
        })
    }

    /// For a process that makes the same sessions.
    pub fn variable(&self) -> (&'static str, String) {
        let text = json!({ "name": self.name, "session": self.session });
        (VARIABLE, text.to_string())
    }

    fn sealed(&self, name: &str, text: String) -> String {
        let mut jar = CookieJar::new();
        jar.private_mut(&self.key)
            .add(Cookie::new(name.to_owned(), text));
        jar.get(name)
            .map_or_else(String::new, |cookie| cookie.value().to_owned())
    }

    fn session(&self, id: &str, age: Age) -> String {
        let mut session = self.session.clone();
        session["i"] = id.into();
        session["s"] = match age {
            // Not written anew a minute from now, when a million others have been minted
            // meanwhile. Clocks may differ by as much.
            Age::JustUsed => now() + 30,
            Age::AMinute => now() - 90,
        }
        .into();
        session.to_string()
    }

    /// The cookie of a session that is in it.
    pub fn cookie(&self, number: usize, age: Age) -> String {
        let session = self.session(&id(number), age);
        format!("{}={}", self.name, self.sealed(&self.name, session))
    }

    /// The cookie of a session that is in a store.
    pub fn pointer(&self, number: usize) -> String {
        let pointer = json!({ "id": id(number), "w": self.session["w"] });
        format!(
            "{}={}",
            self.name,
            self.sealed(&self.name, pointer.to_string())
        )
    }

    /// What a store has of it. Each is of another user, who has no other.
    pub fn record(&self, number: usize, age: Age) -> Record {
        let (id, sub) = (id(number), format!("user-{number:08}"));
        let user = self.sealed(&format!("session of\n{sub}"), id.clone());
        let data = format!("{user}.{}", self.sealed(&id, self.session(&id, age)));
        let day = Duration::from_secs(24 * 3600);
        Record::new(id, sub, data, day)
            .with_sid(format!("sid-of-{number:08}"))
            .with_begun_at(now())
    }
}

fn id(number: usize) -> String {
    format!("{number:043}")
}

fn key() -> Outcome<Key> {
    Ok(Key::try_from(&STANDARD.decode(SECRET_KEY)?[..])?)
}

fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| i64::try_from(now.as_secs()).unwrap_or(0))
}
