//! `SilentSignIn`: whom the provider knows comes back signed in, all others come back as they
//! were, and nobody goes in circles.

use reqwest::Method;
use rocket::figment::value::Dict;
use rocket::{Build, Rocket, get, routes};
use rocket_logto::{Admission, HookResult, Logto, SignInEvent, SilentSignIn, User};

use crate::support::app::{ALICE, TestApp, keys};
use crate::support::browser::{Browser, CROSS_SITE, Response};
use crate::support::log::{lines_with, reason_of};
use crate::support::pages::{NOBODY, own_cookies};
use crate::support::refusal::reference;

const PAGE: &str = "/page?a=b";
/// The cookie of a browser in which it is not tried.
const QUIET: &str = "logto_session_quiet";

#[get("/page")]
fn page(user: Option<User>, silent: Option<SilentSignIn>) -> Result<String, SilentSignIn> {
    match (user, silent) {
        (Some(user), _) => Ok(user.sub().to_owned()),
        (None, Some(silent)) => Err(silent),
        (None, None) => Ok(NOBODY.to_owned()),
    }
}

#[get("/protected")]
fn protected(user: User) -> String {
    user.sub().to_owned()
}

fn rocket() -> Rocket<Build> {
    rocket::build().mount("/", routes![page, protected])
}

/// The app's cookies of `browser` go; the provider's stay.
fn forget(browser: &Browser, what: &str) {
    browser.edit_cookies(|cookies| {
        cookies.retain(|cookie| !cookie.name.contains(what));
    });
}

/// A browser whose silent sign-in the provider has just answered with an error.
async fn turned_away(app: &TestApp) -> (Browser, Response) {
    let browser = Browser::new();
    let start = browser.navigate(app.url(PAGE)).await;
    assert_eq!(start.location_query("prompt").as_deref(), Some("none"));
    let answer = browser.follow(&start).await;
    assert_eq!(
        answer.location_query("error").as_deref(),
        Some("login_required")
    );
    (browser, answer)
}

#[rocket::async_test]
async fn who_is_known_there_is_signed_in_and_the_others_read_on() {
    let app = TestApp::start(rocket()).await;
    let stranger = Browser::new();
    let hops = stranger.navigate_following(app.url(PAGE), 3).await;
    let last = hops.last().expect("a page");
    assert_eq!((hops.len(), last.status()), (4, 200));
    assert_eq!(last.url().as_str(), app.url(PAGE));
    assert_eq!(
        (last.text(), own_cookies(&stranger)),
        (NOBODY.into(), vec![QUIET.into()])
    );
    assert_eq!(last.header("cache-control"), Some("no-store"));
    // The development provider's words; other tests send this error with others.
    let mut said = lines_with("End-User authentication is required");
    said.retain(|line| line.contains("error=login_required"));
    assert!(said.is_empty(), "nobody has to do anything: {said:?}");
    // It is not tried again at once, but later.
    let again = stranger.navigate(app.url(PAGE)).await;
    assert_eq!((again.status(), again.text()), (200, NOBODY.into()));
    let quiet = hops[0].set_cookies().into_iter();
    let quiet = quiet.filter(|line| line.starts_with(QUIET));
    let quiet: Vec<_> = quiet.collect();
    assert!(
        quiet.len() == 1 && quiet[0].contains("Max-Age=300"),
        "{quiet:?}"
    );
    forget(&stranger, "quiet");
    assert_eq!(stranger.navigate(app.url(PAGE)).await.status(), 303);

    let alice = Browser::new();
    app.sign_in(&alice, "/protected", ALICE).await;
    assert_eq!(alice.navigate(app.url(PAGE)).await.text(), ALICE);
    forget(&alice, "logto_");
    let hops = alice.navigate_following(app.url(PAGE), 3).await;
    let last = hops.last().expect("a page");
    assert_eq!(
        (last.url().as_str(), last.text()),
        (&*app.url(PAGE), ALICE.into())
    );

    // A browser that keeps no cookies does not go in circles, either.
    let blocked = Browser::new();
    let mut answer = blocked.navigate(app.url(PAGE)).await;
    let mut hops = 0;
    while answer.is_redirect() {
        forget(&blocked, "logto_");
        answer = blocked.follow(&answer).await;
        hops += 1;
        assert!(hops < 4, "{}", answer.url());
    }
}

