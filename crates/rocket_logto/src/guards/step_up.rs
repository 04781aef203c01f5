//! `StepUp`: a user who has authenticated recently, or in a stronger way.

use std::marker::PhantomData;
use std::ops::Deref;
use std::time::Duration;

use rocket::{Ignite, Request, Rocket, Sentinel};
use serde::de::DeserializeOwned;
use serde::{Serialize, Serializer};

use super::user::{self, User};
use crate::claims::IdTokenClaims;
use crate::error::Error;
use crate::logto::{Logto, fairing_is_missing};
use crate::oidc::authentication::RequestedAuthentication;
use crate::request::MAX_PARAMETER;

/// From the provider back to the page takes some time: a level that is over
/// sooner would send the browser around for ever.
const SHORTEST: Duration = Duration::from_secs(10);

/// How recently, and in which way, a user must have authenticated.
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
pub trait StepUpPolicy: Send + Sync + 'static {
    /// How long ago at most, in whole seconds (`max_age`). Clocks differ, so
    /// `clock_tolerance` is added: 300 seconds are 360 unless it is set.
    const MAX_AGE: Option<Duration> = None;
    /// In one of these ways, the best one first (`acr_values`). None: any.
    const ACR_VALUES: &'static [&'static str] = &[];
}

/// The signed-in user, who has authenticated as `L` says.
///
/// For what a stolen session must not be enough for: to change a password, to
/// pay, to delete an account. Whoever is signed in, but not like this, is
/// sent to the provider to authenticate once more and comes back to the page;
/// a program gets 401 with `insufficient_user_authentication` and what is
/// needed. When the provider does not do as it was asked, the sign-in is
/// refused. `clock_tolerance` (a minute unless set) is added to
/// [`MAX_AGE`](StepUpPolicy::MAX_AGE). Derefs to [`User`].
///
/// The form and the request it sends need the guard both: a POST cannot come
/// back from a sign-in.
///
/// **Cost:** as [`User`], whose guard it runs, and nothing more. **Errors:** as
/// [`User`], and
/// [`ErrorKind::InsufficientAuthentication`](crate::ErrorKind::InsufficientAuthentication).
/// **Standard:** OpenID Connect Core sections 2 (`auth_time`, `acr`) and
/// 3.1.2.1 (`max_age`, `acr_values`), RFC 9470.
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
pub struct StepUp<L: StepUpPolicy, C = IdTokenClaims> {
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

/// As the claims object.
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
    let asked = asked::<L>();
    let satisfies = |user: User<C>| match user.satisfies(&asked) {
        true => Ok(user),
        false => Err(Error::insufficient_authentication()),
    };
    let user = user::find(request).await.and_then(satisfies);
    Ok(StepUp {
        // A sign-in that is needed in any case is to be good for this, too.
        user: user.map_err(|error| error.asking(asked.params()))?,
        policy: PhantomData,
    })
}

fn asked<L: StepUpPolicy>() -> RequestedAuthentication {
    let seconds = |max_age: Duration| u32::try_from(max_age.as_secs()).unwrap_or(u32::MAX);
    RequestedAuthentication {
        max_age: L::MAX_AGE.map(seconds),
        acr_values: L::ACR_VALUES.iter().copied().map(str::to_owned).collect(),
        since: None,
    }
}

impl<L: StepUpPolicy, C> Sentinel for StepUp<L, C> {
    fn abort(rocket: &Rocket<Ignite>) -> bool {
        if fairing_is_missing(rocket, "StepUp") {
            return true;
        }
        let why = match (L::MAX_AGE, L::ACR_VALUES) {
            (None, []) => "asks for nothing: give it MAX_AGE or ACR_VALUES",
            (Some(max_age), _) if max_age.saturating_add(tolerance(rocket)) < SHORTEST => {
                "is over before the browser is back: MAX_AGE and logto.clock_tolerance together \
                 must be 10 seconds at least"
            }
            (_, acr_values) if !fit_the_way(acr_values) => {
                "gets lost on the way to the sign-in: ACR_VALUES are names without spaces, and \
                 512 characters together at most"
            }
            _ => return false,
        };
        log::error!(
            "logto: the step-up policy `{}` {why}",
            std::any::type_name::<L>()
        );
        true
    }
}

/// Whether the sign-in, to which they go as one parameter, gets them as they are.
fn fit_the_way(acr_values: &[&str]) -> bool {
    let is_name =
        |name: &&str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic());
    acr_values.iter().all(is_name) && acr_values.join(" ").len() <= MAX_PARAMETER
}

fn tolerance(rocket: &Rocket<Ignite>) -> Duration {
    let logto = rocket.state::<Logto>();
    logto.map_or(Duration::ZERO, |logto| logto.config().clock_tolerance())
}
