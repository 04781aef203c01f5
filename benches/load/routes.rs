//! The routes that the measured apps have in common: a guard that does nothing else, beside the
//! same route without it.

use rocket::serde::json::{Json, Value, json};
use rocket::{Route, get, routes};
use rocket_logto::{AccessToken, User};

use crate::targets::Shopping;

#[get("/json")]
fn json() -> Json<Value> {
    Json(json!({ "sub": "alice4hy6kz2" }))
}

#[get("/json/user")]
fn json_user(user: User) -> Json<Value> {
    Json(json!({ "sub": user.sub() }))
}

#[get("/json/token")]
fn json_token(token: AccessToken<Shopping>) -> Json<Value> {
    Json(json!({ "sub": token.claims().map(|claims| &claims.sub) }))
}

pub fn routes() -> Vec<Route> {
    routes![json, json_user, json_token]
}
