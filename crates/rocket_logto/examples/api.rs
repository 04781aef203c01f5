//! A service that is an API only: nobody signs in here, callers bring access
//! tokens. It shows Logto's three models of permission side by side.
//!
//! ```console
//! $ ROCKET_PORT=3002 cargo run -p rocket_logto --features dev-provider --example api
//! ```
//!
//! Beside `cargo run`, whose development provider it trusts. For your own,
//! `LOGTO_ENDPOINT=https://your-tenant.logto.app` is all it needs.

use rocket::serde::json::{Json, Value, json};
use rocket::{get, launch, routes};
use rocket_logto::{Bearer, Logto, Organization, PathOrg, Permission, Resource, Within};

struct Shopping;

impl Resource for Shopping {
    const INDICATOR: &'static str = "https://shopping.your-app.com/api";
}

struct Orders;

impl Resource for Orders {
    const INDICATOR: &'static str = "https://orders.your-app.com/api";
}

/// Global API resource: the token is for the API, whoever the user works for.
struct ReadCart;

impl Permission for ReadCart {
    type Audience = Shopping;
    const SCOPES: &'static [&'static str] = &["read"];
}

/// Organization permissions: the token is for the organization in the path.
struct ViewReports;

impl Permission for ViewReports {
    type Audience = Organization<PathOrg>;
    const SCOPES: &'static [&'static str] = &["view:reports"];
}

/// API resource within an organization: the token is for both.
struct ReadOrders;

impl Permission for ReadOrders {
    type Audience = Within<Orders, PathOrg>;
    const SCOPES: &'static [&'static str] = &["orders:read"];
}

#[get("/cart")]
fn cart(caller: Bearer<ReadCart>) -> Json<Value> {
    Json(json!({ "cart_of": caller.sub(), "may_change_it": caller.has_scope("write") }))
}

#[get("/organizations/<org_id>/reports")]
fn reports(org_id: &str, caller: Bearer<ViewReports>) -> Json<Value> {
    Json(json!({ "reports_of": org_id, "read_by": caller.sub() }))
}

#[get("/organizations/<org_id>/orders")]
fn orders(org_id: &str, caller: Bearer<ReadOrders>) -> Json<Value> {
    Json(json!({
        "orders_of": org_id,
        "read_by": caller.sub(),
        "may_change_them": caller.has_scope("orders:write"),
    }))
}

#[launch]
pub fn rocket() -> _ {
    rocket::build()
        .attach(Logto::api())
        .mount("/", routes![cart, reports, orders])
}
