//! What programs ask for: JSON, and a 401 instead of a redirect.

use rocket::http::Status;
use rocket::serde::json::{Json, Value, json};
use rocket::{Route, get, routes};
use rocket_logto::User;

pub fn routes() -> Vec<Route> {
    routes![no_redirect]
}

/// Asks for `Option<User>`, so it answers for itself when nobody is signed in.
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
