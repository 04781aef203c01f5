//! How and how recently a user must have authenticated: requested in the
//! authorization request, checked on the ID token that results (OpenID Connect
//! Core sections 3.1.2.1 and 3.1.3.7), and checked again by a guard; or checked on the
//! access token of a caller (RFC 9470).

use serde::{Deserialize, Serialize};

use super::error::one_line;
use super::verify::Rejection;
use crate::authentication::{Authentication, is_enough, logto_acr};
use crate::claims::{AccessTokenClaims, IdTokenClaims};
use crate::clock::Seconds;
use crate::error::told::Missing;

/// What a sign-in demands of the authentication. Serialized with short names,
/// because it has to fit a cookie.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RequestedAuthentication {
    /// The greatest time since it, in seconds (`max_age`).
    #[serde(rename = "m", default, skip_serializing_if = "Option::is_none")]
    pub max_age: Option<u32>,
    /// The classes that are good enough (`acr_values`), the preferred one first.
    #[serde(rename = "a", default, skip_serializing_if = "Vec::is_empty")]
    pub acr_values: Vec<String>,
    /// The methods that must all have been used (`amr`). No parameter asks for them.
    #[serde(rename = "r", default, skip_serializing_if = "Vec::is_empty")]
    pub amr: Vec<String>,
    /// Only during this very sign-in, which began then (`prompt=login`).
    #[serde(rename = "l", default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Seconds>,
}

impl From<&Authentication> for RequestedAuthentication {
    fn from(demand: &Authentication) -> RequestedAuthentication {
        let owned = |names: &[&str]| names.iter().copied().map(str::to_owned).collect();
        RequestedAuthentication {
            max_age: demand.seconds(),
            acr_values: owned(demand.acr_values),
            amr: owned(demand.amr),
            since: None,
        }
    }
}

impl RequestedAuthentication {
    /// The parameters of the sign-in route that ask for it. `amr` goes no further.
    pub(crate) fn params(&self) -> impl Iterator<Item = (&'static str, String)> + use<> {
        let list = |names: &[String]| (!names.is_empty()).then(|| names.join(" "));
        let max_age = self.max_age.map(|seconds| seconds.to_string());
        let params = [
            ("max_age", max_age),
            ("acr_values", list(&self.acr_values)),
            ("amr", list(&self.amr)),
        ];
        let there = |(name, value): (&'static str, Option<String>)| Some((name, value?));
        params.into_iter().filter_map(there)
    }

    /// For the log.
    pub(crate) fn told(&self) -> String {
        let params: Vec<_> = self.params().collect();
        let since = self.since.map(|_| "prompt=login".to_owned());
        let told = params
            .iter()
            .map(|(name, value)| format!("{name}={value:?}"));
        told.chain(since).collect::<Vec<_>>().join(" ")
    }

    /// What the provider said cannot be had, for the user.
    pub(crate) fn missing(&self) -> Option<Missing> {
        let is_second_factor = |acr: &String| acr == logto_acr::MFA;
        match &self.acr_values[..] {
            [] if !self.amr.is_empty() => Some(Missing::Way(self.amr.join(", "))),
            [] => (self.max_age.is_some() || self.since.is_some()).then_some(Missing::Recency),
            values if values.iter().all(is_second_factor) => Some(Missing::SecondFactor),
            values => Some(Missing::Way(values.join(", "))),
        }
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
    #[serde(rename = "m", default, skip_serializing_if = "Vec::is_empty")]
    pub amr: Vec<String>,
}

/// By what an authentication is measured.
#[derive(Clone, Copy)]
pub(crate) struct Measure<'a> {
    pub now: Seconds,
    /// For clocks that differ.
    pub tolerance: Seconds,
    /// The weakest `acr` first.
    pub acr_order: &'a [String],
}

impl AuthenticationEvent {
    pub(crate) fn of(claims: &IdTokenClaims) -> AuthenticationEvent {
        AuthenticationEvent {
            at: claims.auth_time.value().copied(),
            acr: claims.acr.value().cloned(),
            amr: claims.amr.value().cloned().unwrap_or_default(),
        }
    }

