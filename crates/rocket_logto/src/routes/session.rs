//! `routes.session`: tells scripts of the app's own pages who is signed in, and until when.
//! Never a token.

use std::sync::Arc;

use rocket::http::Status;
use rocket::response::Response;
use rocket::route::{Handler, Outcome};
use rocket::{Data, Request};
use serde_json::{Map, Value, json};
use url::form_urlencoded;

use super::{answer, ignore};
use crate::clock::Seconds;
use crate::config::LogtoConfig;
use crate::error::{Error, ErrorKind};
use crate::logto::Logto;
use crate::request::{ANTI_FORGERY, Sender, has_anti_forgery_header, query};
use crate::response::cross_site::not_from_here;
use crate::response::error::for_script;
use crate::response::{self, no_store};
use crate::session::context::RequestContext;
use crate::session::{ActiveSession, Ends};

#[derive(Clone)]
pub(super) struct SessionRoute;

#[rocket::async_trait]
impl Handler for SessionRoute {
    async fn handle<'r>(&self, request: &'r Request<'_>, data: Data<'r>) -> Outcome<'r> {
        ignore(data);
        let told = Box::pin(tell(request)).await;
        let mut told = told.unwrap_or_else(|error| for_script(&error, request));
        // Not into another origin's process either (Fetch, section 3.7).
        told.set_raw_header("Cross-Origin-Resource-Policy", "same-origin");
        answer(told)
    }
}

async fn tell(request: &Request<'_>) -> Result<Response<'static>, Error> {
    let logto = Logto::of(request)?;
    let config = logto.config();
    let is_allowed = match Sender::of(request, logto.base_url()) {
        // At the address bar a developer looks at it; no page does.
        Sender::Ourselves | Sender::User => true,
        // An old browser: only a script of this origin can send the header.
        Sender::Unknown => has_anti_forgery_header(request),
        Sender::Other => false,
    };
    if !is_allowed {
        return Err(not_from_here(request));
    }
    let slides = slides(request);
    if !slides {
        RequestContext::of(request).only_look();
    }
    let active = match ActiveSession::of(request).await {
        // As pages find it. Who only looks asks nobody.
        Ok(active) if slides => active.fresh().await,
        active => active,
    };
    let body = match active {
        Ok(active) => signed_in(&active, config),
        // A question, and no fault: scripts ask it to learn whether anybody is signed in.
        Err(error) => match error.kind() {
            ErrorKind::NotSignedIn | ErrorKind::SessionEnded => {
                error.log();
                json!({ "signed_in": false })
            }
            _ => return Err(error),
        },
    };
    Ok(respond(with_addresses(body, config)))
}

/// `?slide=false`: the session does not count as used.
fn slides(request: &Request<'_>) -> bool {
    let mut asked = form_urlencoded::parse(query(request).as_bytes());
    !asked.any(|(name, value)| name == "slide" && value == "false")
}

fn signed_in(active: &ActiveSession, config: &LogtoConfig) -> Value {
    let all: Option<Arc<Map<String, Value>>> = active.session().id_token.claims();
    let mut claims = Map::new();
    for name in &config.shown_claims {
        if let Some(value) = all.as_ref().and_then(|all| all.get(name)) {
            claims.insert(name.clone(), value.clone());
        }
    }
    let Ends {
        now,
        idle,
        absolute,
    } = active.ends();
    let end = |at: Seconds| json!({ "in": at.saturating_sub(now).max(0), "at": at });
    json!({
        "signed_in": true,
        "claims": claims,
        "ends": { "idle": end(idle), "absolute": end(absolute) },
    })
}

fn with_addresses(mut body: Value, config: &LogtoConfig) -> Value {
    let (name, value) = ANTI_FORGERY;
    body["sign_in"] = config.linked.sign_in.as_str().into();
    body["sign_out"] = config.linked.sign_out.as_str().into();
    body["header"] = json!({ "name": name, "value": value });
    body
}

fn respond(body: Value) -> Response<'static> {
    let mut response = response::json(Status::Ok, &body);
    no_store(&mut response);
    response
}
