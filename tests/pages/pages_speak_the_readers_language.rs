//! The library's pages are in the language of their reader: every kind of page, and every
//! word of it. Programs and the log are told in English.

use std::collections::BTreeSet;

use rocket::error::ErrorKind;
use rocket::figment::value::Dict;
use rocket::{get, routes};
use rocket_logto::{Language, Logto, LogtoFairing, internals};

use crate::support::app::{TestApp, configuration, keys};
use crate::support::browser::{Browser, Response};
use crate::support::log::lines_with;
use crate::support::own_pages::{self, Reader, as_json, every_page};
use crate::support::serve::free_port;

/// An app that writes down which page it was asked for, and shows the built-in one.
async fn app(kinds: &'static std::sync::Mutex<BTreeSet<String>>) -> TestApp {
    let fairing = Logto::fairing().pages(|page, _| {
        let json: serde_json::Value = serde_json::from_str(&as_json(&page)).expect("JSON");
        let kind = json["kind"].as_str().expect("a kind").to_owned();
        kinds.lock().expect("no panic").insert(kind);
        None
    });
    let logto = keys([("http_timeout", "1s".into()), ("app_name", "1234".into())]);
    TestApp::with_fairing(logto, fairing, own_pages::rocket()).await
}

fn is_thai(character: char) -> bool {
    matches!(character, '\u{e00}'..='\u{e7f}')
}

/// Words of another language than Thai that stand in a Thai page for good reasons: names,
/// of keys and of people, and what is written the same in every language.
fn foreign_words(text: &str) -> Vec<String> {
    const NAMES: [&str; 12] = [
        "scope",
        "scopes",
        "API",
        "debug",
        "logto",
        "resources",
        "offline_access",
        "prompt",
        "consent",
        "admin",
        "owner",
        "bob@example.com",
    ];
    let is_word = |c: char| c.is_ascii_alphanumeric() || "_@-".contains(c);
    let words = text.split(|c| !is_word(c) && c != '.');
    let words = words.flat_map(|word| match word.contains('@') {
        true => vec![word],
        false => word.split('.').collect(),
    });
    words
        .filter(|word| word.chars().any(|c| c.is_ascii_alphabetic()))
        .filter(|word| !NAMES.contains(word))
        .map(str::to_owned)
        .collect()
}

fn is_in(page: &Response, language: &str) {
    let html = page.text();
    assert!(
        html.contains(&format!("<html lang=\"{language}\" dir=\"ltr\">")),
        "{html}"
    );
    assert_eq!(page.header("content-language"), Some(language), "{html}");
    let vary = page.header("vary").unwrap_or_default();
    assert!(vary.contains("Accept-Language"), "{vary}: {html}");
    let one = page.headers().get_all("vary").into_iter().count();
    assert_eq!(one, 1, "{html}");
    assert_eq!(page.header("x-rocket-logto-page"), None);
}

#[rocket::async_test]
async fn every_page_is_in_one_language() {
    static KINDS: std::sync::Mutex<BTreeSet<String>> = std::sync::Mutex::new(BTreeSet::new());
    let all = internals::page_kinds().iter();
    let all: BTreeSet<_> = all
        .map(|kind| serde_json::to_value(kind).expect("a name"))
        .map(|name| name.as_str().expect("text").to_owned())
        .collect();

    for page in every_page(app(&KINDS).await, "th-TH,th;q=0.9,en;q=0.8").await {
        is_in(&page, "th");
        let html = page.page();
        // The id is random, the user's name is her own, and classes of authentication have
        // the names that the provider gave them.
        let text = match html.text.contains("รหัสอ้างอิง") {
            true => html.text.replace(&reference_in(&html.text), ""),
            false => html.text.replace("Alice Example", ""),
        };
        let text = text.replace("“urn:a, urn:b”", "");
        assert!(html.title.chars().any(is_thai), "{text}");
        let cause = html.cause.replace(" debug ", " ");
        let (cause, _) = cause.split_once("logto: ").unwrap_or((&cause, ""));
        for text in [&text, &html.title, cause] {
            assert_eq!(foreign_words(text), [""; 0], "{text}");
        }
    }
    assert_eq!(*KINDS.lock().expect("no panic"), all, "each kind is there");

    KINDS.lock().expect("no panic").clear();
    for page in every_page(app(&KINDS).await, "en").await {
        is_in(&page, "en");
        let text = page.text();
        assert!(!text.contains(is_thai), "{text}");
    }
    assert_eq!(*KINDS.lock().expect("no panic"), all, "each kind is there");
}

fn reference_in(text: &str) -> String {
    let (_, after) = text.split_once("รหัสอ้างอิง: ").expect("a reference");
    after.split(' ').next().expect("an id").to_owned()
}

#[get("/language")]
fn language(language: Language) -> String {
    language.to_string()
}

/// One of the app's kinds of error that has a page.
const ERROR: &str = "/error/8";

