//! `StepUp`: a user who has authenticated recently, or in a stronger way.

use std::marker::PhantomData;
use std::ops::Deref;
use std::time::Duration;

use rocket::{Ignite, Request, Rocket, Sentinel};
use serde::de::DeserializeOwned;
use serde::{Serialize, Serializer};

use super::user::{self, User};
use crate::authentication::{Authentication, MAX_ACR_VALUES};
use crate::claims::IdTokenClaims;
use crate::error::Error;
use crate::logto::{Logto, fairing_is_missing};
use crate::oidc::authentication::RequestedAuthentication;
use crate::request::MAX_PARAMETER;

/// How recently, and in which way, a user must have authenticated: the parameter
/// of [`StepUp`].
///
/// A policy must set at least one of the constants, or the launch aborts. The same policy can
/// be for pages, by [`StepUp`], and for an API: see
/// [`Permission::AUTHENTICATION`](crate::Permission::AUTHENTICATION).
///
/// # Standards
///
/// OpenID Connect Core sections 2 and 3.1.2.1.
///
/// # Examples
///
/// ```rust
/// use std::time::Duration;
/// use rocket_logto::StepUpPolicy;
///
/// struct Recent;
/// impl StepUpPolicy for Recent {
///     const MAX_AGE: Option<Duration> = Some(Duration::from_secs(300));
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say how a user must have authenticated",
    label = "no `StepUpPolicy`",
    note = "write `impl StepUpPolicy for {Self} {{ const MAX_AGE: Option<Duration> = Some(Duration::from_secs(300)); }}`, or set `ACR_VALUES` or `AMR`"
)]
pub trait StepUpPolicy: Send + Sync + 'static {
    /// The greatest time since the user authenticated (`max_age`), in whole
    /// seconds; `None` for any. Clocks differ, so `clock_tolerance` is added: with
    /// its default of 60 seconds, 300 seconds become 360. Together they must be at
    /// least 10 seconds.
    const MAX_AGE: Option<Duration> = None;
    /// The classes of authentication that are good enough, the preferred one first
    /// (`acr_values`); empty for any. A class is a name that the provider has for it, such as
    /// [`logto_acr::MFA`](crate::logto_acr::MFA), and is compared as it is. One that is stronger
    /// by `acr_order` in the configuration is good enough, too: at Logto, who has signed in with
    /// a second factor meets the demand for one factor.
    const ACR_VALUES: &'static [&'static str] = &[];
    /// The methods that the user must have authenticated with, every one of them (`amr`, RFC
    /// 8176), such as `otp`; empty for any. It is checked in what the provider says, but no
    /// parameter asks the provider for methods: name the class that has them in `ACR_VALUES`,
    /// where there is one. With neither that nor `MAX_AGE`, the user is asked to authenticate
    /// again.
    const AMR: &'static [&'static str] = &[];
}

/// The signed-in user, who has authenticated as the policy `L` demands.
///
/// For actions that a stolen session must not be enough for, such as changing a
/// password, paying or deleting an account. A user who is signed in but does not
/// meet the policy is sent to the provider to authenticate again, and comes back
/// to the page; a program gets a 401 with `insufficient_user_authentication` and
/// what is needed. When the provider does not do what it was asked for, the
/// sign-in is refused. Derefs to [`User`].
///
/// Put the guard on the form's page as well as on the request that the form
/// sends: a POST is not repeated after a sign-in.
///
/// # Network
///
/// As [`User`], whose guard it runs, and nothing more.
///
/// # Errors
///
/// As [`User`], plus
/// [`ErrorKind::InsufficientAuthentication`](crate::ErrorKind::InsufficientAuthentication)
/// (303 or 401).
///
/// # Standards
///
/// OpenID Connect Core sections 2 (`auth_time`, `acr`) and 3.1.2.1 (`max_age`,
/// `acr_values`), RFC 9470 section 3.
///
/// # Examples
///
/// ```rust
/// use std::time::Duration;
/// use rocket::{get, post};
/// use rocket_logto::{StepUpPolicy, StepUp};
///
/// struct Recent;
/// impl StepUpPolicy for Recent {
///     const MAX_AGE: Option<Duration> = Some(Duration::from_secs(300));
/// }
///
/// #[get("/account/delete")]
/// fn ask(user: StepUp<Recent>) -> String {
///     format!("Really delete the account of {}?", user.name())
/// }
///
/// #[post("/account/delete")]
/// fn delete(user: StepUp<Recent>) -> String {
///     // … delete the account of user.sub() …
///     "Deleted".into()
/// }
/// ```
#[derive(Clone, Debug)]
pub struct StepUp<L, C = IdTokenClaims> {
    user: User<C>,
    policy: PhantomData<fn() -> L>,
}

impl<L: StepUpPolicy, C> StepUp<L, C> {
    /// The user, owned.
    pub fn into_user(self) -> User<C> {
        self.user
    }
}

impl<L: StepUpPolicy, C> Deref for StepUp<L, C> {
    type Target = User<C>;

    fn deref(&self) -> &User<C> {
        &self.user
    }
}

/// Serializes the claims, as [`User`] does.
impl<L: StepUpPolicy, C: Serialize> Serialize for StepUp<L, C> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.user.serialize(serializer)
    }
}

from_request!(StepUp<L, C>: Error, [L: StepUpPolicy, C: DeserializeOwned + Send + Sync + 'static]);

async fn find<L, C>(request: &Request<'_>) -> Result<StepUp<L, C>, Error>
where
    L: StepUpPolicy,
    C: DeserializeOwned + Send + Sync + 'static,
{
    let asked = RequestedAuthentication::from(&Authentication::of::<L>());
    let satisfies = |user: User<C>| match user.satisfies(&asked) {
        true => Ok(user),
        false => Err(Error::insufficient_authentication()),
    };
    let user = user::find(request).await.and_then(satisfies);
    Ok(StepUp {
        // If a sign-in is needed anyway, let it satisfy the policy, too.
        user: user.map_err(|error| error.asking(asked.params()))?,
        policy: PhantomData,
    })
}

impl<L: StepUpPolicy, C> Sentinel for StepUp<L, C> {
    fn abort(rocket: &Rocket<Ignite>) -> bool {
        if fairing_is_missing(rocket, "StepUp") {
            return true;
        }
        let fault = Authentication::of::<L>().fault(tolerance(rocket));
        if let Some(why) = fault {
            log::error!(
                "logto: the step-up policy `{}` {why}",
                std::any::type_name::<L>()
            );
        }
        fault.is_some()
    }
}

impl Authentication {
    /// What the policy demands.
    pub const fn of<L: StepUpPolicy>() -> Authentication {
        Authentication::new(L::MAX_AGE, L::ACR_VALUES, L::AMR)
    }
}

/// What is demanded goes through the sign-in route.
const _: () = assert!(MAX_ACR_VALUES <= MAX_PARAMETER);

fn tolerance(rocket: &Rocket<Ignite>) -> Duration {
    let logto = rocket.state::<Logto>();
    logto.map_or(Duration::ZERO, |logto| logto.config().clock_tolerance())
}
