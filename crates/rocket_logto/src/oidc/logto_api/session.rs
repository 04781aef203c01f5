//! `LogtoSession`: a sign-in at Logto, as its APIs list it, and how it is ended.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::claims::Timestamp;

/// A session at Logto itself: one browser in which the user is signed in there, with all apps
/// that they have opened from it.
///
/// Not the session in this app, which is a [`SessionInfo`](crate::SessionInfo). Ending one at
/// Logto does not end those in the apps: they learn of it when they next refresh, and only if
/// the grants are revoked with it ([`Revoke`]).
///
/// # Standards
///
/// Logto's Management API (`GET /api/users/{userId}/sessions`) and Account API
/// (`GET /api/my-account/sessions`), of Logto 1.40 and later.
///
/// # Examples
///
/// ```rust
/// use rocket_logto::LogtoSession;
///
/// let session: LogtoSession = serde_json::from_str(
///     r#"{"payload":{"uid":"s1","loginTs":1795722965},"expiresAt":1796932565000,
///         "lastSubmission":{"signInContext":{"userAgent":"Firefox","country":"TH"}}}"#,
/// )?;
/// assert_eq!(session.id(), "s1");
/// assert_eq!(session.user_agent(), Some("Firefox"));
/// assert_eq!(session.expires_at.seconds(), 1796932565);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct LogtoSession {
    payload: Payload,
    /// When it ends, unless it is used.
    pub expires_at: Timestamp,
    /// The application with which it began, by its id.
    #[serde(default)]
    pub client_id: Option<String>,
    /// Whether it is the one behind the token that asked: in the Account API, where the
    /// version of Logto says so.
    #[serde(default)]
    pub is_current: Option<bool>,
    /// What Logto remembers of the last sign-in: how, and from where.
    #[serde(default)]
    pub last_submission: Option<Map<String, Value>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payload {
    uid: String,
    #[serde(default)]
    login_ts: Option<Timestamp>,
}

impl LogtoSession {
    /// The name by which it is ended.
    pub fn id(&self) -> &str {
        &self.payload.uid
    }

    /// When the user signed in.
    pub fn signed_in_at(&self) -> Option<&Timestamp> {
        self.payload.login_ts.as_ref()
    }

    /// The `User-Agent` of the browser, where Logto has it. The browser's own word.
    pub fn user_agent(&self) -> Option<&str> {
        self.context("userAgent")
    }

    /// The IP address of the sign-in, where Logto has it.
    pub fn ip(&self) -> Option<&str> {
        self.context("ip")
    }

    /// The country of the sign-in as a code of two letters, where a proxy has told Logto.
    pub fn country(&self) -> Option<&str> {
        self.context("country")
    }

    fn context(&self, name: &str) -> Option<&str> {
        let submission = self.last_submission.as_ref()?;
        submission.get("signInContext")?.get(name)?.as_str()
    }
}

/// The answer that lists them.
#[derive(Deserialize)]
pub(crate) struct Listed {
    pub sessions: Vec<LogtoSession>,
}

/// What ends together with a session at Logto.
///
/// # Examples
///
/// ```rust
/// use rocket_logto::Revoke;
///
/// // Refresh tokens with `offline_access` outlive a session, unless they are revoked too.
/// assert_eq!(Revoke::default(), Revoke::SessionOnly);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Revoke {
    /// The session alone: apps go on with refresh tokens that have `offline_access`.
    #[default]
    SessionOnly,
    /// Also what first-party apps were granted in it: their next refresh fails, and the user is
    /// signed out of them.
    FirstParty,
    /// Also what all apps were granted.
    All,
}

impl Revoke {
    /// The query that says so.
    pub(crate) fn query(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Revoke::SessionOnly => &[],
            Revoke::FirstParty => &[("revokeGrantsTarget", "firstParty")],
            Revoke::All => &[("revokeGrantsTarget", "all")],
        }
    }
}
