//! Chromium can be driven, and the tests' own [`Browser`] does as it does.

use std::collections::BTreeMap;
use std::time::Duration;

use fantoccini::Locator;
use rocket::http::ContentType;
use rocket::request::{self, FromRequest, Request};
use rocket::response::content::RawHtml;
use rocket::response::{Responder, Response};
use rocket::serde::json::Json;
use rocket::tokio::time;
use rocket::{Build, Rocket, State, get, post, routes};
use serde_json::Value;

use super::browser_jar_follows_rfc6265bis::CASES;
use crate::support::browser::Browser;
use crate::support::chromium::{Chromium, Look};
use crate::support::serve::Served;

/// The headers of a request that sign-in depends on.
struct Told(BTreeMap<String, String>);

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Told {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> request::Outcome<Self, ()> {
        let telling = [
            "cookie",
            "origin",
            "sec-fetch-site",
            "sec-fetch-mode",
            "sec-fetch-dest",
        ];
        let told = telling.into_iter().filter_map(|name| {
            let value = request.headers().get_one(name)?;
            Some((name.to_owned(), value.to_owned()))
        });
        request::Outcome::Success(Told(told.collect()))
    }
}

/// Sends the `Set-Cookie` headers of one of the jar's cases, untouched.
struct SetCookies(&'static [&'static str]);

impl<'r> Responder<'r, 'static> for SetCookies {
    fn respond_to(self, _: &'r Request<'_>) -> rocket::response::Result<'static> {
        let mut response = Response::new();
        response.set_header(ContentType::Plain);
        for set_cookie in self.0 {
            response.adjoin_raw_header("Set-Cookie", *set_cookie);
        }
        Ok(response)
    }
}

#[get("/set?<case>")]
fn set(case: usize) -> SetCookies {
    SetCookies(CASES[case].set_cookies)
}

const SAME_SITE_COOKIES: &[&str] = &["strict=1; SameSite=Strict", "lax=1; SameSite=Lax"];

#[get("/set-same-site")]
fn set_same_site() -> SetCookies {
    SetCookies(SAME_SITE_COOKIES)
}

/// Answers wherever nothing else does.
#[get("/<_..>", rank = 20)]
fn echo(told: Told) -> Json<BTreeMap<String, String>> {
    Json(told.0)
}

#[post("/echo")]
fn echo_post(told: Told) -> Json<BTreeMap<String, String>> {
    Json(told.0)
}

/// The host of the pages that `/elsewhere` leads to.
struct Target(String);

#[get("/elsewhere")]
fn elsewhere(target: &State<Target>) -> RawHtml<String> {
    let target = &target.0;
    RawHtml(format!(
        "<!doctype html><title>Elsewhere</title><a href='{target}/echo/'>Go</a>
         <form method=post action='{target}/echo'><button>Post</button></form>"
    ))
}

#[get("/home")]
fn home() -> RawHtml<&'static str> {
    RawHtml(
        "<!doctype html><title>A page of Rocket's</title>
         <style>@media (prefers-color-scheme: dark) { body { background: rgb(0, 0, 0) } }</style>
         <h1>Hello</h1>",
    )
}

async fn serve() -> Served {
    let port = crate::support::serve::free_port();
    Served::start_on(port, rocket_on(port)).await
}

fn rocket_on(port: u16) -> Rocket<Build> {
    let figment = rocket::Config::figment().merge(("log_level", "off"));
    rocket::custom(figment)
        .manage(Target(format!("http://localhost:{port}")))
        .mount(
            "/",
            routes![home, set, set_same_site, echo, echo_post, elsewhere],
        )
}

async fn script(chromium: &Chromium, script: &str) -> Value {
    chromium.execute(script, Vec::new()).await.unwrap()
}

/// What `/echo` shows in the page Chromium is at, or is still on its way to.
async fn echoed(chromium: &Chromium) -> BTreeMap<String, String> {
    let arrival = async {
        loop {
            let text = script(chromium, "return document.body?.textContent").await;
            if let Ok(headers) = serde_json::from_str(text.as_str().unwrap_or_default()) {
                return headers;
            }
            time::sleep(Duration::from_millis(20)).await;
        }
    };
    let patience = Duration::from_secs(20);
    time::timeout(patience, arrival).await.expect("an echo")
}

