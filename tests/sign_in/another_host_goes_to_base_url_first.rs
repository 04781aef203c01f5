//! The app answers at more names than the one in `base_url`: `127.0.0.1` beside
//! `localhost`, `www.` and the bare domain, an old name. A sign-in that begins there goes
//! to `base_url` first, where the response will come, and so does its cookie.

use reqwest::Method;
use rocket::{get, post, routes};
use rocket_logto::SignIn;

use crate::support::app::{ALICE, TestApp};
use crate::support::browser::{Browser, Response, query};
use crate::support::demo::Demo;
use crate::support::eventually::eventually;
use crate::support::pages::pages;

#[get("/join?<from>")]
fn join(from: Option<&str>) -> SignIn {
    SignIn::new()
        .return_to("/protected?joined")
        .param("from", from.unwrap_or("nowhere"))
}

#[post("/join")]
fn join_by_form() -> SignIn {
    SignIn::new()
}

async fn app() -> TestApp {
    let app = TestApp::start(pages().mount("/", routes![join, join_by_form])).await;
    app.provider.hooks().sign_in_as(Some(ALICE));
    app
}

/// The same page at the address that Rocket prints.
fn printed(app: &TestApp, path: &str) -> String {
    format!("http://127.0.0.1:{}{path}", app.app.port())
}

#[rocket::async_test]
async fn a_sign_in_at_the_printed_address_works() {
    let app = app().await;
    for (path, end) in [
        ("/protected?x=1", "/protected?x=1"),
        ("/sign-in?return_to=/protected", "/protected"),
        ("/sign-up?return_to=/protected", "/protected"),
        ("/join?from=there", "/protected?joined"),
    ] {
        let browser = Browser::new();
        let hops = browser.navigate_following(printed(&app, path), 8).await;
        let page = hops.last().expect("a page");
        assert_eq!(page.url().as_str(), app.url(end), "{path}");
        assert_eq!(page.text(), ALICE, "{path}");
        // No cookie where the response does not come.
        for hop in &hops {
            let is_there = hop.url().host_str() == Some("127.0.0.1");
            assert!(
                !is_there || hop.set_cookies().is_empty(),
                "{path}: {}",
                hop.url()
            );
        }
        assert_eq!(browser.violations(), [], "{path}");
    }
}

