//! A person signs in, looks around and signs out in Chromium, with the app and
//! the provider as `cargo run` starts them.

use fantoccini::Locator;
use fantoccini::key::Key;
use rocket::response::content::RawHtml;
use rocket::{State, get, routes};

use crate::support::app::{ALICE, BOB, ZOE};
use crate::support::demo::Demo;
use crate::support::eventually::eventually;
use crate::support::person::Person;
use crate::support::serve::Served;

async fn start() -> (Demo, Person) {
    (Demo::start().await, Person::new().await)
}

fn value<'r>(rows: &'r [(String, String)], claim: &str) -> Option<&'r str> {
    let mut named = rows.iter().filter(|(name, _)| name == claim);
    named.next().map(|(_, value)| value.as_str())
}

#[rocket::async_test]
async fn from_the_first_page_to_the_last() {
    let (demo, person) = start().await;
    person.open(demo.url("/")).await;
    assert!(!person.text().await.contains("Sign out"));

    person.click("Sign in").await;
    person.arrives_below(demo.provider_url("/")).await;
    person.pick(ALICE).await;
    person.arrives_at(demo.url("/")).await;
    assert_eq!(person.heading().await, "Alice Example");

    person.click("Developer").await;
    person.arrives_at(demo.url("/developer")).await;
    person.click("ID token").await;
    person.arrives_at(demo.url("/protected")).await;
    let rows = person.rows().await;
    assert_eq!(value(&rows, "sub"), Some(ALICE));
    assert_eq!(value(&rows, "name"), Some("Alice Example"));
    assert_eq!(value(&rows, "custom_data"), None, "userinfo alone has it");
    let json = person
        .script("return JSON.parse(document.querySelector('pre').innerText)")
        .await;
    assert_eq!(json["sub"], ALICE);
    assert_eq!(json.get("custom_data"), None);
    assert_eq!(json.as_object().unwrap().len(), rows.len());

    person.click("Userinfo").await;
    person.arrives_at(demo.url("/protected/userinfo")).await;
    assert_eq!(value(&person.rows().await, "username"), Some("alice"));

    person.open(demo.url("/nowhere")).await;
    assert_eq!(person.heading().await, "Page not found");

    // Through the provider and back: the policy's `form-action` lets the
    // redirects after the form pass.
    person.sign_out().await;
    person.arrives_signed_out(&demo).await;
    assert!(!person.text().await.contains("Alice"));
    assert_eq!(person.complaints().await, [""; 0]);

    // At the provider, too: the next sign-in asks who it is.
    person.click("Sign in").await;
    person.arrives_below(demo.provider_url("/")).await;
    person.pick(BOB).await;
    person.arrives_at(demo.url("/")).await;
    assert_eq!(person.heading().await, "bob");
}

/// As in life, where the provider has a domain of its own: `SameSite` counts.
#[rocket::async_test]
async fn the_provider_may_be_another_site() {
    let (demo, person) = (Demo::start_at("127.0.0.1").await, Person::new().await);
    person.sign_in(&demo, "/protected", ALICE).await;
    assert_eq!(value(&person.rows().await, "sub"), Some(ALICE));
    person.sign_out().await;
    person.arrives_signed_out(&demo).await;
    assert_eq!(person.complaints().await, [""; 0]);

    // A link from there finds the session.
    person.sign_in(&demo, "/protected", ALICE).await;
    person.open(demo.provider_url("/")).await;
    let follow = format!("location.href = '{}'", demo.url("/"));
    person.script(&follow).await;
    person.arrives_at(demo.url("/")).await;
    assert_eq!(person.heading().await, "Alice Example");
}

#[rocket::async_test]
async fn null_claims_are_shown_as_null() {
    let (demo, person) = start().await;
    for path in ["/protected", "/protected/userinfo"] {
        if path == "/protected" {
            person.sign_in(&demo, path, BOB).await;
        } else {
            person.open(demo.url(path)).await;
        }
        let rows = person.rows().await;
        assert_eq!(value(&rows, "name"), Some("null"), "{path}");
        assert_eq!(value(&rows, "picture"), Some("null"), "{path}");
        let json = person
            .script("return JSON.parse(document.querySelector('pre').innerText)")
            .await;
        assert!(json["name"].is_null(), "{path}: {json}");
    }
}

#[rocket::async_test]
async fn markup_in_a_name_is_only_text() {
    let (demo, person) = start().await;
    let name = "Zoë <b>O'Hara</b> & \"Söhne\" 🦀";
    person.open(demo.url("/sign-in")).await;
    let button = person.text().await;
    assert!(button.contains(name), "at the provider: {button}");
    person.pick(ZOE).await;
    person.arrives_at(demo.url("/")).await;
    assert_eq!(person.heading().await, name);
    for path in ["/protected", "/protected/userinfo"] {
        person.open(demo.url(path)).await;
        assert_eq!(value(&person.rows().await, "name"), Some(name), "{path}");
        let bold = person
            .script("return document.querySelectorAll('main b').length")
            .await;
        assert_eq!(bold, 0, "{path}");
    }
    assert_eq!(person.complaints().await, [""; 0]);
}

