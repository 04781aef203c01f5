//! A form that does not say where it is from signs nobody out by itself: the page asks, and
//! only its own button, in the session that it was made for, answers.

use reqwest::Method;
use rocket::figment::value::Dict;
use rocket_logto::Logto;
use serde_json::Value as Json;

use crate::support::app::{ALICE, BOB, TestApp};
use crate::support::browser::{Browser, Response};
use crate::support::clock::clock;
use crate::support::pages::{NOBODY, own_cookies, pages};

const HTML: &str = "text/html,application/xhtml+xml,*/*;q=0.8";

/// The form as a browser sends it that knows neither `Origin` nor Fetch Metadata, nor
/// `SameSite`: the cookies come along from wherever it is.
async fn old_browser_posts(app: &TestApp, who: &Browser, fields: &[(&str, &str)]) -> Response {
    let post = who.request(Method::POST, app.url("/sign-out"));
    post.header("Accept", HTML).form(fields).send().await
}

async fn who(app: &TestApp, browser: &Browser) -> String {
    browser.navigate(app.url("/")).await.text()
}

fn confirmation(page: &Response) -> String {
    let form = &page.page().forms[0];
    let fields = form.submission(None, &[]);
    let field = fields.iter().find(|(name, _)| *name == "confirmation");
    field.expect("the field").1.to_string()
}

#[rocket::async_test]
async fn only_the_button_of_ones_own_page_signs_out() {
    let app = TestApp::start(pages()).await;
    let (victim, attacker) = (Browser::new(), Browser::new());
    app.sign_in(&victim, "/protected", ALICE).await;
    app.sign_in(&attacker, "/protected", BOB).await;

    // What an attacker can put into a form on a page of their own.
    let page = old_browser_posts(&app, &attacker, &[]).await;
    let theirs = confirmation(&page);
    let mut changed = theirs.clone().into_bytes();
    changed[20] = if changed[20] == b'A' { b'B' } else { b'A' };
    let changed = String::from_utf8(changed).expect("text");
    let cookie = victim.cookie("logto_session").expect("a session").value;
    for forged in ["", "1", &theirs, &changed, &cookie] {
        let page = old_browser_posts(&app, &victim, &[("confirmation", forged)]).await;
        assert_eq!(page.status(), 200, "{forged}");
        assert_eq!(page.page().title, "Sign out?", "{forged}");
        assert_eq!(page.set_cookies(), [""; 0], "{forged}");
        assert_eq!(who(&app, &victim).await, ALICE, "{forged}");
    }

    // The victim's own page, whose button sends the field and no more headers than before.
    let page = old_browser_posts(&app, &victim, &[]).await;
    let own = confirmation(&page);
    let left = old_browser_posts(&app, &victim, &[("confirmation", &own)]).await;
    assert_eq!(left.status(), 303);
    assert_eq!(who(&app, &victim).await, NOBODY);
    // It was for that session only.
    victim.navigate_following(app.url("/protected"), 9).await;
    let page = old_browser_posts(&app, &victim, &[("confirmation", &own)]).await;
    assert_eq!(page.page().title, "Sign out?");
    assert_eq!(who(&app, &victim).await, ALICE);
    // Nor does it open the door for another site.
    let own = confirmation(&page);
    let forged = victim.request(Method::POST, app.url("/sign-out"));
    let forged = forged
        .header("Accept", HTML)
        .header("Origin", "https://evil.example")
        .form(&[("confirmation", &own)]);
    assert_eq!(forged.send().await.status(), 403);
    assert_eq!(who(&app, &victim).await, ALICE);
}

#[rocket::async_test]
async fn the_button_of_a_page_an_hour_old_asks_again() {
    let clock = clock!();
    let fairing = Logto::fairing().with_clock(clock.read);
    let app = TestApp::with_fairing(Dict::new(), fairing, pages()).await;
    let browser = Browser::new();
    app.sign_in(&browser, "/protected", ALICE).await;
    let old = confirmation(&old_browser_posts(&app, &browser, &[]).await);
    clock.advance(&app.provider, 1);
    let young = confirmation(&old_browser_posts(&app, &browser, &[]).await);
    clock.advance(&app.provider, 3599);
    let page = old_browser_posts(&app, &browser, &[("confirmation", &old)]).await;
    assert_eq!(page.page().title, "Sign out?");
    assert_eq!(who(&app, &browser).await, ALICE);
    let left = old_browser_posts(&app, &browser, &[("confirmation", &young)]).await;
    assert_eq!(left.status(), 303);
    assert_eq!(who(&app, &browser).await, NOBODY);
}

#[rocket::async_test]
async fn a_program_is_told_what_is_missing() {
    let app = TestApp::start(pages()).await;
    let browser = Browser::new();
    app.sign_in(&browser, "/protected", ALICE).await;
    let post = || browser.request(Method::POST, app.url("/sign-out"));
    let json = "application/json";
    for (case, request) in [
        ("nothing", post()),
        ("JSON", post().header("Accept", json)),
        (
            "a form for JSON",
            post().header("Accept", json).form(&[("a", "b")]),
        ),
        (
            "GET",
            browser
                .request(Method::GET, app.url("/sign-out"))
                .header("Accept", json),
        ),
    ] {
        let answer = request.send().await;
        assert_eq!(answer.status(), 403, "{case}");
        let body: Json = answer.json();
        assert_eq!(body["error"], "Confirmation needed", "{case}");
        assert_eq!(answer.set_cookies(), [""; 0], "{case}");
        assert_eq!(who(&app, &browser).await, ALICE, "{case}");
    }
    let elsewhere = post().fetch().header("Sec-Fetch-Site", "cross-site");
    let answer = elsewhere.send().await;
    assert_eq!(answer.status(), 403);
    let body: Json = answer.json();
    assert_eq!(body["error"], "Cross-site request");
    assert_eq!(who(&app, &browser).await, ALICE);
}

#[rocket::async_test]
async fn who_brings_no_cookie_gets_none() {
    let app = TestApp::start(pages()).await;
    let browser = Browser::new();
    for path in [
        "/sign-out",
        "/",
        "/protected",
        "/callback?code=a&state=b",
        "/callback",
    ] {
        for method in [Method::GET, Method::POST] {
            let request = browser.request(method.clone(), app.url(path)).navigation();
            let answer = request.initiator(app.url("/")).send().await;
            // A response that nobody waits for begins a sign-in.
            let begins = path.contains("code") && method == Method::GET;
            assert_eq!(
                answer.set_cookies().len(),
                usize::from(begins),
                "{method} {path}"
            );
        }
    }
    browser.edit_cookies(Vec::clear);
    // One that cannot be read is removed.
    let broken = "logto_session=broken; Path=/";
    browser.set_cookie_raw(app.url("/"), broken).unwrap();
    browser.post_form(app.url("/sign-out"), &[]).await;
    assert_eq!(own_cookies(&browser), [""; 0]);
}
