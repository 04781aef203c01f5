//! Sealed texts that were opened before. Opening and parsing a session costs more than
//! everything else a guard does, and a browser sends the same bytes with every request.
//!
//! The cache remembers what a text says, never that it is valid: whether the session is
//! alive and not revoked is checked for every request, and where sessions are in a
//! store, the text itself is read from there each time.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::rand;
use serde::{Deserialize, Serialize};

use super::CookieKeys;
use crate::oidc::verify::Logout;
use crate::session::model::{AppAddress, KeptIn, Session, SessionId};
use crate::session::seen_filter::SeenFilter;

/// A session in use gets a new cookie every minute, so the old one is soon no longer
/// needed.
const LIFETIME: Duration = Duration::from_secs(120);
/// For all texts together, in bytes. What was read from them takes three times as
/// much.
const CAPACITY: u64 = 32 * 1024 * 1024;

/// How many texts can be remembered as opened once.
const PLACES: usize = 1 << 16;

/// The keyed hash of a sealed text: the text itself is not kept.
pub(crate) type Digest = [u8; 16];

/// What a sealed text says.
#[derive(Clone)]
pub(crate) struct Opened {
    pub content: Content,
    /// An older key opened it, so it should be sealed again.
    pub old_key: bool,
    size: u32,
}

impl Opened {
    /// Whether it was opened under this very name. Session cookies have only one name;
    /// in a store a session is sealed under its id, and must not be found under
    /// another one.
    fn is_for(&self, name: &str, kept_in: KeptIn) -> bool {
        match &self.content {
            Content::Session(session) if session.kept_in == kept_in => {
                kept_in == KeptIn::Cookie || session.id.as_str() == name
            }
            Content::Session(_) => false,
            Content::Pointer(_) => kept_in == KeptIn::Cookie,
        }
    }
}

/// What a cookie holds when the session is kept elsewhere.
#[derive(Serialize, Deserialize)]
pub(crate) struct Pointer {
    pub id: SessionId,
    #[serde(rename = "m", default)]
    pub in_memory: bool,
    #[serde(rename = "w", default)]
    pub app: AppAddress,
}

#[derive(Clone)]
pub(crate) enum Content {
    Session(Arc<Session>),
    Pointer(Arc<Pointer>),
}

/// Keeps only texts that could be opened and that come a second time, so neither
/// made-up texts nor those that never come again displace anything.
pub(crate) struct CookieCache {
    hash: Option<Hash>,
    seen_before: SeenFilter,
    seen: moka::sync::Cache<Digest, Opened>,
}

impl CookieCache {
    pub(crate) fn new() -> CookieCache {
        let seen = moka::sync::Cache::builder()
            .max_capacity(CAPACITY)
            .weigher(|_, opened: &Opened| opened.size)
            .time_to_live(LIFETIME)
            .build();
        CookieCache {
            hash: Hash::new(),
            seen_before: SeenFilter::with_places(PLACES),
            seen,
        }
    }

    /// What `sealed`, which comes from `kept_in`, says under `name`; opened now or
    /// earlier.
    pub(crate) fn open(
        &self,
        keys: &CookieKeys,
        name: &str,
        sealed: &str,
        kept_in: KeptIn,
    ) -> Option<Opened> {
        let seal = self.hash.as_ref().and_then(|hash| hash.of(sealed));
        let remembered = seal.and_then(|seal| self.seen.get(&seal));
        if let Some(opened) = remembered.filter(|opened| opened.is_for(name, kept_in)) {
            return Some(opened);
        }
        let (plain, old_key) = keys.open_with_age(name, sealed)?;
        // Neither parses as the other. The session is tried first, because parsing the
        // longer text twice would cost more.
        let content = match serde_json::from_str::<Session>(&plain) {
            Ok(session) => Content::Session(Arc::new(Session {
                kept_in,
                read_from: seal,
                ..session
            })),
            Err(_) => Content::Pointer(serde_json::from_str(&plain).map(Arc::new).ok()?),
        };
        let opened = Opened {
            content,
            old_key,
            size: u32::try_from(sealed.len()).unwrap_or(u32::MAX),
        };
        if let Some(seal) = seal
            && self.seen_before.was_here(&seal)
        {
            self.seen.insert(seal, opened.clone());
        }
        Some(opened)
    }

