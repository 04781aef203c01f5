//! An app that shows every page the library has: errors of each kind at an address of
//! their own, and what leads to the questions.

use rocket::{Build, Rocket, get, post, routes};
use rocket_logto::{Error, Page, internals};

use super::app::{ALICE, TestApp};
use super::browser::{Browser, CROSS_SITE, Response};
use super::pages::who_is_signed_in;

/// So many of the errors would only send a browser to the sign-in, where a form gets a page.
const TO_SIGN_IN: usize = 3;

fn nth(number: usize) -> Error {
    internals::errors()[number].clone()
}

#[get("/error/<number>")]
fn error(number: usize) -> Result<(), Error> {
    Err(nth(number))
}

#[post("/error/<number>")]
fn form(number: usize) -> Result<(), Error> {
    Err(nth(number))
}

/// What a page says, as a template has it.
pub fn as_json(page: &Page) -> String {
    rocket::serde::json::to_string(page).expect("a page")
}

pub fn rocket() -> Rocket<Build> {
    rocket::build()
        .mount("/", who_is_signed_in())
        .mount("/", routes![error, form])
}

/// A browser whose user reads this language.
pub struct Reader<'a> {
    pub app: &'a TestApp,
    pub browser: Browser,
    pub accept: &'a str,
}

impl Reader<'_> {
    pub async fn opens(&self, path: &str) -> Response {
        self.asks(reqwest::Method::GET, path, None).await
    }

    /// From another site, if one is named.
    async fn asks(&self, method: reqwest::Method, path: &str, from: Option<&str>) -> Response {
        let request = self.browser.request(method, self.app.url(path));
        let request = match from {
            Some(from) => request.navigation().initiator(from),
            None => request.navigation(),
        };
        let request = request.header("Accept-Language", self.accept);
        request.send().await
    }

    async fn sends_a_form(&self, path: &str) -> Response {
        let request = self
            .browser
            .request(reqwest::Method::POST, self.app.url(path));
        let request = request.navigation().initiator(self.app.url("/"));
        let request = request.header("Accept-Language", self.accept);
        request.form(&[("a", "b")]).send().await
    }

    /// The page of each error.
    pub async fn errors(&self) -> Vec<Response> {
        let mut pages = Vec::new();
        for number in 0..internals::errors().len() {
            let path = format!("/error/{number}");
            pages.push(match number < TO_SIGN_IN {
                true => self.sends_a_form(&path).await,
                false => self.opens(&path).await,
            });
        }
        pages
    }

    /// The question before a sign-in by a link.
    pub async fn link(&self) -> Response {
        let link = "/sign-in?one_time_token=t&login_hint=bob@example.com";
        let first = self
            .asks(reqwest::Method::GET, link, Some(CROSS_SITE))
            .await;
        assert_eq!(first.status(), 303, "{}", first.text());
        self.opens("/sign-in?question=1").await
    }

    /// The question before signing out.
    pub async fn sign_out(&self) -> Response {
        self.asks(reqwest::Method::GET, "/sign-out", Some(CROSS_SITE))
            .await
    }

    pub async fn signs_in(&self) {
        let path = "/protected";
        self.app.sign_in(&self.browser, path, ALICE).await;
    }
}

/// Every page there is, the last of which ends the provider.
pub async fn every_page(app: TestApp, accept: &str) -> Vec<Response> {
    let reader = Reader {
        app: &app,
        browser: Browser::new(),
        accept,
    };
    let mut pages = reader.errors().await;
    pages.push(reader.link().await);
    reader.signs_in().await;
    pages.push(reader.link().await);
    pages.push(reader.sign_out().await);
    let browser = reader.browser;
    let TestApp { app, provider } = app;
    provider.stop().await;
    let request = browser.request(reqwest::Method::POST, app.url("/sign-out"));
    let request = request.navigation().initiator(app.url("/"));
    let request = request.header("Accept-Language", accept);
    pages.push(request.form(&[("a", "b")]).send().await);
    pages
}
