//! Verification of logout tokens (OpenID Connect Back-Channel Logout 1.0
//! section 2.6).

use serde::Deserialize;
use serde_json::{Map, Value};

use super::jws::jws;
use super::keys::KeySet;
use super::{ClientExpectations, Rejection};
use crate::claims::{Audience, Claim, numeric_date};
use crate::clock::Seconds;
use crate::config::issuer;

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
/// In seconds, for a token without `exp`, as Logto before 1.42 sends it.
const LIFETIME: Seconds = 300;
/// In seconds, for a token with `exp`, however late that is: so long is its `jti`
/// remembered. Section 2.4 asks for two minutes at most.
const MAX_LIFETIME: Seconds = 3600;

/// Which sessions end, by the names of [`issuer::unique`]: `sid` names one session at the
/// provider; `sub` alone means all of a user's sessions. With both, a session of the user
/// that has no `sid`, because the provider puts none into ID tokens, may be the one that
/// is meant, so it ends, too.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Logout {
    pub sub: Option<String>,
    pub sid: Option<String>,
    pub jti: String,
    /// Sessions that began later are not meant, however late the token arrives. It is
    /// the time of issue plus a tolerance, because clocks differ.
    pub issued_before: Seconds,
    /// Until when the token must not be accepted a second time.
    pub good_until: Seconds,
}

impl Logout {
    /// Whether it names the session at the provider `sid` of this user.
    pub(crate) fn names(&self, sid: Option<&str>, sub: &str) -> bool {
        match (&self.sid, sid) {
            (Some(named), Some(sid)) => sid == named,
            (Some(_), None) | (None, _) => self.sub.as_deref() == Some(sub),
        }
    }
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    aud: Audience,
    #[serde(deserialize_with = "numeric_date::seconds")]
    iat: Seconds,
    #[serde(default, deserialize_with = "numeric_date::optional")]
    exp: Claim<Seconds>,
    jti: String,
    sub: Option<String>,
    sid: Option<String>,
    events: Map<String, Value>,
    #[serde(default)]
    nonce: Claim<Value>,
}

/// Verifies a logout token, in the order of section 2.6.
pub(crate) fn logout_token(
    token: &str,
    keys: &KeySet,
    expected: &ClientExpectations<'_>,
) -> Result<Logout, Rejection> {
    // 1, 2, 3. Not encrypted, signed, by an accepted algorithm.
    let (_, claims): (_, Claims) = jws(token, keys, &["JWT", "logout+jwt"])?;
    // 4. The issuer and the audience.
    expected.issuer_and_audience(token, &claims.iss, &claims.aud)?;
    let times = &expected.token;
    if let Some(exp) = claims.exp.value() {
        times.not_expired(*exp)?;
    }
    let lifetime = match claims.exp.into_value() {
        Some(exp) => MAX_LIFETIME.min(exp.saturating_sub(claims.iat)),
        // To the last second of it.
        None => LIFETIME + 1,
    };
    let good_until = claims.iat.saturating_add(lifetime);
    if times.is_to_come(claims.iat) || times.not_expired(good_until).is_err() {
        return Err(Rejection::IssuedAt);
    }
    // 5. It names a session or a user.
    let named = |name: Option<String>| name.filter(|name| !name.is_empty());
    let (sub, sid) = (named(claims.sub), named(claims.sid));
    if sub.is_none() && sid.is_none() {
        return Err(Rejection::NobodyNamed);
    }
    // 6. It is about a logout, which an ID token is not.
    if !claims.events.get(EVENT).is_some_and(Value::is_object) {
        return Err(Rejection::Events);
    }
    // 7. It has no nonce, so that it cannot pass for an ID token.
    if !claims.nonce.is_absent() {
        return Err(Rejection::Nonce);
    }
    if claims.jti.is_empty() || claims.jti.len() > 255 {
        return Err(Rejection::Claims);
    }
    // Another tenant may have somebody of the same name.
    let tenant = issuer::tenant_of(expected.token.issuer, &claims.iss);
    let unique = |name: String| issuer::unique(tenant, &name).into_owned();
    Ok(Logout {
        sub: sub.map(unique),
        sid: sid.map(unique),
        jti: claims.jti,
        issued_before: claims.iat.saturating_add(times.tolerance),
        good_until: good_until.saturating_add(times.tolerance),
    })
}
