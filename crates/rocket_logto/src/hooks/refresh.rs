//! `on_refresh`: the claims of a signed-in user have changed.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use rocket::futures::future::BoxFuture;
use rocket::{Orbit, Rocket};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::data::{AppData, SessionDataError};
use super::run::Stateful;
use super::sign_in::misfit;
use super::{HookResult, run};
use crate::claims::IdTokenClaims;
use crate::error::Error;
use crate::oidc::tokens::RawIdToken;

pub(super) const NAME: &str = "on_refresh";

/// What differs in every ID token, and says nothing about the user.
const OF_THE_TOKEN: [&str; 10] = [
    "iat",
    "exp",
    "nbf",
    "at_hash",
    "c_hash",
    "jti",
    "nonce",
    "auth_time",
    "rat",
    "uti",
];

/// A refresh brought other claims than the session had.
///
/// The hook of [`on_refresh`](crate::LogtoFairing::on_refresh) gets it. `S` is the managed
/// state that it needs: a refresh may serve many requests, or outlive the one that began
/// it, so there is no request to take state from. `C` is the type that the claims are read
/// into.
///
/// # Examples
///
/// ```rust
/// use rocket_logto::{HookResult, RefreshEvent, Renewal};
///
/// async fn still_staff(event: RefreshEvent) -> HookResult<Renewal> {
///     let roles = event.after().roles.as_deref().unwrap_or_default();
///     match roles.iter().any(|role| role == "staff") {
///         true => Ok(Renewal::keep()),
///         false => Ok(Renewal::end("no longer on the staff")),
///     }
/// }
/// # rocket_logto::Logto::fairing().on_refresh(still_staff);
/// ```
pub struct RefreshEvent<S = (), C = IdTokenClaims> {
    state: S,
    before: Option<Arc<C>>,
    after: Arc<C>,
    sub: String,
    data: Option<AppData>,
}

impl<S, C> RefreshEvent<S, C> {
    /// A clone of the managed state `S`.
    pub fn state(&self) -> &S {
        &self.state
    }

    /// The claims of the session until now. `None` when they do not fit `C`, as after a
    /// release of the app that asks for more.
    pub fn before(&self) -> Option<&C> {
        self.before.as_deref()
    }

    /// The new claims, verified.
    pub fn after(&self) -> &C {
        &self.after
    }

    /// The user's identifier at the provider, which a refresh never changes.
    pub fn sub(&self) -> &str {
        &self.sub
    }

    /// The app's own data in the session. `None` when there is none, or it does not fit
    /// `T`.
    pub fn data<T: DeserializeOwned>(&self) -> Option<T> {
        self.data.as_ref()?.read()
    }
}

/// What `on_refresh` decides: the session goes on with the new claims, or ends.
///
/// # Examples
///
/// ```rust
/// use rocket_logto::Renewal;
///
/// # fn main() -> Result<(), rocket_logto::SessionDataError> {
/// Renewal::keep();
/// Renewal::keep().with_data(&["reader", "writer"])?;
/// Renewal::end("has left the company");
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[must_use = "the hook has to return it"]
pub struct Renewal(Kept);

/// The same, for those who carry it out.
#[derive(Clone, Debug)]
pub(crate) enum Kept {
    /// With other data, if any.
    Yes(Option<AppData>),
    No(String),
}

impl Kept {
    pub(super) fn as_it_was() -> Kept {
        Kept::Yes(None)
    }
}

impl Renewal {
    /// The session goes on with the new claims.
    pub fn keep() -> Renewal {
        Renewal(Kept::as_it_was())
    }

    /// The session ends, and its refresh token is revoked. The request gets what anybody
    /// gets who is not signed in: 303 to the sign-in, or 401. `reason` is for the log and for
    /// [`SignOutEvent::reason`](crate::SignOutEvent::reason); what the user reads is up to
    /// `on_sign_in`, which is asked next.
    pub fn end(reason: impl Into<String>) -> Renewal {
        Renewal(Kept::No(reason.into()))
    }

    /// Keeps `data` in the session in place of what is there. Nothing where the session
    /// ends.
    ///
    /// # Errors
    ///
    /// It is larger than 512 bytes as JSON, or cannot be JSON.
    pub fn with_data(self, value: &impl Serialize) -> Result<Renewal, SessionDataError> {
        let data = AppData::of(value)?;
        Ok(match self.0 {
            Kept::Yes(_) => Renewal(Kept::Yes(Some(data))),
            ended => Renewal(ended),
        })
    }
}