/// The browser says; a switch of the app's own counts more; and everybody else gets English.
#[rocket::async_test]
async fn the_app_may_decide() {
    let fairing = Logto::fairing()
        .messages(
            "de",
            "sign-in-rejected = Anmeldung fehlgeschlagen\naction-home = Zum Anfang\n",
        )
        .messages("th", "action-home = กลับหน้าแรก\n")
        .protect("/inner")
        .language(|request| {
            if request.uri().path().starts_with("/inner/th") {
                return Some("th".to_owned());
            }
            let wanted = request.query_value::<String>("language")?.ok()?;
            assert_ne!(wanted, "panic", "as it was told");
            Some(wanted)
        });
    let rocket = own_pages::rocket().mount("/", routes![language]);
    let app = TestApp::with_fairing(Dict::new(), fairing, rocket).await;
    // Also where no route is reached.
    let browser = Browser::new();
    let form = browser.post_form(app.url("/inner/th/x"), &[]).await;
    assert_eq!(form.page().title, "กรุณาเข้าสู่ระบบ", "{}", form.text());
    let form = browser.post_form(app.url("/inner/en/x"), &[]).await;
    assert_eq!(form.page().title, "Please sign in", "{}", form.text());
    for (accept, query, expected) in [
        ("fr, th;q=0.5", "", "th"),
        ("th;q=0.2, en;q=0.7", "", "en"),
        ("de-CH", "", "de"),
        ("fr", "", "en"),
        ("en", "?language=th", "th"),
        ("en", "?language=th_TH", "th"),
        ("th", "?language=de", "de"),
        ("th", "?language=xx", "th"),
        ("th", "?language=!", "th"),
        ("th", "?language=panic", "th"),
    ] {
        let case = format!("{accept} {query}");
        let reader = Reader {
            app: &app,
            browser: Browser::new(),
            accept,
        };
        let page = reader.opens(&format!("{ERROR}{query}")).await;
        let html = page.text();
        assert!(
            html.contains(&format!("<html lang=\"{expected}\"")),
            "{case}: {html}"
        );
        let by_header = page.header("vary").is_some();
        let by_app = ["?language=th", "?language=th_TH", "?language=de"].contains(&query);
        assert_eq!(by_header, !by_app, "{case}");
        let (title, home, again) = match expected {
            "de" => ("Anmeldung fehlgeschlagen", "Zum Anfang", "Sign in again"),
            "th" => ("เข้าสู่ระบบไม่สำเร็จ", "กลับหน้าแรก", "เข้าสู่ระบบอีกครั้ง"),
            _ => (
                "Sign-in did not work",
                "Go to the home page",
                "Sign in again",
            ),
        };
        for text in [title, home, again] {
            assert!(html.contains(text), "{case}: no {text} in {html}");
        }
        let guard = reader.opens(&format!("/language{query}")).await;
        assert_eq!(guard.text(), expected, "{case}");

        let request = reader.browser.request(reqwest::Method::GET, app.url(ERROR));
        let request = request.fetch().header("Accept", "application/json");
        let json = request.header("Accept-Language", accept).send().await;
        let body: serde_json::Value = json.json();
        assert_eq!(body["error"], "Sign-in rejected", "{case}");
        assert_eq!(json.header("vary"), None, "{case}");
        let (_, reference) = html.split_once("<code>").expect("a reference");
        let (reference, _) = reference.split_once("</code>").expect("its end");
        let lines = lines_with(&format!("reference={reference}"));
        assert!(
            lines[0].starts_with("WARN logto: SignInRejected"),
            "{lines:?}"
        );
    }
}

fn rocket(fairing: LogtoFairing) -> rocket::Rocket<rocket::Build> {
    let figment = rocket::Config::figment();
    let figment = configuration(&figment, free_port(), "http://127.0.0.1:9", Dict::new());
    rocket::custom(figment.merge(("port", 0))).attach(fairing)
}

#[rocket::async_test]
async fn a_broken_language_stops_the_launch() {
    for (tag, file, told) in [
        (
            "de",
            "action-home = Start\nno message\n",
            "messages(\"de\"): line 2 ",
        ),
        (
            "de",
            "acton-home = Start\n",
            "messages(\"de\"): there is no message acton-home",
        ),
        (
            "de",
            "quoted = { $txt }\n",
            "messages(\"de\"): quoted cannot say $txt",
        ),
        (
            "no tag",
            "",
            "messages(\"no tag\"): this is no language tag",
        ),
    ] {
        let fairing = Logto::fairing().messages(tag, file);
        let error = rocket(fairing).ignite().await.expect_err(file);
        assert!(matches!(error.kind(), ErrorKind::FailedFairings(_)));
        let line = format!("ERROR logto: Logto::fairing().{told}");
        assert!(
            lines_with(told)
                .iter()
                .any(|found| found.starts_with(&line)),
            "{:?}",
            lines_with(told)
        );
    }
    let fairing = Logto::fairing().messages("de", "action-home = Start\n");
    assert!(rocket(fairing).ignite().await.is_ok());
}
