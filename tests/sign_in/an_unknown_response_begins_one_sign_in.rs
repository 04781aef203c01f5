//! A response to a sign-in that the browser knows nothing of, because the provider's page
//! was bookmarked or came out of an old tab, ends in a new sign-in and not in an error:
//! once, however the browser treats cookies. The code in it goes nowhere.

use logto_dev_provider::Endpoint;
use reqwest::Method;

use crate::support::app::{ALICE, TestApp, keys};
use crate::support::browser::{Browser, CROSS_SITE, Response, query};
use crate::support::log::reason_of;
use crate::support::pages::{NOBODY, pages};
use crate::support::refusal::{Trial, app, reference, who_is};

const BOOKMARKED: &str = "/callback?code=a-code&state=from-long-ago";

fn token_requests(app: &TestApp) -> usize {
    app.provider.requests_to(Endpoint::Token).len()
}

fn is_at_the_provider(app: &TestApp, answer: &Response) -> bool {
    let issuer = app.provider.issuer();
    let to = answer.location();
    answer.status() == 303 && to.is_some_and(|to| to.as_str().starts_with(&issuer))
}

#[rocket::async_test]
async fn a_bookmarked_page_of_the_provider_signs_in() {
    let app = app().await;
    let with_sign_in = Trial::new(&app, "with another sign-in under way");
    let own = with_sign_in.callback().await;
    for browser in [Browser::new(), with_sign_in.browser.clone()] {
        let answer = browser.navigate_from(CROSS_SITE, app.url(BOOKMARKED)).await;
        assert!(is_at_the_provider(&app, &answer), "{}", answer.text());
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(token_requests(&app), 0, "the code goes nowhere");
        assert_eq!(who_is(&app, &browser).await, NOBODY);
        let home = browser.follow_all(answer, 5).await.pop().expect("a page");
        assert_eq!(home.url().as_str(), app.url("/"));
        assert_eq!(home.text(), ALICE);
        assert_eq!(token_requests(&app), 1);
        assert_eq!(browser.violations(), []);
        app.provider.clear_requests();
    }
    // The other sign-in goes on as if nothing had been.
    with_sign_in.accepts_at(own.as_str(), ALICE).await;
}

/// A page, not a loop: the provider answers at once, again and again.
#[rocket::async_test]
async fn without_cookies_there_is_one_and_then_the_page() {
    let app = app().await;
    let hops = async |first: String| {
        let (mut url, mut provider_saw) = (first, 0);
        for _ in 0..20 {
            // A browser that keeps nothing for the app.
            let browser = Browser::new();
            let answer = browser.navigate(&url).await;
            let Some(to) = answer.location() else {
                return (answer, provider_saw);
            };
            provider_saw += usize::from(to.as_str().starts_with(&app.provider.issuer()));
            url = to.into();
        }
        panic!("a loop");
    };
    for (first, sign_ins) in [("/sign-in", 2), (BOOKMARKED, 1)] {
        let (page, provider_saw) = hops(app.url(first)).await;
        assert_eq!((page.status(), provider_saw), (400, sign_ins), "{first}");
        assert_eq!(reason_of(&reference(&page)), "state_unknown");
        assert!(page.text().contains("sent no cookie"), "{}", page.text());
    }
    assert_eq!(token_requests(&app), 0);
}

#[rocket::async_test]
async fn a_second_one_that_is_lost_too_gets_the_page() {
    let app = app().await;
    let browser = Browser::new();
    let first = browser.navigate(app.url(BOOKMARKED)).await;
    let second = browser.follow(&first).await;
    let callback = second.location().expect("a callback");
    let state = query(&callback, "state").expect("a state");
    browser.edit_cookies(|jar| jar.retain(|cookie| !cookie.name.contains("_txn_")));
    browser
        .set_cookie_raw(app.url("/"), "other=1; Path=/")
        .expect("a cookie");
    let page = browser.navigate(&callback).await;
    assert_eq!(page.status(), 400, "{state}: {}", page.text());
    assert_eq!(reason_of(&reference(&page)), "state_unknown");
    assert_eq!(token_requests(&app), 0);
    // What the page offers is a new beginning.
    let again = browser.click(&page, "Sign in again").await;
    let home = browser.follow_all(again, 5).await.pop().expect("a page");
    assert_eq!(home.text(), ALICE);
}

#[rocket::async_test]
async fn who_is_signed_in_goes_on_to_the_app() {
    let app = app().await;
    let browser = Browser::new();
    browser.navigate_following(app.url("/protected"), 9).await;
    app.provider.clear_requests();
    let answer = browser.navigate_from(CROSS_SITE, app.url(BOOKMARKED)).await;
    assert_eq!(
        (answer.status(), answer.header("location")),
        (303, Some("/"))
    );
    assert_eq!(answer.set_cookies(), [""; 0]);
    assert_eq!(app.provider.requests().len(), 0);
}