#[rocket::async_test]
async fn the_back_button_shows_nothing_private_after_sign_out() {
    let (demo, person) = start().await;
    person.sign_in(&demo, "/protected", ALICE).await;
    person.click("Userinfo").await;
    person.arrives_at(demo.url("/protected/userinfo")).await;
    person.sign_out().await;
    person.arrives_signed_out(&demo).await;
    for n in 0..3 {
        person.back().await.unwrap();
        // The page it was is asked for again, and that leads to the sign-in.
        if n == 0 {
            person.arrives_below(demo.provider_url("/")).await;
        }
        let html = person.source().await.unwrap();
        for private in [ALICE, "You are signed in as", "sign-out"] {
            let at_the_provider = html.contains("Development provider</title>");
            assert!(
                at_the_provider || !html.contains(private),
                "{private} at {:?}",
                person.current_url().await
            );
        }
    }
}

#[rocket::async_test]
async fn two_tabs_sign_in_at_the_same_time() {
    let (demo, person) = start().await;
    let first = person.window().await.unwrap();
    let second = person.new_window(true).await.unwrap().handle;
    let tabs = [(first, "/protected"), (second, "/protected/userinfo")];
    for (tab, path) in &tabs {
        person.switch_to_window(tab.clone()).await.unwrap();
        person.open(demo.url(path)).await;
        person.arrives_below(demo.provider_url("/")).await;
    }
    for (tab, path) in &tabs {
        person.switch_to_window(tab.clone()).await.unwrap();
        person.pick(ALICE).await;
        person.arrives_at(demo.url(path)).await;
        assert_eq!(value(&person.rows().await, "sub"), Some(ALICE), "{path}");
    }
}

#[rocket::async_test]
async fn changing_ones_mind_at_the_provider_is_no_error() {
    let (demo, person) = start().await;
    person.open(demo.url("/protected")).await;
    for button in ["Cancel", "Deny"] {
        person.arrives_below(demo.provider_url("/")).await;
        person.click(button).await;
        person.arrives_below(demo.url("/callback")).await;
        assert_eq!(person.heading().await, "Sign-in was cancelled", "{button}");
        assert!(!person.text().await.contains("Reference"), "{button}");
        person.click("Sign in again").await;
    }
    person.arrives_below(demo.provider_url("/")).await;
    person.pick(ALICE).await;
    person.arrives_at(demo.url("/protected")).await;
    assert_eq!(person.complaints().await, [""; 0]);
}

#[rocket::async_test]
async fn a_broken_callback_names_a_reference_that_is_in_the_log() {
    let (demo, person) = start().await;
    person
        .open(demo.url("/callback?code=x&state=again.y"))
        .await;
    assert_eq!(person.heading().await, "Sign-in did not work");
    let text = person.text().await;
    let (_, reference) = text.split_once("Reference: ").expect("a reference");
    let reference = reference.split_whitespace().next().unwrap();
    assert!(demo.output().contains(reference), "{reference}");
    person.click("Sign in again").await;
    person.arrives_below(demo.provider_url("/")).await;
}

