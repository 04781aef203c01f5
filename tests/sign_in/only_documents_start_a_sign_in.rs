//! Starting a sign-in is for documents. Any page on the web can hold images and frames with
//! the app's addresses, by the hundred.

use logto_dev_provider::{Endpoint, Settings};
use reqwest::Method;
use rocket::figment::value::Dict;
use rocket::routes;
use rocket_logto::SignIn;

use crate::support::app::{ALICE, CLIENT_ID, CLIENT_SECRET, TestApp};
use crate::support::browser::{Browser, CROSS_SITE};
use crate::support::leaks;
use crate::support::pages::{own_cookies, pages};

#[rocket::get("/join")]
fn join() -> SignIn {
    SignIn::new().return_to("/protected")
}

async fn app() -> TestApp {
    let mut settings = Settings::new(CLIENT_ID, CLIENT_SECRET);
    settings.observer = Some(leaks::observe);
    let app = TestApp::with_settings(settings, Dict::new(), pages().mount("/", routes![join]));
    app.await
}

#[rocket::async_test]
async fn two_hundred_images_and_frames_cost_nothing() {
    let app = app().await;
    let browser = Browser::new();
    let start = browser.navigate(app.url("/sign-in?return_to=/protected"));
    let pending = start.await;
    let cookies = own_cookies(&browser);
    assert_eq!(cookies.len(), 1, "one sign-in is under way");
    let calls = app.provider.requests_to(Endpoint::PushedAuth).len();
    let initiate = format!("/initiate-login?iss={}", app.provider.issuer());
    let paths = [
        "/sign-in",
        "/sign-in?one_time_token=t&login_hint=a@example.com",
        "/sign-up",
        &initiate,
        "/join",
    ];
    let kinds = [
        ("no-cors", "image"),
        ("navigate", "iframe"),
        ("navigate", "embed"),
        ("navigate", "object"),
        ("no-cors", "script"),
    ];
    for round in 0..8 {
        for path in paths {
            for (mode, destination) in kinds {
                let request = browser.request(Method::GET, app.url(path));
                let request = request
                    .navigation()
                    .initiator(CROSS_SITE)
                    .header("Accept", "image/avif,*/*;q=0.8")
                    .header("Sec-Fetch-Mode", mode)
                    .header("Sec-Fetch-Dest", destination);
                let answer = request.send().await;
                let is_refused = path == "/join" && mode != "navigate";
                let status = if is_refused { 401 } else { 204 };
                assert_eq!(answer.status(), status, "{round} {path} {destination}");
                assert_eq!(answer.set_cookies(), [""; 0], "{path} {destination}");
            }
        }
    }
    let now = app.provider.requests_to(Endpoint::PushedAuth).len();
    assert_eq!(now, calls, "nothing was pushed");
    assert_eq!(own_cookies(&browser), cookies);
    app.provider.hooks().sign_in_as(Some(ALICE));
    let end = browser.follow_all(pending, 5).await.pop().expect("a page");
    assert_eq!(end.text(), ALICE, "the sign-in under way ends well");
}

#[rocket::async_test]
async fn nothing_begins_before_somebody_asks() {
    let app = app().await;
    let browser = Browser::new();
    let initiate = format!("/initiate-login?iss={}", app.provider.issuer());
    for path in ["/sign-in?prompt=login", "/sign-up", &initiate, "/join"] {
        let get = || browser.request(Method::GET, app.url(path)).navigation();
        for request in [
            get().header("Sec-Purpose", "prefetch"),
            get().header("Sec-Purpose", "prefetch;prerender"),
            get().header("Purpose", "prefetch"),
            get().header("X-Moz", "prefetch"),
            browser.request(Method::HEAD, app.url(path)).navigation(),
        ] {
            let answer = request.send().await;
            assert_eq!(
                (answer.status(), answer.set_cookies().len()),
                (204, 0),
                "{path}"
            );
        }
        // A browser that says nothing, and curl.
        let bare = browser.get(app.url(path)).await;
        assert_eq!(
            (bare.status(), bare.set_cookies().len()),
            (303, 1),
            "{path}"
        );
    }
    let script = browser.fetch_json(app.url("/join")).await;
    assert_eq!(script.status(), 401);
    assert!(
        script
            .header("www-authenticate")
            .is_some_and(|challenge| challenge.contains("/sign-in"))
    );
}
