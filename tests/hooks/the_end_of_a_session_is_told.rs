//! `on_sign_out`: why a session has ended, and what is known of it then.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use rocket::figment::value::Dict;
use rocket::tokio::time::sleep;
use rocket::{post, routes};
use rocket_logto::{
    Admission, Error, HookResult, IdTokenClaims, Logto, MemoryStore, SignInEvent, SignOutEvent,
    User,
};

use crate::support::app::{ALICE, BOB, TestApp, keys};
use crate::support::browser::Browser;
use crate::support::clock::clock;
use crate::support::eventually::eventually;
use crate::support::log::lines_with;
use crate::support::pages::pages_and_again;
use crate::support::session_pair::{self, with_session_keys};

#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<String>>>);

impl Told {
    /// The lines since the last call, once there are some.
    async fn one(&self) -> String {
        let told = || self.0.lock().expect("no panic").len();
        eventually("the hook is told", async || told() > 0).await;
        let lines: Vec<_> = self.0.lock().expect("no panic").drain(..).collect();
        assert_eq!(lines.len(), 1, "{lines:?}");
        lines.concat()
    }
}

async fn note(event: SignOutEvent<Told>) -> HookResult {
    let name = event.claims::<IdTokenClaims>();
    let name = name.map_or("?".to_owned(), |claims| claims.display_name().to_owned());
    let line = format!(
        "{:?} {} {name} {:?} {}",
        event.cause(),
        event.sub().unwrap_or("?"),
        event.data::<u32>(),
        event.reason().unwrap_or("-"),
    );
    event.state().0.lock().expect("no panic").push(line);
    Ok(())
}

async fn seven(_: SignInEvent<'_>) -> HookResult<Admission> {
    Ok(Admission::admit().with_data(&7_u32)?)
}

#[post("/refresh")]
async fn refresh(user: User) -> Result<String, Error> {
    Ok(user.refresh().await?.sub().to_owned())
}

#[rocket::async_test]
async fn every_end_that_can_be_known_has_its_cause() {
    let told = Told::default();
    let rocket = pages_and_again()
        .manage(told.clone())
        .mount("/", routes![refresh]);
    let fairing = Logto::fairing().on_sign_in(seven).on_sign_out(note);
    let app = TestApp::with_fairing(Dict::new(), fairing, rocket).await;
    let hooks = app.provider.hooks();

    let browser = Browser::new();
    app.sign_in(&browser, "/protected", ALICE).await;
    hooks.sign_in_as(Some(BOB));
    browser.navigate_following(app.url("/again"), 10).await;
    assert_eq!(
        told.one().await,
        format!("Replaced {ALICE} Alice Example Some(7) -")
    );

    browser.post_form(app.url("/sign-out"), &[]).await;
    let bob = told.one().await;
    assert!(bob.starts_with(&format!("User {BOB} ")), "{bob}");
    assert!(bob.ends_with(" Some(7) -"), "{bob}");

    hooks.sign_in_as(Some(ALICE));
    let alice = Browser::new();
    alice.navigate_following(app.url("/protected"), 10).await;
    app.provider.suspend("alice", true);
    let refreshed = alice.post_form(app.url("/refresh"), &[]).await;
    assert_eq!(refreshed.status(), 401);
    let line = told.one().await;
    let wanted = format!("Refused {ALICE} Alice Example Some(7) refresh_invalid_grant");
    assert_eq!(line, wanted);

    let claims = app.provider.logout_claims(Some(BOB), None);
    let token = hooks.forge(
        &logto_dev_provider::Signing::Key,
        "logout+jwt",
        claims,
        |_, _| {},
    );
    let logout = Browser::new();
    let logout = logout.request(reqwest::Method::POST, app.url("/backchannel-logout"));
    let answer = logout.form(&[("logout_token", token)]).send().await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert_eq!(told.one().await, format!("Provider {BOB} ? None -"));

    // Nobody was signed in: nothing has ended.
    Browser::new().post_form(app.url("/sign-out"), &[]).await;
    sleep(Duration::from_millis(100)).await;
    assert_eq!(told.0.lock().expect("no panic").len(), 0);
}

/// In a store each session is known. In cookies nobody knows which there are.
#[rocket::async_test]
async fn so_are_the_ends_from_elsewhere() {
    let told = Told::default();
    let fairing = Logto::fairing().on_sign_in(seven).on_sign_out(note);
    let clock = clock!();
    let fairing = fairing.session_store(MemoryStore::new(100));
    let fairing = fairing.with_clock(clock.read);
    let logto = with_session_keys(Dict::new(), [("max_per_user", 2.into())]);
    let rocket = session_pair::rocket().manage(told.clone());
    let app = TestApp::with_fairing(logto, fairing, rocket).await;
    let of_alice = |cause: &str| format!("{cause} {ALICE} Alice Example Some(7) -");
    let browsers = [(); 4].map(|()| Browser::new());
    for (number, browser) in browsers.iter().enumerate() {
        clock.advance(&app.provider, 1);
        app.sign_in(browser, "/protected", ALICE).await;
        if number >= 2 {
            assert_eq!(told.one().await, of_alice("TooMany"));
        }
    }
    let last = &browsers[3];
    last.post_form(app.url("/sessions/end-others"), &[]).await;
    assert_eq!(told.one().await, of_alice("Revoked"));
    let operator = app.url(&format!("/operator/{ALICE}"));
    last.post_form(operator, &[]).await;
    assert_eq!(told.one().await, of_alice("Revoked"));

    let told = Told::default();
    let fairing = Logto::fairing().on_sign_out(note);
    let rocket = session_pair::rocket().manage(told.clone());
    let app = TestApp::with_fairing(Dict::new(), fairing, rocket).await;
    let operator = app.url(&format!("/operator/{ALICE}"));
    Browser::new().post_form(operator, &[]).await;
    assert_eq!(told.one().await, format!("Revoked {ALICE} ? None -"));
}

#[rocket::async_test]
async fn a_hook_that_fails_or_hangs_delays_no_sign_out() {
    let slow = |event: SignOutEvent| async move {
        if event.sub() == Some(ALICE) {
            sleep(Duration::from_secs(60)).await;
        }
        Err("a canary of on_sign_out".into())
    };
    let fairing = Logto::fairing().on_sign_out(slow);
    // Longer than any browser here waits.
    let logto = keys([("hook_timeout", "60s".into())]);
    let app = TestApp::with_fairing(logto, fairing, pages_and_again()).await;
    for user in [ALICE, BOB] {
        let browser = Browser::new();
        app.sign_in(&browser, "/protected", user).await;
        let out = browser.post_form(app.url("/sign-out"), &[]).await;
        assert_eq!(out.status(), 303);
        assert_eq!(browser.navigate(app.url("/")).await.text(), "nobody");
    }
    eventually("the failure is logged", async || {
        let lines = lines_with("reason=on_sign_out_failed");
        lines
            .iter()
            .any(|line| line.contains("a canary of on_sign_out"))
    })
    .await;
}