#[rocket::async_test]
async fn programs_get_json() {
    let (demo, person) = start().await;
    let url = demo.url("/protected/no-redirect");
    person.open(&url).await;
    assert_eq!(person.text().await, r#"{"error":"Not authenticated"}"#);
    person.sign_in(&demo, "/protected", ALICE).await;
    person.open(&url).await;
    assert!(person.text().await.contains(ALICE));
}

/// Another site: 127.0.0.1 is one to a page at localhost.
async fn elsewhere(demo: &Demo) -> (Served, String) {
    struct Target(String);

    #[get("/")]
    fn page(target: &State<Target>) -> RawHtml<String> {
        let target = &target.0;
        RawHtml(format!(
            "<!doctype html><title>Elsewhere</title><a href='{target}'>A link</a>
             <form method=post action='{target}'><button>A form</button></form>"
        ))
    }

    let target = Target(demo.url("/sign-out"));
    let figment = rocket::Config::figment().merge(("log_level", "off"));
    let rocket = rocket::custom(figment)
        .manage(target)
        .mount("/", routes![page]);
    let served = Served::start(rocket).await;
    let url = format!("http://127.0.0.1:{}/", served.port());
    (served, url)
}

#[rocket::async_test]
async fn another_site_signs_nobody_out() {
    let (demo, person) = start().await;
    let (_served, elsewhere) = elsewhere(&demo).await;
    person.sign_in(&demo, "/protected", ALICE).await;

    person.open(&elsewhere).await;
    person.click("A form").await;
    person.arrives_at(demo.url("/sign-out")).await;
    assert_eq!(person.heading().await, "Not from here");
    person.open(demo.url("/")).await;
    assert_eq!(person.heading().await, "Alice Example", "after the form");

    // A link asks first, and the page it leads to can be said yes to.
    person.open(&elsewhere).await;
    person.click("A link").await;
    person.arrives_at(demo.url("/sign-out")).await;
    assert_eq!(person.heading().await, "Sign out?");
    person.click("Stay signed in").await;
    person.arrives_at(demo.url("/")).await;
    assert_eq!(person.heading().await, "Alice Example", "after the link");

    person.open(&elsewhere).await;
    person.click("A link").await;
    person.arrives_at(demo.url("/sign-out")).await;
    person.click("Sign out").await;
    person.arrives_signed_out(&demo).await;
    assert!(!person.text().await.contains("Alice"));
    assert_eq!(person.complaints().await, [""; 0]);
}

#[rocket::async_test]
async fn another_site_cannot_show_the_app_in_a_frame() {
    let (demo, person) = start().await;
    let (_served, elsewhere) = elsewhere(&demo).await;
    person.open(&elsewhere).await;
    assert_eq!(person.complaints().await, [""; 0]);
    let frame = "const frame = document.createElement('iframe');
        document.body.append(frame); frame.src = ";
    person.script(&format!("{frame}'{}'", demo.url("/"))).await;
    eventually("the frame is refused", async || {
        let said = person.complaints().await;
        said.iter().any(|line| line.contains("frame-ancestors"))
    })
    .await;
    let frame = person.find(Locator::Css("iframe")).await.unwrap();
    frame.enter_frame().await.unwrap();
    let html = person.source().await.unwrap();
    assert!(!html.contains("Team notes"), "{html}");
}

#[rocket::async_test]
async fn the_keyboard_is_enough() {
    let (demo, person) = start().await;
    person.open(demo.url("/")).await;
    assert_eq!(tab_to(&person, "Skip to content").await, 1);
    let shown = person
        .script("return document.activeElement.getBoundingClientRect().left >= 0")
        .await;
    assert_eq!(shown, true, "the skip link shows itself");
    person.press(Key::Enter.into()).await;
    // Past the header: the first thing of the content is next.
    assert_eq!(tab_to(&person, "Sign in").await, 1);
    person.press(Key::Enter.into()).await;
    person.arrives_below(demo.provider_url("/")).await;
    tab_to(&person, "A\nAlice Example").await;
    person.press(Key::Enter.into()).await;
    person.arrives_at(demo.url("/")).await;
    assert_eq!(person.heading().await, "Alice Example");
    tab_to(&person, "Alice Example").await;
    person.press(Key::Enter.into()).await;
    tab_to(&person, "Sign out").await;
    person.press(Key::Enter.into()).await;
    person.arrives_signed_out(&demo).await;
    tab_to(&person, "Sign in").await;
}

/// Presses Tab until the focus is on what begins with `text`, and says how often.
/// Everything on the way must show that it has the focus.
async fn tab_to(person: &Person, text: &str) -> usize {
    let mut passed = Vec::new();
    while passed.len() < 20 {
        person.press(Key::Tab.into()).await;
        let seen = person
            .script(
                "const focus = document.activeElement;
                 return [focus.innerText.trim(), getComputedStyle(focus).outlineStyle]",
            )
            .await;
        let label = seen[0].as_str().unwrap().to_owned();
        assert_ne!(seen[1], "none", "{label:?} does not show its focus");
        passed.push(label.clone());
        if label.starts_with(text) {
            return passed.len();
        }
    }
    panic!("Tab does not reach {text:?}: {passed:?}");
}

#[rocket::async_test]
async fn it_works_without_javascript() {
    let (demo, person) = start().await;
    let off = serde_json::json!({ "value": true });
    person
        .cdp("Emulation.setScriptExecutionDisabled", off)
        .await;
    person.sign_in(&demo, "/protected", ALICE).await;
    assert_eq!(value(&person.rows().await, "sub"), Some(ALICE));
    person.sign_out().await;
    person.arrives_signed_out(&demo).await;
    for path in [
        "/",
        "/sign-in",
        "/nowhere",
        "/callback",
        "/callback?state=x",
    ] {
        person.open(demo.url(path)).await;
        let html = person.source().await.unwrap();
        assert!(!html.contains("<script"), "{path}: {html}");
    }
}
