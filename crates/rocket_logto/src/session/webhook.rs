//! Takes a webhook of Logto, once, and does what follows from it for sessions.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rocket::Request;
use rocket::data::{Data, ToByteUnit};
use rocket::futures::future::join_all;
use serde::de::DeserializeOwned;

use super::context::{RequestContext, Taken};
use super::locks::Lock;
use super::manager::SessionManager;
use super::store::StoreError;
use super::subject::Subject;
use crate::clock::Seconds;
use crate::error::Error;
use crate::hooks::{Delivery, SignOutCause};
use crate::measure;
use crate::webhook::{Effect, Webhook, Whose, is_signed};
use crate::webhook::{SIGNATURE, WebhookError, WebhookErrorKind, read, signature};

/// The longest body, in bytes, where Rocket's limit `webhook` is not set. The longest known
/// message, about 20,000 members, has half of it.
const MAX_BODY: u64 = 1024 * 1024;

/// The webhook that a request brings, and its body.
pub(crate) async fn take<E: DeserializeOwned>(
    request: &Request<'_>,
    data: Data<'_>,
) -> Result<(Webhook<E>, Vec<u8>), WebhookError> {
    let taken = try_to_take(request, data).await;
    taken.map_err(|kind| {
        measure::webhook((&kind).into());
        let error = WebhookError::new(kind);
        RequestContext::of(request).set_webhook(Taken::Refused(error.clone()));
        error
    })
}

/// The store is asked last: only what is signed may cost that.
async fn try_to_take<E: DeserializeOwned>(
    request: &Request<'_>,
    data: Data<'_>,
) -> Result<(Webhook<E>, Vec<u8>), WebhookErrorKind> {
    let missing = |error: Error| WebhookErrorKind::Unavailable(error.reason().to_owned());
    let sessions = SessionManager::of(request).map_err(missing)?;
    let signature = signature(request.headers().get(SIGNATURE))?;
    let limit = request.limits().get("webhook").unwrap_or(MAX_BODY.bytes());
    let body = data.open(limit).into_bytes().await;
    let body = body.map_err(|_| WebhookErrorKind::BadSignature)?;
    if !body.is_complete() {
        return Err(WebhookErrorKind::TooLarge);
    }
    let body = body.into_inner();
    if !is_signed(&sessions.config.webhook_keys, &body, &signature) {
        return Err(WebhookErrorKind::BadSignature);
    }
    let (now, tolerance) = (sessions.now(), sessions.oidc.tolerance());
    let (webhook, good_until) = read(&body, now, tolerance)?;
    let first = sessions.first_time(&signature, good_until).await;
    let first = first.map_err(|error| WebhookErrorKind::Unavailable(error.to_string()))?;
    let first = first.ok_or(WebhookErrorKind::Repeated)?;
    RequestContext::of(request).set_webhook(Taken::First(first));
    Ok((webhook, body))
}

impl SessionManager {
    /// `Some` the first time that a message with this signature is seen, on any instance,
    /// as long as it counts. Given back, it may come again.
    async fn first_time(
        &self,
        signature: &[u8],
        good_until: Seconds,
    ) -> Result<Option<Lock>, StoreError> {
        // After that it is too old.
        let left = good_until.saturating_sub(self.now()).max(1);
        let lifetime = Duration::from_secs(u64::try_from(left).unwrap_or(1));
        let name = format!("webhook:{}", URL_SAFE_NO_PAD.encode(signature));
        self.storage.lock(&name, lifetime).await
    }

    /// Does what follows from a webhook.
    pub(crate) async fn obey(self: &Arc<Self>, webhook: &Webhook) -> Result<(), Error> {
        match webhook.effect() {
            Effect::Nothing => Ok(()),
            Effect::Ends(sub) => {
                // Sessions that begin later are not meant, however late it arrives.
                let created = webhook.created_at().unix_timestamp();
                let begun_by = created.saturating_add(self.oidc.tolerance());
                self.end_begun_by(&Subject::new(sub), begun_by, SignOutCause::Provider)
                    .await
            }
            Effect::Outdates(Whose::These(subs)) => {
                let outdated = join_all(subs.into_iter().map(|sub| self.outdate(sub))).await;
                outdated.into_iter().collect()
            }
            Effect::Outdates(Whose::Everybodys) => self.outdate_all().await,
        }
    }

    /// Tells the app's own hook of it.
    pub(crate) async fn tell_webhook(&self, delivery: Delivery<'_>) -> Result<(), Error> {
        self.hooks.webhook(delivery, self.config.hook_timeout).await
    }
}
