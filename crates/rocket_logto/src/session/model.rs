//! What a session is: the data, where it is kept, and how long it lives.

use std::borrow::Cow;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openidconnect::{AccessToken, RefreshToken};
use serde::{Deserialize, Serialize};

use super::cookie::cache::Digest;
use crate::claims::IdTokenClaims;
use crate::clock::{Seconds, seconds};
use crate::config::{LogtoConfig, SessionConfig, issuer};
use crate::hooks::AppData;
use crate::oidc::authentication::AuthenticationEvent;
use crate::oidc::dpop::{KeyName, ProofKeys};
use crate::oidc::tokens::RawIdToken;
use crate::sha256::sha256;
use crate::tokens::token::{Token, TokenFor};

/// A session in use is written again this often, or four times within `idle`.
const ROLL_EVERY: Seconds = 60;
/// The clocks of instances differ by less than this.
pub(super) const CLOCKS_DIFFER: Seconds = 60;

/// 256 random bits that name one session. New at every sign-in.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub(crate) struct SessionId(Arc<str>);

impl SessionId {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn random() -> Result<SessionId, aws_lc_rs::error::Unspecified> {
        let mut bytes = [0; 32];
        aws_lc_rs::rand::fill(&mut bytes)?;
        Ok(SessionId(URL_SAFE_NO_PAD.encode(bytes).into()))
    }
}

impl From<String> for SessionId {
    fn from(id: String) -> SessionId {
        SessionId(id.into())
    }
}

impl From<SessionId> for String {
    fn from(id: SessionId) -> String {
        id.as_str().to_owned()
    }
}

/// Hides the id: anyone who has it might act as the user, so it must not be logged.
impl std::fmt::Debug for SessionId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SessionId([redacted])")
    }
}

/// One user, signed in, in one browser. Serialized with short names, because it has to
/// fit a cookie.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Session {
    #[serde(rename = "i")]
    pub id: SessionId,
    #[serde(rename = "u")]
    pub sub: String,
    /// The id of the session at the provider; logout tokens name it.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    #[serde(rename = "t")]
    pub id_token: RawIdToken,
    #[serde(rename = "r", skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<RefreshToken>,
    /// Only without a refresh token: the access token of the sign-in is then the only
    /// one there will ever be.
    #[serde(rename = "a", skip_serializing_if = "Option::is_none")]
    pub access: Option<Access>,
    #[serde(rename = "c")]
    pub created_at: Seconds,
    #[serde(rename = "s")]
    pub seen_at: Seconds,
    /// When the provider last confirmed the user.
    #[serde(rename = "f")]
    pub refreshed_at: Seconds,
    /// When and how the user authenticated, as far as the provider says.
    #[serde(
        rename = "n",
        default,
        skip_serializing_if = "AuthenticationEvent::is_unknown"
    )]
    pub authenticated: AuthenticationEvent,
    /// Counts refreshes, to tell which of two copies is newer.
    #[serde(rename = "v", default)]
    pub version: u32,
    /// The version at which access tokens were last forgotten: no instance uses a
    /// token of an older version.
    #[serde(rename = "k", default, skip_serializing_if = "is_zero")]
    pub tokens_from: u32,
    /// At a provider of many tenants: whose user it is.
    #[serde(rename = "e", default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// The registration that the user signed in for: for another one it is no session.
    #[serde(rename = "b", default)]
    pub registration: Registration,
    /// Where the app is whose session it is. Says nothing about who it is for.
    #[serde(rename = "w", default)]
    pub app: AppAddress,
    /// Browser and system, as far as the browser said at the sign-in. Only where the
    /// session does not have to fit a cookie.
    #[serde(rename = "g", default, skip_serializing_if = "Option::is_none")]
    pub browser: Option<String>,
    /// With which mark of changes at the provider (`changes.rs`) its claims and tokens were
    /// confirmed. Only where instances share sessions.
    #[serde(rename = "m", default, skip_serializing_if = "Option::is_none")]
    pub mark: Option<String>,
    /// The key that its tokens are bound to (RFC 9449): at a public client the refresh token,
    /// too, so that it is of use with this key only.
    #[serde(rename = "q", default, skip_serializing_if = "Option::is_none")]
    pub proof_key: Option<KeyName>,
    /// The app's own data.
    #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
    pub data: Option<AppData>,
    /// The claims of a refresh count from the second after this on.
    #[serde(skip)]
    pub outdated_at: Seconds,
    #[serde(skip)]
    pub kept_in: KeptIn,
    /// A keyed hash of the sealed text that it was read from.
    #[serde(skip)]
    pub read_from: Option<Digest>,
}

