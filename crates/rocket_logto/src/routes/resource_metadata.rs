//! `GET /.well-known/oauth-protected-resource`, and below it the same for each API resource:
//! what it is and who issues tokens for it (RFC 9728 section 3).

use rocket::http::Status;
use rocket::response::Response;
use rocket::route::{Handler, Outcome};
use rocket::{Data, Request};
use serde_json::json;

use super::{answer, ignore};
use crate::response;
use crate::service::LogtoService;

#[derive(Clone)]
pub(super) struct ResourceMetadataRoute;

#[rocket::async_trait]
impl Handler for ResourceMetadataRoute {
    async fn handle<'r>(&self, request: &'r Request<'_>, data: Data<'r>) -> Outcome<'r> {
        ignore(data);
        let Some(logto) = request.rocket().state::<LogtoService>() else {
            return Outcome::Error(Status::NotFound);
        };
        let host = request.host().map(ToString::to_string);
        let asked = request.uri().to_string();
        let found = logto
            .resources()
            .document(&asked, host.as_deref(), logto.issuer());
        let Some(mut document) = found else {
            return Outcome::Error(Status::NotFound);
        };
        let algs = logto.proof_algs();
        if !algs.is_empty() {
            document["dpop_signing_alg_values_supported"] = json!(algs);
        }
        if logto.proofs().are_required() {
            document["dpop_bound_access_tokens_required"] = true.into();
        }
        let mut response = response::json(Status::Ok, &document);
        open_to_all(&mut response);
        // It changes with a new release of the app.
        response.set_raw_header("Cache-Control", "public, max-age=3600");
        answer(response)
    }
}

/// What a browser asks first, for clients that send a header of their own.
#[derive(Clone)]
pub(super) struct PreflightRoute;

#[rocket::async_trait]
impl Handler for PreflightRoute {
    async fn handle<'r>(&self, _: &'r Request<'_>, data: Data<'r>) -> Outcome<'r> {
        ignore(data);
        let mut response = Response::build().status(Status::NoContent).finalize();
        open_to_all(&mut response);
        response.set_raw_header("Access-Control-Allow-Methods", "GET, HEAD, OPTIONS");
        response.set_raw_header("Access-Control-Allow-Headers", "*");
        response.set_raw_header("Access-Control-Max-Age", "86400");
        answer(response)
    }
}

/// For clients that are pages of any origin. Nothing here is about a user.
fn open_to_all(response: &mut Response<'_>) {
    response.set_raw_header("Access-Control-Allow-Origin", "*");
}
