//! The page of a wrong set-up, with the cause for the developer: it fits a phone, by day
//! and by night. Writes pictures to `target/screenshots/`, to be looked at.

use logto_dev_provider::{Endpoint, Reply};
use rocket::figment::value::Dict;
use serde_json::json;

use crate::support::app::{ALICE, TestApp};
use crate::support::pages::pages;
use crate::support::person::{LOOKS, Person};

#[rocket::async_test]
async fn a_wrong_secret_on_a_phone_and_on_a_desktop() {
    let app = TestApp::with(Dict::new(), pages()).await;
    let hooks = app.provider.hooks();
    hooks.sign_in_as(Some(ALICE));
    hooks.respond(Endpoint::Token, |_, reply| {
        let said = format!("client authentication failed {}", "x".repeat(120));
        *reply = Reply::json(
            401,
            &json!({ "error": "invalid_client", "error_description": said }),
        );
    });
    let person = Person::new().await;
    for (name, look) in LOOKS {
        person.set_look(look).await;
        person.open(app.url("/sign-in")).await;
        assert_eq!(person.heading().await, "This app is not set up correctly");
        person.sees_no_sideways_scrolling(name).await;
        person.photograph(&format!("not-set-up-{name}")).await;
    }
}
