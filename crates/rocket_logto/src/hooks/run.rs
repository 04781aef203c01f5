//! Runs a hook: within its deadline, and without letting its panic through.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::OnceLock;
use std::time::Duration;

use rocket::futures::FutureExt;
use rocket::tokio::time::timeout;
use rocket::{Orbit, Rocket};

use super::HookResult;
use crate::error::{Error, ErrorKind};
use crate::oidc::error::one_line;

/// How many causes of an error are worth telling.
const MAX_CAUSES: usize = 5;

/// The answer of the hook `name`. Its error, its panic and its silence are errors of the
/// app, for the operator.
pub(super) async fn run<T>(
    name: &'static str,
    deadline: Duration,
    hook: impl Future<Output = HookResult<T>> + Send,
) -> Result<T, Error> {
    let failed = |how: &str, why: String| {
        Err(Error::new(ErrorKind::HookFailed, format!("{name}_{how}")).for_operator(why))
    };
    match timeout(deadline, AssertUnwindSafe(hook).catch_unwind()).await {
        Ok(Ok(Ok(answer))) => Ok(answer),
        Ok(Ok(Err(error))) => failed("failed", causes(&*error)),
        // Its message may hold anything, and is on standard error already.
        Ok(Err(_)) => failed("panicked", "standard error has its message".to_owned()),
        Err(_) => failed(
            "late",
            format!("it took longer than logto.hook_timeout, {deadline:?}"),
        ),
    }
}

fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let causes: Vec<_> = causes.take(MAX_CAUSES).map(ToString::to_string).collect();
    one_line(&causes.join(": "))
}

/// A hook that needs managed state `S` where there is no request to take it from.
pub(crate) struct Stateful<S, H> {
    pub hook: H,
    state: OnceLock<S>,
}

impl<S: Clone + Send + Sync + 'static, H> Stateful<S, H> {
    pub(super) fn new(hook: H) -> Stateful<S, H> {
        Stateful {
            hook,
            state: OnceLock::new(),
        }
    }

    /// Takes a clone of the state, or names what is missing.
    pub(super) fn lift_off(&self, rocket: &Rocket<Orbit>) -> Result<(), &'static str> {
        let none: &dyn Any = &();
        let state = none.downcast_ref::<S>().or_else(|| rocket.state::<S>());
        let state = state.ok_or(std::any::type_name::<S>())?;
        self.state.get_or_init(|| state.clone());
        Ok(())
    }

    /// No request comes before lift-off.
    pub(super) fn state(&self) -> HookResult<S> {
        let state = self.state.get().cloned();
        state.ok_or_else(|| "the app has not lifted off".into())
    }
}
