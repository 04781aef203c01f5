//! Secret values in a browser. Like Rocket's private cookies they are sealed with
//! AES-256-GCM under the `secret_key` and bound to the cookie's name; but by aws-lc, and
//! in several cookies when one is too small.

pub(crate) mod cache;
pub(crate) mod names;
pub(crate) mod private;

use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering};

use ::cookie::{Cookie, Key, SameSite};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::error::Unspecified;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use crate::clock::Seconds;
use crate::request::cookies::only;

/// Browsers silently drop a larger cookie. RFC 6265bis section 5.5 asks for 4096 bytes
/// of name and value; here the attributes count as well.
const MAX_COOKIE: usize = 4096;
/// The most cookies for one value.
const MAX_CHUNKS: usize = 3;

/// Of this many values that one process seals, it tells the operator. A key is good for
/// 2^32 random nonces (NIST SP 800-38D section 8.3), which all instances share, through
/// all their restarts.
const SEALS_TO_TELL: u64 = 1 << 28;

/// Counts what a key has sealed.
struct Seals {
    count: AtomicU64,
    to_tell: u64,
}

impl Seals {
    fn new(to_tell: u64) -> Seals {
        Seals {
            count: AtomicU64::new(0),
            to_tell,
        }
    }

    /// Counts one, and says how many it were where that is to be told.
    fn add(&self) -> Option<u64> {
        let count = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        count.is_multiple_of(self.to_tell).then_some(count)
    }
}

/// Seals and opens cookie values.
pub(crate) struct CookieKeys {
    seals: Seals,
    /// Seals and opens.
    current: LessSafeKey,
    /// Only open.
    previous: Vec<LessSafeKey>,
}

/// Why a value cannot be put into cookies.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CookieError {
    /// How large it would be, in bytes.
    #[error("{0} bytes do not fit the cookies")]
    TooLarge(usize),
    #[error(transparent)]
    Seal(#[from] SealError),
}

/// There is no randomness, or the value does not serialize: something is broken that
/// cannot be handled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a value could not be sealed")]
pub(crate) struct SealError;

/// Everything about a cookie but its value.
pub(crate) struct CookieSpec<'a> {
    pub name: &'a str,
    pub path: &'a str,
    pub max_age: Seconds,
    pub secure: bool,
    pub same_site: SameSite,
}

impl CookieKeys {
    /// `None` for keys that are not 256 bits long, which Rocket's always are.
    pub(crate) fn new(current: Key, previous: Vec<Key>) -> Option<CookieKeys> {
        let key = |key: &Key| {
            let key = UnboundKey::new(&AES_256_GCM, key.encryption()).ok()?;
            Some(LessSafeKey::new(key))
        };
        Some(CookieKeys {
            seals: Seals::new(SEALS_TO_TELL),
            current: key(&current)?,
            previous: previous.iter().map(key).collect::<Option<_>>()?,
        })
    }

    /// The `Set-Cookie` line that stores `value` in one cookie.
    pub(crate) fn seal(
        &self,
        spec: &CookieSpec<'_>,
        value: &impl Serialize,
    ) -> Result<String, CookieError> {
        spec.checked_line(self.seal_value(spec.name, value)?)
    }

    /// The `Set-Cookie` lines that store `value` in as many cookies as needed. It is
    /// sealed as a whole, so a chunk that is missing, old or from another session makes
    /// all of it invalid.
    pub(crate) fn seal_chunked(
        &self,
        spec: &CookieSpec<'_>,
        value: &impl Serialize,
    ) -> Result<Vec<String>, CookieError> {
        let sealed = self.seal_value(spec.name, value)?;
        let whole = spec.line(sealed.clone());
        if whole.len() <= MAX_COOKIE {
            return Ok(vec![whole]);
        }
        // The count before the first chunk is as long as the suffix of the other
        // chunks' names.
        let room = MAX_COOKIE - spec.line("0.".to_owned()).len();
        let count = sealed.len().div_ceil(room);
        if count > MAX_CHUNKS {
            return Err(CookieError::TooLarge(sealed.len()));
        }
        // Base64 is ASCII: any cut is between characters.
        let pieces = (0..count).map(|index| {
            let piece = &sealed[index * room..sealed.len().min((index + 1) * room)];
            match index {
                0 => spec.line(format!("{count}.{piece}")),
                _ => {
                    let name = chunk_name(spec.name, index);
                    CookieSpec {
                        name: &name,
                        ..*spec
                    }
                    .line(piece.to_owned())
                }
            }
        });
        Ok(pieces.collect())
    }

