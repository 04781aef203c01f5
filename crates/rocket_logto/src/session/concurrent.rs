//! Sign-ins of one browser that finish together, in two tabs, leave one session.
//!
//! Neither request has the cookie of the session that the other one makes. But each has
//! the cookies of all sign-ins that the browser has begun, so each notes its session at
//! all of them, in their order, and where there is a note already the other one was
//! faster. Because all go through them in one order, one of those that meet succeeds.

use serde::{Deserialize, Serialize};

use super::locks::CODE_LIFETIME;
use super::model::{Session, SessionId, SessionRef};
use super::storage::Storage;
use super::store::StoreError;
use crate::clock::Seconds;
use crate::sha256::sha256;

/// In seconds. A response that was sent so long before a request came has reached the
/// browser by then, or never will.
const ON_ITS_WAY: Seconds = 3;
/// The most sessions noted at one sign-in, one after the other.
const NOTES: u32 = 16;
/// How many notes this process keeps where instances share nothing.
const KEPT: u64 = 4096;

/// The session that the answer to a sign-in has made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Note {
    #[serde(rename = "s")]
    pub session: SessionRef,
    #[serde(rename = "u")]
    pub sub: String,
    #[serde(rename = "p")]
    pub sid: Option<String>,
    /// The cookie of the sign-in, which its response removes.
    #[serde(rename = "t")]
    pub transaction: String,
    #[serde(rename = "a")]
    at: Seconds,
}

impl Note {
    pub(super) fn of(session: &Session, transaction: &str, at: Seconds) -> Note {
        Note {
            session: session.reference(),
            sub: session.unique_sub().into_owned(),
            sid: session.sid.clone(),
            transaction: transaction.to_owned(),
            at,
        }
    }
}

/// What a browser sent with the response to a sign-in.
pub(super) struct Browser<'a> {
    /// The cookies of its sign-ins.
    pub transactions: Vec<String>,
    /// The session it was in.
    pub session: Option<&'a SessionId>,
    /// When the request came.
    pub since: Seconds,
}

/// Whether the new session is the browser's.
pub(super) enum Outcome {
    /// It is. These were made for it before, and it does not have their cookies.
    Kept(Vec<Note>),
    /// Another one is, which was made while the request was under way.
    Late(Note),
}

/// The notes of this process.
pub(super) type Notes = moka::sync::Cache<[u8; 16], Note>;

pub(super) fn notes() -> Notes {
    moka::sync::Cache::builder()
        .max_capacity(KEPT)
        // So that a new one always gets a place.
        .eviction_policy(moka::policy::EvictionPolicy::lru())
        .time_to_live(CODE_LIFETIME)
        .build()
}

impl Storage {
    /// Notes the new session at all sign-ins of its browser, unless another one was
    /// faster.
    pub(super) async fn settle(
        &self,
        note: &Note,
        browser: &Browser<'_>,
    ) -> Result<Outcome, StoreError> {
        let mut names: Vec<_> = browser.transactions.iter().map(String::as_str).collect();
        names.push(&note.transaction);
        names.sort_unstable();
        names.dedup();
        let mut undelivered: Vec<Note> = Vec::new();
        for name in &names {
            let mut last = None;
            for number in 0..NOTES {
                let Some(other) = self.note(&format!("made:{number}:{name}"), note).await? else {
                    break;
                };
                if browser.session == Some(&other.session.id) {
                    last = None;
                    continue;
                }
                // Its response has not reached the browser, or had not when this request
                // was sent: it would have removed the cookie.
                let has_cookie = names.contains(&&*other.transaction);
                if has_cookie && other.at >= browser.since.saturating_sub(ON_ITS_WAY) {
                    return Ok(Outcome::Late(other));
                }
                last = Some(other);
            }
            // The one that made it has ended those before it.
            undelivered.extend(last.filter(|note| !undelivered.contains(note)));
        }
        Ok(Outcome::Kept(undelivered))
    }

    /// The note that is there, or else `None`, and `note` is there.
    async fn note(&self, key: &str, note: &Note) -> Result<Option<Note>, StoreError> {
        let Some(store) = &self.shared else {
            let hash = sha256(key);
            let hash = std::array::from_fn(|at| hash[at]);
            let entry = self.notes.entry(hash).or_insert_with(|| note.clone());
            return Ok((!entry.is_fresh()).then(|| entry.into_value()));
        };
        let sealed = self.keys.seal_value(key, note);
        let sealed = sealed.map_err(|error| StoreError::Unavailable(error.to_string()))?;
        if store.lock(key, &sealed, CODE_LIFETIME).await? {
            return Ok(None);
        }
        let held = store.owner(key).await?;
        let opened = held.and_then(|held| self.keys.open(key, &held));
        Ok(opened.and_then(|plain| serde_json::from_str(&plain).ok()))
    }
}
