//! A small app whose pages show whether somebody is signed in.

use rocket::figment::Figment;
use rocket::figment::value::{Dict, Value};
use rocket::{Build, Rocket, get, post, routes};
use rocket_logto::{Error, User, UserInfo};

use super::app::TestApp;
use super::browser::{Browser, Response};
use super::pages::who_is_signed_in;

#[get("/public")]
fn public() -> &'static str {
    "public"
}

#[get("/userinfo")]
fn userinfo(info: UserInfo) -> String {
    info.sub().to_owned()
}

#[post("/refresh")]
async fn refresh(user: User) -> Result<String, Error> {
    Ok(user.refresh().await?.sub().to_owned())
}

pub fn rocket() -> Rocket<Build> {
    mounted(rocket::build())
}

/// With Rocket's `secret_key` given, so that a restart keeps it.
pub fn rocket_with_key(secret_key: &str) -> Rocket<Build> {
    let figment = Figment::from(rocket::Config::default());
    mounted(rocket::custom(figment.merge(("secret_key", secret_key))))
}

fn mounted(rocket: Rocket<Build>) -> Rocket<Build> {
    let more = routes![public, userinfo, refresh];
    rocket.mount("/", who_is_signed_in()).mount("/", more)
}

/// `logto.session` with one key.
pub fn session_table(key: &str, value: impl Into<Value>) -> Dict {
    let session = Dict::from([(key.to_owned(), value.into())]);
    Dict::from([("session".to_owned(), Value::from(session))])
}

/// Whose page `/protected` is: a `sub`, or `None` for somebody who is asked to
/// sign in. Panics at any other answer.
pub async fn who(browser: &Browser, url: String) -> Option<String> {
    let page = browser.navigate(url).await;
    match page.status() {
        200 => Some(page.text()),
        303 => {
            let to = page.location().expect("a Location");
            assert_eq!(to.path(), "/sign-in", "{to}");
            None
        }
        status => panic!("{status}: {}", page.text()),
    }
}

/// Signs `user` in and sees that it has worked.
pub async fn signed_in(app: &TestApp, user: &str) -> Browser {
    let browser = Browser::new();
    let page = app.sign_in(&browser, "/protected", user).await;
    assert_eq!(page.text(), user, "{}", page.url());
    browser
}

/// The button of the sign-out page, as far as the app answers it.
pub async fn sign_out(browser: &Browser, app: &TestApp) -> Response {
    browser.post_form(app.url("/sign-out"), &[]).await
}
