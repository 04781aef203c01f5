//! Sign-ins that have begun: one private cookie each, named by a hash of `state`. So
//! several tabs can sign in, in any order, and nothing is kept on the server.

use ::cookie::SameSite;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::cookie::{CookieError, CookieKeys, CookieSpec, name};
use super::model::{CLOCKS_DIFFER, Registration, SessionRef};
use crate::clock::Seconds;
use crate::config::{LogtoConfig, ResponseMode};
use crate::oidc::authentication::RequestedAuthentication;
use crate::oidc::authorize::Authorization;
use crate::request::cookies::only;
use crate::return_to::ReturnTo;
use crate::sha256::sha256;

/// Logto gives a user one hour to sign in.
const LIFETIME: Seconds = 3600;
/// The most sign-ins at once; beyond that, the oldest is dropped.
const MAX_COUNT: usize = 5;
/// The most bytes of cookies for them together, or proxies may refuse the header.
const MAX_BYTES: usize = 4096;
const PREFIX: &str = "logto_txn_";

/// What must come back, and where to go afterwards.
#[derive(Serialize, Deserialize)]
pub(crate) struct Transaction {
    #[serde(rename = "s")]
    pub state: String,
    #[serde(rename = "n")]
    pub nonce: String,
    #[serde(rename = "v")]
    pub code_verifier: String,
    #[serde(rename = "r")]
    return_to: String,
    #[serde(rename = "c")]
    created_at: Seconds,
    #[serde(flatten)]
    pub asked: RequestedAuthentication,
    /// The session that it replaces, if the response comes without that session's
    /// cookie.
    #[serde(rename = "o", default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<SessionRef>,
    /// The registration that asked: a code must not go to another provider.
    #[serde(rename = "b", default)]
    registration: Registration,
    /// Begun by the app itself, because the provider had asked to begin again.
    #[serde(rename = "t", default, skip_serializing_if = "std::ops::Not::not")]
    pub begun_again: bool,
}

impl Transaction {
    /// Checked again when used: the cookie may be older than the rules.
    pub(crate) fn return_to(&self) -> ReturnTo {
        ReturnTo::parse(&self.return_to).unwrap_or_else(ReturnTo::home)
    }

    /// Allows for a sign-in that began on an instance whose clock is ahead.
    fn is_live(&self, now: Seconds) -> bool {
        (-CLOCKS_DIFFER..LIFETIME).contains(&now.saturating_sub(self.created_at))
    }
}

/// The transaction cookies of one request.
pub(crate) struct Transactions<'a> {
    pub config: &'a LogtoConfig,
    pub keys: &'a CookieKeys,
    pub registration: &'a Registration,
    pub cookies: &'a [(&'a str, &'a str)],
    pub now: Seconds,
}

impl Transactions<'_> {
    /// `Set-Cookie` lines that add a sign-in and remove those that exceed the limits.
    pub(crate) fn add(
        &self,
        authorization: &Authorization,
        return_to: &ReturnTo,
        replaces: Option<&SessionRef>,
        begun_again: bool,
    ) -> Result<Vec<String>, CookieError> {
        let transaction = Transaction {
            state: authorization.state.clone(),
            nonce: authorization.nonce.clone(),
            code_verifier: authorization.code_verifier.clone(),
            return_to: return_to.as_str().to_owned(),
            created_at: self.now,
            asked: authorization.asked.clone(),
            replaces: replaces.cloned(),
            registration: self.registration.clone(),
            begun_again,
        };
        let name = self.name(&transaction.state);
        let line = self.keys.seal(&self.spec(&name), &transaction)?;

        let mut live = Vec::new();
        let mut lines = Vec::new();
        for (name, value) in self.all() {
            match self.open(name, value) {
                Some(other) => live.push((other.created_at, name, name.len() + value.len())),
                None => lines.push(self.spec(name).removal()),
            }
        }
        live.sort_by_key(|(created_at, ..)| *created_at);
        let mut bytes = line.len() + live.iter().map(|(.., size)| size).sum::<usize>();
        let mut live = live.into_iter();
        while live.len() + 1 > MAX_COUNT || bytes > MAX_BYTES {
            let Some((_, name, size)) = live.next() else {
                break;
            };
            lines.push(self.spec(name).removal());
            bytes -= size;
        }
        lines.push(line);
        Ok(lines)
    }

    /// The transaction with this `state`, if this browser began it.
    pub(crate) fn find(&self, state: &str) -> Option<Transaction> {
        let name = self.name(state);
        let transaction = self.open(&name, only(self.cookies, &name)?)?;
        (transaction.state == state).then_some(transaction)
    }

    /// The `Set-Cookie` line that removes a transaction.
    pub(crate) fn removal(&self, name: &str) -> String {
        self.spec(name).removal()
    }

    fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        let prefix = name(self.config, PREFIX);
        self.cookies
            .iter()
            .filter(move |(name, _)| name.starts_with(&prefix))
            .copied()
    }

    fn open(&self, name: &str, value: &str) -> Option<Transaction> {
        let plain = self.keys.open(name, value)?;
        let transaction: Transaction = serde_json::from_str(&plain).ok()?;
        let is_ours = transaction.registration == *self.registration;
        (is_ours && transaction.is_live(self.now)).then_some(transaction)
    }

    /// The name of the cookie for the transaction of `state`.
    pub(crate) fn name(&self, state: &str) -> String {
        let hash = URL_SAFE_NO_PAD.encode(&sha256(state)[..12]);
        name(self.config, &format!("{PREFIX}{hash}"))
    }

    /// The response to a `form_post` request is a cross-site POST, to which browsers
    /// add only cookies with `SameSite=None`.
    fn spec<'n>(&self, name: &'n str) -> CookieSpec<'n> {
        CookieSpec {
            name,
            max_age: LIFETIME,
            secure: self.config.is_https(),
            same_site: match self.config.response_mode {
                ResponseMode::FormPost => SameSite::None,
                ResponseMode::Query => SameSite::Lax,
            },
        }
    }
}
