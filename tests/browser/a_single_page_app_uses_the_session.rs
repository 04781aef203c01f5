//! The single-page app of the examples gallery in Chromium: it signs in by a navigation, calls
//! its API with `fetch()`, and notices when the session is gone.

use fantoccini::Locator;

use crate::support::app::{ALICE, TestApp};
use crate::support::eventually::eventually;
use crate::support::person::{PHONE, Person};

// It has a `main` as well.
#[allow(dead_code)]
#[path = "../../examples/gallery/api_and_spa/main.rs"]
mod api_and_spa;

async fn reads(person: &Person, text: &str) {
    eventually(text, async || person.text().await.contains(text)).await;
}

async fn picks_alice(person: &Person, app: &TestApp) {
    person.arrives_below(app.provider.endpoint()).await;
    person.pick(ALICE).await;
    person.arrives_at(app.url("/")).await;
}

#[rocket::async_test]
async fn until_the_session_is_gone_and_again() {
    let app = TestApp::start(api_and_spa::rocket()).await;
    let person = Person::new().await;
    person.open(app.url("/")).await;
    reads(&person, "You are not signed in.").await;
    person.click("Sign in").await;
    picks_alice(&person, &app).await;
    reads(&person, "Your cart is empty.").await;

    // The browser says by itself that this is from the page's own origin.
    let field = person.find(Locator::Css("[name=name]")).await.unwrap();
    field.send_keys("<b>an apple</b>").await.unwrap();
    person.click("Add").await;
    reads(&person, "1 in your cart.").await;
    reads(&person, "<b>an apple</b>").await;
    person.photograph("single-page-app").await;
    person.set_look(PHONE).await;
    person.sees_no_sideways_scrolling("single-page app").await;
    assert_eq!(person.complaints().await, [""; 0]);

    // As after `session.idle`, in a tab that is still open. Nothing that was typed is lost.
    person.delete_all_cookies().await.unwrap();
    field.send_keys("a pear").await.unwrap();
    person.click("Add").await;
    reads(&person, "Your session has ended.").await;
    let typed = field.prop("value").await.unwrap();
    assert_eq!(typed.as_deref(), Some("a pear"));
    person.photograph("single-page-app-session-ended").await;
    let first = person.window().await.unwrap();
    person.click("Sign in").await;
    let tabs = person.windows().await.unwrap();
    let second = tabs.into_iter().find(|tab| *tab != first);
    person.switch_to_window(second.unwrap()).await.unwrap();
    picks_alice(&person, &app).await;
    person.switch_to_window(first).await.unwrap();
    person.click("Add").await;
    reads(&person, "2 in your cart.").await;

    person.click("Sign out").await;
    reads(&person, "You are not signed in.").await;
    person.arrives_below(app.url("/")).await;
}
