//! A panic, a thousand silent connections, a stop in the middle of a sign-in:
//! nobody else notices, and what has begun is finished.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use logto_dev_provider::Endpoint;
use rocket::futures::future::join_all;
use rocket::serde::{Deserialize, Deserializer};
use rocket::tokio::io::{AsyncReadExt, AsyncWriteExt};
use rocket::tokio::net::TcpStream;
use rocket::tokio::time::timeout;
use rocket::{get, routes};
use rocket_logto::User;

use crate::support::app::{ALICE, BOB, TestApp};
use crate::support::browser::Browser;
use crate::support::eventually::asked;
use crate::support::pages::{pages, session_cookie};
use crate::support::sessions::signed_in;
use crate::support::tenant::Tenant;

static PANICS: AtomicBool = AtomicBool::new(false);

/// Claims whose reading is somebody's mistake.
struct Faulty;

impl<'de> Deserialize<'de> for Faulty {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        assert!(!PANICS.load(Ordering::SeqCst), "a mistake in the app");
        rocket::serde::de::IgnoredAny::deserialize(deserializer).map(|_| Faulty)
    }
}

#[get("/faulty")]
fn faulty(user: User<Faulty>) -> String {
    user.sub().to_owned()
}

#[rocket::async_test]
async fn a_panic_in_a_guard_is_a_500_of_that_request() {
    let app = TestApp::start(pages().mount("/", routes![faulty])).await;
    let (alice, bob) = (signed_in(&app, ALICE).await, signed_in(&app, BOB).await);
    PANICS.store(true, Ordering::SeqCst);
    let (faulty, protected) = (app.url("/faulty"), app.url("/protected"));
    let at_once = (0..20).map(|n| {
        let (alice, bob, faulty, protected) = (&alice, &bob, &faulty, &protected);
        async move {
            match n % 2 {
                0 => assert_eq!(alice.navigate(faulty).await.status(), 500),
                _ => assert_eq!(bob.navigate(protected).await.text(), BOB),
            }
        }
    });
    join_all(at_once).await;
    PANICS.store(false, Ordering::SeqCst);
    // No lock is poisoned, nobody is signed out, and signing in works.
    assert_eq!(alice.navigate(&faulty).await.text(), ALICE);
    assert_eq!(bob.navigate(&protected).await.text(), BOB);
    signed_in(&app, ALICE).await;
}

/// Rocket waits for a request's head as long as it takes, so a proxy in front
/// has to limit that (see the production guide). Until memory or file descriptors are used up,
/// it costs nobody anything.
#[rocket::async_test]
async fn a_thousand_silent_connections_leave_the_app_answering() {
    let app = TestApp::start(pages()).await;
    let begun: [&[u8]; 3] = [
        b"",
        b"GET /protected HTTP/1.1\r\nHost: localhost\r\nX-Slow: ",
        b"POST /callback HTTP/1.1\r\nHost: localhost\r\nContent-Type: \
          application/x-www-form-urlencoded\r\nContent-Length: 1000\r\n\r\ncode=",
    ];
    let mut silent = Vec::new();
    for n in 0..1000 {
        let address = ("127.0.0.1", app.app.port());
        let mut connection = TcpStream::connect(address).await.expect("a connection");
        connection.write_all(begun[n % 3]).await.expect("sent");
        silent.push(connection);
    }
    let browser = timeout(Duration::from_secs(20), signed_in(&app, ALICE)).await;
    let browser = browser.expect("a sign-in beside them");
    assert_eq!(browser.navigate(app.url("/")).await.text(), ALICE);
    // They are still being waited for.
    let mut byte = [0];
    for connection in &mut silent[..3] {
        let read = timeout(Duration::from_millis(50), connection.read(&mut byte)).await;
        assert!(read.is_err(), "answered or closed: {read:?}");
    }
}

#[rocket::async_test]
async fn a_stop_in_the_middle_of_a_sign_in_waits_for_it() {
    let mut tenant = Tenant::start(&[]).await;
    tenant.provider.hooks().sign_in_as(Some(ALICE));
    let browser = Browser::new();
    let start = browser.navigate(tenant.url("/sign-in")).await;
    assert_eq!(start.status(), 303, "{}", start.text());
    let answer = browser.follow(&start).await;

    tenant
        .provider
        .hooks()
        .delay(Endpoint::Token, Duration::from_millis(1200));
    let stop = async {
        asked(&tenant.provider, Endpoint::Token, 1).await;
        tenant.app.signal("TERM");
    };
    let (finished, ()) = rocket::tokio::join!(browser.follow(&answer), stop);
    assert_eq!(finished.status(), 303, "{}", finished.text());
    assert_eq!(finished.location().expect("a Location").path(), "/");
    assert!(session_cookie(&browser).is_some(), "signed in");
    tenant.app.wait_for_exit().await;
    let said = tenant.app.output();
    assert!(said.contains("shutdown"), "{said}");
}
