//! What an app does at a sign-in, when claims change and when a session ends: hooks of
//! its own, declared on the fairing. This module holds them, and runs them with a
//! deadline; what happens to the session then is decided in `routes` and `session`.

mod data;
mod refresh;
mod run;
mod sign_in;
mod sign_out;
mod webhook;

use std::sync::Arc;
use std::time::Duration;

use rocket::{Orbit, Rocket};
use serde::de::DeserializeOwned;

pub(crate) use self::data::AppData;
pub use self::data::SessionDataError;
use self::refresh::RunRefresh;
pub(crate) use self::refresh::{Change, Kept};
pub use self::refresh::{RefreshEvent, RefreshHook, Renewal};
use self::sign_in::RunSignIn;
pub use self::sign_in::{Admission, SignInEvent, SignInHook};
pub(crate) use self::sign_in::{Arrival, Decision};
pub(crate) use self::sign_out::Ended;
use self::sign_out::RunSignOut;
pub use self::sign_out::{SignOutCause, SignOutEvent, SignOutHook};
pub(crate) use self::webhook::Delivery;
use self::webhook::RunWebhook;
pub use self::webhook::{WebhookHook, WebhookReceived};
use crate::error::Error;

/// What a hook answers: `T`, or any error, so that `?` works with those of other crates.
///
/// The error's text goes to the log, in one line of bounded length, without e-mail
/// addresses and without what looks like a token; it never goes to a page.
pub type HookResult<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// The hooks that were declared, each at most once.
#[derive(Clone, Default)]
pub(crate) struct Hooks {
    sign_in: Option<Arc<dyn RunSignIn>>,
    refresh: Option<Arc<dyn RunRefresh>>,
    sign_out: Option<Arc<dyn RunSignOut>>,
    webhook: Option<Arc<dyn RunWebhook>>,
    /// Those that were declared more than once.
    twice: Vec<&'static str>,
}

impl Hooks {
    pub(crate) fn set_sign_in<C, H>(&mut self, hook: H)
    where
        C: DeserializeOwned + Send + Sync + 'static,
        H: for<'r> SignInHook<'r, C>,
    {
        let before = self.sign_in.replace(sign_in::typed(hook));
        self.declared(before.is_some(), sign_in::NAME);
    }

    pub(crate) fn set_refresh<S, C, H>(&mut self, hook: H)
    where
        S: Clone + Send + Sync + 'static,
        C: DeserializeOwned + Send + Sync + 'static,
        H: RefreshHook<S, C>,
    {
        let before = self.refresh.replace(refresh::typed(hook));
        self.declared(before.is_some(), refresh::NAME);
    }

    pub(crate) fn set_sign_out<S, H>(&mut self, hook: H)
    where
        S: Clone + Send + Sync + 'static,
        H: SignOutHook<S>,
    {
        let before = self.sign_out.replace(sign_out::typed(hook));
        self.declared(before.is_some(), sign_out::NAME);
    }

    pub(crate) fn set_webhook<E, H>(&mut self, hook: H)
    where
        E: DeserializeOwned + Send + Sync + 'static,
        H: for<'r> WebhookHook<'r, E>,
    {
        let before = self.webhook.replace(webhook::typed(hook));
        self.declared(before.is_some(), webhook::NAME);
    }

    /// Whether there is a hook for webhooks.
    pub(crate) fn hears_webhooks(&self) -> bool {
        self.webhook.is_some()
    }

    fn declared(&mut self, again: bool, name: &'static str) {
        if again && !self.twice.contains(&name) {
            self.twice.push(name);
        }
    }

    /// Whether each is there at most once; otherwise the log says which is not.
    pub(crate) fn are_single(&self) -> bool {
        for name in &self.twice {
            log::error!(
                "logto: .{name}(…) is declared twice: there is one hook of each kind, so let one \
                 call the other"
            );
        }
        self.twice.is_empty()
    }

    /// Takes the managed state that hooks ask for. `false` if some is missing; the log
    /// says which.
    pub(crate) fn lift_off(&self, rocket: &Rocket<Orbit>) -> bool {
        let refresh = self.refresh.as_ref().map(|hook| hook.lift_off(rocket));
        let sign_out = self.sign_out.as_ref().map(|hook| hook.lift_off(rocket));
        [(refresh::NAME, refresh), (sign_out::NAME, sign_out)]
            .into_iter()
            .all(|(name, lifted)| match lifted {
                Some(Err(state)) => {
                    log::error!(
                        "logto: the hook of {name} needs a `{state}` in managed state: .manage(…) \
                         one, or attach the fairing that does"
                    );
                    false
                }
                _ => true,
            })
    }

    /// Asks `on_sign_in`. `None` where there is no such hook.
    pub(crate) async fn signing_in(
        &self,
        arrival: Arrival<'_>,
        deadline: Duration,
    ) -> Option<Result<Decision, Error>> {
        let hook = self.sign_in.as_ref()?;
        Some(Box::pin(hook.run(arrival, deadline)).await)
    }

    /// Asks `on_refresh`, if there is such a hook and claims have changed.
    pub(crate) async fn refreshed(
        &self,
        change: Change<'_>,
        deadline: Duration,
    ) -> Result<Kept, Error> {
        match &self.refresh {
            Some(hook) if change.is_one() => Box::pin(hook.run(change, deadline)).await,
            _ => Ok(Kept::as_it_was()),
        }
    }

    /// Tells `on_webhook`, if there is such a hook.
    pub(crate) async fn webhook(
        &self,
        delivery: Delivery<'_>,
        deadline: Duration,
    ) -> Result<(), Error> {
        match &self.webhook {
            Some(hook) => Box::pin(hook.run(delivery, deadline)).await,
            None => Ok(()),
        }
    }

    /// Tells `on_sign_out`, in a task of its own: no sign-out waits for it.
    pub(crate) fn signed_out(&self, ended: impl FnOnce() -> Ended, deadline: Duration) {
        if let Some(hook) = &self.sign_out {
            hook.clone().tell(ended(), deadline);
        }
    }
}