    /// Forgets the text of a session that has ended or was refreshed.
    pub(crate) fn forget(&self, session: &Session) {
        if let Some(seal) = &session.read_from {
            self.seen.invalidate(seal);
        }
    }

    /// Forgets the sessions that a logout token names.
    pub(crate) fn forget_named(&self, logout: &Logout) {
        for (seal, opened) in &self.seen {
            if let Content::Session(session) = &opened.content
                && logout.names(session.unique_sid().as_deref(), &session.unique_sub())
            {
                self.seen.invalidate(&*seal);
            }
        }
    }
}

/// GMAC (NIST SP 800-38D): the tag of AES-256-GCM over associated data only, under a
/// random key of this process. The tags never leave the process, so a fixed nonce is
/// safe, and two texts have the same tag only by chance. It is fast wherever AES is;
/// SHA-256 takes many processors longer than opening the cookie.
struct Hash(LessSafeKey);

impl Hash {
    /// `None` without randomness; nothing is remembered then.
    fn new() -> Option<Hash> {
        let mut key = [0; 32];
        rand::fill(&mut key).ok()?;
        let key = UnboundKey::new(&AES_256_GCM, &key).ok()?;
        Some(Hash(LessSafeKey::new(key)))
    }

    fn of(&self, sealed: &str) -> Option<Digest> {
        let nonce = Nonce::assume_unique_for_key([0; NONCE_LEN]);
        let tag = self
            .0
            .seal_in_place_separate_tag(nonce, Aad::from(sealed), &mut []);
        tag.ok()?.as_ref().try_into().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::cookie::Key;

    const NAME: &str = "logto_session";

    fn keys() -> CookieKeys {
        CookieKeys::new(Key::generate(), Vec::new()).unwrap()
    }

    fn sealed(keys: &CookieKeys, name: &str, id: &str) -> String {
        let session = serde_json::json!({
            "i": id, "u": id, "p": id, "t": "e30.e30.", "c": 10, "s": 10, "f": 10,
        });
        keys.seal_value(name, &session).unwrap()
    }

    fn session(opened: Option<Opened>) -> Option<Arc<Session>> {
        match opened?.content {
            Content::Session(session) => Some(session),
            Content::Pointer(_) => None,
        }
    }

    /// Opens with keys that open nothing, so only what is remembered can be found.
    fn is_remembered(opened: &CookieCache, name: &str, sealed: &str, kept_in: KeptIn) -> bool {
        opened.open(&keys(), name, sealed, kept_in).is_some()
    }

    /// Opens it twice, so that it is remembered.
    fn open_twice(opened: &CookieCache, keys: &CookieKeys, text: &str) -> Arc<Session> {
        opened.open(keys, NAME, text, KeptIn::Cookie).unwrap();
        session(opened.open(keys, NAME, text, KeptIn::Cookie)).unwrap()
    }

    #[test]
    fn what_nobody_brings_again_is_not_remembered() {
        let (keys, opened) = (keys(), CookieCache::new());
        let text = sealed(&keys, NAME, "a");
        opened.open(&keys, NAME, &text, KeptIn::Cookie).unwrap();
        assert!(!is_remembered(&opened, NAME, &text, KeptIn::Cookie));
        open_twice(&opened, &keys, &text);
        assert!(is_remembered(&opened, NAME, &text, KeptIn::Cookie));
    }

    #[test]
    fn the_same_bytes_are_shared() {
        let (keys, opened) = (keys(), CookieCache::new());
        let text = sealed(&keys, NAME, "a");
        let first = open_twice(&opened, &keys, &text);
        let again = session(opened.open(&keys, NAME, &text, KeptIn::Cookie)).unwrap();
        assert!(Arc::ptr_eq(&first, &again));
        assert!(is_remembered(&opened, NAME, &text, KeptIn::Cookie));
        let other = sealed(&keys, NAME, "a");
        assert!(!is_remembered(&opened, NAME, &other, KeptIn::Cookie));
    }

    #[test]
    fn bytes_count_under_their_name_and_from_their_home_only() {
        let (keys, opened) = (keys(), CookieCache::new());
        // A store keeps a session under its id.
        let text = sealed(&keys, "a", "a");
        opened.open(&keys, "a", &text, KeptIn::Memory).unwrap();
        let session = session(opened.open(&keys, "a", &text, KeptIn::Memory)).unwrap();
        assert_eq!(session.kept_in, KeptIn::Memory);
        assert!(!is_remembered(&opened, "b", &text, KeptIn::Memory));
        assert!(!is_remembered(&opened, "a", &text, KeptIn::Store));
        assert!(!is_remembered(&opened, "a", &text, KeptIn::Cookie));
        assert!(!is_remembered(&opened, "a", &text[1..], KeptIn::Memory));
        assert!(is_remembered(&opened, "a", &text, KeptIn::Memory));

        let pointer = keys
            .seal_value(NAME, &serde_json::json!({ "id": "a" }))
            .unwrap();
        opened.open(&keys, NAME, &pointer, KeptIn::Cookie).unwrap();
        opened.open(&keys, NAME, &pointer, KeptIn::Cookie).unwrap();
        assert!(is_remembered(&opened, NAME, &pointer, KeptIn::Cookie));
        assert!(!is_remembered(&opened, NAME, &pointer, KeptIn::Memory));
    }

    #[test]
    fn no_number_of_made_up_texts_finds_a_place() {
        let (keys, opened) = (keys(), CookieCache::new());
        let text = sealed(&keys, NAME, "a");
        open_twice(&opened, &keys, &text);
        let other_keys = super::tests::keys();
        for number in 0..20_000 {
            let made_up = format!("{number}{text}");
            assert!(opened.open(&keys, NAME, &made_up, KeptIn::Cookie).is_none());
        }
        // Sealed under other keys, and not a session at all.
        let foreign = sealed(&other_keys, NAME, "a");
        assert!(opened.open(&keys, NAME, &foreign, KeptIn::Cookie).is_none());
        let nonsense = keys.seal_value(NAME, &"nonsense").unwrap();
        assert!(
            opened
                .open(&keys, NAME, &nonsense, KeptIn::Cookie)
                .is_none()
        );
        opened.seen.run_pending_tasks();
        assert_eq!(opened.seen.entry_count(), 1);
        assert!(is_remembered(&opened, NAME, &text, KeptIn::Cookie));
    }

    #[test]
    fn it_keeps_to_its_size() {
        let (keys, opened) = (keys(), CookieCache::new());
        let long = "x".repeat(400_000);
        for _ in 0..100 {
            let text = sealed(&keys, NAME, &long);
            open_twice(&opened, &keys, &text);
        }
        opened.seen.run_pending_tasks();
        let size = opened.seen.weighted_size();
        assert!(size > 0 && size <= CAPACITY, "{size}");
    }

    #[test]
    fn what_has_ended_is_forgotten() {
        let (keys, opened) = (keys(), CookieCache::new());
        let texts = ["a", "b", "c"].map(|id| sealed(&keys, NAME, id));
        let open = |text: &String| open_twice(&opened, &keys, text);
        let sessions = texts.each_ref().map(open);
        opened.forget(&sessions[0]);
        let logout = |sid: Option<&str>, sub: Option<&str>| Logout {
            sid: sid.map(str::to_owned),
            sub: sub.map(str::to_owned),
            jti: "jti".into(),
            issued_before: 20,
            good_until: 30,
        };
        opened.forget_named(&logout(None, Some("b")));
        let known = |text: &String| is_remembered(&opened, NAME, text, KeptIn::Cookie);
        assert_eq!(texts.each_ref().map(known), [false, false, true]);
        // With a `sid`, only that session is meant, whatever `sub` says.
        opened.forget_named(&logout(Some("other"), Some("c")));
        assert!(known(&texts[2]));
        opened.forget_named(&logout(Some("c"), Some("c")));
        assert!(!known(&texts[2]));
    }
}