    /// Encrypts a value, as JSON, for one name. The result is base64, with no `.`
    /// in it.
    pub(crate) fn seal_value(
        &self,
        name: &str,
        value: &impl Serialize,
    ) -> Result<String, SealError> {
        let plain = serde_json::to_vec(value).map_err(|_| SealError)?;
        self.seal_bytes(name, plain)
    }

    pub(crate) fn seal_bytes(&self, name: &str, plain: Vec<u8>) -> Result<String, SealError> {
        if let Some(count) = self.seals.add() {
            log::warn!(
                "logto: this process has sealed {count} values with one secret_key, which is good \
                 for 4294967296 (2^32) of all instances together: write a new secret_key, and the \
                 old one into logto.session.previous_secret_keys"
            );
        }
        seal(&self.current, name, plain).map_err(|_| SealError)
    }

    /// What was sealed under this very name, or `None`.
    pub(crate) fn open_bytes(&self, name: &str, value: &str) -> Option<Vec<u8>> {
        let mut keys = std::iter::once(&self.current).chain(&self.previous);
        keys.find_map(|key| open(key, name, value))
    }

    /// The text that was sealed under this very name, or `None`.
    pub(crate) fn open(&self, name: &str, value: &str) -> Option<String> {
        self.open_with_age(name, value).map(|(plain, _)| plain)
    }

    /// The same, and whether an older key opened it, so that it should be sealed again.
    pub(crate) fn open_with_age(&self, name: &str, value: &str) -> Option<(String, bool)> {
        let open = |key| String::from_utf8(open(key, name, value)?).ok();
        if let Some(plain) = open(&self.current) {
            return Some((plain, false));
        }
        Some((self.previous.iter().find_map(open)?, true))
    }
}

/// A random nonce, the text encrypted, and the tag: all of it base64.
fn seal(key: &LessSafeKey, name: &str, mut text: Vec<u8>) -> Result<String, Unspecified> {
    let mut nonce = [0; NONCE_LEN];
    aws_lc_rs::rand::fill(&mut nonce)?;
    let mut sealed = nonce.to_vec();
    let nonce = Nonce::assume_unique_for_key(nonce);
    key.seal_in_place_append_tag(nonce, Aad::from(name), &mut text)?;
    sealed.append(&mut text);
    Ok(STANDARD.encode(sealed))
}

fn open(key: &LessSafeKey, name: &str, value: &str) -> Option<Vec<u8>> {
    let mut text = STANDARD.decode(value).ok()?;
    let (nonce, sealed) = text.split_at_mut_checked(NONCE_LEN)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    // Decrypted in place, then moved to the front.
    let length = key
        .open_in_place(nonce, Aad::from(name), sealed)
        .ok()?
        .len();
    text.copy_within(NONCE_LEN..NONCE_LEN + length, 0);
    text.truncate(length);
    Some(text)
}

fn chunk_name(name: &str, index: usize) -> String {
    format!("{name}-{index}")
}

