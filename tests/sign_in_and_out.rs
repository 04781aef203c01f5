//! A person signs in, sees who they are, and signs out.

use rocket::{get, routes};
use rocket_logto::{User, UserInfo};

use crate::support::app::{ALICE, TestApp};
use crate::support::browser::Browser;

#[get("/")]
fn home(user: Option<User>) -> String {
    user.map_or("nobody".to_owned(), |user| user.name().to_owned())
}

#[get("/protected")]
fn protected(user: User) -> String {
    user.sub().to_owned()
}

#[get("/userinfo")]
fn userinfo(info: UserInfo) -> String {
    rocket::serde::json::to_string(&info).unwrap()
}

async fn app() -> TestApp {
    TestApp::start(rocket::build().mount("/", routes![home, protected, userinfo])).await
}

#[rocket::async_test]
async fn from_the_first_page_to_the_last() {
    let app = app().await;
    let browser = Browser::new();
    assert_eq!(browser.navigate(app.url("/")).await.text(), "nobody");

    let page = app.sign_in(&browser, "/protected?x=1", ALICE).await;
    assert_eq!(page.url().as_str(), app.url("/protected?x=1"));
    assert_eq!(page.text(), ALICE);
    assert_eq!(browser.navigate(app.url("/")).await.text(), "Alice Example");
    println!("{}", browser.navigate(app.url("/userinfo")).await.text());
    assert_eq!(browser.violations(), []);
}
