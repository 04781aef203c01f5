//! `on_webhook`: Logto has told something.

use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use rocket::Request;
use rocket::futures::future::BoxFuture;
use serde::de::DeserializeOwned;

use super::{HookResult, run};
use crate::error::Error;
use crate::webhook::{Webhook, WebhookEvent};

pub(super) const NAME: &str = "on_webhook";

/// A webhook that has come to the route of the library. Derefs to [`Webhook<E>`].
///
/// The hook of [`on_webhook`](crate::LogtoFairing::on_webhook) gets it.
///
/// # Examples
///
/// ```rust
/// use rocket_logto::{HookResult, WebhookEvent, WebhookReceived};
///
/// async fn forget(webhook: WebhookReceived<'_>) -> HookResult {
///     if let WebhookEvent::UserDeleted(user) = webhook.event() {
///         println!("{}: delete what we have of {}", webhook.created_at(), user.id);
///     }
///     Ok(())
/// }
/// # rocket_logto::Logto::fairing().on_webhook(forget);
/// ```
pub struct WebhookReceived<'r, E = WebhookEvent> {
    request: &'r Request<'r>,
    webhook: Webhook<E>,
}

impl<'r, E> WebhookReceived<'r, E> {
    /// The request that has brought it. Managed state and the app's own guards are here.
    /// Nobody is signed in in it.
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
}

impl<E> Deref for WebhookReceived<'_, E> {
    type Target = Webhook<E>;

    fn deref(&self) -> &Webhook<E> {
        &self.webhook
    }
}

/// What [`on_webhook`](crate::LogtoFairing::on_webhook) takes: an
/// `async fn(WebhookReceived<'_, E>) -> HookResult`, or an async closure.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a hook for webhooks",
    label = "not an `async fn(WebhookReceived<'_, E>) -> HookResult`",
    note = "write `async fn hook(webhook: WebhookReceived<'_>) -> HookResult {{ … }}`; what it \
            holds across `.await` has to be `Send`"
)]
pub trait WebhookHook<'r, E>: Send + Sync + 'static {
    /// Hears of one webhook.
    fn call(&self, webhook: WebhookReceived<'r, E>) -> BoxFuture<'r, HookResult>;
}

impl<'r, E, F, Answer> WebhookHook<'r, E> for F
where
    F: Fn(WebhookReceived<'r, E>) -> Answer + Send + Sync + 'static,
    Answer: Future<Output = HookResult> + Send + 'r,
{
    fn call(&self, webhook: WebhookReceived<'r, E>) -> BoxFuture<'r, HookResult> {
        Box::pin(self(webhook))
    }
}

/// A webhook as it has come.
pub(crate) struct Delivery<'r> {
    pub request: &'r Request<'r>,
    pub webhook: &'r Webhook,
    pub body: &'r [u8],
}

#[rocket::async_trait]
pub(super) trait RunWebhook: Send + Sync {
    async fn run(&self, delivery: Delivery<'_>, deadline: Duration) -> Result<(), Error>;
}

struct Typed<E, H> {
    hook: H,
    event: PhantomData<fn() -> E>,
}

pub(super) fn typed<E, H>(hook: H) -> Arc<dyn RunWebhook>
where
    E: DeserializeOwned + Send + Sync + 'static,
    H: for<'r> WebhookHook<'r, E>,
{
    Arc::new(Typed {
        hook,
        event: PhantomData,
    })
}

#[rocket::async_trait]
impl<E, H> RunWebhook for Typed<E, H>
where
    E: DeserializeOwned + Send + Sync + 'static,
    H: for<'r> WebhookHook<'r, E>,
{
    async fn run(&self, delivery: Delivery<'_>, deadline: Duration) -> Result<(), Error> {
        let name = delivery.webhook.name();
        let Some(webhook) = delivery.webhook.read_as::<E>(delivery.body) else {
            // Logto sends what its console says, and that may be more than the hook is for.
            let wanted = std::any::type_name::<E>();
            log::info!("logto: {NAME} is not told of {name:?}, which does not fit {wanted}");
            return Ok(());
        };
        let request = delivery.request;
        let received = WebhookReceived { request, webhook };
        run::run(NAME, deadline, async { self.hook.call(received).await }).await
    }
}
