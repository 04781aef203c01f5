//! Sign-ins in many tabs at once, twice, backwards, and as somebody else.

use logto_dev_provider::Endpoint;
use rocket::figment::value::Dict;
use rocket::futures::future::{join, join_all};
use rocket::{get, routes};
use rocket_logto::{SignIn, User};

use crate::support::app::{ALICE, BOB, TestApp};
use crate::support::browser::{Browser, Response};
use crate::support::eventually::asked;
use crate::support::log::reason_of;
use crate::support::pages::{NOBODY, own_cookies, pages};
use crate::support::redis::Redis;
use crate::support::refusal::reference;

#[get("/deep/<_..>")]
fn deep(user: User) -> String {
    user.sub().to_owned()
}

/// Starts a sign-in even for a signed-in user, unlike `/sign-in`.
#[get("/again/<tab>")]
fn again(tab: usize) -> SignIn {
    SignIn::new().return_to(format!("/tab/{tab}"))
}

async fn app() -> TestApp {
    let app = TestApp::start(pages().mount("/", routes![again])).await;
    app.provider.hooks().sign_in_as(Some(ALICE));
    app
}

async fn who(app: &TestApp, browser: &Browser) -> String {
    browser.navigate(app.url("/")).await.text()
}

/// Begins in a tab and signs in at the provider; the address of the callback.
async fn begin(app: &TestApp, browser: &Browser, tab: usize) -> String {
    let start = browser.navigate(app.url(&format!("/again/{tab}"))).await;
    assert_eq!(start.status(), 303, "tab {tab}");
    let back = browser.follow(&start).await;
    back.location().expect("the callback").into()
}

fn assert_finished(answer: &Response, tab: usize, case: &str) {
    let to = format!("/tab/{tab}");
    assert_eq!(answer.status(), 303, "{case}: {}", answer.text());
    assert_eq!(answer.header("location"), Some(to.as_str()), "{case}");
}

/// Orders to finish `count` tabs in: as begun, backwards, inside out, and
/// shuffled by a fixed seed.
fn orders(count: usize) -> Vec<Vec<usize>> {
    let ahead: Vec<_> = (0..count).collect();
    let back: Vec<_> = ahead.iter().rev().copied().collect();
    let mut inside_out = ahead.clone();
    inside_out.sort_by_key(|tab| tab.abs_diff(count / 2));
    let mut shuffled = ahead.clone();
    for index in (1..count).rev() {
        shuffled.swap(index, (index * 7 + 3) % (index + 1));
    }
    vec![ahead, back, inside_out, shuffled]
}

#[rocket::async_test]
async fn all_tabs_finish_in_any_order() {
    let app = app().await;
    let fresh = Browser::new();
    for count in [2, 3, 5, 16] {
        for order in orders(count) {
            let browser = fresh.clone();
            let mut callbacks = Vec::new();
            for tab in 0..count {
                callbacks.push(begin(&app, &browser, tab).await);
            }
            for tab in &order {
                let case = format!("tab {tab} of {order:?}");
                let answer = browser.navigate(&callbacks[*tab]).await;
                assert_finished(&answer, *tab, &case);
                assert_eq!(who(&app, &browser).await, ALICE, "{case}");
            }
            assert_eq!(own_cookies(&browser), ["logto_session"], "nothing else");
        }
    }
    // Interleaved: some begin when others have finished.
    let browser = fresh.clone();
    let first = begin(&app, &browser, 1).await;
    let second = begin(&app, &browser, 2).await;
    assert_finished(&browser.navigate(&first).await, 1, "first");
    let third = begin(&app, &browser, 3).await;
    assert_finished(&browser.navigate(&third).await, 3, "third");
    assert_finished(&browser.navigate(&second).await, 2, "second");
    assert_eq!(who(&app, &browser).await, ALICE);
}

/// Restored together, and each of them signs in by itself.
#[rocket::async_test]
async fn ten_tabs_restored_together_all_finish() {
    let app = TestApp::start(pages().mount("/", routes![again, deep])).await;
    app.provider.hooks().sign_in_as(Some(ALICE));
    let deep = |tab: usize| format!("/deep/{tab}/{}", "a-long-way-down/".repeat(8));
    for all_at_once in [true, false] {
        app.provider.clear_requests();
        let browser = Browser::new();
        let start = async |tab: usize| {
            // As the guard sends them there.
            let guarded = browser.navigate(app.url(&deep(tab))).await;
            let start = browser.follow(&guarded).await;
            browser.follow(&start).await
        };
        let mut answers = Vec::new();
        if all_at_once {
            answers = join_all((0..10).map(start)).await;
        } else {
            for tab in 0..10 {
                answers.push(start(tab).await);
            }
        }
        let header = browser.cookie_header(app.url("/")).expect("cookies");
        assert!(header.len() < 8 * 1024, "{} bytes", header.len());
        assert_eq!(own_cookies(&browser).len(), 10);
        // No matter in which order: the provider takes its time for each.
        let finished = join_all(answers.iter().rev().map(|answer| browser.follow(answer)));
        for (answer, tab) in finished.await.iter().zip((0..10).rev()) {
            let to = answer.header("location");
            assert_eq!(to, Some(&*deep(tab)), "{}", answer.text());
        }
        assert_eq!(app.provider.requests_to(Endpoint::Token).len(), 10);
        assert_eq!(who(&app, &browser).await, ALICE);
        assert_eq!(own_cookies(&browser), ["logto_session"], "nothing else");
        assert_eq!(browser.violations(), []);
    }
}

