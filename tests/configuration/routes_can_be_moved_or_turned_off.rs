//! Where the routes of the library are is for the app to say, and most of them need not be
//! there at all.

use reqwest::Method;
use rocket::figment::value::{Dict, Value};
use rocket::{get, routes};
use rocket_logto::Logto;

use crate::support::app::{ALICE, TestApp, keys};
use crate::support::browser::{Browser, Response};
use crate::support::pages::{NOBODY, pages};

/// With what each says to a request that brings nothing: the methods `GET` and `POST`.
const ROUTES: [(&str, &str, u16, u16); 8] = [
    ("sign_in", "/sign-in", 303, 404),
    ("sign_up", "/sign-up", 303, 404),
    ("callback", "/callback", 200, 400),
    ("sign_out", "/sign-out", 303, 303),
    ("initiate_login", "/initiate-login", 400, 400),
    ("backchannel_logout", "/backchannel-logout", 404, 400),
    ("healthz", "/healthz", 200, 404),
    ("readyz", "/readyz", 200, 404),
];
const CAN_BE_OFF: [&str; 5] = [
    "sign_up",
    "initiate_login",
    "backchannel_logout",
    "healthz",
    "readyz",
];

#[get("/healthz")]
fn own_health() -> &'static str {
    "mine"
}

fn table(routes: impl Iterator<Item = (&'static str, Value)>) -> Dict {
    let routes: Dict = routes.map(|(key, value)| (key.to_owned(), value)).collect();
    keys([("routes", routes.into())])
}

async fn ask(app: &TestApp, method: Method, path: &str) -> Response {
    let browser = Browser::new();
    let url = app.url(path);
    let request = browser.request(method, &url).navigation();
    request.initiator(&url).send().await
}

#[rocket::async_test]
async fn each_is_where_the_configuration_says_and_nowhere_else() {
    let moved = |path: &str| format!("/account/of{path}");
    let logto = table(
        ROUTES
            .iter()
            .map(|(key, path, ..)| (*key, moved(path).into())),
    );
    let app = TestApp::with(logto, pages()).await;
    let callback = app.url("/account/of/callback");
    app.provider.set_redirect_uris([callback]);
    for (key, path, get, post) in ROUTES {
        for (method, expected) in [(Method::GET, get), (Method::POST, post)] {
            let there = ask(&app, method.clone(), &moved(path)).await;
            assert_eq!(there.status(), expected, "{method} {key}: {}", there.text());
            let here = ask(&app, method.clone(), path).await;
            assert_eq!(here.status(), 404, "{method} {path}");
        }
    }
    let alice = Browser::new();
    let page = app.sign_in(&alice, "/protected", ALICE).await;
    assert_eq!(page.text(), ALICE);
    let out = alice.post_form(app.url(&moved("/sign-out")), &[]).await;
    let home = alice.follow_all(out, 5).await.pop().expect("a page");
    assert_eq!(
        (home.url().as_str(), home.text()),
        (&*app.url("/"), NOBODY.into())
    );
}

#[rocket::async_test]
async fn what_is_off_is_not_there_and_its_path_is_the_apps() {
    let off = || table(CAN_BE_OFF.iter().map(|key| (*key, false.into())));
    let app = TestApp::with(off(), pages().mount("/", routes![own_health])).await;
    for (key, path, get, post) in ROUTES {
        for (method, on) in [(Method::GET, get), (Method::POST, post)] {
            let expected = match CAN_BE_OFF.contains(&key) {
                true => 404,
                false => on,
            };
            let own = key == "healthz" && method == Method::GET;
            let answer = ask(&app, method.clone(), path).await;
            let expected = if own { 200 } else { expected };
            assert_eq!(answer.status(), expected, "{method} {path}");
            assert!(!own || answer.text() == "mine");
        }
    }
    let alice = Browser::new();
    let page = app.sign_in(&alice, "/protected", ALICE).await;
    assert_eq!(page.text(), ALICE);
    assert_eq!(alice.navigate(app.url("/?code=c")).await.text(), ALICE);

    // No path is not the path `/`, and what the app has there is its own to protect.
    let fairing = Logto::fairing().protect("/");
    let rocket = pages().mount("/", routes![own_health]);
    let app = TestApp::with_fairing(off(), fairing, rocket).await;
    for path in ["/", "/healthz", "/sign-up", "/protected"] {
        let answer = Browser::new().fetch_json(app.url(path)).await;
        assert_eq!(answer.status(), 401, "{path}");
    }
    let alice = Browser::new();
    assert_eq!(app.sign_in(&alice, "/healthz", ALICE).await.text(), "mine");
}