/// What [`on_refresh`](crate::LogtoFairing::on_refresh) takes: an
/// `async fn(RefreshEvent<S, C>) -> HookResult<Renewal>`, or a closure.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a hook for refreshes",
    label = "not an `async fn(RefreshEvent<S, C>) -> HookResult<Renewal>`",
    note = "write `async fn hook(event: RefreshEvent) -> HookResult<Renewal> {{ … }}`; what it \
            holds across `.await` has to be `Send`"
)]
pub trait RefreshHook<S, C>: Send + Sync + 'static {
    /// Decides about one refresh.
    fn call(&self, event: RefreshEvent<S, C>) -> BoxFuture<'static, HookResult<Renewal>>;
}

impl<S, C, F, Answer> RefreshHook<S, C> for F
where
    F: Fn(RefreshEvent<S, C>) -> Answer + Send + Sync + 'static,
    Answer: Future<Output = HookResult<Renewal>> + Send + 'static,
{
    fn call(&self, event: RefreshEvent<S, C>) -> BoxFuture<'static, HookResult<Renewal>> {
        Box::pin(self(event))
    }
}

/// The ID tokens before and after a refresh.
pub(crate) struct Change<'a> {
    pub before: &'a RawIdToken,
    pub after: &'a RawIdToken,
    pub sub: &'a str,
    pub data: Option<&'a AppData>,
}

impl Change<'_> {
    /// Whether the claims about the user differ.
    pub(super) fn is_one(&self) -> bool {
        if self.before.as_str() == self.after.as_str() {
            return false;
        }
        let claims = |token: &RawIdToken| {
            token.members().map(|mut claims| {
                claims.retain(|name, _| !OF_THE_TOKEN.contains(&name.as_str()));
                claims
            })
        };
        claims(self.before) != claims(self.after)
    }
}

#[rocket::async_trait]
pub(super) trait RunRefresh: Send + Sync {
    fn lift_off(&self, rocket: &Rocket<Orbit>) -> Result<(), &'static str>;
    async fn run(&self, change: Change<'_>, deadline: Duration) -> Result<Kept, Error>;
}

struct Typed<S, C, H> {
    hook: Stateful<S, H>,
    claims: PhantomData<fn() -> C>,
}

pub(super) fn typed<S, C, H>(hook: H) -> Arc<dyn RunRefresh>
where
    S: Clone + Send + Sync + 'static,
    C: DeserializeOwned + Send + Sync + 'static,
    H: RefreshHook<S, C>,
{
    Arc::new(Typed {
        hook: Stateful::new(hook),
        claims: PhantomData,
    })
}

#[rocket::async_trait]
impl<S, C, H> RunRefresh for Typed<S, C, H>
where
    S: Clone + Send + Sync + 'static,
    C: DeserializeOwned + Send + Sync + 'static,
    H: RefreshHook<S, C>,
{
    fn lift_off(&self, rocket: &Rocket<Orbit>) -> Result<(), &'static str> {
        self.hook.lift_off(rocket)
    }

    async fn run(&self, change: Change<'_>, deadline: Duration) -> Result<Kept, Error> {
        let after = change.after.claims::<C>();
        let after = after.ok_or_else(|| misfit::<C>(NAME, change.after))?;
        let (before, sub) = (change.before.claims::<C>(), change.sub.to_owned());
        let data = change.data.cloned();
        let answer = run::run(NAME, deadline, async {
            let event = RefreshEvent {
                state: self.hook.state()?,
                before,
                after,
                sub,
                data,
            };
            self.hook.hook.call(event).await
        });
        answer.await.map(|Renewal(kept)| kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::{Value, json};

    fn id_token(claims: &Value) -> RawIdToken {
        let payload = URL_SAFE_NO_PAD.encode(claims.to_string());
        serde_json::from_value(json!(format!("e30.{payload}.c2ln"))).unwrap()
    }

    fn is_change(before: &Value, after: &Value) -> bool {
        Change {
            before: &id_token(before),
            after: &id_token(after),
            sub: "sub",
            data: None,
        }
        .is_one()
    }

    #[test]
    fn a_change_is_about_the_user_not_about_the_token() {
        let before = json!({ "sub": "a", "iat": 1, "exp": 2, "at_hash": "x", "roles": ["r"] });
        let later = json!({ "sub": "a", "iat": 5, "exp": 6, "at_hash": "y", "roles": ["r"] });
        assert!(!is_change(&before, &before));
        assert!(!is_change(&before, &later));
        for other in [
            json!({ "roles": ["s"] }),
            json!({ "roles": null }),
            json!({ "name": "n" }),
        ] {
            let mut after = later.clone();
            for (name, value) in other.as_object().unwrap() {
                after[name] = value.clone();
            }
            assert!(is_change(&before, &after), "{after}");
        }
        assert!(is_change(&before, &json!({ "sub": "a" })), "one is gone");
    }
}
