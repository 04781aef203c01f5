//! `on_sign_in`: whether a user whom the provider has authenticated may come in.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use rocket::Request;
use rocket::futures::future::BoxFuture;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::data::{AppData, SessionDataError};
use super::{HookResult, run};
use crate::claims::IdTokenClaims;
use crate::error::{Error, ErrorKind};
use crate::oidc::tokens::{RawIdToken, TokenAnswer};

pub(super) const NAME: &str = "on_sign_in";

/// A sign-in that the provider has finished, before the session exists.
///
/// The hook of [`on_sign_in`](crate::LogtoFairing::on_sign_in) gets it. `C` is the type
/// that the verified claims of the ID token are read into. A user whose claims do not fit
/// it is not let in (403).
///
/// # Examples
///
/// ```rust
/// use rocket_logto::{Admission, HookResult, SignInEvent};
///
/// async fn staff_only(event: SignInEvent<'_>) -> HookResult<Admission> {
///     match event.claims().email.value() {
///         Some(email) if email.ends_with("@example.com") => Ok(Admission::admit()),
///         _ => Ok(Admission::refuse("Only staff of Example Ltd may sign in here.")),
///     }
/// }
/// # rocket_logto::Logto::fairing().on_sign_in(staff_only);
/// ```
pub struct SignInEvent<'r, C = IdTokenClaims> {
    request: &'r Request<'r>,
    claims: Arc<C>,
    sub: &'r str,
    return_to: &'r str,
    answer: &'r TokenAnswer,
}

impl<'r, C> SignInEvent<'r, C> {
    /// The claims of the verified ID token.
    pub fn claims(&self) -> &C {
        &self.claims
    }

    /// The user's identifier at the provider: what to store things under.
    /// [`User::sub`](crate::User::sub) is the same.
    pub fn sub(&self) -> &'r str {
        self.sub
    }

    /// Where the browser goes if the hook does not say otherwise: an address of this app.
    pub fn return_to(&self) -> &'r str {
        self.return_to
    }

    /// The request to the callback. Managed state and the app's own guards are here:
    /// `event.request().guard::<Connection<Db>>().await`. Nobody is signed in in it yet, so
    /// [`User`](crate::User) is the user of the session that this sign-in replaces, if any.
    pub fn request(&self) -> &'r Request<'r> {
        self.request
    }

    /// Managed state of the app, as `rocket.manage(…)` has it.
    ///
    /// # Errors
    ///
    /// When there is none of this type; the text names it.
    pub fn state<T: Send + Sync + 'static>(&self) -> HookResult<&'r T> {
        let missing = || format!("no `{}` in managed state", std::any::type_name::<T>());
        let state = self.request.rocket().state::<T>();
        state.ok_or_else(|| missing().into())
    }

    /// The members of the token response (OpenID Connect Core section 3.1.3.3) without
    /// its tokens: `scope`, `expires_in`, and what else the provider says there. Empty if
    /// they cannot be read.
    pub fn token_response(&self) -> Map<String, Value> {
        self.answer.members()
    }
}

/// What `on_sign_in` decides: the user is let in, or not.
///
/// # Examples
///
/// ```rust
/// use rocket_logto::Admission;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Seat {
///     number: u32,
/// }
///
/// # fn main() -> Result<(), rocket_logto::SessionDataError> {
/// Admission::admit();
/// Admission::admit().go_to("/welcome").with_data(&Seat { number: 7 })?;
/// Admission::refuse("Your account is not active yet.");
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[must_use = "the hook has to return it"]
pub struct Admission(Decision);

/// The same, for those who carry it out.
#[derive(Clone, Debug)]
pub(crate) enum Decision {
    Admit {
        go_to: Option<String>,
        data: Option<AppData>,
    },
    Refuse(String),
}

impl Admission {
    /// The user is signed in.
    pub fn admit() -> Admission {
        Admission(Decision::Admit {
            go_to: None,
            data: None,
        })
    }

    /// The user is not signed in, and a page shows `reason`: a sentence or two in plain
    /// words, of which it shows the first 300 characters. It is text, not HTML.
    pub fn refuse(reason: impl Into<String>) -> Admission {
        Admission(Decision::Refuse(reason.into()))
    }

    /// Sends the browser to `path` of this app, in place of the page that the user wanted:
    /// as `uri!` makes them. Anything else is replaced by `/`, as
    /// [`SignIn::return_to`](crate::SignIn::return_to) does. Nothing for a refusal.
    pub fn go_to(mut self, path: impl ToString) -> Admission {
        if let Decision::Admit { go_to, .. } = &mut self.0 {
            *go_to = Some(path.to_string());
        }
        self
    }

