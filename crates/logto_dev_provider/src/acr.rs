//! How strongly a user has authenticated, by Logto's two names for it (`acr`), and what a
//! sign-in demands (`acr_values`). There are no passwords and no second factors here:
//! both are buttons.

use serde::{Deserialize, Serialize};

use crate::auth_request::AuthRequest;
use crate::oidc_error::OidcError;

/// The stronger one is the greater one: it satisfies a demand for the weaker one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Level {
    #[default]
    OneFactor,
    Mfa,
}

impl Level {
    pub(crate) const fn acr(self) -> &'static str {
        match self {
            Level::OneFactor => "urn:logto:acr:1fa",
            Level::Mfa => "urn:logto:acr:mfa",
        }
    }

    /// What Logto says after a password, and after a password and the code of an app.
    pub(crate) fn amr(self) -> &'static [&'static str] {
        match self {
            Level::OneFactor => &["pwd"],
            Level::Mfa => &["pwd", "otp", "mfa"],
        }
    }
}

/// What a sign-in demands: one of the classes it names, of which the first is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Demand {
    levels: Vec<Level>,
}

impl Demand {
    /// Names that Logto does not know are left out; where no other is there, nobody can be
    /// signed in. `None` without `acr_values`.
    pub(crate) fn of(auth: &AuthRequest) -> Result<Option<Demand>, OidcError> {
        let Some(values) = &auth.acr_values else {
            return Ok(None);
        };
        let known = |name: &str| {
            let mut levels = [Level::OneFactor, Level::Mfa].into_iter();
            levels.find(|level| level.acr() == name)
        };
        let levels: Vec<_> = values.split(' ').filter_map(known).collect();
        match levels.is_empty() {
            true => Err(unmet("none of the requested acr_values is supported")),
            false => Ok(Some(Demand { levels })),
        }
    }

    pub(crate) fn is_met_by(&self, level: Level) -> bool {
        self.levels.iter().any(|demanded| level >= *demanded)
    }

    /// Whether it takes the second factor.
    pub(crate) fn takes_second_factor(&self) -> bool {
        !self.is_met_by(Level::OneFactor) || self.levels.first() == Some(&Level::Mfa)
    }
}

pub(crate) fn unmet(description: &str) -> OidcError {
    OidcError::new(400, "unmet_authentication_requirements", description)
}

/// There is no second factor, or the user does not want to use it.
pub(crate) fn not_obtained() -> OidcError {
    unmet("requested authentication context could not be obtained")
}
