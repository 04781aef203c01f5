//! Routes for programs: JSON, and a 401 instead of a redirect.

use rocket::http::Status;
use rocket::serde::json::{Json, Value, json};
use rocket::{Route, get, routes};
use rocket_logto::{Bearer, Organization, PathOrg, Permission, Resource, User};

pub fn routes() -> Vec<Route> {
    routes![no_redirect, cart, reports]
}

/// Takes `Option<User>`, so that it can answer itself when no one is signed in.
#[get("/protected/no-redirect")]
fn no_redirect(user: Option<User>) -> Result<Json<Value>, (Status, Json<Value>)> {
    match user {
        Some(user) => Ok(Json(
            json!({ "message": "Authenticated", "sub": user.sub() }),
        )),
        None => Err((
            Status::Unauthorized,
            Json(json!({ "error": "Not authenticated" })),
        )),
    }
}

/// The shopping API: this app is both its client (`resources.rs`) and, here,
/// the API itself.
pub struct Shopping;

impl Resource for Shopping {
    const INDICATOR: &'static str = "https://shopping.your-app.com/api";
}

struct ReadCart;

impl Permission for ReadCart {
    type Audience = Shopping;
    const SCOPES: &'static [&'static str] = &["read"];
}

/// Needs no session, but a token for the shopping API that allows `read`.
#[get("/api/cart")]
fn cart(caller: Bearer<ReadCart>) -> Json<Value> {
    Json(json!({
        "cart_of": caller.sub(),
        "asked_by": caller.client_id(),
        "may_change_it": caller.has_scope("write"),
    }))
}

pub struct ViewReports;

impl Permission for ViewReports {
    type Audience = Organization<PathOrg>;
    const SCOPES: &'static [&'static str] = &["view:reports"];
}

/// Needs a token for the organization in the path that allows `view:reports`.
#[get("/api/organizations/<org_id>/reports")]
pub fn reports(org_id: &str, caller: Bearer<ViewReports>) -> Json<Value> {
    Json(json!({
        "reports_of": org_id,
        "asked_for": caller.sub(),
        "asked_by": caller.client_id(),
        "may_manage_members": caller.has_scope("manage:members"),
    }))
}