/// The names of the chunks of `name` that are among `cookies`, without `name` itself.
pub(crate) fn chunks_present(cookies: &[(&str, &str)], name: &str) -> Vec<String> {
    let is_chunk = |other: &str| {
        let rest = other.strip_prefix(name).unwrap_or_default();
        rest.starts_with('-') && (1..MAX_CHUNKS).any(|index| other == chunk_name(name, index))
    };
    let names = cookies.iter().map(|(other, _)| *other);
    names
        .filter(|other| is_chunk(other))
        .map(str::to_owned)
        .collect()
}

/// The sealed value of `name`, put together from its chunks.
pub(crate) fn assemble<'a>(cookies: &[(&'a str, &'a str)], name: &str) -> Option<Cow<'a, str>> {
    let first = only(cookies, name)?;
    // Base64 has no `.` in it, and a count is one digit.
    let counted = first.split_at_checked(2).filter(|(c, _)| c.ends_with('.'));
    let Some((count, piece)) = counted else {
        return Some(Cow::Borrowed(first));
    };
    let count = count.strip_suffix('.').and_then(|count| count.parse().ok());
    let count: usize = count.filter(|count| (2..=MAX_CHUNKS).contains(count))?;
    let mut value = piece.to_owned();
    for index in 1..count {
        value.push_str(only(cookies, &chunk_name(name, index))?);
    }
    Some(Cow::Owned(value))
}

