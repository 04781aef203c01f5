//! How a user must have authenticated, as data: what a page, an API, the configuration
//! and a sign-in demand; and which `acr` is stronger than which.

#[cfg(test)]
mod tests;

use std::time::Duration;

/// Logto's names for how strongly a user has authenticated (`acr`), since Logto 1.42.
///
/// Of the two, `MFA` is the stronger: a demand for `ONE_FACTOR` is met by both.
///
/// # Examples
///
/// ```rust
/// use rocket_logto::{StepUpPolicy, logto_acr};
///
/// struct SecondFactor;
/// impl StepUpPolicy for SecondFactor {
///     const ACR_VALUES: &'static [&'static str] = &[logto_acr::MFA];
/// }
/// ```
pub mod logto_acr {
    /// One factor that Logto itself has verified, such as a password or a code by mail. A
    /// social or enterprise sign-in is none.
    pub const ONE_FACTOR: &str = "urn:logto:acr:1fa";
    /// That and a second one, or a passkey.
    pub const MFA: &str = "urn:logto:acr:mfa";
}

/// Logto's order of them, the weakest first.
pub(crate) const LOGTO_ORDER: [&str; 2] = [logto_acr::ONE_FACTOR, logto_acr::MFA];

/// In bytes: the longest `acr_values`, which are one parameter of a sign-in.
pub(crate) const MAX_ACR_VALUES: usize = 512;

/// The way back from the provider to the page takes some time. A demand that expires
/// sooner would send the browser around for ever.
const SHORTEST: Duration = Duration::from_secs(10);

/// How a user must have authenticated: what a [`StepUpPolicy`](crate::StepUpPolicy) says, as
/// a value. A [`Permission`](crate::Permission) takes it as its `AUTHENTICATION`, so that one
/// policy can be for pages and for APIs.
///
/// # Standards
///
/// OpenID Connect Core sections 2 and 3.1.2.1, RFC 9470.
///
/// # Examples
///
/// ```rust
/// use rocket_logto::{Authentication, StepUpPolicy, logto_acr};
///
/// struct SecondFactor;
/// impl StepUpPolicy for SecondFactor {
///     const ACR_VALUES: &'static [&'static str] = &[logto_acr::MFA];
/// }
///
/// let demand = Authentication::of::<SecondFactor>();
/// assert_eq!(demand.acr_values, ["urn:logto:acr:mfa"]);
/// assert_eq!(demand.max_age, None);
/// assert_ne!(demand, Authentication::ANY);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Authentication {
    /// The greatest time since it; `None` for any.
    pub max_age: Option<Duration>,
    /// The classes that are good enough, the preferred one first; empty for any.
    pub acr_values: &'static [&'static str],
    /// The methods that must all have been used; empty for any.
    pub amr: &'static [&'static str],
}

impl Authentication {
    /// Any at all.
    pub const ANY: Authentication = Authentication::new(None, &[], &[]);

    pub(crate) const fn new(
        max_age: Option<Duration>,
        acr_values: &'static [&'static str],
        amr: &'static [&'static str],
    ) -> Authentication {
        Authentication {
            max_age,
            acr_values,
            amr,
        }
    }

    /// Whether nothing is demanded. Known when the app is compiled.
    pub(crate) const fn is_any(&self) -> bool {
        self.max_age.is_none() && self.acr_values.is_empty() && self.amr.is_empty()
    }

    /// `max_age` as it is sent, in whole seconds.
    pub(crate) fn seconds(&self) -> Option<u32> {
        let seconds = |max_age: Duration| u32::try_from(max_age.as_secs()).unwrap_or(u32::MAX);
        self.max_age.map(seconds)
    }

    /// Why no request could ever meet it, or none could ask for it.
    pub(crate) fn fault(&self, tolerance: Duration) -> Option<&'static str> {
        let is_too_short = |max_age: Duration| max_age.saturating_add(tolerance) < SHORTEST;
        if self.is_any() {
            Some("asks for nothing: give it MAX_AGE, ACR_VALUES or AMR")
        } else if self.max_age.is_some_and(is_too_short) {
            Some(
                "expires before the browser is back: MAX_AGE and logto.clock_tolerance together \
                 must be at least 10 seconds",
            )
        } else if !fit_one_parameter(self.acr_values) {
            Some(
                "does not fit the sign-in request: ACR_VALUES are names without spaces, and \
                 together at most 512 characters",
            )
        } else if !fit_one_parameter(self.amr) {
            Some(
                "does not fit the sign-in request: AMR are names without spaces, and together at \
                 most 512 characters",
            )
        } else {
            None
        }
    }
}

/// Whether the sign-in route, which gets them as one parameter, accepts them.
fn fit_one_parameter(names: &[&str]) -> bool {
    names.iter().all(|name| is_name(name)) && names.join(" ").len() <= MAX_ACR_VALUES
}

/// Whether it can stand in a list that is separated by spaces.
pub(crate) fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Whether `acr` is one of `wanted`, or stronger than one of them by `order`, which has
/// the weakest first. They are names and nothing else: neither compared as numbers, nor
/// in part, nor without regard to case.
pub(crate) fn is_enough(acr: &str, wanted: &[String], order: &[String]) -> bool {
    let rank = |name: &str| order.iter().position(|known| known == name);
    let has = rank(acr);
    wanted.iter().any(|wanted| {
        let is_stronger = || matches!((has, rank(wanted)), (Some(has), Some(needs)) if has > needs);
        wanted == acr || is_stronger()
    })
}
