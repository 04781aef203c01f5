//! The pages of a small app, for tests that only need some.

use rocket::serde::json::Json;
use rocket::{Build, Rocket, Route, get, routes};
use rocket_logto::{SignIn, User, UserInfo};

use super::browser::Browser;
use super::cookie_jar::StoredCookie;

/// What `/` says to somebody who is not signed in.
pub const NOBODY: &str = "nobody";

/// The names of the app's cookies in a browser; the provider is on the same host.
pub fn own_cookies(browser: &Browser) -> Vec<String> {
    let names = browser.cookies().into_iter().map(|cookie| cookie.name);
    names.filter(|name| name.contains("logto_")).collect()
}

/// The session's cookie, or the first of its cookies, whatever its name is derived from.
pub fn session_cookie(browser: &Browser) -> Option<StoredCookie> {
    let is_first = |name: &str| name.contains("logto_session") && !name.contains('-');
    let without_prefix = |name: &str| name.replacen("__Host-", "", 1);
    let mut cookies = browser.cookies().into_iter();
    cookies.find(|cookie| is_first(&without_prefix(&cookie.name)))
}

/// `/` for everybody, `/protected` and `/userinfo` for users.
pub fn pages() -> Rocket<Build> {
    rocket::build()
        .mount("/", who_is_signed_in())
        .mount("/", routes![userinfo])
}

/// The same, and `/again`, which starts a sign-in even for somebody who is signed
/// in already.
pub fn pages_and_again() -> Rocket<Build> {
    pages().mount("/", routes![again])
}

/// `/` and `/protected`.
pub fn who_is_signed_in() -> Vec<Route> {
    routes![home, protected]
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

#[get("/again")]
fn again() -> SignIn {
    SignIn::new()
}
