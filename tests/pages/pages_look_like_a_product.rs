//! The library's own pages in a real browser: by day and by night, on a phone, enlarged, in
//! forced colours and on paper, in English and in Thai. Writes pictures to
//! `target/screenshots/`, to be looked at.

use rocket::http::ContentType;
use rocket::{get, routes};
use rocket_logto::Logto;
use serde_json::json;

use crate::support::app::{TestApp, keys};
use crate::support::chromium::Look;
use crate::support::own_pages;
use crate::support::person::{DESKTOP, LOOKS, Person};

/// 200 % zoom of a window of 1280 by 800.
const ENLARGED: Look = Look {
    width: 640,
    height: 400,
    dark: false,
};
/// WCAG 2.2, 1.4.10: 400 % of it.
const NARROWEST: Look = Look {
    width: 320,
    height: 256,
    dark: false,
};

#[get("/icon.svg")]
fn icon() -> (ContentType, &'static str) {
    let svg = "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 8 8'><rect width='8' \
               height='8' rx='2' fill='#0b6b5d'/><path d='M2 3h4M2 5h3' stroke='#fff'/></svg>";
    (ContentType::SVG, svg)
}

/// Errors whose pages are looked at: with a long text, with what the user lacks, and with
/// no reference.
const SOME: [usize; 3] = [10, 36, 11];

/// Looks at the page that is open, in every way.
async fn look(person: &Person, page: &str) {
    let more = [("enlarged", ENLARGED), ("narrowest", NARROWEST)];
    for (name, look) in LOOKS.into_iter().chain(more) {
        person.set_look(look).await;
        let case = format!("{page}, {name}");
        person.sees_no_sideways_scrolling(&case).await;
        person.photograph(&format!("{page}-{name}")).await;
    }
    person.set_look(DESKTOP).await;
    // The icon is there, so the policy of the page has let it in.
    let icon = "const icon = document.querySelector('header img'); \
                return icon.complete && icon.naturalWidth > 0";
    assert_eq!(person.script(icon).await, json!(true), "{page}");
    // The keyboard reaches what there is to click, and shows where it is.
    let focus = "const found = [...document.querySelectorAll('a, button')]; \
         return found.map(it => { it.focus({ focusVisible: true }); \
         const style = getComputedStyle(it); \
         return document.activeElement === it && style.outlineStyle !== 'none' \
             && it.getBoundingClientRect().height >= 44; })";
    assert_eq!(
        person.script(focus).await,
        json!([true, true, true]),
        "{page}"
    );
    let landmarks = "return ['header', 'main', 'h1'].map(it => \
                     document.querySelectorAll(it).length).concat(document.scripts.length)";
    assert_eq!(
        person.script(landmarks).await,
        json!([1, 1, 1, 0]),
        "{page}"
    );
}

/// In forced colours, and on paper.
async fn look_in_other_media(person: &Person, page: &str) {
    let forced = json!([{ "name": "forced-colors", "value": "active" }]);
    for (media, features) in [("screen", forced), ("print", json!([]))] {
        let emulated = json!({ "media": media, "features": features });
        person.cdp("Emulation.setEmulatedMedia", emulated).await;
        person.photograph(&format!("{page}-on-{media}")).await;
    }
    let actions = "return getComputedStyle(document.querySelector('.actions')).display";
    assert_eq!(person.script(actions).await, json!("none"), "on paper");
    let normal = json!({ "media": "", "features": [] });
    person.cdp("Emulation.setEmulatedMedia", normal).await;
}

#[rocket::async_test]
async fn in_every_light_and_on_every_window() {
    let logto = keys([
        ("app_name", "Team notes".into()),
        ("app_icon", "/icon.svg".into()),
    ]);
    let rocket = own_pages::rocket().mount("/", routes![icon]);
    let app = TestApp::with_fairing(logto, Logto::fairing(), rocket).await;
    for language in ["en", "th"] {
        let arguments = ["lang", "accept-lang"].map(|name| format!("--{name}={language}"));
        let person = Person::with(&arguments.each_ref().map(String::as_str)).await;
        for number in SOME {
            person.open(app.url(&format!("/error/{number}"))).await;
            let spoken = "return document.documentElement.lang";
            assert_eq!(person.script(spoken).await, json!(language));
            look(&person, &format!("own-{language}-{number}")).await;
        }
        // Another site, for which the provider's page stands in, has a link.
        let link = app.url("/sign-in?one_time_token=t&login_hint=bob@example.com");
        person.open(app.provider.endpoint()).await;
        person.script(&format!("location.href = '{link}'")).await;
        person.arrives_at(app.url("/sign-in?question=1")).await;
        look(&person, &format!("own-{language}-question")).await;
        look_in_other_media(&person, &format!("own-{language}-question")).await;
        assert_eq!(person.complaints().await, [""; 0], "{language}");
    }
}
