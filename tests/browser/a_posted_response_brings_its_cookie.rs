//! The authorization response as a form that Chromium posts from the
//! provider's site to the app's: the sign-in's cookie must come along.

use serde_json::{Value, json};

use crate::support::app::{ALICE, BOB};
use crate::support::person::Person;
use crate::support::tls_app::TlsApp;

/// Both certificates are throw-away ones.
async fn start() -> (TlsApp, Person) {
    let app = TlsApp::start(&[]).await;
    let person = Person::with(&["--ignore-certificate-errors"]).await;
    (app, person)
}

async fn sub(person: &Person) -> Option<String> {
    let rows = person.rows().await.into_iter();
    let mut subs = rows.filter(|(name, _)| name == "sub");
    subs.next().map(|(_, sub)| sub)
}

#[rocket::async_test]
async fn the_response_comes_from_another_site_and_signs_in() {
    let (app, person) = start().await;
    person.open(app.url("/protected?deep=link")).await;
    person.arrives_below(app.provider_url("/")).await;

    // What the browser keeps of the sign-in while it is away.
    let cookies = person.cdp("Storage.getCookies", json!({})).await;
    let cookies = cookies["cookies"].as_array().expect("cookies").iter();
    let own: Vec<&Value> = cookies
        .filter(|cookie| cookie["domain"] == "127.0.0.1")
        .collect();
    let [transaction] = own[..] else {
        panic!("not one cookie: {own:#?}");
    };
    let name = transaction["name"].as_str().expect("a name");
    assert!(name.starts_with("__Host-logto_txn_"), "{name}");
    assert_eq!(transaction["sameSite"], "None");
    assert_eq!(transaction["secure"], true);
    assert_eq!(transaction["httpOnly"], true);

    person.pick(ALICE).await;
    person.arrives_at(app.url("/protected?deep=link")).await;
    assert_eq!(sub(&person).await.as_deref(), Some(ALICE));
    // The session itself is for links alone.
    let cookies = person.cdp("Storage.getCookies", json!({})).await;
    let cookies = cookies["cookies"].as_array().expect("cookies").clone();
    for cookie in cookies.iter().filter(|it| it["domain"] == "127.0.0.1") {
        assert_eq!(cookie["sameSite"], "Lax", "{cookie}");
    }
    person.sign_out().await;
    person.arrives_below(app.url("/?bye=1&state=")).await;
    assert_eq!(person.complaints().await, [""; 0]);
}

#[rocket::async_test]
async fn two_tabs_are_away_at_the_same_time() {
    let (app, person) = start().await;
    let first = person.window().await.unwrap();
    let second = person.new_window(true).await.unwrap().handle;
    let tabs = [(first, "/protected"), (second, "/protected/userinfo")];
    for (tab, path) in &tabs {
        person.switch_to_window(tab.clone()).await.unwrap();
        person.open(app.url(path)).await;
        person.arrives_below(app.provider_url("/")).await;
    }
    // The last to leave is the first to come back.
    for (tab, path) in tabs.iter().rev() {
        person.switch_to_window(tab.clone()).await.unwrap();
        person.pick(ALICE).await;
        person.arrives_at(app.url(path)).await;
        assert_eq!(sub(&person).await.as_deref(), Some(ALICE), "{path}");
    }
}

/// The provider's page posts itself; without scripts a person presses its button.
#[rocket::async_test]
async fn without_scripts_a_button_passes_the_response_on() {
    let (app, person) = start().await;
    let off = json!({ "value": true });
    person
        .cdp("Emulation.setScriptExecutionDisabled", off)
        .await;
    person.open(app.url("/protected")).await;
    person.arrives_below(app.provider_url("/")).await;
    person.pick(BOB).await;
    person.arrives_below(app.provider_url("/sign-in")).await;
    person.click("Go on").await;
    person.arrives_at(app.url("/protected")).await;
    assert_eq!(sub(&person).await.as_deref(), Some(BOB));
}