fn is_zero(version: &u32) -> bool {
    *version == 0
}

/// This app's registration at its provider, by a hash that fits a cookie. Another
/// tenant, or another app with the same key, must not take a session for its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Registration(String);

impl Registration {
    pub(crate) fn of(config: &LogtoConfig) -> Registration {
        // No issuer has a line break in it.
        let digest = sha256(format!("{}\n{}", config.issuer(), config.app_id()));
        Registration(URL_SAFE_NO_PAD.encode(&digest[..12]))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// The app's own address, by a hash that fits a cookie: it tells a cookie that the app
/// has left under a former name from the cookie of another app with the same key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AppAddress(String);

impl AppAddress {
    pub(crate) fn of(config: &LogtoConfig) -> AppAddress {
        let digest = sha256(config.base_url.as_str());
        AppAddress(URL_SAFE_NO_PAD.encode(&digest[..6]))
    }
}

/// What is needed to end a session, even without its cookie.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct SessionRef {
    #[serde(rename = "i")]
    pub id: SessionId,
    #[serde(rename = "c")]
    pub created_at: Seconds,
    #[serde(rename = "h")]
    pub kept_in: KeptIn,
    /// Its user, by a name that no user of another tenant has.
    #[serde(rename = "u", default)]
    pub sub: String,
}

/// Where a session is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum KeptIn {
    /// In its cookies.
    #[default]
    Cookie,
    /// In the memory of this process, because it does not fit cookies.
    Memory,
    /// In the store that instances share.
    Store,
}

/// An access token for the userinfo endpoint.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Access {
    #[serde(rename = "t")]
    token: AccessToken,
    #[serde(rename = "e")]
    ends_at: Seconds,
    /// The key that it is bound to.
    #[serde(rename = "k", default, skip_serializing_if = "Option::is_none")]
    key: Option<KeyName>,
}

impl From<&Token> for Access {
    fn from(token: &Token) -> Access {
        Access {
            token: token.as_secret().clone(),
            ends_at: token.ends_at(),
            key: token.key_name(),
        }
    }
}

impl Session {
    /// A new session with these tokens, for the user of the verified `claims`.
    pub(crate) fn begun(
        id: SessionId,
        claims: IdTokenClaims,
        id_token: RawIdToken,
        refresh_token: Option<RefreshToken>,
        token: &Token,
        (registration, app): (Registration, AppAddress),
        now: Seconds,
    ) -> Session {
        let authenticated = AuthenticationEvent::of(&claims);
        Session {
            id,
            sid: claims.sid.into_value(),
            sub: claims.standard.sub,
            id_token,
            // Without a refresh token this access token is the only one there will be.
            access: refresh_token.is_none().then(|| Access::from(token)),
            refresh_token,
            created_at: now,
            seen_at: now,
            refreshed_at: now,
            authenticated,
            version: 0,
            tokens_from: 0,
            tenant: None,
            registration,
            app,
            browser: None,
            mark: None,
            proof_key: token.key_name(),
            data: None,
            outdated_at: 0,
            kept_in: KeptIn::default(),
            read_from: None,
        }
    }

