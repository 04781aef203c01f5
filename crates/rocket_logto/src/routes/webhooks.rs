//! `POST /webhooks/logto`: Logto tells what has happened to users, roles and
//! organizations. No browser comes here, and no session counts.

use rocket::http::Status;
use rocket::response::Response;
use rocket::route::{Handler, Outcome};
use rocket::{Data, Request};

use super::answer;
use crate::error::Error;
use crate::hooks::Delivery;
use crate::measure;
use crate::response::{self, no_store};
use crate::session::context::Taken;
use crate::session::{SessionManager, take_webhook};
use crate::webhook::{Webhook, WebhookError};

#[derive(Clone)]
pub(super) struct WebhookRoute;

#[rocket::async_trait]
impl Handler for WebhookRoute {
    async fn handle<'r>(&self, request: &'r Request<'_>, data: Data<'r>) -> Outcome<'r> {
        answer(match take_webhook(request, data).await {
            Ok((webhook, body)) => {
                let heard = hear(request, &webhook, &body).await;
                status_only(match heard {
                    Ok(()) => Status::Ok,
                    Err(error) => {
                        error.log();
                        // Logto tries again for these, and for no others.
                        match error.status().code >= 500 {
                            true => error.status(),
                            false => Status::InternalServerError,
                        }
                    }
                })
            }
            Err(error) => {
                WebhookError::log(&error);
                error.answer()
            }
        })
    }
}

/// What follows from it here first: a failure of the app's hook keeps nobody signed in.
async fn hear(request: &Request<'_>, webhook: &Webhook, body: &[u8]) -> Result<(), Error> {
    let sessions = SessionManager::of(request)?;
    sessions.obey(webhook).await?;
    let delivery = Delivery {
        request,
        webhook,
        body,
    };
    sessions.tell_webhook(delivery).await?;
    log::info!("logto: webhook {:?} is done", webhook.name());
    Ok(())
}

fn status_only(status: Status) -> Response<'static> {
    let mut response = Response::build().status(status).finalize();
    no_store(&mut response);
    response
}

/// With the response of a route that has taken a webhook, ours or the app's. The response
/// hook calls this.
pub(crate) async fn settle(taken: Taken, response: &mut Response<'_>) {
    match taken {
        // Logto sends it again, and it counts then.
        Taken::First(lock) if response.status().class().is_server_error() => {
            measure::webhook(measure::Webhook::Failed);
            lock.give_back().await;
        }
        Taken::First(_) => measure::webhook(measure::Webhook::Accepted),
        // What a catcher says is for people.
        Taken::Refused(error) if response.status() == error.status() => {
            response::put(error.answer(), response);
        }
        Taken::Refused(_) => {}
    }
}
