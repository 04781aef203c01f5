//! A person keeps notes, alone and with a team, in English and in Thai, in Chromium. Every
//! page is looked at in both languages: it fits its window, axe finds nothing, and a picture
//! of it is in `target/screenshots/`.

use serde_json::json;

use crate::support::app::{ALICE, BOB};
use crate::support::demo::Demo;
use crate::support::eventually::eventually;
use crate::support::person::{DESKTOP, LOOKS, PHONE, Person};

/// Looks at the page that is open, in every way.
async fn look(person: &Person, page: &str) {
    for (name, look) in LOOKS {
        person.set_look(look).await;
        let place = format!("{page}, {name}");
        person.sees_no_sideways_scrolling(&place).await;
        person.sees_no_barriers(&place).await;
    }
    person.set_look(PHONE).await;
    person.photograph(&format!("notes-{page}-phone")).await;
    person.set_look(DESKTOP).await;
    person.photograph(&format!("notes-{page}-desktop")).await;
    assert_eq!(person.complaints().await, [""; 0], "{page}");
}

async fn notes(person: &Person) -> Vec<String> {
    let texts = "return [...document.querySelectorAll('.notes .text')].map(it => it.innerText)";
    serde_json::from_value(person.script(texts).await).expect("texts")
}

/// At the address of a form that was sent, where there is no other to wait for.
async fn person_reads(person: &Person, text: &str) {
    eventually(text, async || person.text().await.contains(text)).await;
}

#[rocket::async_test]
async fn own_notes_are_added_and_deleted() {
    let (demo, person) = (Demo::start().await, Person::new().await);
    person.sign_in(&demo, "/notes", ALICE).await;
    assert!(person.text().await.contains("There is no note yet."));
    person.write("text", "Milk <b>and</b> bread").await;
    person.click("Add note").await;
    person.arrives_at(demo.url("/notes?done=added")).await;
    person.write("text", "สวัสดี\nline two").await;
    person.click("Add note").await;
    person.arrives_at(demo.url("/notes?done=added")).await;
    assert_eq!(
        notes(&person).await,
        ["สวัสดี\nline two", "Milk <b>and</b> bread"]
    );
    look(&person, "own").await;

    // What cannot be kept is said beside the field, and nothing written is lost.
    person.write("text", "   ").await;
    person.click("Add note").await;
    person_reads(&person, "Write something first.").await;
    person.write("text", &"ก".repeat(2001)).await;
    person.click("Add note").await;
    person_reads(&person, "This is too long").await;
    let kept = "return document.getElementById('text').value.length";
    assert_eq!(person.script(kept).await, 2001);
    look(&person, "refused").await;

    person.open(demo.url("/notes")).await;
    person.click("Delete").await;
    person.arrives_at(demo.url("/notes?done=deleted")).await;
    assert_eq!(notes(&person).await, ["Milk <b>and</b> bread"]);
    // A second tab still has the button.
    let again = "const form = document.querySelector('.notes form');
        form.note.value = '2'; form.submit()";
    person.script(again).await;
    person.arrives_at(demo.url("/notes?done=gone")).await;
}

/// Alice is an admin of Acme, and Bob has no role there.
#[rocket::async_test]
async fn roles_decide_who_deletes_notes_of_a_team() {
    let demo = Demo::start().await;
    let (alice, bob) = (Person::new().await, Person::new().await);
    bob.sign_in(&demo, "/teams", BOB).await;
    look(&bob, "teams").await;
    bob.click("Acme GmbH").await;
    bob.arrives_at(demo.url("/teams/acme5obvzg01")).await;
    assert_eq!(bob.heading().await, "Acme GmbH");
    bob.write("text", "by Bob").await;
    bob.click("Add note").await;
    bob.arrives_at(demo.url("/teams/acme5obvzg01?done=added"))
        .await;

    alice.sign_in(&demo, "/teams/acme5obvzg01", ALICE).await;
    alice.write("text", "by Alice").await;
    alice.click("Add note").await;
    alice
        .arrives_at(demo.url("/teams/acme5obvzg01?done=added"))
        .await;
    assert_eq!(notes(&alice).await, ["by Alice", "by Bob"]);
    let buttons = "return document.querySelectorAll('.notes button').length";
    assert_eq!(alice.script(buttons).await, 2, "an admin may delete any");
    look(&alice, "team-admin").await;

    bob.open(demo.url("/teams/acme5obvzg01")).await;
    assert_eq!(
        bob.script(buttons).await,
        1,
        "a member may delete their own"
    );
    // The button that is not there, pressed all the same.
    let other = "const form = document.querySelector('.notes form');
        form.note.value = '2'; form.submit()";
    bob.script(other).await;
    bob.arrives_at(demo.url("/teams/acme5obvzg01/delete")).await;
    person_reads(&bob, "This note is not yours").await;
    look(&bob, "not-yours").await;
    bob.open(demo.url("/teams/globexfrcji1")).await;
    assert_eq!(bob.heading().await, "You may not do this");

    let (last, path) = (
        "(//button[starts-with(., 'Delete')])[2]",
        "/teams/acme5obvzg01",
    );
    let delete = alice
        .find(fantoccini::Locator::XPath(last))
        .await
        .expect("a button");
    delete.click().await.expect("it can be clicked");
    alice
        .arrives_at(demo.url(&format!("{path}?done=deleted")))
        .await;
    assert_eq!(notes(&alice).await, ["by Alice"]);
}