impl CookieSpec<'_> {
    /// The `Set-Cookie` line that removes the cookie.
    pub(crate) fn removal(&self) -> String {
        CookieSpec {
            max_age: 0,
            ..*self
        }
        .line(String::new())
    }

    /// The `Set-Cookie` line with this value, if browsers take it.
    pub(crate) fn checked_line(&self, value: String) -> Result<String, CookieError> {
        let line = self.line(value);
        match line.len() {
            size if size > MAX_COOKIE => Err(CookieError::TooLarge(size)),
            _ => Ok(line),
        }
    }

    fn line(&self, value: String) -> String {
        Cookie::build((self.name.to_owned(), value))
            .path(self.path.to_owned())
            .http_only(true)
            .secure(self.secure)
            .same_site(self.same_site)
            .max_age(cookie::time::Duration::seconds(self.max_age))
            .build()
            .to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::cookie::CookieJar;
    use proptest::prelude::*;

    const SPEC: CookieSpec<'static> = CookieSpec {
        name: "__Host-logto",
        path: "/",
        max_age: 60,
        secure: true,
        same_site: SameSite::Lax,
    };

    /// A text that takes `length` bytes as JSON.
    fn text(letter: char, length: usize) -> String {
        letter.to_string().repeat(length - 2)
    }

    /// The text that was sealed under this name.
    fn opened(keys: &CookieKeys, name: &str, sealed: &str) -> Option<String> {
        Some(serde_json::from_str(&keys.open(name, sealed)?).unwrap())
    }

    fn keys_of(current: Key, previous: Vec<Key>) -> CookieKeys {
        CookieKeys::new(current, previous).unwrap()
    }

    fn new_keys() -> CookieKeys {
        keys_of(Key::generate(), Vec::new())
    }

    fn value(line: &str) -> String {
        Cookie::parse(line.to_owned()).unwrap().value().to_owned()
    }

    /// Whatever is sealed counts, under whatever name, and it is told again and again.
    #[test]
    fn tells_when_a_key_has_sealed_much() {
        let keys = CookieKeys {
            seals: Seals::new(4),
            ..new_keys()
        };
        keys.seal(&SPEC, &"a").unwrap();
        keys.seal_chunked(&SPEC, &"b").unwrap();
        keys.seal_bytes("name", b"c".to_vec()).unwrap();
        let told: Vec<_> = (4..=9).map(|_| keys.seals.add()).collect();
        assert_eq!(told, [Some(4), None, None, None, Some(8), None]);
        // Instances and restarts together have sixteen times as many.
        assert_eq!(new_keys().seals.to_tell, 1 << (32 - 4));
    }

    #[test]
    fn opens_what_it_sealed_under_the_same_name_only() {
        let keys = new_keys();
        let line = keys.seal(&SPEC, &"secret").unwrap();
        assert!(!line.contains("secret"));
        let sealed = value(&line);
        let text = opened(&keys, "__Host-logto", &sealed);
        assert_eq!(text.as_deref(), Some("secret"));
        assert_eq!(keys.open("__Host-logto_txn", &sealed), None);
        assert_eq!(new_keys().open("__Host-logto", &sealed), None);
    }

    /// So that sessions survive a change of the library, in either direction.
    #[test]
    fn is_what_rocket_calls_a_private_cookie() {
        let key = Key::generate();
        let keys = keys_of(key.clone(), Vec::new());
        let sealed = Cookie::new("n", keys.seal_bytes("n", b"secret".to_vec()).unwrap());
        let opened = CookieJar::new().private(&key).decrypt(sealed).unwrap();
        assert_eq!(opened.value(), "secret");
        let mut jar = CookieJar::new();
        jar.private_mut(&key).add(Cookie::new("n", "secret"));
        let value = jar.get("n").unwrap().value();
        assert_eq!(keys.open("n", value).as_deref(), Some("secret"));
    }

    #[test]
    fn sets_every_attribute() {
        let keys = new_keys();
        let line = keys.seal(&SPEC, &"x").unwrap();
        for attribute in [
            "; HttpOnly",
            "; SameSite=Lax",
            "; Secure",
            "; Path=/",
            "; Max-Age=60",
        ] {
            assert!(line.contains(attribute), "{line}");
        }
        assert!(!line.contains("Domain"));
        assert!(SPEC.removal().contains("Max-Age=0"));
    }

    #[test]
    fn says_when_it_does_not_fit() {
        let keys = new_keys();
        assert!(keys.seal(&SPEC, &text('x', 2900)).is_ok());
        let error = keys.seal(&SPEC, &text('x', 3100)).unwrap_err();
        assert!(matches!(error, CookieError::TooLarge(size) if size > MAX_COOKIE));
    }

    /// A cookie is filled to the last byte, and never beyond it.
    #[test]
    fn fits_up_to_the_last_byte() {
        let keys = new_keys();
        let (mut longest, mut shortest_refused) = (0, usize::MAX);
        for name in ["n", "nn", "nnn", "nnnn"] {
            let spec = CookieSpec { name, ..SPEC };
            for length in 2950..3050 {
                match keys.seal(&spec, &text('x', length)) {
                    Ok(line) => longest = longest.max(line.len()),
                    Err(CookieError::TooLarge(size)) => {
                        shortest_refused = shortest_refused.min(size);
                    }
                    Err(CookieError::Seal(error)) => panic!("{error}"),
                }
            }
        }
        assert_eq!((longest, shortest_refused), (MAX_COOKIE, MAX_COOKIE + 1));

        let mut longest = 0;
        for length in (2900..9100).step_by(31) {
            let Ok(lines) = keys.seal_chunked(&SPEC, &text('x', length)) else {
                assert!(length > 8800, "{length}");
                continue;
            };
            assert!(lines.len() <= MAX_CHUNKS, "{length}");
            let (last, full) = lines.split_last().unwrap();
            assert!(last.len() <= MAX_COOKIE, "{length}");
            for line in full {
                assert_eq!(line.len(), MAX_COOKIE, "{length}");
            }
            longest = longest.max(last.len());
        }
        assert!(longest > MAX_COOKIE - 8, "{longest}");
    }

    fn carry(lines: &[String]) -> Vec<(String, String)> {
        let cookies = lines
            .iter()
            .map(|line| Cookie::parse(line.clone()).unwrap());
        cookies
            .map(|cookie| (cookie.name().to_owned(), cookie.value().to_owned()))
            .collect()
    }

    fn reopen(keys: &CookieKeys, carried: &[(String, String)]) -> Option<String> {
        let cookies: Vec<_> = carried
            .iter()
            .map(|(n, v)| (n.as_str(), v.as_str()))
            .collect();
        opened(keys, SPEC.name, &assemble(&cookies, SPEC.name)?)
    }

    #[test]
    fn a_long_value_takes_up_to_three_cookies_of_legal_size() {
        let keys = new_keys();
        for (length, count) in [
            (10, 1),
            (2900, 1),
            (3100, 2),
            (5800, 2),
            (6100, 3),
            (8800, 3),
        ] {
            let plain = text('x', length);
            let lines = keys.seal_chunked(&SPEC, &plain).unwrap();
            assert_eq!(lines.len(), count, "{length}");
            assert!(lines.iter().all(|line| line.len() <= MAX_COOKIE));
            assert_eq!(reopen(&keys, &carry(&lines)), Some(plain), "{length}");
        }
        assert!(keys.seal_chunked(&SPEC, &text('x', 9100)).is_err());
    }

    #[test]
    fn a_chunk_that_is_missing_swapped_or_foreign_spoils_the_whole() {
        let keys = new_keys();
        let carried = carry(&keys.seal_chunked(&SPEC, &text('x', 8000)).unwrap());
        for index in 0..3 {
            let mut missing = carried.clone();
            missing.remove(index);
            assert_eq!(reopen(&keys, &missing), None, "without {index}");
            let mut twice = carried.clone();
            twice.push(carried[index].clone());
            assert_eq!(reopen(&keys, &twice), None, "{index} twice");
        }
        let mut swapped = carried.clone();
        let first = swapped[1].1.clone();
        swapped[1].1 = std::mem::replace(&mut swapped[2].1, first);
        assert_eq!(reopen(&keys, &swapped), None);
        let mut foreign = carried.clone();
        foreign[1] = carry(&keys.seal_chunked(&SPEC, &text('y', 8000)).unwrap()).remove(1);
        assert_eq!(reopen(&keys, &foreign), None);
        for count in ["0", "1", "4", "99999999", "-1", ""] {
            let mut wrong = carried.clone();
            wrong[0].1 = format!("{count}.{}", wrong[0].1.split_once('.').unwrap().1);
            assert_eq!(reopen(&keys, &wrong), None, "{count} chunks");
        }
    }

    #[test]
    fn finds_the_chunks_a_browser_still_has() {
        let present = |names: &[&'static str]| {
            let cookies: Vec<_> = names.iter().map(|name| (*name, "x")).collect();
            chunks_present(&cookies, "logto")
        };
        assert_eq!(present(&["logto"]), Vec::<String>::new());
        assert_eq!(
            present(&["logto-2", "a", "logto-1"]),
            ["logto-2", "logto-1"]
        );
        let others = [
            "logto-", "logto-0", "logto-3", "logto-01", "logto1", "xlogto-1",
        ];
        assert_eq!(present(&others), Vec::<String>::new());
    }

    #[test]
    fn an_old_key_opens_and_says_so_until_it_is_removed() {
        let old = Key::generate();
        let sealed = keys_of(old.clone(), Vec::new())
            .seal_bytes("n", b"secret".to_vec())
            .unwrap();
        let rotated = keys_of(Key::generate(), vec![old]);
        assert_eq!(
            rotated.open_with_age("n", &sealed),
            Some(("secret".into(), true))
        );
        let renewed = rotated.seal_bytes("n", b"secret".to_vec()).unwrap();
        assert_eq!(
            rotated.open_with_age("n", &renewed),
            Some(("secret".into(), false))
        );
        assert_eq!(new_keys().open("n", &sealed), None);
    }

    proptest! {
        #[test]
        fn never_opens_what_it_did_not_seal(value in "\\PC{0,200}") {
            let keys = keys_of(Key::derive_from(&[7; 32]), Vec::new());
            prop_assert_eq!(keys.open("name", &value), None);
        }
    }
}
