//! `GET /healthz` and `GET /readyz`, for load balancers and orchestrators.

use rocket::http::Status;
use rocket::response::Response;
use rocket::route::{Handler, Outcome};
use rocket::{Data, Request};
use serde_json::Value;

use super::{answer, ignore};
use crate::error::{json, no_store};
use crate::logto::Logto;

/// Alive: the process answers.
#[derive(Clone)]
pub(super) struct HealthRoute;

#[rocket::async_trait]
impl Handler for HealthRoute {
    async fn handle<'r>(&self, _: &'r Request<'_>, data: Data<'r>) -> Outcome<'r> {
        ignore(data);
        answer(health(Status::Ok, &serde_json::json!({ "status": "ok" })))
    }
}

/// Ready: people can sign in. The provider's metadata is here and the session
/// store answers; asks the store, never the provider.
#[derive(Clone)]
pub(super) struct ReadinessRoute;

#[rocket::async_trait]
impl Handler for ReadinessRoute {
    async fn handle<'r>(&self, request: &'r Request<'_>, data: Data<'r>) -> Outcome<'r> {
        ignore(data);
        let (provider, store) = match Logto::of(request) {
            Ok(logto) => (
                logto.oidc().provider.metadata_if_loaded().is_some(),
                logto.sessions().is_ready().await.is_ok(),
            ),
            Err(_) => (false, false),
        };
        let status = match provider && store {
            true => Status::Ok,
            false => Status::ServiceUnavailable,
        };
        let body = serde_json::json!({ "provider": provider, "session_store": store });
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