#[rocket::async_test]
async fn of_twenty_tabs_the_sixteen_newest_finish_and_the_others_get_in() {
    let app = app().await;
    let fresh = Browser::new();
    for order in orders(20) {
        let browser = fresh.clone();
        let mut callbacks = Vec::new();
        for tab in 0..20 {
            callbacks.push(begin(&app, &browser, tab).await);
        }
        assert_eq!(own_cookies(&browser).len(), 16);
        for tab in &order {
            let case = format!("tab {tab} of {order:?}");
            let answer = browser.navigate(&callbacks[*tab]).await;
            // Nothing is known of the first four any more. If one of them comes before any
            // other, it signs in once more, and a fifth makes room for that.
            if *tab > 4 {
                assert_finished(&answer, *tab, &case);
            } else {
                let home = browser.follow_all(answer, 5).await.pop().expect("a page");
                let is_there = [app.url("/"), app.url("/tab/4")].contains(&home.url().to_string());
                assert!(is_there, "{case}: {}", home.url());
                assert!(home.status() == 404 || home.text() == ALICE, "{case}");
            }
            assert_eq!(who(&app, &browser).await, ALICE, "{case}");
        }
        assert_eq!(who(&app, &browser).await, ALICE);
    }
}

#[rocket::async_test]
async fn a_hundred_starts_keep_the_cookies_small() {
    let app = app().await;
    let browser = Browser::new();
    let long = format!("/sign-in?return_to=/{}", "a".repeat(1900));
    for start in 0..100 {
        // Every third one wants to go far.
        let path = if start % 3 == 0 { &long } else { "/sign-in" };
        let answer = browser.navigate(app.url(path)).await;
        assert_eq!(answer.status(), 303, "start {start}");
        for line in answer.set_cookies() {
            assert!(line.len() <= 4096, "start {start}: {} bytes", line.len());
        }
        let header = browser.cookie_header(app.url("/")).expect("cookies");
        assert!(
            header.len() < 8 * 1024,
            "start {start}: {} bytes",
            header.len()
        );
        assert!(own_cookies(&browser).len() <= 16, "start {start}");
    }
    assert_eq!(browser.violations(), []);
    let last = begin(&app, &browser, 7).await;
    assert_finished(&browser.navigate(last).await, 7, "after a hundred");
}

#[rocket::async_test]
async fn a_double_click_signs_in_once_and_well() {
    let app = app().await;
    let browser = Browser::new();
    let (one, two) = rocket::tokio::join!(begin(&app, &browser, 1), begin(&app, &browser, 2));
    let (one, two) = rocket::tokio::join!(browser.navigate(one), browser.navigate(two));
    assert_finished(&one, 1, "one");
    assert_finished(&two, 2, "two");
    assert_eq!(who(&app, &browser).await, ALICE);
}

#[rocket::async_test]
async fn a_callback_counts_once() {
    let app = app().await;
    let browser = Browser::new();
    let callback = begin(&app, &browser, 1).await;
    let before = browser.clone();
    assert_finished(&browser.navigate(&callback).await, 1, "first");
    assert_eq!(app.provider.requests_to(Endpoint::Token).len(), 1);

    for case in ["reload", "back button", "once more"] {
        let answer = browser.navigate(&callback).await;
        assert_eq!(answer.status(), 303, "{case}");
        assert_eq!(answer.header("location"), Some("/"), "{case}");
        assert_eq!(answer.set_cookies(), [""; 0], "{case}");
        assert_eq!(who(&app, &browser).await, ALICE, "{case}");
    }
    browser.post_form(app.url("/sign-out"), &[]).await;
    let mut stranger = Browser::new();
    for case in ["signed out", "another browser"] {
        let who_asks = if case == "signed out" {
            &browser
        } else {
            &stranger
        };
        let answer = who_asks.navigate(&callback).await;
        let to = answer.location().expect("the provider");
        assert!(
            to.as_str().starts_with(&app.provider.issuer()),
            "{case}: {to}"
        );
        assert_eq!(who(&app, who_asks).await, NOBODY, "{case}");
    }
    // A copy of the jar from before holds the transaction: it was answered.
    stranger = before;
    let answer = stranger.navigate(&callback).await;
    assert_eq!(answer.status(), 400);
    assert_eq!(reason_of(&reference(&answer)), "state_used");
    assert_eq!(who(&app, &stranger).await, NOBODY);

    let calls = app.provider.requests_to(Endpoint::Token).len();
    assert_eq!(calls, 1, "none of them asked the provider");
}

