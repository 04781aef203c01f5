//! Every page fits its window, on a desktop and on a phone, by day and by night.
//! Writes a picture of each to `target/screenshots/`, to be looked at.

use rocket::async_test;

use crate::support::app::{ALICE, BOB, ZOE};
use crate::support::demo::Demo;
use crate::support::person::{DESKTOP, LOOKS, Person};
use crate::support::serve::free_port;

/// Looks at the page that is open, in every way.
async fn look(person: &Person, page: &str) {
    for (name, look) in LOOKS {
        person.set_look(look).await;
        person
            .sees_no_sideways_scrolling(&format!("{page}, {name}"))
            .await;
        person.photograph(&format!("{page}-{name}")).await;
    }
    person.set_look(DESKTOP).await;
    assert_eq!(person.complaints().await, [""; 0], "{page}");
}

#[async_test]
async fn pages_for_everybody() {
    let (demo, person) = (Demo::start().await, Person::new().await);
    for (page, path) in [
        ("home", "/"),
        ("not-found", "/nowhere"),
        ("no-redirect", "/protected/no-redirect"),
        ("cancelled", "/callback"),
        ("rejected", "/callback?code=x&state=again.y"),
        ("provider-sign-in", "/sign-in"),
        ("provider-sign-up", "/sign-up?login_hint=bob"),
    ] {
        person.open(demo.url(path)).await;
        look(&person, page).await;
    }
    for (page, path) in [
        ("provider-control", "/?done=type"),
        ("provider-user", "/user?id=alice4hy6kz2&done=roles"),
        ("provider-refused", "/oidc/auth?client_id=x&scope=openid"),
        ("provider-not-found", "/nowhere"),
        ("provider-sign-out", "/oidc/session/end"),
    ] {
        person.open(demo.provider_url(path)).await;
        look(&person, page).await;
    }
}

/// With everything that can be wrong, and the focus where the first of it is.
#[async_test]
async fn a_sign_up_that_is_wrong() {
    let (demo, person) = (Demo::start().await, Person::new().await);
    person.open(demo.url("/sign-up")).await;
    let script = "document.querySelector('#username').value = 'alice';
        document.querySelector('#email').value = 'alice';
        document.querySelector('form[action=\"/sign-up\"]').submit()";
    person.script(script).await;
    person.arrives_at(demo.provider_url("/sign-up")).await;
    let focus = "return document.activeElement.id";
    assert_eq!(person.script(focus).await, "username");
    look(&person, "provider-sign-up-wrong").await;
    // Mended. The policy of the page lets the form lead on to the app.
    let script = "document.querySelector('#username').value = 'dora';
        document.querySelector('#email').value = ''";
    person.script(script).await;
    person.click("Sign up").await;
    person.arrives_at(demo.url("/")).await;
    assert!(person.text().await.contains("dora"));
}

#[async_test]
async fn pages_for_somebody() {
    for (user, name) in [(ALICE, "alice"), (BOB, "bob"), (ZOE, "zoe")] {
        let (demo, person) = (Demo::start().await, Person::new().await);
        person.sign_in(&demo, "/protected", user).await;
        look(&person, &format!("{name}-protected")).await;
        for (page, path) in [
            ("home", "/"),
            ("userinfo", "/protected/userinfo"),
            ("not-found", "/nowhere"),
            ("recent", "/session/recent"),
            ("session", "/session"),
            ("account", "/account"),
            ("notes", "/notes"),
            ("teams", "/teams"),
            ("developer", "/developer"),
        ] {
            person.open(demo.url(path)).await;
            look(&person, &format!("{name}-{page}")).await;
        }
        if user != ALICE {
            continue;
        }
        for (page, path) in [
            ("confirm", demo.url("/sign-out")),
            ("provider-sign-out", demo.provider_url("/oidc/session/end")),
        ] {
            // A link on a page of another origin.
            person.open(demo.provider_url("/")).await;
            let follow = format!("location.href = '{path}'");
            person.script(&follow).await;
            person.arrives_at(&path).await;
            look(&person, &format!("{name}-{page}")).await;
        }
    }
}

#[async_test]
async fn questions_and_a_farewell() {
    let (demo, person) = (Demo::start().await, Person::new().await);
    let link = demo.url("/sign-in?one_time_token=t&login_hint=bob@example.com");
    let question = demo.url("/sign-in?question=1");
    // Another site, for which the provider's page stands in, has a link, and images.
    person.open(demo.provider_url("/")).await;
    person.script(&format!("location.href = '{link}'")).await;
    person.arrives_at(&question).await;
    look(&person, "question").await;
    person.click("Cancel").await;
    person.arrives_at(demo.url("/")).await;

    person.sign_in(&demo, "/protected", ALICE).await;
    person.open(&link).await;
    person.arrives_at(&question).await;
    look(&person, "alice-question").await;
    person.click("Stay signed in as").await;
    person.arrives_at(demo.url("/")).await;
    person.open(&link).await;
    person.click("Continue").await;
    // The policy of the page lets the button go to the provider, where Alice is signed
    // in: otherwise the console complains, below.
    person.open(demo.url("/")).await;
    person.sign_out().await;
    person.arrives_signed_out(&demo).await;
    look(&person, "signed-out").await;
    person.open(demo.url("/")).await;
    assert!(!person.text().await.contains("You are signed out"), "once");
}

#[async_test]
async fn pages_while_the_provider_is_away() {
    let (demo, person) = (
        Demo::without_provider(free_port()).await,
        Person::new().await,
    );
    for (page, path) in [("home", "/"), ("sign-in", "/sign-in")] {
        person.open(demo.url(path)).await;
        look(&person, &format!("away-{page}")).await;
    }
}
