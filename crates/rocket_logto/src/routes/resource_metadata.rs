//! `GET /.well-known/oauth-protected-resource`, and below it the same for each API resource:
//! what it is and who issues tokens for it (RFC 9728 section 3).

use rocket::http::Status;
use rocket::response::Response;
use rocket::route::{Handler, Outcome};
use rocket::{Data, Request};

use super::{answer, ignore};
use crate::response::json;
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
        let host = request.host().map(|host| host.domain().as_str());
        let asked = request.uri().to_string();
        let Some(document) = logto.resources().document(&asked, host, logto.issuer()) else {
            return Outcome::Error(Status::NotFound);
        };
        let mut response = json(Status::Ok, &document);
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