    /// Its user, by a name that no user of another tenant has.
    pub(super) fn unique_sub(&self) -> Cow<'_, str> {
        issuer::unique(self.tenant.as_deref(), &self.sub)
    }

    /// The session at the provider, in the same way.
    pub(super) fn unique_sid(&self) -> Option<Cow<'_, str>> {
        let sid = self.sid.as_deref()?;
        Some(issuer::unique(self.tenant.as_deref(), sid))
    }

    /// The issuer of its ID token, which at a provider of many tenants is that of one.
    pub(super) fn issuer<'a>(&self, configured: &'a str) -> Cow<'a, str> {
        let tenant = self.tenant.as_deref();
        let of_tenant = tenant.and_then(|tenant| issuer::of_tenant(configured, tenant));
        of_tenant.map_or(configured.into(), Cow::from)
    }

    pub(crate) fn reference(&self) -> SessionRef {
        SessionRef {
            id: self.id.clone(),
            created_at: self.created_at,
            kept_in: self.kept_in,
            sub: self.unique_sub().into_owned(),
        }
    }

    /// The access token kept in the session, if it is valid beyond `until`, and bound to none
    /// but one of the app's own `keys`.
    pub(crate) fn access_at_hand(
        &self,
        key: &TokenFor,
        until: Seconds,
        keys: &ProofKeys,
    ) -> Option<Token> {
        let access = self
            .access
            .as_ref()
            .filter(|access| access.ends_at > until)?;
        let token = || Token::new(access.token.clone(), None, access.ends_at);
        let token = key.is_default().then(token)?;
        token.bound(access.key.as_ref(), keys)
    }

    /// Whether the session is alive at `now`: last used within `idle` and begun within
    /// `absolute`. One from the future is not.
    pub(crate) fn is_live(&self, limits: &SessionConfig, now: Seconds) -> bool {
        let within = |since, limit| {
            let age = now.saturating_sub(since);
            age < seconds(limit) && age > -CLOCKS_DIFFER
        };
        within(self.seen_at, limits.idle) && within(self.created_at, limits.absolute)
    }

    /// The session marked as used now, if that is worth writing.
    pub(crate) fn rolled(&self, limits: &SessionConfig, now: Seconds) -> Option<Session> {
        let every = ROLL_EVERY.min(seconds(limits.idle) / 4).max(1);
        (now.saturating_sub(self.seen_at) >= every).then(|| Session {
            seen_at: now,
            ..self.clone()
        })
    }

    /// How long the browser should keep the cookie, in seconds.
    pub(crate) fn max_age(&self, limits: &SessionConfig, now: Seconds) -> Seconds {
        let end = self.created_at.saturating_add(seconds(limits.absolute));
        seconds(limits.idle).min(end.saturating_sub(now)).max(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const LIMITS: SessionConfig = SessionConfig {
        idle: Duration::from_secs(100),
        absolute: Duration::from_secs(1000),
        max_ended_users: 10,
        max_per_user: None,
    };

    fn session(created_at: Seconds, seen_at: Seconds) -> Session {
        serde_json::from_value(serde_json::json!({
            "i": "id", "u": "sub", "t": "token", "c": created_at, "s": seen_at, "f": created_at,
        }))
        .unwrap()
    }

    #[test]
    fn ends_at_the_limit_to_the_second() {
        let used = session(5000, 5500);
        assert!(used.is_live(&LIMITS, 5599));
        assert!(!used.is_live(&LIMITS, 5600));
        let old = session(5000, 5990);
        assert!(old.is_live(&LIMITS, 5999));
        assert!(!old.is_live(&LIMITS, 6000));
        // Another instance's clock may be ahead, but by less than a minute.
        let begun_elsewhere = session(5000, 5000);
        assert!(begun_elsewhere.is_live(&LIMITS, 4941));
        assert!(!begun_elsewhere.is_live(&LIMITS, 4940));
    }

    #[test]
    fn rolls_once_a_minute_and_never_past_the_absolute_limit() {
        let session = session(5000, 5000);
        let day = SessionConfig {
            idle: Duration::from_secs(86_400),
            ..LIMITS
        };
        assert!(session.rolled(&day, 5059).is_none());
        let rolled = session.rolled(&day, 5060).unwrap();
        assert_eq!((rolled.created_at, rolled.seen_at), (5000, 5060));
        assert_eq!(rolled.max_age(&LIMITS, 5060), 100);
        assert_eq!(rolled.max_age(&LIMITS, 5950), 50);
        assert_eq!(rolled.max_age(&LIMITS, 7000), 0);
    }

    #[test]
    fn rolls_well_before_it_would_end_unused() {
        let session = session(5000, 5000);
        assert!(session.rolled(&LIMITS, 5024).is_none());
        assert!(session.rolled(&LIMITS, 5025).is_some());
        let second = SessionConfig {
            idle: Duration::from_secs(1),
            ..LIMITS
        };
        assert!(session.rolled(&second, 5000).is_none());
        assert!(session.rolled(&second, 5001).is_some());
    }
}
