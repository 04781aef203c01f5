//! `GET /healthz` and `GET /readyz`, for load balancers and orchestrators.

use std::sync::Arc;

use rocket::http::Status;
use rocket::response::Response;
use rocket::route::{Handler, Outcome};
use rocket::{Data, Request};
use serde_json::Value;

use super::{answer, ignore};
use crate::error::ErrorKind;
use crate::response::{json, no_store};
use crate::service::LogtoService;
use crate::session::SessionManager;

/// `/healthz`: the process answers.
#[derive(Clone)]
pub(super) struct HealthRoute;

#[rocket::async_trait]
impl Handler for HealthRoute {
    async fn handle<'r>(&self, _: &'r Request<'_>, data: Data<'r>) -> Outcome<'r> {
        ignore(data);
        answer(health(Status::Ok, &serde_json::json!({ "status": "ok" })))
    }
}

/// `/readyz`: people can sign in, and callers can be verified. The provider's
/// metadata is loaded, it publishes a key, it takes this app's credentials as far as is
/// known, and the session store, if there is one, accepts writes. Waits for the store,
/// never for the provider.
#[derive(Clone)]
pub(super) struct ReadinessRoute;

#[rocket::async_trait]
impl Handler for ReadinessRoute {
    async fn handle<'r>(&self, request: &'r Request<'_>, data: Data<'r>) -> Outcome<'r> {
        ignore(data);
        let rocket = request.rocket();
        let service = rocket.state::<LogtoService>();
        let provider = service.map(|logto| logto.client().provider().readiness());
        let mut ready = matches!(provider, Some(Ok(())));
        let mut body = serde_json::json!({ "provider": ready });
        if let Some(Err(unready)) = provider {
            let kind = match unready.is_lasting {
                true => ErrorKind::Misconfigured,
                false => ErrorKind::ProviderNotReady,
            };
            body["kind"] = format!("{kind:?}").into();
            body["reason"] = unready.reason.into();
        }
        if let Some(sessions) = rocket.state::<Arc<SessionManager>>() {
            let store = sessions.check_ready().await.is_ok();
            body["session_store"] = store.into();
            ready &= store;
            if !store && body["kind"].is_null() {
                body["kind"] = format!("{:?}", ErrorKind::StoreUnavailable).into();
            }
        }
        let status = match ready {
            true => Status::Ok,
            false => Status::ServiceUnavailable,
        };
        answer(health(status, &body))
    }
}

fn health(status: Status, body: &Value) -> Response<'static> {
    let mut response = json(status, body);
    if status == Status::ServiceUnavailable {
        response.set_raw_header("Retry-After", "5");
    }
    no_store(&mut response);
    response
}
