//! Whose sessions are meant.

use std::borrow::Cow;

use super::model::SessionId;
use crate::config::{LogtoConfig, issuer};
use crate::error::{Error, ErrorKind};

/// A user, as the provider names them: by `sub`, and at a provider of many tenants by the
/// tenant as well.
///
/// A `&User` is one, and so is a `&str`, which is a `sub`. With `{tenantid}` in `issuer`
/// a `sub` alone names nobody: write [`Subject::in_tenant`] there.
///
/// # Standards
///
/// OpenID Connect Core section 5.7 (`sub` is unique within its issuer).
///
/// # Examples
///
/// ```rust
/// use rocket_logto::{Error, Logto, Subject};
///
/// async fn suspend(logto: &Logto) -> Result<(), Error> {
///     logto.end_sessions_of("alice4hy6kz2").await
/// }
///
/// async fn suspend_in_tenant(logto: &Logto) -> Result<(), Error> {
///     logto.end_sessions_of(Subject::in_tenant("9188040d-6c67", "alice")).await
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Subject<'a> {
    sub: &'a str,
    tenant: Option<&'a str>,
    current: Option<&'a SessionId>,
}

impl<'a> Subject<'a> {
    /// The user with this `sub`.
    pub fn new(sub: &'a str) -> Subject<'a> {
        Subject {
            sub,
            tenant: None,
            current: None,
        }
    }

    /// The user with this `sub` in a tenant of a provider of many; `tenant` as the claim
    /// `tid` has it.
    pub fn in_tenant(tenant: &'a str, sub: &'a str) -> Subject<'a> {
        Subject {
            tenant: Some(tenant),
            ..Subject::new(sub)
        }
    }

    /// The user of a session.
    pub(crate) fn of_session(
        sub: &'a str,
        tenant: Option<&'a str>,
        current: &'a SessionId,
    ) -> Subject<'a> {
        Subject {
            sub,
            tenant,
            current: Some(current),
        }
    }

    /// The session whose user this is, if it was named by one.
    pub(super) fn current(&self) -> Option<&'a SessionId> {
        self.current
    }

    /// By a name that nobody else has.
    pub(super) fn unique(&self, config: &LogtoConfig) -> Result<Cow<'a, str>, Error> {
        match (issuer::is_template(config.issuer()), self.tenant) {
            (true, None) => Err(misnamed(
                "subject_without_tenant",
                "issuer has {tenantid}: a sub alone names nobody, write Subject::in_tenant",
            )),
            (false, Some(_)) => Err(misnamed(
                "subject_with_tenant",
                "issuer has no {tenantid}: write Subject::new, without a tenant",
            )),
            (_, tenant) => Ok(issuer::unique(tenant, self.sub)),
        }
    }
}

fn misnamed(reason: &str, hint: &str) -> Error {
    Error::new(ErrorKind::Misconfigured, reason).for_operator(hint)
}

impl<'a> From<&'a str> for Subject<'a> {
    fn from(sub: &'a str) -> Subject<'a> {
        Subject::new(sub)
    }
}

impl<'a> From<&'a String> for Subject<'a> {
    fn from(sub: &'a String) -> Subject<'a> {
        Subject::new(sub)
    }
}
