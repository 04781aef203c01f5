//! Sign-ins that have begun: one private cookie each, named by a hash of `state`. So
//! several tabs can sign in, in any order, and nothing is kept on the server.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::cookie::private::PrivateCookies;
use super::cookie::{CookieError, SealError};
use super::model::SessionRef;
use crate::clock::Seconds;
use crate::oidc::attempt::Attempt;
use crate::oidc::authentication::RequestedAuthentication;
use crate::oidc::authorize::Authorization;
use crate::oidc::dpop::KeyName;
use crate::request::cookies::only;
use crate::return_to::ReturnTo;
use crate::sha256::sha256;

/// Logto gives a user one hour to sign in.
const LIFETIME: Seconds = 3600;
/// The most sign-ins at once; beyond that, the oldest is dropped.
const MAX_COUNT: usize = 16;
/// What servers commonly take as one `Cookie` header, in bytes, nginx among them.
const MAX_HEADER: usize = 8 * 1024;
/// Left for cookies that the app sets meanwhile, in bytes.
const SPARE: usize = 1024;
/// Left for the session that a sign-in ends with, in bytes.
const SESSION: usize = 3 * 1024;

/// What must come back, and where to go afterwards.
pub(crate) struct Transaction {
    pub attempt: Attempt,
    return_to: String,
    details: Details,
}

/// What most sign-ins go without. Serialized with short names, because it has to fit a
/// cookie.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
struct Details {
    #[serde(flatten)]
    asked: RequestedAuthentication,
    /// The session that it replaces, if the response comes without that session's
    /// cookie.
    #[serde(rename = "o", default, skip_serializing_if = "Option::is_none")]
    replaces: Option<SessionRef>,
    /// Begun by the app itself, because the provider had asked to begin again.
    #[serde(rename = "t", default, skip_serializing_if = "std::ops::Not::not")]
    begun_again: bool,
    /// Without anything for the user to see.
    #[serde(rename = "s", default, skip_serializing_if = "std::ops::Not::not")]
    is_silent: bool,
    /// The key that the request named (RFC 9449 section 10): the code is good with it only.
    #[serde(rename = "q", default, skip_serializing_if = "Option::is_none")]
    key: Option<KeyName>,
}

/// What is to be remembered of a sign-in beside the request itself.
pub(crate) struct Beginning<'a> {
    pub return_to: &'a ReturnTo,
    pub replaces: Option<&'a SessionRef>,
    /// See [`Transaction::begun_again`].
    pub begun_again: bool,
    /// See [`Transaction::is_silent`].
    pub is_silent: bool,
}

impl Transaction {
    /// Where to go, by the rules of when it began: check it again.
    pub(crate) fn return_to(&self) -> &str {
        &self.return_to
    }

    pub(crate) fn asked(&self) -> &RequestedAuthentication {
        &self.details.asked
    }

    pub(crate) fn replaces(&self) -> Option<&SessionRef> {
        self.details.replaces.as_ref()
    }

    pub(crate) fn begun_again(&self) -> bool {
        self.details.begun_again
    }

    pub(crate) fn key(&self) -> Option<&KeyName> {
        self.details.key.as_ref()
    }

    /// Whether the user has asked for nothing, and so is to be told of nothing.
    pub(crate) fn is_silent(&self) -> bool {
        self.details.is_silent
    }
}

/// A transaction as its cookie has it: the secret, the time, and the address; then, after
/// a line break, which is in no address, what else there is.
#[derive(PartialEq)]
struct Sealed {
    secret: [u8; 32],
    created_at: Seconds,
    return_to: String,
    details: Details,
}

impl Sealed {
    fn encode(&self) -> Result<Vec<u8>, SealError> {
        let mut plain = self.secret.to_vec();
        plain.extend(self.created_at.to_be_bytes());
        plain.extend(self.return_to.as_bytes());
        if self.details != Details::default() {
            plain.push(b'\n');
            serde_json::to_writer(&mut plain, &self.details).map_err(|_| SealError)?;
        }
        Ok(plain)
    }

    fn decode(plain: &[u8]) -> Option<Sealed> {
        let (secret, rest) = plain.split_first_chunk()?;
        let (created_at, rest) = rest.split_first_chunk()?;
        let text = std::str::from_utf8(rest).ok()?;
        let (return_to, details) = match text.split_once('\n') {
            Some((return_to, details)) => (return_to, serde_json::from_str(details).ok()?),
            None => (text, Details::default()),
        };
        Some(Sealed {
            secret: *secret,
            created_at: Seconds::from_be_bytes(*created_at),
            return_to: return_to.to_owned(),
            details,
        })
    }
}

/// The transaction cookies of one request.
pub(crate) struct Transactions<'a>(pub PrivateCookies<'a>);

