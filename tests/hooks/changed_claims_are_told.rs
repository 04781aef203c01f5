//! `on_refresh`: the app learns of changed claims before anybody sees them, once, and may
//! end the session. While it cannot answer, the session goes on as it was.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};

use logto_dev_provider::Endpoint;
use rocket::figment::value::Dict;
use rocket::futures::future::join_all;
use rocket::{get, post, routes};
use rocket_logto::{
    Admission, Error, HookResult, Logto, RefreshEvent, Renewal, SessionData, SignInEvent,
    SignOutCause, SignOutEvent, User,
};

use crate::support::app::{ALICE, TestApp, keys};
use crate::support::browser::Browser;
use crate::support::clock::{Clock, clock};
use crate::support::eventually::eventually;
use crate::support::log::lines_with;

const MAX_AGE: u32 = 600;

/// What the hook is to do.
const KEEPS: u8 = 0;
const FAILS: u8 = 1;
const PANICS: u8 = 2;
const ENDS: u8 = 3;

/// Managed state that the hooks get a clone of, as of a pool.
#[derive(Clone, Default)]
struct Book {
    told: Arc<Mutex<Vec<String>>>,
    act: Arc<AtomicU8>,
}

impl Book {
    fn note(&self, line: String) {
        self.told.lock().expect("no panic").push(line);
    }

    fn told(&self) -> Vec<String> {
        self.told.lock().expect("no panic").clone()
    }

    fn act(&self, act: u8) {
        self.act.store(act, Ordering::SeqCst);
    }
}

async fn first(_: SignInEvent<'_>) -> HookResult<Admission> {
    Ok(Admission::admit().with_data(&0_u32)?)
}

async fn changed(event: RefreshEvent<Book>) -> HookResult<Renewal> {
    let before = event.before().expect("claims").display_name().to_owned();
    let number: u32 = event.data().unwrap_or(99);
    let after = event.after().display_name();
    assert_eq!(event.sub(), ALICE);
    event.state().note(format!("{number}: {before} -> {after}"));
    Ok(match event.state().act.load(Ordering::SeqCst) {
        KEEPS => Renewal::keep().with_data(&(number + 1))?,
        FAILS => return Err("the database is gone".into()),
        PANICS => panic!("a bug"),
        _ => Renewal::end("has left"),
    })
}

async fn ended(event: SignOutEvent<Book>) -> HookResult {
    let (cause, reason) = (event.cause(), event.reason().unwrap_or("-").to_owned());
    assert_eq!(cause, SignOutCause::Hook);
    event.state().note(format!("ended: {reason}"));
    Ok(())
}

#[get("/name")]
fn name(user: User, number: SessionData<u32>) -> String {
    format!("{} {}", user.name(), *number)
}

#[post("/refresh")]
async fn refresh(user: User) -> Result<String, Error> {
    Ok(user.refresh().await?.name().to_owned())
}

struct Told {
    app: TestApp,
    clock: Clock,
    book: Book,
    alice: Browser,
}

impl Told {
    async fn start(clock: Clock) -> Told {
        let book = Book::default();
        let rocket = rocket::build().manage(book.clone());
        let rocket = rocket.mount("/", routes![name, refresh]);
        let fairing = Logto::fairing()
            .with_clock(clock.read)
            .on_sign_in(first)
            .on_refresh(changed)
            .on_sign_out(ended);
        let logto: Dict = keys([("claims_max_age", MAX_AGE.into())]);
        let app = TestApp::with_fairing(logto, fairing, rocket).await;
        app.provider.hooks().rotate_refresh_tokens(true);
        let alice = Browser::new();
        let page = app.sign_in(&alice, "/name", ALICE).await;
        assert_eq!(page.text(), "Alice Example 0");
        Told {
            app,
            clock,
            book,
            alice,
        }
    }

    fn rename(&self, name: &str) {
        self.app.provider.edit_seed(|seed| {
            seed.user_mut("alice").unwrap().name = Some(name.to_owned());
        });
    }

    fn let_claims_age(&self) {
        self.clock.advance(&self.app.provider, MAX_AGE);
    }

    async fn name(&self) -> String {
        let page = self.alice.fetch_json(self.app.url("/name")).await;
        assert_eq!(page.status(), 200, "{}", page.text());
        page.text()
    }
}

#[rocket::async_test]
async fn a_change_is_told_once_and_a_refresh_without_one_is_not() {
    let told = Told::start(clock!()).await;
    told.let_claims_age();
    assert_eq!(told.name().await, "Alice Example 0");
    assert_eq!(told.book.told(), [""; 0], "only times have changed");

    told.rename("Alice Renamed");
    told.let_claims_age();
    let pages = join_all((0..20).map(|_| told.name())).await;
    assert!(
        pages.iter().all(|page| page == "Alice Renamed 1"),
        "{pages:?}"
    );
    assert_eq!(told.book.told(), ["0: Alice Example -> Alice Renamed"]);
}

#[rocket::async_test]
async fn while_the_hook_fails_the_session_goes_on_as_it_was() {
    let told = Told::start(clock!()).await;
    told.rename("Alice Renamed");
    for (act, reason) in [
        (FAILS, "on_refresh_failed"),
        (PANICS, "on_refresh_panicked"),
    ] {
        told.book.act(act);
        told.let_claims_age();
        assert_eq!(told.name().await, "Alice Example 0", "{reason}");
        let lines = lines_with(&format!("reason={reason} "));
        assert!(!lines.is_empty(), "{reason}");
        // A handler that insists gets the error.
        let refreshed = told.alice.post_form(told.app.url("/refresh"), &[]).await;
        assert_eq!(refreshed.status(), 500, "{}", refreshed.text());
    }
    // The refresh token that came with the claims is in use, or this would end the session.
    told.book.act(KEEPS);
    told.let_claims_age();
    assert_eq!(told.name().await, "Alice Renamed 1");
    let lines = told.book.told();
    assert!(lines.iter().all(|line| line == &lines[0]), "{lines:?}");
}

#[rocket::async_test]
async fn the_hook_can_end_the_session() {
    let told = Told::start(clock!()).await;
    let copy = told.alice.cookie_header(told.app.url("/name"));
    told.rename("Alice Renamed");
    told.book.act(ENDS);
    told.let_claims_age();
    told.app.provider.clear_requests();
    let page = told.alice.navigate(told.app.url("/name")).await;
    assert_eq!(page.status(), 303);
    let path = page.location().expect("the sign-in").path().to_owned();
    assert_eq!(path, "/sign-in");
    let revoked = told.app.provider.requests_to(Endpoint::Revocation);
    assert_eq!(revoked.len(), 1);
    let lines = ["0: Alice Example -> Alice Renamed", "ended: has left"];
    eventually("both hooks", async || told.book.told() == lines).await;

    let thief = Browser::new();
    let request = thief.request(reqwest::Method::GET, told.app.url("/name"));
    let request = request.cookie_header_override(copy.expect("cookies"));
    assert_eq!(request.fetch().send().await.status(), 401);
}
