//! The library's own pages in a real browser: by day and by night, on a phone, enlarged, in
//! forced colours and on paper, in English and in Thai. Writes pictures to
//! `target/screenshots/`, to be looked at.

use rocket::figment::value::Dict;
use rocket::http::ContentType;
use rocket::{get, routes};
use rocket_logto::{Logto, internals};
use serde_json::json;

use crate::support::app::{TestApp, keys};
use crate::support::chromium::Look;
use crate::support::own_pages;
use crate::support::person::{DESKTOP, LOOKS, PHONE, Person};

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

async fn app(logto: Dict) -> TestApp {
    let rocket = own_pages::rocket().mount("/", routes![icon]);
    TestApp::with_fairing(logto, Logto::fairing(), rocket).await
}

/// Errors whose pages are looked at in every way: a long text, one with a list of roles and
/// one with a hint.
const SOME: [usize; 3] = [4, 10, 36];

#[rocket::async_test]
async fn in_every_light_and_on_every_window() {
    let logto = keys([
        ("app_name", "Team notes".into()),
        ("app_icon", "/icon.svg".into()),
    ]);
    let app = app(logto).await;
    for language in ["en", "th"] {
        let person = Person::with(&[
            &format!("--lang={language}"),
            &format!("--accept-lang={language}"),
        ])
        .await;
        // Every kind once, and some in all ways.
        for number in 3..internals::errors().len() {
            person.open(app.url(&format!("/error/{number}"))).await;
            let html = "return document.documentElement.lang";
            assert_eq!(person.script(html).await, json!(language));
            let looks = LOOKS
                .into_iter()
                .chain([("enlarged", ENLARGED), ("narrowest", NARROWEST)]);
            for (name, look) in looks {
                if name != "phone-light" && !SOME.contains(&number) {
                    continue;
                }
                person.set_look(look).await;
                let case = format!("{language}, {number}, {name}");
                person.sees_no_sideways_scrolling(&case).await;
                person
                    .photograph(&format!("own-{language}-{number}-{name}"))
                    .await;
            }
        }
        person.set_look(DESKTOP).await;
        // The icon is there, so its policy has let it in.
        let icon = "const icon = document.querySelector('header img'); \
                    return icon.complete && icon.naturalWidth > 0";
        assert_eq!(person.script(icon).await, json!(true));
        // The keyboard reaches what there is to click, in order, and shows where it is.
        let focus = "const found = [...document.querySelectorAll('a, button')]; \
             return found.map(it => { it.focus({ focusVisible: true }); \
             const style = getComputedStyle(it); \
             return document.activeElement === it && style.outlineStyle !== 'none' \
                 && it.getBoundingClientRect().height >= 44; })";
        assert_eq!(person.script(focus).await, json!([true, true, true]));
        let landmarks = "return ['header', 'main', 'h1'].map(it => \
                         document.querySelectorAll(it).length).concat(document.scripts.length)";
        assert_eq!(person.script(landmarks).await, json!([1, 1, 1, 0]));
        for (name, features) in [
            (
                "forced",
                json!([{ "name": "forced-colors", "value": "active" }]),
            ),
            ("print", json!([])),
        ] {
            let media = if name == "print" { "print" } else { "screen" };
            let emulated = json!({ "media": media, "features": features });
            person.cdp("Emulation.setEmulatedMedia", emulated).await;
            person.photograph(&format!("own-{language}-{name}")).await;
        }
        let actions = "return getComputedStyle(document.querySelector('.actions')).display";
        assert_eq!(person.script(actions).await, json!("none"), "on paper");
        person.set_look(PHONE).await;
        assert_eq!(person.complaints().await, [""; 0], "{language}");
    }
}
