//! How and how recently a user must have authenticated: requested in the
//! authorization request, checked on the ID token that results (OpenID Connect
//! Core sections 3.1.2.1 and 3.1.3.7), and checked again by a guard.

use serde::{Deserialize, Serialize};

use super::verify::Rejection;
use crate::claims::IdTokenClaims;
use crate::clock::Seconds;

/// What a sign-in demands of the authentication. Serialized with short names,
/// because it has to fit a cookie.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RequestedAuthentication {
    /// The greatest time since it, in seconds (`max_age`).
    #[serde(rename = "m", default, skip_serializing_if = "Option::is_none")]
    pub max_age: Option<u32>,
    /// The ways that are good enough (`acr_values`), the preferred one first.
    #[serde(rename = "a", default, skip_serializing_if = "Vec::is_empty")]
    pub acr_values: Vec<String>,
    /// Only during this very sign-in, which began then (`prompt=login`).
    #[serde(rename = "l", default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Seconds>,
}

impl RequestedAuthentication {
    /// The parameters that ask for it.
    pub(crate) fn params(&self) -> impl Iterator<Item = (&'static str, String)> + use<> {
        let max_age = self.max_age.map(|seconds| ("max_age", seconds.to_string()));
        let acr_values = (!self.acr_values.is_empty()).then(|| self.acr_values.join(" "));
        max_age
            .into_iter()
            .chain(acr_values.map(|values| ("acr_values", values)))
    }
}

/// What the provider says about an authentication.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AuthenticationEvent {
    /// `auth_time`.
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Seconds>,
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    pub acr: Option<String>,
}

impl AuthenticationEvent {
    pub(crate) fn of(claims: &IdTokenClaims) -> AuthenticationEvent {
        AuthenticationEvent {
            at: claims.auth_time.value().copied(),
            acr: claims.acr.value().cloned(),
        }
    }

    pub(crate) fn is_unknown(&self) -> bool {
        *self == AuthenticationEvent::default()
    }

    /// Whether it is what was asked for, with `tolerance` for clocks that differ.
    /// The browser can drop `max_age`, `acr_values` and `prompt` from the address,
    /// so only what the provider answers counts.
    pub(crate) fn satisfies(
        &self,
        asked: &RequestedAuthentication,
        now: Seconds,
        tolerance: Seconds,
    ) -> Result<(), Rejection> {
        if let Some(max_age) = asked.max_age {
            // Section 2: `auth_time` is required when `max_age` was asked for.
            let at = self.at.ok_or(Rejection::AuthenticationTime)?;
            let oldest = now.saturating_sub(Seconds::from(max_age));
            if at.saturating_add(tolerance) < oldest {
                return Err(Rejection::AuthenticationTime);
            }
        }
        // Not every provider sends `auth_time`; if it does, it must not be earlier.
        if let (Some(since), Some(at)) = (asked.since, self.at)
            && at.saturating_add(tolerance) < since
        {
            return Err(Rejection::AuthenticationTime);
        }
        if self.at.is_some_and(|at| at > now.saturating_add(tolerance)) {
            return Err(Rejection::AuthenticationTime);
        }
        let one_of_them = |acr: &String| asked.acr_values.contains(acr);
        if !asked.acr_values.is_empty() && !self.acr.as_ref().is_some_and(one_of_them) {
            return Err(Rejection::AuthenticationContext);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Seconds = 1_800_000_000;

    fn at(age: Seconds) -> AuthenticationEvent {
        AuthenticationEvent {
            at: Some(NOW - age),
            acr: None,
        }
    }

    fn checked(
        authenticated: &AuthenticationEvent,
        asked: &RequestedAuthentication,
    ) -> Result<(), Rejection> {
        authenticated.satisfies(asked, NOW, 60)
    }

    #[test]
    fn max_age_holds_to_the_second_and_needs_auth_time() {
        let asked = RequestedAuthentication {
            max_age: Some(300),
            ..RequestedAuthentication::default()
        };
        assert_eq!(checked(&at(0), &asked), Ok(()));
        assert_eq!(checked(&at(360), &asked), Ok(()));
        let late = Err(Rejection::AuthenticationTime);
        assert_eq!(checked(&at(361), &asked), late);
        assert_eq!(checked(&AuthenticationEvent::default(), &asked), late);
        assert_eq!(checked(&at(Seconds::MIN / 2), &asked), late);
    }

    #[test]
    fn a_time_in_the_future_is_no_authentication() {
        let nothing = RequestedAuthentication::default();
        assert_eq!(checked(&at(-60), &nothing), Ok(()));
        let early = Err(Rejection::AuthenticationTime);
        assert_eq!(checked(&at(-61), &nothing), early);
    }

    #[test]
    fn prompt_login_means_during_this_sign_in_where_the_provider_says_when() {
        let asked = RequestedAuthentication {
            since: Some(NOW - 100),
            ..RequestedAuthentication::default()
        };
        assert_eq!(checked(&at(50), &asked), Ok(()));
        assert_eq!(checked(&at(160), &asked), Ok(()));
        let before = Err(Rejection::AuthenticationTime);
        assert_eq!(checked(&at(161), &asked), before);
        assert_eq!(checked(&AuthenticationEvent::default(), &asked), Ok(()));
    }

    #[test]
    fn acr_must_be_one_of_those_asked_for() {
        let asked = RequestedAuthentication {
            acr_values: vec!["urn:mfa".into(), "2".into()],
            ..RequestedAuthentication::default()
        };
        let with = |acr: Option<&str>| AuthenticationEvent {
            at: None,
            acr: acr.map(str::to_owned),
        };
        assert_eq!(checked(&with(Some("2")), &asked), Ok(()));
        let wrong = Err(Rejection::AuthenticationContext);
        for acr in [
            None,
            Some(""),
            Some("1"),
            Some("urn:mfa 2"),
            Some("URN:MFA"),
        ] {
            assert_eq!(checked(&with(acr), &asked), wrong, "{acr:?}");
        }
    }
}
