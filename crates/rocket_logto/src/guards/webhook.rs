//! `Webhook<E>` as a data guard.

use rocket::data::{self, Data, FromData};
use rocket::{Ignite, Request, Rocket, Sentinel};
use serde::de::DeserializeOwned;

use crate::logto::{Logto, fairing_is_missing};
use crate::session::take_webhook;
use crate::webhook::{Webhook, WebhookError};

#[rocket::async_trait]
impl<'r, E: DeserializeOwned + Send + 'static> FromData<'r> for Webhook<E> {
    type Error = WebhookError;

    async fn from_data(
        request: &'r Request<'_>,
        data: Data<'r>,
    ) -> data::Outcome<'r, Self, WebhookError> {
        match take_webhook(request, data).await {
            Ok((webhook, _)) => data::Outcome::Success(webhook),
            Err(error) => {
                error.log();
                data::Outcome::Error((error.status(), error))
            }
        }
    }
}

impl<E> Sentinel for Webhook<E> {
    fn abort(rocket: &Rocket<Ignite>) -> bool {
        if fairing_is_missing(rocket, "Webhook") {
            return true;
        }
        let keys = rocket
            .state::<Logto>()
            .map(|logto| &logto.config().webhook_keys);
        let missing = keys.is_some_and(Vec::is_empty);
        if missing {
            log::error!(
                "logto: `Webhook` needs logto.webhook.signing_keys (or set \
                 LOGTO_WEBHOOK_SIGNING_KEYS): the signing key that Logto's console shows for the \
                 webhook"
            );
        }
        missing
    }
}