/// English words that a page in Thai must not have. Names and code are neither.
const ENGLISH: [&str; 9] = [
    "Sign in",
    "Sign out",
    "Your ",
    "The ",
    "Notes",
    "Team notes",
    "Session",
    "Delete",
    "Page",
];

#[rocket::async_test]
async fn the_whole_app_speaks_thai() {
    let (demo, person) = (Demo::start().await, Person::new().await);
    person.open(demo.url("/")).await;
    look(&person, "home-english").await;
    person.click("ไทย").await;
    person.arrives_at(demo.url("/")).await;
    look(&person, "home-thai").await;
    person.sign_in(&demo, "/teams/acme5obvzg01", ALICE).await;
    person.write("text", "ซื้อนม").await;
    person.click("เพิ่มบันทึก").await;
    person
        .arrives_at(demo.url("/teams/acme5obvzg01?done=added"))
        .await;
    for (page, path) in [
        ("home-user", "/"),
        ("own", "/notes"),
        ("teams", "/teams"),
        ("team", "/teams/acme5obvzg01"),
        ("account", "/account"),
        ("session", "/session"),
        ("recent", "/session/recent"),
        ("not-found", "/nowhere"),
        ("developer", "/developer"),
        ("id-token", "/protected"),
        ("userinfo", "/protected/userinfo"),
        ("organizations", "/organizations"),
        ("organization", "/organizations/acme5obvzg01"),
        (
            "organization-api",
            "/organizations/acme5obvzg01/resources/2",
        ),
        ("apis", "/resources"),
        ("api", "/resources/1"),
        ("call", "/resources/userinfo"),
        ("cart", "/resources/cart"),
    ] {
        person.open(demo.url(path)).await;
        let language = "return document.documentElement.lang";
        assert_eq!(person.script(language).await, "th", "{page}");
        look(&person, &format!("thai-{page}")).await;
        let text = person.text().await;
        for english in ENGLISH {
            assert!(!text.contains(english), "{page}, {english:?}: {text}");
        }
    }
    // The choice is remembered, and can be taken back where the reader is.
    person.open(demo.url("/account")).await;
    person.click("English").await;
    person.arrives_at(demo.url("/account")).await;
    assert_eq!(person.heading().await, "Your account");
    person.open_account_menu().await;
    person.sees_no_barriers("the account menu").await;
    person.photograph("notes-account-menu").await;
}

#[rocket::async_test]
async fn forced_colours_and_paper_show_it_all() {
    let (demo, person) = (Demo::start().await, Person::new().await);
    person.sign_in(&demo, "/protected/userinfo", ALICE).await;
    for (name, media) in [
        (
            "forced-colours",
            json!({ "features": [{ "name": "forced-colors", "value": "active" }] }),
        ),
        ("print", json!({ "media": "print" })),
    ] {
        person.cdp("Emulation.setEmulatedMedia", media).await;
        person.photograph(&format!("notes-{name}")).await;
        let shown = person
            .script("const nav = document.querySelector('.top nav');
                     const bars = [...document.querySelectorAll('.top nav a, .second a')].map(a =>
                         getComputedStyle(a, '::after').borderBottomStyle + getComputedStyle(a).borderBottomStyle);
                     return [getComputedStyle(nav).display != 'none', bars.filter(it => it != 'nonenone').length]")
            .await;
        // One bar in each menu, under the current page; on paper there are no menus.
        match name {
            "print" => assert_eq!(shown[0], false),
            _ => assert_eq!(shown, json!([true, 2])),
        }
    }
}