    /// That of the user for whom a caller's token was issued (RFC 9068 section 2.2.1, RFC 9470
    /// section 6).
    pub(crate) fn of_caller(claims: &AccessTokenClaims) -> AuthenticationEvent {
        AuthenticationEvent {
            at: claims.auth_time.value().copied(),
            acr: claims.acr.value().cloned(),
            amr: claims.amr.value().cloned().unwrap_or_default(),
        }
    }

    pub(crate) fn is_unknown(&self) -> bool {
        *self == AuthenticationEvent::default()
    }

    /// Whether it is what was asked for. The browser can drop `max_age`, `acr_values` and
    /// `prompt` from the address, so only what the provider answers counts.
    pub(crate) fn satisfies(
        &self,
        asked: &RequestedAuthentication,
        measure: Measure<'_>,
    ) -> Result<(), Rejection> {
        let Measure {
            now,
            tolerance,
            acr_order,
        } = measure;
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
        let is_enough = |acr: &String| is_enough(acr, &asked.acr_values, acr_order);
        if !asked.acr_values.is_empty() && !self.acr.as_ref().is_some_and(is_enough) {
            return Err(Rejection::AuthenticationContext);
        }
        match asked.amr.iter().all(|method| self.amr.contains(method)) {
            true => Ok(()),
            false => Err(Rejection::AuthenticationMethods),
        }
    }

    /// For the log: the provider's own words, so cut to one line.
    pub(crate) fn told(&self) -> String {
        let said = |text: Option<&String>| match text {
            Some(text) => format!("{:?}", one_line(text)),
            None => "none".to_owned(),
        };
        let amr: Vec<_> = self.amr.iter().take(8).map(|name| one_line(name)).collect();
        let at = self.at.map_or("none".to_owned(), |at| at.to_string());
        let acr = said(self.acr.as_ref());
        format!("acr is {acr}, amr is {amr:?}, auth_time is {at}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authentication::LOGTO_ORDER;

    const NOW: Seconds = 1_800_000_000;

    fn at(age: Seconds) -> AuthenticationEvent {
        AuthenticationEvent {
            at: Some(NOW - age),
            ..AuthenticationEvent::default()
        }
    }

    fn checked(
        authenticated: &AuthenticationEvent,
        asked: &RequestedAuthentication,
    ) -> Result<(), Rejection> {
        let acr_order = LOGTO_ORDER.map(str::to_owned);
        let measure = Measure {
            now: NOW,
            tolerance: 60,
            acr_order: &acr_order,
        };
        authenticated.satisfies(asked, measure)
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
            acr: acr.map(str::to_owned),
            ..AuthenticationEvent::default()
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

    #[test]
    fn a_stronger_class_meets_the_demand_for_a_weaker_one() {
        let by = |acr: &str| AuthenticationEvent {
            acr: Some(acr.to_owned()),
            ..AuthenticationEvent::default()
        };
        let asks = |acr: &str| RequestedAuthentication {
            acr_values: vec![acr.to_owned()],
            ..RequestedAuthentication::default()
        };
        let [weak, strong] = LOGTO_ORDER;
        assert_eq!(checked(&by(strong), &asks(weak)), Ok(()));
        let wrong = Err(Rejection::AuthenticationContext);
        assert_eq!(checked(&by(weak), &asks(strong)), wrong);
    }

    #[test]
    fn every_method_must_have_been_used() {
        let asked = RequestedAuthentication {
            amr: vec!["otp".into(), "mfa".into()],
            ..RequestedAuthentication::default()
        };
        let by = |methods: &[&str]| AuthenticationEvent {
            amr: methods.iter().map(|method| (*method).to_owned()).collect(),
            ..AuthenticationEvent::default()
        };
        for enough in [&["otp", "mfa"][..], &["pwd", "mfa", "otp"]] {
            assert_eq!(checked(&by(enough), &asked), Ok(()), "{enough:?}");
        }
        let wrong = Err(Rejection::AuthenticationMethods);
        for missing in [&[][..], &["otp"], &["mfa"], &["otp mfa"], &["OTP", "mfa"]] {
            assert_eq!(checked(&by(missing), &asked), wrong, "{missing:?}");
        }
    }
}
