//! A person looks at their organizations, tokens and session in Chromium.

use crate::support::app::{ALICE, BOB};
use crate::support::chromium::Look;
use crate::support::demo::Demo;
use crate::support::person::{DESKTOP, PHONE, Person};

const LOOKS: [(&str, Look); 3] = [
    ("light", DESKTOP),
    (
        "dark",
        Look {
            dark: true,
            ..DESKTOP
        },
    ),
    ("phone", PHONE),
];

/// Looks at the page that is open, in every way.
async fn look(person: &Person, page: &str) {
    for (name, look) in LOOKS {
        person.set_look(look).await;
        let place = format!("{page}, {name}");
        person.sees_no_sideways_scrolling(&place).await;
        person.photograph(&format!("{page}-{name}")).await;
    }
    person.set_look(DESKTOP).await;
    assert_eq!(person.complaints().await, [""; 0], "{page}");
}

async fn row(person: &Person, name: &str) -> String {
    let rows = person.rows().await;
    let found = rows.iter().find(|(row, _)| row == name);
    let (_, shown) = found.unwrap_or_else(|| panic!("no {name} in {rows:?}"));
    shown.trim().to_owned()
}

#[rocket::async_test]
async fn alice_opens_her_organizations_and_apis() {
    let (demo, person) = (Demo::start().await, Person::new().await);
    person.sign_in(&demo, "/organizations", ALICE).await;
    look(&person, "organizations").await;

    person.click("Acme GmbH").await;
    person
        .arrives_at(demo.url("/organizations/acme5obvzg01"))
        .await;
    assert_eq!(person.heading().await, "Acme GmbH");
    assert_eq!(row(&person, "Scopes").await, "manage:members\nview:reports");
    assert_eq!(
        row(&person, "aud").await,
        "urn:logto:organization:acme5obvzg01"
    );
    look(&person, "organization").await;

    person.click("https://orders.your-app.com/api").await;
    person
        .arrives_at(demo.url("/organizations/acme5obvzg01/resources/2"))
        .await;
    assert_eq!(row(&person, "Scopes").await, "orders:read\norders:write");
    assert_eq!(row(&person, "organization_id").await, "acme5obvzg01");
    look(&person, "organization-api").await;

    person.click("APIs").await;
    person.arrives_at(demo.url("/resources")).await;
    look(&person, "resources").await;
    person.click("https://shopping.your-app.com/api").await;
    person.arrives_at(demo.url("/resources/1")).await;
    assert_eq!(row(&person, "Scopes").await, "read\nwrite");
    look(&person, "resource").await;

    person.open(demo.url("/resources")).await;
    person.click("A call with a token").await;
    person.arrives_at(demo.url("/resources/userinfo")).await;
    assert_eq!(row(&person, "email").await, "alice@example.com");
    look(&person, "call").await;
    person.open(demo.url("/resources")).await;
    person.click("A call to the app’s own API").await;
    person.arrives_at(demo.url("/resources/cart")).await;
    look(&person, "call-own-api").await;
}

#[rocket::async_test]
async fn bob_is_no_member_everywhere() {
    let (demo, person) = (Demo::start().await, Person::new().await);
    person
        .sign_in(&demo, "/organizations/acme5obvzg01", BOB)
        .await;
    assert_eq!(row(&person, "Scopes").await, "None");
    look(&person, "organization-without-role").await;

    person.open(demo.url("/organizations/globexfrcji1")).await;
    assert_eq!(person.heading().await, "You may not do this");
    look(&person, "organization-denied").await;
}

#[rocket::async_test]
async fn a_suspended_user_is_out_at_once() {
    let (demo, person) = (Demo::start().await, Person::new().await);
    person.sign_in(&demo, "/session", ALICE).await;
    let path = format!("/user?id={ALICE}");
    person.open(demo.provider_url(&path)).await;
    person.click("Suspend Alice Example").await;
    person
        .arrives_at(demo.provider_url(&format!("{path}&done=suspended")))
        .await;
    look(&person, "provider-suspended-and-told").await;
    // A webhook has told the app, so it does not wait for the refresh.
    person.open(demo.url("/session")).await;
    person.arrives_below(demo.provider_url("/")).await;
}

#[rocket::async_test]
async fn a_suspended_user_is_out_at_the_refresh_without_webhooks() {
    let demo = Demo::configured("routes={webhooks=false}").await;
    let person = Person::new().await;
    person.sign_in(&demo, "/session", ALICE).await;
    look(&person, "session").await;
    person.click("Refresh now").await;
    person.arrives_at(demo.url("/session?done=refreshed")).await;
    look(&person, "session-refreshed").await;
    person.click("Forget cached tokens").await;
    person.arrives_at(demo.url("/session?done=forgotten")).await;

    // The link on the page leads to where Alice can be suspended.
    let link = person.control("page of the development provider").await;
    let page = link.attr("href").await.expect("a link");
    person.open(page.expect("an address")).await;
    person.click("Suspend Alice Example").await;
    let path = format!("/user?id={ALICE}&done=suspended");
    person.arrives_at(demo.provider_url(&path)).await;
    look(&person, "provider-suspended").await;
    person.control("Bring back").await;

    // Nobody has told the app. It asks.
    person.open(demo.url("/session")).await;
    assert!(person.text().await.contains("Alice Example"));
    person.click("Refresh now").await;
    person.arrives_at(demo.url("/session/ended")).await;
    assert_eq!(person.heading().await, "You have been signed out");
    look(&person, "session-ended").await;
}