#[rocket::async_test]
async fn what_was_asked_for_is_kept_and_nothing_else() {
    let app = app().await;
    let browser = Browser::new();
    let hop = async |path: &str| {
        let answer = browser.navigate(printed(&app, path)).await;
        assert_eq!(answer.status(), 303, "{path}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
        assert_eq!(
            answer.header("referrer-policy"),
            Some("no-referrer"),
            "{path}"
        );
        answer.header("location").expect("a Location").to_owned()
    };
    let path = "/sign-in?return_to=/a%3Fb%26c&login_hint=a%2Bb%40example.com&max_age=60\
                &first_screen=register&evil=1&client_id=x&redirect_uri=https://evil.example";
    assert_eq!(
        hop(path).await,
        app.url(
            "/sign-in?return_to=%2Fa%3Fb%26c&login_hint=a%2Bb%40example.com&max_age=60\
             &first_screen=register&from_another_host=1"
        )
    );
    assert_eq!(
        hop("/sign-up").await,
        app.url("/sign-up?from_another_host=1")
    );
    let long = "x".repeat(2049);
    let path = format!("/sign-in?return_to=/{long}&login_hint=a%0d%0ab");
    let kept = app.url("/sign-in?login_hint=a%0D%0Ab&from_another_host=1");
    assert_eq!(hop(&path).await, kept);
    assert_eq!(
        hop("/join?from=a%20b").await,
        app.url("/join?from=a%20b&from_another_host=1")
    );

    // A third party's form becomes a link.
    let iss = app.provider.issuer();
    let form = [
        ("iss", iss.as_str()),
        ("login_hint", "alice"),
        ("evil", "1"),
    ];
    let request = browser.request(Method::POST, printed(&app, "/initiate-login"));
    let answer = request.navigation().form(&form).send().await;
    let to = answer.location().expect("a Location");
    assert!(
        to.as_str().starts_with(&app.url("/initiate-login?iss=")),
        "{to}"
    );
    assert_eq!(query(&to, "evil"), None);
    let provider = browser
        .follow(&answer)
        .await
        .location()
        .expect("the provider");
    assert!(provider.as_str().starts_with(&iss), "{provider}");
    assert_eq!(query(&provider, "login_hint").as_deref(), Some("alice"));
}

/// A form cannot be sent on, so its sign-in begins where it is, as before.
#[rocket::async_test]
async fn a_form_of_a_handler_is_not_sent_on() {
    let app = app().await;
    let answer = Browser::new().post_form(printed(&app, "/join"), &[]).await;
    let to = answer.location().expect("the provider");
    assert!(to.as_str().starts_with(&app.provider.issuer()), "{to}");
}

/// Whatever the header says: it is compared and never repeated.
#[rocket::async_test]
async fn nothing_of_the_host_is_taken_over() {
    let app = app().await;
    for host in [
        "evil.example",
        "evil.example:443",
        "localhost.evil.example",
        "localhost@evil.example",
        "localhost.",
        "[::1]",
        "evil.example, localhost",
        "evil.example/path",
    ] {
        for path in ["/sign-in", "/sign-up", "/protected", "/join"] {
            let browser = Browser::new();
            let request = browser.request(Method::GET, app.url(path)).navigation();
            let answer = request.header("Host", host).send().await;
            let headers = format!("{:?}", answer.headers());
            assert!(!headers.contains("evil"), "{host} {path}: {headers}");
            assert!(!answer.text().contains("evil"), "{host} {path}");
        }
    }
    for same in ["localhost", "LOCALHOST", "localhost:1"] {
        let request = Browser::new();
        let request = request
            .request(Method::GET, app.url("/sign-in"))
            .navigation();
        let answer = request.header("Host", same).send().await;
        let to = answer.location().expect("the provider");
        assert!(
            to.as_str().starts_with(&app.provider.issuer()),
            "{same}: {to}"
        );
    }
}

/// A proxy that writes its own name into every request: one hop, then on as it comes.
#[rocket::async_test]
async fn a_proxy_that_rewrites_the_host_costs_one_hop() {
    let app = app().await;
    for (path, end) in [
        ("/protected?x=1", "/protected?x=1"),
        ("/sign-up", "/"),
        ("/join", "/protected?joined"),
    ] {
        let browser = Browser::new();
        let through_the_proxy = async |url: String| -> Response {
            let request = browser.request(Method::GET, url).navigation();
            request.header("Host", "backend.internal:8000").send().await
        };
        let mut answer = through_the_proxy(app.url(path)).await;
        let mut at_the_app = 1;
        while let Some(to) = answer.location() {
            answer = match to.port() == Some(app.app.port()) {
                true => {
                    at_the_app += 1;
                    through_the_proxy(to.into()).await
                }
                false => browser.navigate(to).await,
            };
            assert!(at_the_app < 8, "{path}: a loop");
        }
        assert_eq!(answer.url().as_str(), app.url(end), "{path}");
        assert_eq!(answer.text(), ALICE, "{path}");
    }
}

/// Rocket prints the address that it listens at; what to open comes after it.
#[rocket::async_test]
async fn the_launch_says_last_what_to_open() {
    let demo = Demo::start().await;
    let open = format!("logto: open {}", demo.url("/"));
    eventually("the address is printed", async || {
        demo.output().contains(&open)
    })
    .await;
    let output = demo.output();
    let launched = output
        .find("Rocket has launched from")
        .expect("Rocket's line");
    assert!(output.find(&open).expect("ours") > launched, "{output}");
}