#[rocket::async_test]
async fn a_page_has_its_title_size_and_colours() {
    let server = serve().await;
    let look = Look {
        width: 390,
        height: 844,
        dark: true,
    };
    let chromium = Chromium::start(look).await;
    chromium.goto(&server.url("/home")).await.unwrap();
    assert_eq!(chromium.title().await.unwrap(), "A page of Rocket's");
    let heading = chromium.find(Locator::Css("h1")).await.unwrap();
    assert_eq!(heading.text().await.unwrap(), "Hello");
    let seen = "return [innerWidth, innerHeight, getComputedStyle(document.body).backgroundColor]";
    let dark = script(&chromium, seen).await;
    assert_eq!(dark, serde_json::json!([390, 844, "rgb(0, 0, 0)"]));

    chromium
        .set_look(Look {
            dark: false,
            ..look
        })
        .await;
    let light = script(&chromium, seen).await;
    assert_eq!(light[2], "rgba(0, 0, 0, 0)");

    let file = chromium.screenshot("chromium_works").await;
    let png = std::fs::read(file).unwrap();
    assert!(png.starts_with(b"\x89PNG"));
}

#[rocket::async_test]
async fn the_console_is_heard() {
    let server = serve().await;
    let chromium = Chromium::start(Look::default()).await;
    chromium.goto(&server.url("/home")).await.unwrap();
    script(&chromium, "console.error('a mishap')").await;
    let console = chromium.console().await;
    assert!(
        console.iter().any(|line| line.contains("a mishap")),
        "{console:?}"
    );
}

#[rocket::async_test]
async fn chromium_keeps_cookies_as_our_jar_does() {
    let server = serve().await;
    let chromium = Chromium::start(Look::default()).await;
    for (index, case) in CASES.iter().enumerate() {
        let set = server.url(&format!("/set?case={index}"));
        chromium.goto(&set).await.unwrap();
        chromium.goto(&server.url(case.path)).await.unwrap();
        let header = echoed(&chromium).await.remove("cookie");
        assert_eq!(header.as_deref(), case.cookie_header, "{}", case.about);
        chromium
            .cdp("Network.clearBrowserCookies", serde_json::json!({}))
            .await;
    }
}

#[rocket::async_test]
async fn chromium_sends_the_headers_our_browser_sends() {
    let server = serve().await;
    let elsewhere = format!("http://127.0.0.1:{}/elsewhere", server.port());
    let browser = Browser::new();
    let chromium = Chromium::start(Look::default()).await;

    browser.navigate(server.url("/set-same-site")).await;
    chromium.goto(&server.url("/set-same-site")).await.unwrap();

    let ours: BTreeMap<String, String> = browser.navigate(server.url("/echo/")).await.json();
    chromium.goto(&server.url("/echo/")).await.unwrap();
    assert_eq!(ours, echoed(&chromium).await, "typed");
    assert_eq!(ours["cookie"], "strict=1; lax=1");

    let page = browser.navigate(&elsewhere).await;
    for (control, css) in [("Go", "a"), ("Post", "button")] {
        let ours = match control {
            "Go" => browser.click(&page, "Go").await,
            _ => browser.submit(&page, "Post", &[]).await,
        };
        let ours: BTreeMap<String, String> = ours.json();
        chromium.goto(&elsewhere).await.unwrap();
        chromium
            .find(Locator::Css(css))
            .await
            .unwrap()
            .click()
            .await
            .unwrap();
        assert_eq!(ours, echoed(&chromium).await, "{control} from another site");
        assert_eq!(ours["sec-fetch-site"], "cross-site");
    }

    let fetched: BTreeMap<String, String> = browser.fetch_json(server.url("/echo/")).await.json();
    chromium.goto(&server.url("/home")).await.unwrap();
    let theirs = script(
        &chromium,
        "return fetch('/echo/').then(answer => answer.json())",
    )
    .await;
    assert_eq!(serde_json::to_value(fetched).unwrap(), theirs, "a script");
}