#[rocket::async_test]
async fn no_error_of_the_provider_keeps_the_page_from_a_reader() {
    let app = TestApp::start(rocket()).await;
    for error in [
        "login_required",
        "interaction_required",
        "consent_required",
        "account_selection_required",
        "access_denied",
        "server_error",
        "temporarily_unavailable",
        "invalid_scope",
        "anything",
    ] {
        let (browser, answer) = turned_away(&app).await;
        let url = answer.location().expect("the callback").to_string();
        let url = url.replace("error=login_required", &format!("error={error}"));
        let hops = browser.navigate_following(url, 1).await;
        let last = hops.last().expect("a page");
        assert_eq!(last.url().as_str(), app.url(PAGE), "{error}");
        assert_eq!(
            (last.status(), last.text()),
            (200, NOBODY.into()),
            "{error}"
        );
        assert_eq!(own_cookies(&browser), [QUIET], "{error}");
    }
    assert!(!lines_with("provider_said_invalid_scope").is_empty());

    // What the provider may not have said is told.
    for (change, by, reason) in [
        ("iss=", "iss=x", "iss_mismatch"),
        ("error=login_required", "code=c&error=x", "code_and_error"),
    ] {
        let (browser, answer) = turned_away(&app).await;
        let url = answer.location().expect("the callback").to_string();
        assert!(url.contains(change), "{url}");
        let told = browser.navigate(url.replace(change, by)).await;
        assert_eq!(told.status(), 400, "{reason}");
        assert_eq!(reason_of(&reference(&told)), reason);
    }
}

#[rocket::async_test]
async fn only_a_page_that_somebody_opens_begins_one() {
    let app = TestApp::start(rocket()).await;
    let browser = Browser::new();
    let passes = |answer: Response, case: &str| {
        assert_eq!(
            (answer.status(), answer.text()),
            (200, NOBODY.into()),
            "{case}"
        );
        assert_eq!(answer.set_cookies(), [""; 0], "{case}");
    };
    passes(browser.get(app.url(PAGE)).await, "a crawler");
    passes(browser.fetch_json(app.url(PAGE)).await, "a script");
    for (name, value) in [
        ("Sec-Fetch-Dest", "iframe"),
        ("Sec-Fetch-Dest", "image"),
        ("Sec-Purpose", "prefetch"),
    ] {
        let request = browser.request(Method::GET, app.url(PAGE)).navigation();
        let request = request.initiator(CROSS_SITE).header(name, value);
        passes(request.send().await, value);
    }
    let head = browser.request(Method::HEAD, app.url(PAGE)).navigation();
    assert_eq!(head.send().await.status(), 200);
}

async fn refuse(_: SignInEvent<'_>) -> HookResult<Admission> {
    Ok(Admission::refuse("Not you."))
}

#[rocket::async_test]
async fn who_has_signed_out_stays_so_and_whom_the_app_refuses_reads_on() {
    let here_only = keys([("end_session_endpoint", false.into())]);
    let app = TestApp::with(here_only, rocket()).await;
    let alice = Browser::new();
    app.sign_in(&alice, "/protected", ALICE).await;
    let out = alice.post_form(app.url("/sign-out"), &[]).await;
    assert_eq!(out.status(), 303);
    let page = alice.navigate(app.url(PAGE)).await;
    assert_eq!((page.status(), page.text()), (200, NOBODY.into()));
    let quiet = out.set_cookies().into_iter();
    let quiet: Vec<_> = quiet.filter(|line| line.contains("quiet")).collect();
    assert!(
        quiet.len() == 1 && quiet[0].contains("Max-Age=86400"),
        "{quiet:?}"
    );
    // The provider still knows her.
    forget(&alice, "quiet");
    let page = alice.navigate_following(app.url(PAGE), 3).await.pop();
    assert_eq!(page.expect("a page").text(), ALICE);

    let fairing = Logto::fairing().on_sign_in(refuse);
    let app = TestApp::with_fairing(Dict::new(), fairing, rocket()).await;
    let alice = Browser::new();
    let refused = app.sign_in(&alice, "/protected", ALICE).await;
    assert_eq!(refused.status(), 403, "she has asked for it");
    let page = alice.navigate_following(app.url(PAGE), 3).await.pop();
    let page = page.expect("a page");
    assert_eq!((page.status(), page.text()), (200, NOBODY.into()));
    assert_eq!(own_cookies(&alice), [QUIET]);
}
