//! Whoever reads the log finds each sign-in, refusal, failed refresh and sign-out: one line,
//! in which fields stand as `key=value`. Loggers that take fields get them as such, too.

use logto_dev_provider::{Endpoint, Reply};
use serde_json::json;

use crate::support::app::{ALICE, TestApp};
use crate::support::browser::Browser;
use crate::support::log::{fields_of, lines_with};
use crate::support::refusal::reference;
use crate::support::scraped::Scraped;
use crate::support::sessions::{rocket, signed_in};

/// The value of a field of a line.
fn field<'l>(line: &'l str, key: &str) -> Option<&'l str> {
    let found = line
        .split(' ')
        .find_map(|word| word.strip_prefix(key)?.strip_prefix('='));
    found.map(|value| value.trim_end_matches([':', ';']))
}

#[rocket::async_test]
async fn from_the_sign_in_to_the_sign_out() {
    let app = Scraped::start().await;
    let mut read = 0;
    let mut new_lines = |app: &Scraped| -> Vec<String> {
        let output = app.output();
        let lines = output[read..]
            .lines()
            .filter(|line| line.contains("event="));
        let lines = lines.map(str::to_owned).collect();
        read = output.len();
        lines
    };
    let only = |lines: Vec<String>| -> String {
        let [line] = &lines[..] else {
            panic!("not one line: {lines:#?}");
        };
        assert!(!line.contains(ALICE), "{line}");
        line.clone()
    };
    let (alice, _) = app.sign_in(ALICE).await;
    let signed_in = only(new_lines(&app));
    assert_eq!(field(&signed_in, "event"), Some("sign_in"));
    let session = field(&signed_in, "session").expect("which").to_owned();

    let hooks = app.provider.hooks();
    hooks.respond(Endpoint::Token, |_, reply| {
        let hostile = "out\nlogto: signed in, event=sign_in session=of-nobody";
        *reply = Reply::json(
            400,
            &json!({ "error": hostile, "error_description": hostile }),
        );
    });
    let page = alice.navigate(app.url("/session")).await;
    alice.submit(&page, "Refresh now", &[]).await;
    // That has ended the session.
    let lines = new_lines(&app);
    let [ended, failed] = &lines[..] else {
        panic!("not two lines: {lines:#?}");
    };
    assert_eq!(field(ended, "event"), Some("sign_out"), "{ended}");
    assert_eq!(field(ended, "cause"), Some("refused"), "{ended}");
    assert_eq!(field(ended, "session"), Some(&*session), "{ended}");
    assert_eq!(field(failed, "event"), Some("refresh"), "{failed}");
    assert!(field(failed, "reference").is_some(), "{failed}");
    hooks.reset();

    let (alice, _) = app.sign_in(ALICE).await;
    let another = only(new_lines(&app));
    assert_ne!(field(&another, "session"), Some(&*session));
    alice.post_form(app.url("/sign-out"), &[]).await;
    let out = only(new_lines(&app));
    assert_eq!(field(&out, "event"), Some("sign_out"));
    assert_eq!(field(&out, "cause"), Some("user"));
    assert_eq!(field(&out, "session"), field(&another, "session"));
}

#[rocket::async_test]
async fn a_refusal_has_its_reference_and_its_fields() {
    let app = TestApp::start(rocket()).await;
    app.provider.hooks().id_token(|_, claims| {
        claims.insert("nonce".into(), "another".into());
    });
    let page = app.sign_in(&Browser::new(), "/protected", ALICE).await;
    let reference = reference(&page);
    let lines = lines_with(&format!("reference={reference} event=sign_in"));
    assert_eq!(lines.len(), 1, "{lines:#?}");
    let fields = fields_of(&lines[0]);
    for (key, value) in [
        ("event", "sign_in"),
        ("kind", "SignInUnverified"),
        ("reason", "id_token_nonce"),
        ("reference", &*reference),
    ] {
        assert_eq!(
            fields.get(key).map(String::as_str),
            Some(value),
            "{fields:?}"
        );
    }
}

#[rocket::async_test]
async fn what_a_logger_gets_of_a_sign_in_is_what_the_line_says() {
    let app = TestApp::start(rocket()).await;
    let before = lines_with("logto: signed in, ").len();
    signed_in(&app, ALICE).await;
    let lines = lines_with("logto: signed in, ").split_off(before);
    let fields = fields_of(&lines[0]);
    assert_eq!(fields["event"], "sign_in");
    assert_eq!(field(&lines[0], "session"), Some(&*fields["session"]));
}
