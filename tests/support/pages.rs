//! The pages of a small app, for tests that only need some.

use rocket::serde::json::Json;
use rocket::{Build, Rocket, get, routes};
use rocket_logto::{User, UserInfo};

/// What `/` says to somebody who is not signed in.
pub const NOBODY: &str = "nobody";

/// `/` for everybody, `/protected` and `/userinfo` for users.
pub fn pages() -> Rocket<Build> {
    rocket::build().mount("/", routes![home, protected, userinfo])
}

#[get("/")]
fn home(user: Option<User>) -> String {
    user.map_or(NOBODY.to_owned(), |user| user.sub().to_owned())
}

#[get("/protected")]
fn protected(user: User) -> String {
    user.sub().to_owned()
}

#[get("/userinfo")]
fn userinfo(info: UserInfo) -> Json<UserInfo> {
    Json(info)
}