    /// Keeps `data` in the session, encrypted with it, for
    /// [`SessionData`](crate::SessionData). Nothing for a refusal.
    ///
    /// # Errors
    ///
    /// It is larger than 512 bytes as JSON, or cannot be JSON.
    pub fn with_data(mut self, value: &impl Serialize) -> Result<Admission, SessionDataError> {
        let kept = AppData::of(value)?;
        if let Decision::Admit { data, .. } = &mut self.0 {
            *data = Some(kept);
        }
        Ok(self)
    }
}

/// What [`on_sign_in`](crate::LogtoFairing::on_sign_in) takes: an
/// `async fn(SignInEvent<'_, C>) -> HookResult<Admission>`, or an async closure.
///
/// Implement it yourself only for a type that holds something:
///
/// ```rust
/// use rocket::futures::future::BoxFuture;
/// use rocket_logto::{Admission, HookResult, IdTokenClaims, Logto, SignInEvent, SignInHook};
///
/// struct Only(&'static str);
///
/// impl<'r> SignInHook<'r, IdTokenClaims> for Only {
///     fn call(&self, event: SignInEvent<'r>) -> BoxFuture<'r, HookResult<Admission>> {
///         let is_meant = event.sub() == self.0;
///         Box::pin(async move {
///             Ok(if is_meant { Admission::admit() } else { Admission::refuse("Not you.") })
///         })
///     }
/// }
///
/// Logto::fairing().on_sign_in(Only("alice4hy6kz2"));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a hook for sign-ins",
    label = "not an `async fn(SignInEvent<'_, C>) -> HookResult<Admission>`",
    note = "write `async fn hook(event: SignInEvent<'_>) -> HookResult<Admission> {{ … }}`; what it \
            holds across `.await` has to be `Send`"
)]
pub trait SignInHook<'r, C>: Send + Sync + 'static {
    /// Decides about one sign-in.
    fn call(&self, event: SignInEvent<'r, C>) -> BoxFuture<'r, HookResult<Admission>>;
}

impl<'r, C, F, Answer> SignInHook<'r, C> for F
where
    F: Fn(SignInEvent<'r, C>) -> Answer + Send + Sync + 'static,
    Answer: Future<Output = HookResult<Admission>> + Send + 'r,
{
    fn call(&self, event: SignInEvent<'r, C>) -> BoxFuture<'r, HookResult<Admission>> {
        Box::pin(self(event))
    }
}

/// What is known of a sign-in before its session exists.
pub(crate) struct Arrival<'r> {
    pub request: &'r Request<'r>,
    pub id_token: &'r RawIdToken,
    pub sub: &'r str,
    pub return_to: &'r str,
    pub answer: &'r TokenAnswer,
}

#[rocket::async_trait]
pub(super) trait RunSignIn: Send + Sync {
    async fn run(&self, arrival: Arrival<'_>, deadline: Duration) -> Result<Decision, Error>;
}

struct Typed<C, H> {
    hook: H,
    claims: PhantomData<fn() -> C>,
}

pub(super) fn typed<C, H>(hook: H) -> Arc<dyn RunSignIn>
where
    C: DeserializeOwned + Send + Sync + 'static,
    H: for<'r> SignInHook<'r, C>,
{
    Arc::new(Typed {
        hook,
        claims: PhantomData,
    })
}

#[rocket::async_trait]
impl<C, H> RunSignIn for Typed<C, H>
where
    C: DeserializeOwned + Send + Sync + 'static,
    H: for<'r> SignInHook<'r, C>,
{
    async fn run(&self, arrival: Arrival<'_>, deadline: Duration) -> Result<Decision, Error> {
        let claims = arrival.id_token.claims::<C>();
        let claims = claims.ok_or_else(|| misfit::<C>(NAME, arrival.id_token))?;
        let event = SignInEvent {
            request: arrival.request,
            claims,
            sub: arrival.sub,
            return_to: arrival.return_to,
            answer: arrival.answer,
        };
        let answer = run::run(NAME, deadline, async { self.hook.call(event).await }).await;
        answer.map(|Admission(decision)| decision)
    }
}

/// The claims do not fit the type that a hook asks for.
pub(super) fn misfit<C: DeserializeOwned>(name: &str, id_token: &RawIdToken) -> Error {
    let wanted = std::any::type_name::<C>();
    let error = Error::new(
        ErrorKind::MissingClaims,
        format!("{name}_claims_do_not_fit {wanted}"),
    );
    match id_token.missing_claim::<C>() {
        Some(missing) => error.for_operator(format!(
            "the ID token has no claim {missing:?}: a scope that is not in logto.scopes may bring \
             it, or make the field an Option"
        )),
        None => error,
    }
}
