//! What waits for the user: a sign-in by a link that has to be agreed to, a sign-out that
//! has to be confirmed, and the way back from the provider after one. All of it is in
//! cookies or forms, sealed where it must not be read or made by anybody else; nothing is
//! kept on the server.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::cookie::private::PrivateCookies;
use super::cookie::{CookieError, SealError};
use super::model::Session;
use crate::clock::Seconds;
use crate::request::cookies::only;
use crate::sha256::sha256;

/// Longer than a link of Logto's lives unless told otherwise, which is ten minutes.
const TO_ANSWER: Seconds = 15 * 60;
/// A page may be open for a while before its button is pressed.
const TO_CONFIRM: Seconds = 3600;
/// To sign out at the provider, which may ask as well.
const TO_COME_BACK: Seconds = 15 * 60;
/// After a silent sign-in, whatever came of it. Somebody who signs in elsewhere meanwhile
/// is known here a few minutes later.
pub(crate) const TRIED: Seconds = 5 * 60;
/// After a sign-out: a user who has just left is not to be signed in again unasked, even
/// where the provider still knows them.
pub(crate) const SIGNED_OUT: Seconds = 24 * 3600;

/// In the place of a cookie's name.
const SIGN_OUT: &str = "sign-out";

/// The questions to one browser.
pub(crate) struct Questions<'a>(pub PrivateCookies<'a>);

/// A sign-in that the user has not agreed to yet.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Question {
    /// 128 random bits, in the form beside the question: only who can read that page in
    /// this very browser can answer.
    #[serde(rename = "n")]
    nonce: String,
    #[serde(rename = "t")]
    at: Seconds,
    /// The query of the sign-in. Here it is in no address and no log.
    #[serde(rename = "q")]
    pub sign_in: String,
    #[serde(rename = "u", default, skip_serializing_if = "std::ops::Not::not")]
    pub is_sign_up: bool,
}

impl Question {
    /// What the form sends.
    pub(crate) fn answer(&self) -> &str {
        &self.nonce
    }

    /// Whether this is the answer to the question.
    pub(crate) fn is_answered_by(&self, answer: &str) -> bool {
        verify_slices_are_equal(self.nonce.as_bytes(), answer.as_bytes()).is_ok()
    }
}

/// In the form of the page that asks before signing out: the session it is about.
#[derive(Serialize, Deserialize)]
struct Confirmation {
    #[serde(rename = "i")]
    session: String,
    #[serde(rename = "t")]
    at: Seconds,
}

impl Questions<'_> {
    /// The `Set-Cookie` line that holds the question. A new one takes the place of the
    /// one before.
    pub(crate) fn ask(&self, sign_in: &str, is_sign_up: bool) -> Result<String, CookieError> {
        let mut nonce = [0; 16];
        aws_lc_rs::rand::fill(&mut nonce).map_err(|_| SealError)?;
        let question = Question {
            nonce: URL_SAFE_NO_PAD.encode(nonce),
            at: self.0.now,
            sign_in: sign_in.to_owned(),
            is_sign_up,
        };
        let name = self.0.names.question();
        let value = self.0.keys.seal_value(&self.sealed_for(name), &question)?;
        self.0
            .names
            .session_spec(name, TO_ANSWER)
            .checked_line(value)
    }

    /// The question that was asked last, while it can be answered.
    pub(crate) fn asked(&self) -> Option<Question> {
        let name = self.0.names.question();
        let plain = self
            .0
            .keys
            .open(&self.sealed_for(name), only(self.0.cookies, name)?)?;
        let question: Question = serde_json::from_str(&plain).ok()?;
        self.0.is_live(question.at, TO_ANSWER).then_some(question)
    }

    /// The `Set-Cookie` line that removes the question.
    pub(crate) fn answered(&self) -> String {
        self.0
            .names
            .session_spec(self.0.names.question(), 0)
            .removal()
    }

    /// For the form that asks before it ends this session.
    pub(crate) fn confirmation_of(&self, session: &Session) -> Result<String, SealError> {
        let confirmation = Confirmation {
            session: session.id.as_str().to_owned(),
            at: self.0.now,
        };
        self.0
            .keys
            .seal_value(&self.sealed_for(SIGN_OUT), &confirmation)
    }

    /// Whether `sealed` is from a form that was made for this session.
    pub(crate) fn confirms(&self, session: &Session, sealed: &str) -> bool {
        let opened = self.0.keys.open(&self.sealed_for(SIGN_OUT), sealed);
        let confirmation = opened.and_then(|plain| serde_json::from_str(&plain).ok());
        confirmation.is_some_and(|Confirmation { session: of, at }| {
            of == session.id.as_str() && self.0.is_live(at, TO_CONFIRM)
        })
    }

    /// The `Set-Cookie` line of a browser that goes to the provider to sign out, with the
    /// `state` it is to bring back.
    pub(crate) fn leave(&self, state: &str) -> Result<String, CookieError> {
        let spec = self.0.names.session_spec(self.0.names.left(), TO_COME_BACK);
        spec.checked_line(digest(state))
    }

    /// Whether this browser left with this `state`.
    pub(crate) fn has_left(&self, state: &str) -> bool {
        only(self.0.cookies, self.0.names.left()).is_some_and(|left| left == digest(state))
    }

    /// The `Set-Cookie` line for a browser that is back.
    pub(crate) fn is_back(&self) -> String {
        self.0.names.session_spec(self.0.names.left(), 0).removal()
    }

    /// The `Set-Cookie` line of a browser in which no silent sign-in begins for as long as
    /// this. Nothing is won by making one up, so it is not sealed.
    pub(crate) fn be_quiet(&self, for_seconds: Seconds) -> Result<String, CookieError> {
        let spec = self.0.names.session_spec(self.0.names.quiet(), for_seconds);
        spec.checked_line("1".to_owned())
    }

    /// Whether no silent sign-in may begin in this browser.
    pub(crate) fn is_quiet(&self) -> bool {
        let name = self.0.names.quiet();
        self.0.cookies.iter().any(|(cookie, _)| *cookie == name)
    }

    /// The line breaks tell it from all else that is sealed.
    fn sealed_for(&self, what: &str) -> String {
        format!("{what}\nquestion\n{}", self.0.registration.as_str())
    }
}

/// No cookie stands in an address, so not the `state` itself.
fn digest(state: &str) -> String {
    URL_SAFE_NO_PAD.encode(&sha256(state)[..16])
}
