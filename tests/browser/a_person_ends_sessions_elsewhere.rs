//! A person looks at where they are signed in, and ends that, in Chromium. Writes pictures to
//! `target/screenshots/`, to be looked at.

use fantoccini::Locator;
use rocket::async_test;
use serde_json::Value;

use crate::support::app::ALICE;
use crate::support::browser::Browser;
use crate::support::demo::Demo;
use crate::support::person::{DESKTOP, LOOKS, Person};
use crate::support::redis::Redis;

const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

/// Somebody who is signed in with another browser.
async fn elsewhere(demo: &Demo, user_agent: &str) -> Browser {
    let browser = Browser::new();
    let hops = browser.navigate_following(demo.url("/sign-in"), 10).await;
    let page = hops.last().expect("the provider's page");
    let mut at = browser.submit(page, ALICE, &[]).await;
    while at.location().is_none_or(|to| to.path() != "/callback") {
        at = browser.follow(&at).await;
    }
    let callback = at.location().expect("the callback");
    let request = browser.request(reqwest::Method::GET, callback);
    let request = request.navigation().header("user-agent", user_agent);
    assert_eq!(request.send().await.status(), 303);
    browser
}

async fn is_signed_in(browser: &Browser, demo: &Demo) -> bool {
    browser.navigate(demo.url("/session")).await.status() == 200
}

/// What a screen reader calls the buttons of the list.
async fn names(person: &Person) -> Vec<String> {
    let names = "return [...document.querySelectorAll('.devices button')].map(button =>
        button.getAttribute('aria-labelledby').split(' ')
            .map(id => document.getElementById(id).innerText).join(' '))";
    let names: Value = person.script(names).await;
    serde_json::from_value(names).expect("texts")
}

#[async_test]
async fn one_all_others_and_everywhere() {
    let redis = Redis::start().await;
    let keys = format!("session={{store={{redis=\"{}\"}}}}", redis.url());
    let (demo, person) = (Demo::configured(&keys).await, Person::new().await);
    person.sign_in(&demo, "/session", ALICE).await;
    assert!(!person.text().await.contains("End all others"));
    let firefox = elsewhere(&demo, FIREFOX).await;
    let unknown = elsewhere(&demo, "<b>canary-5e55</b>").await;

    person.open(demo.url("/session")).await;
    for (name, look) in LOOKS {
        person.set_look(look).await;
        person.sees_no_sideways_scrolling(name).await;
        person.photograph(&format!("session-list-{name}")).await;
    }
    person.set_look(DESKTOP).await;
    let text = person.text().await;
    assert!(text.contains("Chrome on Linux (this browser)"), "{text}");
    assert!(text.contains("Unknown browser"), "{text}");
    assert!(!text.contains("canary"), "{text}");
    let buttons = names(&person).await;
    assert_eq!(buttons.len(), 2, "not for this browser: {buttons:#?}");
    let of_firefox = buttons
        .iter()
        .position(|name| name.starts_with("End this session Firefox on Linux Signed in "));
    let of_firefox = of_firefox.unwrap_or_else(|| panic!("{buttons:#?}"));

    let css = format!(
        ".devices li:nth-child({}) button",
        place(&person, of_firefox).await
    );
    let button = person.find(Locator::Css(&css)).await.expect("a button");
    button.click().await.expect("it can be clicked");
    person.arrives_at(demo.url("/session?done=ended")).await;
    assert!(person.text().await.contains("The session has ended."));
    assert!(!is_signed_in(&firefox, &demo).await);
    assert!(is_signed_in(&unknown, &demo).await);

    person.click("End all others").await;
    person.arrives_at(demo.url("/session?done=others")).await;
    assert!(!is_signed_in(&unknown, &demo).await);
    person.photograph("session-list-others-ended").await;

    let again = elsewhere(&demo, FIREFOX).await;
    person.click("Sign out everywhere").await;
    person.arrives_signed_out(&demo).await;
    assert!(!is_signed_in(&again, &demo).await);
    assert_eq!(person.complaints().await, [""; 0]);
}

/// The place in the list of the `nth` session that has a button.
async fn place(person: &Person, nth: usize) -> u64 {
    let script = format!(
        "const items = [...document.querySelectorAll('.devices li')];
         return 1 + items.indexOf(items.filter(item => item.querySelector('button'))[{nth}])"
    );
    person.script(&script).await.as_u64().expect("a number")
}

/// Another site can end nothing, and nor can a form that names what is not there.
#[async_test]
async fn only_the_pages_of_the_app_end_sessions() {
    let redis = Redis::start().await;
    let keys = format!("session={{store={{redis=\"{}\"}}}}", redis.url());
    let demo = Demo::configured(&keys).await;
    let (browser, other) = (Browser::new(), Browser::new());
    demo.sign_in(&browser, ALICE).await;
    demo.sign_in(&other, ALICE).await;
    let page = browser.navigate(demo.url("/session")).await.text();
    let (_, rest) = page.split_once("name=\"handle\" value=\"").expect("a form");
    let (handle, _) = rest.split_once('"').expect("a value");
    for path in ["/session/end", "/session/end-others", "/session/end-all"] {
        let fields = [("handle", handle)];
        let url = demo.url(path);
        // A browser that sends no `SameSite` cookie would be no test.
        let request = browser.request(reqwest::Method::POST, &url).form(&fields);
        let cookies = browser.cookie_header(&url).expect("cookies");
        let request = request.header("sec-fetch-site", "same-site");
        let answer = request.cookie_header_override(cookies).send().await;
        assert_eq!(answer.status(), 403, "{path}");
        assert_eq!(browser.get(&url).await.status(), 404, "{path}");
    }
    assert!(is_signed_in(&browser, &demo).await && is_signed_in(&other, &demo).await);
    let gone = browser
        .post_form(demo.url("/session/end"), &[("handle", "no such")])
        .await;
    assert_eq!(gone.header("location"), Some("/session?done=gone"));
    let stranger = Browser::new();
    for path in ["/session/end", "/session/end-others", "/session/end-all"] {
        let answer = stranger
            .post_form(demo.url(path), &[("handle", handle)])
            .await;
        assert_eq!(answer.header("location"), Some("/session"), "{path}");
    }
    assert!(is_signed_in(&other, &demo).await);
}

#[async_test]
async fn without_a_store_the_page_says_how_to_get_there() {
    let demo = Demo::start().await;
    let browser = Browser::new();
    demo.sign_in(&browser, ALICE).await;
    let page = browser.navigate(demo.url("/session")).await;
    assert!(
        page.page()
            .text
            .contains("set session.store to a Redis server")
    );
    assert!(!page.text().contains("/session/end"), "{}", page.text());
}