/// The provider takes back what it gave for a code that comes twice.
#[rocket::async_test]
async fn an_impatient_reload_does_not_use_the_code_again() {
    let redis = Redis::start().await;
    for (store, table) in [("cookies", Dict::new()), ("Redis", redis.table())] {
        let app = TestApp::with(table, pages().mount("/", routes![again])).await;
        app.provider.hooks().sign_in_as(Some(ALICE));
        let browser = Browser::new();
        let callback = begin(&app, &browser, 1).await;
        let held = app.provider.hooks().hold(Endpoint::Token);
        let reload = async {
            asked(&app.provider, Endpoint::Token, 1).await;
            let answer = browser.navigate(&callback).await;
            assert_eq!(answer.status(), 400, "{store}: {}", answer.text());
            assert_eq!(reason_of(&reference(&answer)), "state_used", "{store}");
            drop(held);
        };
        let (first, ()) = join(browser.navigate(&callback), reload).await;
        assert_finished(&first, 1, store);
        let exchanges = app.provider.requests_to(Endpoint::Token);
        assert_eq!(exchanges.len(), 1, "{store}");
        assert_eq!(who(&app, &browser).await, ALICE, "{store}");
    }
}

#[rocket::async_test]
async fn somebody_else_replaces_who_was_there() {
    let app = app().await;
    let browser = Browser::new();
    let callback = begin(&app, &browser, 1).await;
    browser.navigate(callback).await;
    let copy = browser.clone();

    app.provider.hooks().sign_in_as(Some(BOB));
    let callback = begin(&app, &browser, 2).await;
    assert_eq!(who(&app, &browser).await, ALICE, "until Bob is in");
    assert_eq!(who(&app, &copy).await, ALICE);
    assert_finished(&browser.navigate(callback).await, 2, "Bob");
    assert_eq!(who(&app, &browser).await, BOB);
    assert_eq!(who(&app, &copy).await, NOBODY, "the old session is over");
    let guarded = copy.navigate(app.url("/protected")).await;
    assert_eq!(guarded.status(), 303);
    assert_eq!(browser.violations(), []);
}

#[rocket::async_test]
async fn a_failed_sign_in_leaves_the_old_session_alone() {
    let app = app().await;
    let browser = Browser::new();
    let callback = begin(&app, &browser, 1).await;
    browser.navigate(callback).await;
    app.provider.hooks().sign_in_as(Some(BOB));

    let callback = begin(&app, &browser, 2).await;
    app.provider.hooks().id_token(|_, claims| {
        claims.insert("nonce".into(), "wrong".into());
    });
    let answer = browser.navigate(callback).await;
    assert_eq!(answer.status(), 400, "a wrong ID token");
    assert_eq!(who(&app, &browser).await, ALICE, "a wrong ID token");

    let callback = begin(&app, &browser, 3).await;
    let error = callback.replace("code=", "error=server_error&ignored=");
    assert_eq!(browser.navigate(error).await.status(), 502);
    assert_eq!(who(&app, &browser).await, ALICE, "an error response");
    assert_eq!(browser.navigate(app.url("/callback")).await.status(), 200);
    assert_eq!(who(&app, &browser).await, ALICE, "a cancelled sign-in");
    assert_eq!(own_cookies(&browser), ["logto_session"], "nothing else");
}

#[rocket::async_test]
async fn a_signed_in_user_goes_on() {
    let app = app().await;
    let browser = Browser::new();
    let callback = begin(&app, &browser, 1).await;
    browser.navigate(callback).await;
    app.provider.clear_requests();
    for (path, to) in [
        ("/sign-in", "/"),
        ("/sign-in?return_to=/protected%3Fx%3D1", "/protected?x=1"),
        ("/sign-in?return_to=//evil.example", "/"),
    ] {
        let answer = browser.navigate(app.url(path)).await;
        assert_eq!(answer.status(), 303, "{path}");
        assert_eq!(answer.header("location"), Some(to), "{path}");
        assert_eq!(answer.set_cookies(), [""; 0], "{path}");
    }
    assert_eq!(app.provider.requests().len(), 0);
}

#[rocket::async_test]
async fn fetching_ahead_starts_nothing() {
    let app = app().await;
    let browser = Browser::new();
    let callback = begin(&app, &browser, 1).await;
    let sign_in = app.url("/sign-in");
    for url in [&sign_in, &app.url("/sign-up"), &callback] {
        let get = || browser.request(reqwest::Method::GET, url).navigation();
        let cases = [
            ("prefetch", get().header("Sec-Purpose", "prefetch")),
            ("HEAD", browser.request(reqwest::Method::HEAD, url)),
        ];
        for (case, request) in cases {
            let answer = request.send().await;
            assert_eq!(answer.status(), 204, "{case} {url}");
            assert_eq!(answer.set_cookies(), [""; 0], "{case} {url}");
        }
    }
    assert_eq!(app.provider.requests_to(Endpoint::Token).len(), 0);
    assert_finished(&browser.navigate(callback).await, 1, "and then for real");
}