/// Only a page that a browser loads begins anything.
#[rocket::async_test]
async fn images_frames_and_programs_begin_nothing() {
    let app = app().await;
    let browser = Browser::new();
    let url = app.url(BOOKMARKED);
    let get = || browser.request(Method::GET, &url);
    for (case, request) in [
        ("a program", get().fetch()),
        (
            "an image",
            get()
                .header("Sec-Fetch-Mode", "no-cors")
                .header("Sec-Fetch-Dest", "image"),
        ),
        (
            "a frame",
            get().navigation().header("Sec-Fetch-Dest", "iframe"),
        ),
        (
            "a form of another site",
            browser
                .request(Method::POST, app.url("/callback"))
                .navigation()
                .initiator(CROSS_SITE)
                .form(&[("code", "a-code"), ("state", "from-long-ago")]),
        ),
    ] {
        let answer = request.send().await;
        assert_eq!(answer.status(), 400, "{case}");
        assert_eq!(answer.set_cookies(), [""; 0], "{case}");
    }
    let answer = browser.request(Method::HEAD, &url).send().await;
    assert_eq!((answer.status(), answer.set_cookies().len()), (204, 0));
    assert_eq!(app.provider.requests_to(Endpoint::Auth).len(), 0);
}

/// An error says more than that a new sign-in is needed, but for one that asks for it.
#[rocket::async_test]
async fn an_error_is_told_and_begins_nothing_unless_it_asks_to_begin_again() {
    let app = app().await;
    for (error, status, begins) in [
        ("access_denied", 200, false),
        ("server_error", 400, false),
        ("invalid_scope", 400, false),
        ("made_up", 400, false),
        ("temporarily_unavailable", 303, true),
    ] {
        let browser = Browser::new();
        let url = app.url(&format!("/callback?error={error}&state=from-long-ago"));
        let answer = browser.navigate(url).await;
        assert_eq!(answer.status(), status, "{error}: {}", answer.text());
        assert_eq!(is_at_the_provider(&app, &answer), begins, "{error}");
        let url = app.url(&format!(
            "/callback?error={error}&state=again.from-long-ago"
        ));
        let page = browser.navigate(url).await;
        assert!(page.status() == 400 || error == "access_denied", "{error}");
    }
    for neither in [
        "?state=from-long-ago",
        "?code=a-code",
        "?code=a&error=b&state=c",
    ] {
        let page = Browser::new()
            .navigate(app.url(&format!("/callback{neither}")))
            .await;
        assert_eq!(page.status(), 400, "{neither}");
        assert_eq!(page.set_cookies(), [""; 0], "{neither}");
    }
}

/// A posted response comes without the session's cookie, which is `SameSite=Lax`.
#[rocket::async_test]
async fn a_posted_response_does_the_same() {
    const PUBLIC: &str = "https://app.example.com";
    let logto = keys([
        ("base_url", PUBLIC.into()),
        ("response_mode", "form_post".into()),
    ]);
    let app = TestApp::with(logto, pages()).await;
    app.provider.hooks().sign_in_as(Some(ALICE));
    app.provider
        .set_redirect_uris([format!("{PUBLIC}/callback")]);
    let browser = Browser::new().behind_proxy(PUBLIC, &app.url("/"));
    let post = async |browser: &Browser, state: &str| {
        let form = [("code", "a-code"), ("state", state)];
        let answer = browser
            .cross_site_post(format!("{PUBLIC}/callback"), &form)
            .await;
        assert_eq!(
            app.provider.requests_to(Endpoint::Token).len(),
            0,
            "{state}"
        );
        answer
    };
    let answer = post(&browser, "again.from-long-ago").await;
    assert_eq!(answer.status(), 400, "{}", answer.text());
    let answer = post(&browser, "from-long-ago").await;
    let form = browser.follow_all(answer, 5).await.pop().expect("a form");
    assert_eq!(form.status(), 200, "{}", form.text());
    let answer = browser.submit(&form, 0, &[]).await;
    assert_eq!(answer.status(), 303, "{}", answer.text());
    assert_eq!(browser.follow(&answer).await.text(), ALICE);

    app.provider.clear_requests();
    let answer = post(&browser, "from-long-ago").await;
    let home = browser.follow_all(answer, 5).await.pop().expect("a page");
    assert_eq!(home.text(), ALICE, "still signed in");
    assert_eq!(app.provider.requests().len(), 0, "and nobody was asked");
    assert_eq!(browser.violations(), []);
}