impl Transactions<'_> {
    /// `Set-Cookie` lines that add a sign-in and remove those that exceed the limits.
    pub(crate) fn add(
        &self,
        authorization: &Authorization,
        beginning: &Beginning<'_>,
    ) -> Result<Vec<String>, CookieError> {
        let sealed = Sealed {
            secret: *authorization.attempt.secret(),
            created_at: self.0.now,
            return_to: beginning.return_to.as_str().to_owned(),
            details: Details {
                asked: authorization.asked.clone(),
                replaces: beginning.replaces.cloned(),
                begun_again: beginning.begun_again,
                is_silent: beginning.is_silent,
                key: authorization.key.clone(),
            },
        };
        let name = self.name(&authorization.attempt.state());
        let value = self
            .0
            .keys
            .seal_bytes(&self.sealed_for(&name), sealed.encode()?)?;
        let mut bytes = size(&name, &value);
        let line = self
            .0
            .names
            .transaction_spec(&name, LIFETIME)
            .checked_line(value)?;

        let mut live = Vec::new();
        let mut lines = Vec::new();
        for (name, value) in self.all() {
            match self.open(name, value) {
                Some(other) => live.push((other.created_at, name, size(name, value))),
                None => lines.push(self.removal(name)),
            }
        }
        live.sort_by_key(|(created_at, ..)| *created_at);
        bytes += live.iter().map(|(.., size)| size).sum::<usize>();
        let max_bytes = self.max_bytes();
        let mut live = live.into_iter();
        while live.len() + 1 > MAX_COUNT || bytes > max_bytes {
            let Some((_, name, size)) = live.next() else {
                break;
            };
            lines.push(self.removal(name));
            bytes -= size;
        }
        lines.push(line);
        Ok(lines)
    }

    /// The most bytes of cookies for sign-ins together: what the other cookies of this
    /// browser, and the session to come, leave of the header.
    fn max_bytes(&self) -> usize {
        let others = self.0.cookies.iter();
        let others = others.filter(|(name, _)| !self.0.names.is_transaction(name));
        let (session, others): (Vec<_>, Vec<_>) =
            others.partition(|(name, _)| name.starts_with(self.0.names.session()));
        let sum = |cookies: Vec<&(&str, &str)>| -> usize {
            cookies.iter().map(|(name, value)| size(name, value)).sum()
        };
        (MAX_HEADER - SPARE).saturating_sub(sum(others) + sum(session).max(SESSION))
    }

    /// The transaction with this `state`, if this browser began it.
    pub(crate) fn find(&self, state: &str) -> Option<Transaction> {
        let name = self.name(state);
        let sealed = self.open(&name, only(self.0.cookies, &name)?)?;
        Some(Transaction {
            attempt: Attempt::with_state(sealed.secret, state)?,
            return_to: sealed.return_to,
            details: sealed.details,
        })
    }

    /// The names of those that this browser has begun.
    pub(crate) fn names(&self) -> Vec<String> {
        let begun = |(name, value): &(&str, &str)| {
            only(self.0.cookies, name).is_some() && self.open(name, value).is_some()
        };
        let names = self.all().filter(begun).map(|(name, _)| name.to_owned());
        names.collect()
    }

    /// Where the sign-in that this browser began last would have ended. For a response
    /// that does not say whose it is.
    pub(crate) fn newest_return_to(&self) -> Option<String> {
        let live = self
            .all()
            .filter_map(|(name, value)| self.open(name, value));
        let newest = live.max_by_key(|sealed| sealed.created_at);
        newest.map(|sealed| sealed.return_to)
    }

    /// The `Set-Cookie` line that removes a transaction.
    pub(crate) fn removal(&self, name: &str) -> String {
        self.0.names.transaction_spec(name, 0).removal()
    }

    fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        let all = self.0.cookies.iter();
        all.filter(|(name, _)| self.0.names.is_transaction(name))
            .copied()
    }

    fn open(&self, name: &str, value: &str) -> Option<Sealed> {
        let plain = self.0.keys.open_bytes(&self.sealed_for(name), value)?;
        Sealed::decode(&plain).filter(|sealed| self.0.is_live(sealed.created_at, LIFETIME))
    }

    /// The name of the cookie for the transaction of `state`.
    pub(crate) fn name(&self, state: &str) -> String {
        let hash = URL_SAFE_NO_PAD.encode(&sha256(state)[..12]);
        self.0.names.transaction(&hash)
    }

    /// A transaction opens under its own name, and for the registration that asked: a
    /// code must not go to another provider. The line break tells it from all else that
    /// is sealed.
    fn sealed_for(&self, name: &str) -> String {
        format!("{name}\n{}", self.0.registration.as_str())
    }
}

/// What a cookie takes in the header, with the `=` and the `; `.
fn size(name: &str, value: &str) -> usize {
    name.len() + value.len() + 3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transaction_is_read_as_it_was_written() {
        let asked = RequestedAuthentication {
            max_age: Some(60),
            acr_values: vec!["urn:mfa".to_owned()],
            amr: vec!["otp".to_owned()],
            since: Some(-1),
        };
        for details in [
            Details::default(),
            Details {
                begun_again: true,
                ..Details::default()
            },
            Details {
                is_silent: true,
                ..Details::default()
            },
            Details {
                asked,
                ..Details::default()
            },
        ] {
            let sealed = Sealed {
                secret: [7; 32],
                created_at: 1_800_000_000,
                return_to: "/a?b#c".to_owned(),
                details,
            };
            let plain = sealed.encode().unwrap();
            assert!(Sealed::decode(&plain) == Some(sealed));
            for cut in 0..40 {
                assert!(Sealed::decode(&plain[..cut]).is_none(), "{cut}");
            }
        }
    }
}
