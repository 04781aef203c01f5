//! The example `single_page_app` in Chromium: it signs in, calls its API through the proxy, is
//! told to confirm who it is, notices the end of the session, and a sign-out in another tab.

use std::time::Duration;

use logto_dev_provider::DevProvider;
use rocket::figment::value::{Dict, Value};
use rocket::tokio::time::sleep;
use serde_json::json;

use crate::support::app::{ALICE, TestApp, configuration, keys, settings};
use crate::support::person::{LOOKS, PHONE, Person};
use crate::support::proxy_app::proxy_keys;
use crate::support::serve::{Served, free_port};
use crate::support::targets::SHOPPING;

// It has a `main` as well.
#[allow(dead_code)]
#[path = "../../examples/gallery/single_page_app/main.rs"]
mod single_page_app;

async fn start() -> TestApp {
    let provider = DevProvider::start(settings()).await.expect("a provider");
    let port = free_port();
    let mut table = keys([
        ("resources", vec![SHOPPING].into()),
        ("scopes", vec!["read", "write"].into()),
    ]);
    let session = ("session".to_owned(), Value::from("/session.json"));
    table.insert("routes".into(), Dict::from([session]).into());
    table.extend(proxy_keys(&format!("http://localhost:{port}/shop"), &[]));
    // With the fairing that it brings, and no other.
    let rocket = single_page_app::rocket();
    let figment = configuration(rocket.figment(), port, &provider.endpoint(), table);
    let app = Served::start_on(port, rocket.configure(figment)).await;
    provider.set_redirect_uris([app.url("/callback")]);
    provider.set_post_logout_redirect_uris([app.url("/")]);
    TestApp { app, provider }
}

async fn reads(person: &Person, text: &str) {
    let mut seen = String::new();
    for _ in 0..150 {
        seen = person.text().await;
        if seen.contains(text) {
            return;
        }
        sleep(Duration::from_millis(100)).await;
    }
    panic!(
        "never {text:?}, but:\n{seen}\n{:?}",
        person.complaints().await
    );
}

async fn signs_in(person: &Person, app: &TestApp) {
    person.click("Sign in").await;
    person.arrives_below(app.provider.endpoint()).await;
    person.pick(ALICE).await;
    person.arrives_at(app.url("/")).await;
    reads(person, "2 offers today.").await;
}

#[rocket::async_test]
async fn from_the_sign_in_to_the_order() {
    let app = start().await;
    let person = Person::new().await;
    person.open(app.url("/")).await;
    reads(&person, "You are not signed in.").await;
    signs_in(&person, &app).await;
    reads(&person, "Alice Example").await;
    reads(&person, "Apples").await;
    // No script has anything that could be taken along.
    let kept = "return document.cookie + JSON.stringify({...localStorage, ...sessionStorage})";
    assert_eq!(person.script(kept).await, "{}");
    assert_eq!(person.complaints().await, [""; 0]);
    for (name, look) in LOOKS {
        person.set_look(look).await;
        person.photograph(&format!("proxied-page-{name}")).await;
        person.sees_no_sideways_scrolling(name).await;
        person.sees_no_barriers(name).await;
    }
    let forced = json!({ "features": [{ "name": "forced-colors", "value": "active" }] });
    person.cdp("Emulation.setEmulatedMedia", forced).await;
    person.photograph("proxied-page-forced-colours").await;
    // A button is seen by its line, in the colour that the reader has chosen for its text.
    let line = "const it = getComputedStyle(document.querySelector('#order'));
                return [it.borderTopStyle, it.borderTopColor == it.color]";
    assert_eq!(person.script(line).await, json!(["solid", true]));

    // The API wants a second factor. The page says so, and waits for somebody to say yes.
    person.set_look(PHONE).await;
    person.click("Order both").await;
    reads(&person, "please confirm first that it is you").await;
    person.photograph("proxied-page-step-up").await;
    person.click("Confirm").await;
    person.arrives_below(app.provider.endpoint()).await;
    reads(&person, "Pretended second factor").await;
    person.click("Use the second factor").await;
    person.arrives_at(app.url("/")).await;
    reads(&person, "2 offers today.").await;
    person.click("Order both").await;
    reads(&person, "Ordered. Thank you!").await;
}

#[rocket::async_test]
async fn a_session_that_is_gone_is_told_with_a_way_on() {
    let app = start().await;
    let person = Person::new().await;
    person.open(app.url("/")).await;
    reads(&person, "You are not signed in.").await;
    signs_in(&person, &app).await;
    // As after `session.idle`, in a tab that is still open.
    person.delete_all_cookies().await.unwrap();
    person.click("Order both").await;
    reads(&person, "Your session has ended.").await;
    assert!(!person.text().await.contains("Apples"));
    signs_in(&person, &app).await;
}

#[rocket::async_test]
async fn a_sign_out_in_another_tab_is_noticed() {
    let app = start().await;
    let person = Person::new().await;
    person.open(app.url("/")).await;
    reads(&person, "You are not signed in.").await;
    signs_in(&person, &app).await;
    let first = person.window().await.unwrap();
    let second = person.new_window(true).await.unwrap().handle;
    person.switch_to_window(second).await.unwrap();
    person.open(app.url("/")).await;
    reads(&person, "2 offers today.").await;
    person.click("Sign out").await;
    reads(&person, "You are not signed in.").await;
    // Nobody has touched it.
    person.switch_to_window(first).await.unwrap();
    reads(&person, "You are signed out, or your session has ended.").await;
    assert!(!person.text().await.contains("Alice Example"));
    signs_in(&person, &app).await;
}
