//! `on_sign_out`: a session has ended, and why.

use std::sync::Arc;
use std::time::Duration;

use rocket::futures::future::BoxFuture;
use rocket::{Orbit, Rocket};
use serde::de::DeserializeOwned;

use super::data::AppData;
use super::run::Stateful;
use super::{HookResult, run};
use crate::measure;
use crate::oidc::tokens::RawIdToken;

pub(super) const NAME: &str = "on_sign_out";

/// Why a session has ended. More may be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignOutCause {
    /// The user has signed out here: by the route, or by [`SignOut`](crate::SignOut).
    User,
    /// The provider has said so, by a logout token (OpenID Connect Back-Channel Logout
    /// 1.0). It names a user, one of their sessions at the provider, or both, and nobody
    /// knows how many sessions here that ended: the hook is told once for each logout
    /// token. Or by a webhook, which names a user who was suspended or deleted: then the hook
    /// is told as for [`Revoked`](SignOutCause::Revoked).
    Provider,
    /// The provider no longer accepts the session's tokens: the user was suspended or
    /// deleted, or has withdrawn their consent.
    Refused,
    /// `on_refresh` has ended it ([`Renewal::end`](crate::Renewal::end)).
    Hook,
    /// A new sign-in in the same browser has taken its place, perhaps of the same user.
    Replaced,
    /// From elsewhere: by [`Sessions`](crate::Sessions), or by
    /// [`Logto::end_sessions_of`](crate::Logto::end_sessions_of). The hook is told of each
    /// session where they can be listed, and otherwise once for each call.
    Revoked,
    /// The user has more sessions than `session.max_per_user`, and this was the oldest.
    TooMany,
}

impl From<SignOutCause> for measure::Ended {
    fn from(cause: SignOutCause) -> measure::Ended {
        match cause {
            SignOutCause::User => measure::Ended::User,
            SignOutCause::Provider => measure::Ended::Provider,
            SignOutCause::Refused => measure::Ended::Refused,
            SignOutCause::Hook => measure::Ended::Hook,
            SignOutCause::Replaced => measure::Ended::Replaced,
            SignOutCause::Revoked => measure::Ended::Revoked,
            SignOutCause::TooMany => measure::Ended::TooMany,
        }
    }
}

/// A session that has ended.
///
/// The hook of [`on_sign_out`](crate::LogtoFairing::on_sign_out) gets it. `S` is the
/// managed state that it needs. What is known depends on the cause:
///
/// | | [`sub`](SignOutEvent::sub) | [`sid`](SignOutEvent::sid) | [`claims`](SignOutEvent::claims), [`data`](SignOutEvent::data) | [`reason`](SignOutEvent::reason) |
/// |---|---|---|---|---|
/// | [`User`](SignOutCause::User), [`Replaced`](SignOutCause::Replaced), [`TooMany`](SignOutCause::TooMany) | yes | if the ID token has one | yes | no |
/// | [`Revoked`](SignOutCause::Revoked), of sessions in a store | yes | if the ID token has one | yes | no |
/// | [`Revoked`](SignOutCause::Revoked), of sessions in cookies | yes | no | no | no |
/// | [`Refused`](SignOutCause::Refused), [`Hook`](SignOutCause::Hook) | yes | if the ID token has one | yes | yes |
/// | [`Provider`](SignOutCause::Provider), by a logout token | if the logout token has it, as well as `sid` | … at least one of them | no | no |
///
/// # Examples
///
/// ```rust
/// use rocket_logto::{HookResult, SignOutEvent};
///
/// async fn note(event: SignOutEvent) -> HookResult {
///     println!("{:?} has ended a session of {:?}", event.cause(), event.sub());
///     Ok(())
/// }
/// # rocket_logto::Logto::fairing().on_sign_out(note);
/// ```
pub struct SignOutEvent<S = ()> {
    state: S,
    ended: Ended,
}

/// What is known of a session that has ended.
pub(crate) struct Ended {
    pub cause: SignOutCause,
    pub sub: Option<String>,
    pub sid: Option<String>,
    pub id_token: Option<RawIdToken>,
    pub data: Option<AppData>,
    pub reason: Option<String>,
}

impl<S> SignOutEvent<S> {
    /// A clone of the managed state `S`.
    pub fn state(&self) -> &S {
        &self.state
    }

    /// Why it has ended.
    pub fn cause(&self) -> SignOutCause {
        self.ended.cause
    }

    /// The user. With `{tenantid}` in `issuer` it is `<tenant>/<sub>`.
    pub fn sub(&self) -> Option<&str> {
        self.ended.sub.as_deref()
    }

    /// The session at the provider. With `{tenantid}` in `issuer` it is `<tenant>/<sid>`.
    pub fn sid(&self) -> Option<&str> {
        self.ended.sid.as_deref()
    }

    /// The claims the session had. `None` when they are not known, or do not fit `C`.
    pub fn claims<C: DeserializeOwned + Send + Sync + 'static>(&self) -> Option<Arc<C>> {
        self.ended.id_token.as_ref()?.claims()
    }

    /// The app's own data in the session. `None` when there was none, it is not known, or
    /// it does not fit `T`.
    pub fn data<T: DeserializeOwned>(&self) -> Option<T> {
        self.ended.data.as_ref()?.read()
    }

    /// What the provider, or `on_refresh`, said: `refresh_invalid_grant`, say.
    pub fn reason(&self) -> Option<&str> {
        self.ended.reason.as_deref()
    }
}

/// What [`on_sign_out`](crate::LogtoFairing::on_sign_out) takes: an
/// `async fn(SignOutEvent<S>) -> HookResult`, or a closure.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a hook for sign-outs",
    label = "not an `async fn(SignOutEvent<S>) -> HookResult`",
    note = "write `async fn hook(event: SignOutEvent) -> HookResult {{ … }}`; what it holds across \
            `.await` has to be `Send`"
)]
pub trait SignOutHook<S>: Send + Sync + 'static {
    /// Is told of one end.
    fn call(&self, event: SignOutEvent<S>) -> BoxFuture<'static, HookResult>;
}

impl<S, F, Answer> SignOutHook<S> for F
where
    F: Fn(SignOutEvent<S>) -> Answer + Send + Sync + 'static,
    Answer: Future<Output = HookResult> + Send + 'static,
{
    fn call(&self, event: SignOutEvent<S>) -> BoxFuture<'static, HookResult> {
        Box::pin(self(event))
    }
}

pub(super) trait RunSignOut: Send + Sync {
    fn lift_off(&self, rocket: &Rocket<Orbit>) -> Result<(), &'static str>;
    fn tell(self: Arc<Self>, ended: Ended, deadline: Duration);
}

pub(super) fn typed<S, H>(hook: H) -> Arc<dyn RunSignOut>
where
    S: Clone + Send + Sync + 'static,
    H: SignOutHook<S>,
{
    Arc::new(Stateful::<S, H>::new(hook))
}

impl<S, H> RunSignOut for Stateful<S, H>
where
    S: Clone + Send + Sync + 'static,
    H: SignOutHook<S>,
{
    fn lift_off(&self, rocket: &Rocket<Orbit>) -> Result<(), &'static str> {
        Stateful::lift_off(self, rocket)
    }

    fn tell(self: Arc<Self>, ended: Ended, deadline: Duration) {
        rocket::tokio::spawn(async move {
            let told = run::run(NAME, deadline, async {
                let state = self.state()?;
                self.hook.call(SignOutEvent { state, ended }).await
            });
            if let Err(error) = told.await {
                error.log();
            }
        });
    }
}
