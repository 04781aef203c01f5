//! Sessions in Redis: the browser has an opaque pointer, Redis has what it
//! cannot read, and a Redis that is away harms nobody for longer than that.

use std::cell::Cell;
use std::process::Command;
use std::time::{Duration, Instant};

use logto_dev_provider::Endpoint;
use rocket::figment::value::Dict;
use rocket::futures::future::join_all;
use rocket::tokio::time::sleep;
use rocket_logto::{LockStore, Logto, Record, RedisStore, SessionStore, TokenStore};
use serde_json::Value;

use crate::support::app::{ALICE, BOB, TestApp};
use crate::support::browser::{Browser, Response};
use crate::support::clock::clock;
use crate::support::eventually::{asked, eventually};
use crate::support::redis::Redis;
use crate::support::serve::{Process, free_port};
use crate::support::sessions::{rocket, rocket_with_key, session_table, sign_out, signed_in, who};

const CANARY: &str = "canary-5e55";

async fn start() -> (Redis, TestApp) {
    let redis = Redis::start().await;
    let app = TestApp::with(redis.table(), rocket()).await;
    (redis, app)
}

/// What Redis being away looks like to a person and to a program.
fn is_unavailable(page: &Response, case: &str) {
    assert_eq!(page.status(), 503, "{case}: {}", page.text());
    assert_eq!(page.header("retry-after"), Some("5"), "{case}");
    assert_eq!(page.header("cache-control"), Some("no-store"), "{case}");
    assert!(!page.text().contains("redis"), "{case}: {}", page.text());
    let content_type = page.header("content-type").expect("a Content-Type");
    if content_type.starts_with("text/html") {
        let title = page.page().title;
        assert!(title.contains("not available right now"), "{case}: {title}");
    } else {
        assert_eq!(content_type, "application/json", "{case}");
        let body: Value = page.json();
        assert_eq!(body["error"], "Session store unavailable", "{case}");
        assert!(body["reference"].is_string(), "{case}: {body}");
    }
}

async fn recovers(browser: &Browser, url: String) -> Response {
    let end = Instant::now() + Duration::from_secs(15);
    loop {
        let page = browser.navigate(&url).await;
        if page.status() != 503 {
            return page;
        }
        assert!(Instant::now() < end, "it does not recover by itself");
        sleep(Duration::from_millis(50)).await;
    }
}

#[rocket::async_test]
async fn a_whole_visit() {
    let (redis, app) = start().await;
    let browser = signed_in(&app, ALICE).await;
    let cookie = browser.cookie("logto_session").expect("a cookie");
    assert!(cookie.value.len() < 256, "{}", cookie.value.len());
    let mut cookies = browser.cookies();
    cookies.retain(|cookie| cookie.name.contains("logto_"));
    assert_eq!(cookies, [cookie]);

    assert_eq!(browser.navigate(app.url("/userinfo")).await.text(), ALICE);
    let refreshed = browser.post_form(app.url("/refresh"), &[]).await;
    assert_eq!(refreshed.text(), ALICE);
    assert_eq!(browser.navigate(app.url("/userinfo")).await.text(), ALICE);
    assert!(
        redis
            .key(":session:")
            .starts_with("logto:test-app:session:")
    );

    let copy = browser.clone();
    let page = sign_out(&browser, &app).await;
    assert_eq!(page.status(), 303);
    assert_eq!(browser.cookie("logto_session"), None);
    assert_eq!(who(&browser, app.url("/protected")).await, None);
    assert_eq!(who(&copy, app.url("/protected")).await, None, "a copy");
    let left: Vec<_> = redis
        .keys()
        .into_iter()
        .filter(|key| !key.contains(":lock:"))
        .collect();
    assert_eq!(left, [""; 0]);
    assert_eq!(browser.violations(), []);
}

#[rocket::async_test]
async fn signing_in_again_ends_the_session_before() {
    let (redis, app) = start().await;
    let browser = Browser::new();
    // A tab in which a sign-in was begun, and left.
    let tab = browser.navigate_following(app.url("/protected"), 10).await;
    let tab = tab.last().expect("the provider's page");
    let page = app.sign_in(&browser, "/protected", ALICE).await;
    assert_eq!(page.text(), ALICE);
    let before = browser.clone();
    let key = redis.key(":session:");
    let button = browser.submit(tab, BOB, &[]).await;
    let page = browser.follow_all(button, 10).await.pop();
    assert_eq!(page.expect("a page").text(), BOB);
    assert_ne!(redis.key(":session:"), key);
    assert_eq!(who(&before, app.url("/protected")).await, None);
    assert_eq!(
        who(&browser, app.url("/protected")).await.as_deref(),
        Some(BOB)
    );
}

#[rocket::async_test]
async fn redis_can_read_nothing_of_it() {
    let redis = Redis::start().await;
    let app = TestApp::with(redis.table(), rocket()).await;
    app.provider.hooks().token_prefix(CANARY);
    app.provider.hooks().id_token(|_, claims| {
        claims.insert("secret".into(), CANARY.into());
    });
    let browser = signed_in(&app, ALICE).await;
    assert_eq!(browser.navigate(app.url("/userinfo")).await.text(), ALICE);
    assert_eq!(
        browser.post_form(app.url("/refresh"), &[]).await.text(),
        ALICE
    );
    let held = redis.dump();
    assert!(
        held.contains(":session:") && held.contains("\ntoken:"),
        "{held}"
    );
    // No token, no claim: neither in clear nor as a JWT (`eyJ`) nor in base64.
    let id_token_part = "Y2FuYXJ5LTVlNT";
    for secret in [
        CANARY,
        "eyJ",
        id_token_part,
        "Alice",
        "alice@",
        "refresh_token",
    ] {
        assert!(!held.contains(secret), "{secret:?} in {held}");
    }
    // What stands in Redis is no use to those who have it: the pointer is not the key
    // alone.
    let id = redis
        .key(":session:")
        .rsplit(':')
        .next()
        .expect("an id")
        .to_owned();
    let page = Browser::new();
    let request = page
        .request(reqwest::Method::GET, app.url("/"))
        .navigation();
    let forged = format!("logto_session={id}");
    let page = request.cookie_header_override(forged).send().await;
    assert_eq!(page.text(), "nobody");
}

/// Neither the names of keys nor what they hold say whose they are.
#[rocket::async_test]
async fn redis_can_read_no_name_of_anybody() {
    let redis = Redis::start().await;
    let store = RedisStore::new(&redis.url(), "app").expect("a store");
    let hour = Duration::from_secs(3600);
    let mine = Record::new("the-id", "the-sub", "sealed", hour).with_sid("the-sid");
    store.create(&mine).await.expect("a session");
    // What the app gives as owners is random or encrypted.
    assert_eq!(store.lock("the-lock", "sealed", hour).await, Ok(true));
    store
        .put_token("the-id", "name", "sealed")
        .await
        .expect("kept");
    assert_eq!(store.save(&mine.with_version(1)).await, Ok(true));
    let held = redis.dump();
    for kind in [":session:", ":sub:", ":sid:", ":lock:"] {
        assert!(held.contains(kind), "{held}");
    }
    assert!(!held.contains("the-"), "{held}");
    // As the app does it, too.
    let app = TestApp::with(redis.table(), rocket()).await;
    let browser = signed_in(&app, ALICE).await;
    assert_eq!(browser.navigate(app.url("/userinfo")).await.text(), ALICE);
    assert!(!redis.dump().contains(ALICE));
}

/// Anybody can begin a sign-in and make codes up.
#[rocket::async_test]
async fn a_code_that_is_refused_leaves_nothing_for_longer_than_seconds() {
    let (redis, app) = start().await;
    let locks = || {
        let mut keys = redis.keys();
        keys.retain(|key| key.contains(":lock:"));
        keys
    };
    for n in 0..5 {
        let (browser, back) = app.on_the_way_back(ALICE).await;
        let mut callback = back.location().expect("the callback");
        let made_up = callback.query_pairs().map(|(name, value)| {
            let value = match &*name {
                "code" => format!("made-up-{n}"),
                _ => value.into_owned(),
            };
            (name.into_owned(), value)
        });
        let made_up: Vec<_> = made_up.collect();
        callback.query_pairs_mut().clear().extend_pairs(made_up);
        let page = browser.navigate(callback.as_str()).await;
        assert!(page.status() >= 400, "{}", page.status());
        assert_eq!(browser.cookie("logto_session"), None);
    }
    for key in locks() {
        let left = redis.ttl(&key);
        assert!(left <= 3000, "{key} for {left} ms");
    }
    eventually("nothing is left", async || redis.keys().is_empty()).await;

    // One that was good is remembered as long as it could be used.
    let (browser, back) = app.on_the_way_back(ALICE).await;
    let callback = back.location().expect("the callback").to_string();
    let twice = browser.clone();
    assert_eq!(
        browser
            .follow_all(back, 10)
            .await
            .last()
            .expect("a page")
            .text(),
        ALICE
    );
    let held = locks();
    // And so is the session that it has made.
    assert_eq!(held.len(), 2, "{held:?}");
    for key in &held {
        assert!(redis.ttl(key) > 590_000, "{}", redis.ttl(key));
    }
    app.provider.clear_requests();
    let page = twice.navigate(&callback).await;
    assert!(page.status() >= 400, "{}", page.status());
    assert_eq!(app.provider.requests_to(Endpoint::Token).len(), 0);
}

/// A session in a cookie knows nothing of ends that other instances have seen,
/// so none counts where there is a store: neither one from before the app had
/// Redis, nor one from an instance that has lost its configuration.
#[rocket::async_test]
async fn a_session_in_a_cookie_counts_for_nothing() {
    let key = "a".repeat(64);
    let redis = Redis::start().await;
    let with_key = || rocket_with_key(&key);
    // One app of one provider, so that the store is all that differs.
    let mut app = TestApp::start(with_key()).await;
    let of_a_cookie = signed_in(&app, ALICE).await;
    app.restart(redis.table(), with_key()).await;
    for _ in 0..2 {
        // Once more, since what a cookie says is remembered.
        assert_eq!(who(&of_a_cookie, app.url("/protected")).await, None);
    }
    let of_the_store = signed_in(&app, BOB).await;

    app.restart(Dict::new(), with_key()).await;
    let still = who(&of_a_cookie, app.url("/protected")).await;
    assert_eq!(still.as_deref(), Some(ALICE), "nobody took it away");
    // And what points to Redis is nobody's where there is none.
    assert_eq!(who(&of_the_store, app.url("/protected")).await, None);
}

#[rocket::async_test]
async fn records_and_indexes_end_with_the_session() {
    let redis = Redis::start().await;
    let store = Dict::from([("redis".to_owned(), redis.url().into())]);
    let session = Dict::from([
        ("idle".to_owned(), "1h".into()),
        ("store".to_owned(), store.into()),
    ]);
    let table = Dict::from([("session".to_owned(), session.into())]);
    let app = TestApp::with(table, rocket()).await;
    let _browser = signed_in(&app, ALICE).await;
    let keys: Vec<_> = redis
        .keys()
        .into_iter()
        .filter(|key| !key.contains(":lock:"))
        .collect();
    assert_eq!(keys.len(), 2, "{keys:?}");
    for key in keys {
        let left = redis.ttl(&key);
        assert!((3_500_000..=3_600_000).contains(&left), "{key}: {left} ms");
    }
}

#[rocket::async_test]
async fn a_redis_that_is_down_is_503_until_it_is_back() {
    let (mut redis, app) = start().await;
    let browser = signed_in(&app, ALICE).await;
    let cookies = browser.cookie_header(app.url("/")).expect("cookies");
    // Somebody who is about to come back from the provider.
    let half = Browser::new();
    let page = half
        .navigate_following(app.url("/protected"), 10)
        .await
        .pop();
    assert_eq!(Browser::new().get(app.url("/readyz")).await.status(), 200);
    redis.stop();

    for path in ["/protected", "/userinfo"] {
        is_unavailable(&browser.navigate(app.url(path)).await, path);
        is_unavailable(&browser.fetch_json(app.url(path)).await, path);
    }
    is_unavailable(&browser.post_form(app.url("/refresh"), &[]).await, "POST");
    let page_with_nobody = browser.navigate(app.url("/public")).await;
    assert_eq!(
        (page_with_nobody.status(), page_with_nobody.text().as_str()),
        (200, "public")
    );
    // Who does without a user is not told of it; nor may a cache keep that answer.
    let home = browser.navigate(app.url("/")).await;
    assert_eq!((home.status(), home.text().as_str()), (200, "nobody"));
    assert_eq!(home.header("cache-control"), Some("no-store"));
    // Nobody without a cookie needs Redis.
    assert_eq!(who(&Browser::new(), app.url("/protected")).await, None);
    // The cookies are as they were.
    assert_eq!(browser.cookie_header(app.url("/")), Some(cookies));

    let button = half
        .submit(&page.expect("the provider's page"), BOB, &[])
        .await;
    let callback = half.follow_all(button, 10).await.pop().expect("a page");
    is_unavailable(&callback, "callback");
    assert_eq!(half.cookie("logto_session"), None, "a session half made");
    let exchanged = app.provider.requests_to(Endpoint::Token).len();
    assert_eq!(exchanged, 1, "the code was used up");

    let ready = Browser::new().get(app.url("/readyz")).await;
    assert_eq!(ready.status(), 503);
    assert_eq!(ready.json::<Value>()["session_store"], false);
    assert_eq!(ready.json::<Value>()["provider"], true);
    assert_eq!(Browser::new().get(app.url("/healthz")).await.status(), 200);

    // It comes back without its memory: everybody signs in again, in peace.
    redis.restart().await;
    let page = recovers(&browser, app.url("/protected")).await;
    assert_eq!(page.status(), 303);
    assert_eq!(Browser::new().get(app.url("/readyz")).await.status(), 200);
    // A user who was on the way back reloads, and is signed in.
    let hops = half.navigate_following(callback.url(), 10).await;
    assert_eq!(hops.last().expect("a page").text(), BOB);
    for (browser, user) in [(&browser, ALICE), (&half, BOB)] {
        let hops = browser.navigate_following(app.url("/protected"), 10).await;
        assert_eq!(hops.last().expect("a page").text(), user);
        assert_eq!(browser.violations(), []);
    }
}

#[rocket::async_test]
async fn a_redis_that_does_not_answer_is_503_and_holds_up_nobody_else() {
    let (redis, app) = start().await;
    let browser = signed_in(&app, ALICE).await;
    redis.pause();
    let (start, guarded_wait) = (Instant::now(), Cell::new(true));
    let others = async {
        // These have nothing to do with a session, and do not wait.
        let mut served = 0;
        while guarded_wait.get() {
            assert_eq!(browser.navigate(app.url("/public")).await.text(), "public");
            assert_eq!(Browser::new().navigate(app.url("/")).await.text(), "nobody");
            served += 1;
        }
        served
    };
    let guarded = async {
        let pages = join_all((0..10).map(|_| browser.navigate(app.url("/protected")))).await;
        guarded_wait.set(false);
        (pages, start.elapsed())
    };
    let ((pages, guarded_took), served) = rocket::tokio::join!(guarded, others);
    // One may have come first, and one be answered last.
    assert!(served > 2, "{served} were served in that time");
    for page in &pages {
        is_unavailable(page, "paused");
    }
    println!("{served} public pages while guarded ones took {guarded_took:?}");
    // The limit is one second; the rest is a slow machine.
    assert!(guarded_took < Duration::from_secs(8), "{guarded_took:?}");
    redis.resume();
    // It has forgotten nothing.
    let page = recovers(&browser, app.url("/protected")).await;
    assert_eq!((page.status(), page.text().as_str()), (200, ALICE));
}

#[rocket::async_test]
async fn a_redis_that_starts_after_the_app_is_found() {
    let mut redis = Redis::nobody();
    let app = TestApp::with(redis.table(), rocket()).await;
    assert_eq!(Browser::new().get(app.url("/readyz")).await.status(), 503);
    redis.restart().await;
    eventually("ready", async || {
        Browser::new().get(app.url("/readyz")).await.status() == 200
    })
    .await;
    signed_in(&app, ALICE).await;
}

#[rocket::async_test]
async fn requests_side_by_side_refresh_once() {
    let (_redis, app) = start().await;
    // Expired at once, so that the next request needs a new one.
    app.provider.hooks().token_lifetime(Duration::ZERO);
    app.provider.hooks().rotate_refresh_tokens(true);
    let browser = signed_in(&app, ALICE).await;
    assert_eq!(app.provider.requests_to(Endpoint::Token).len(), 1);
    // The new one serves late requests, too.
    let hooks = app.provider.hooks();
    hooks.token_lifetime(Duration::from_secs(3600));
    hooks.delay(Endpoint::Token, Duration::from_secs(1));
    let pages = join_all((0..20).map(|_| browser.navigate(app.url("/userinfo")))).await;
    for page in pages {
        assert_eq!((page.status(), page.text().as_str()), (200, ALICE));
    }
    assert_eq!(app.provider.requests_to(Endpoint::Token).len(), 2);
}

#[rocket::async_test]
async fn what_ends_during_a_refresh_does_not_come_back() {
    let (redis, app) = start().await;
    let browser = signed_in(&app, ALICE).await;
    let elsewhere = browser.clone();
    let held = app.provider.hooks().hold(Endpoint::Token);
    let refresh = browser.post_form(app.url("/refresh"), &[]);
    let end = async {
        // The refresh is under way.
        asked(&app.provider, Endpoint::Token, 2).await;
        // As another instance does it: this one knows nothing of it.
        let key = redis.key(":session:");
        redis.command(&["DEL", &key]);
        drop(held);
    };
    let (page, ()) = rocket::tokio::join!(refresh, end);
    assert_eq!(page.status(), 401, "{}", page.text());
    assert!(
        redis.keys().iter().all(|key| !key.contains(":session:")),
        "{}",
        redis.dump()
    );
    for browser in [&browser, &elsewhere] {
        assert_eq!(who(browser, app.url("/protected")).await, None);
    }
}

#[rocket::async_test]
async fn a_sign_out_that_redis_does_not_hear_of_says_so() {
    let (mut redis, app) = start().await;
    let browser = signed_in(&app, ALICE).await;
    redis.stop();
    let page = sign_out(&browser, &app).await;
    is_unavailable(&page, "sign-out");
    // A person has pressed a button.
    let links = page.page().links;
    assert!(
        links.iter().any(|link| link.text == "Go to the home page"),
        "{links:?}"
    );
    assert_eq!(app.provider.requests_to(Endpoint::Revocation).len(), 0);
}

/// Everything can be read, and only that it was used cannot be written down.
#[rocket::async_test]
async fn a_session_that_can_only_be_read_is_one() {
    let clock = clock!();
    let redis = Redis::start().await;
    let fairing = Logto::fairing().with_clock(clock.read);
    let app = TestApp::with_fairing(redis.table(), fairing, rocket()).await;
    let alice = signed_in(&app, ALICE).await;
    redis.command(&["REPLICAOF", "127.0.0.1", "1"]);
    for _ in 0..2 {
        clock.advance(&app.provider, 61);
        let page = alice.navigate(app.url("/protected")).await;
        assert_eq!(page.text(), ALICE);
    }
}

/// As a replica, or a disk that is full, makes it: everything can be read.
#[rocket::async_test]
async fn a_redis_that_takes_nothing_uses_nothing_up() {
    let (redis, app) = start().await;
    let alice = signed_in(&app, ALICE).await;
    let copy = alice.clone();
    let (bob, back) = app.on_the_way_back(BOB).await;
    let callback = back.location().expect("the callback").to_string();
    app.provider.clear_requests();

    redis.command(&["REPLICAOF", "127.0.0.1", "1"]);
    let ready = alice.get(app.url("/readyz")).await;
    assert_eq!(ready.status(), 503, "{}", ready.text());
    assert_eq!(alice.navigate(app.url("/protected")).await.text(), ALICE);
    is_unavailable(&sign_out(&alice, &app).await, "sign-out");
    assert_eq!(
        who(&alice, app.url("/protected")).await.as_deref(),
        Some(ALICE)
    );
    is_unavailable(&bob.navigate(&callback).await, "callback");
    assert_eq!(app.provider.requests_to(Endpoint::Token).len(), 0);
    assert_eq!(app.provider.requests_to(Endpoint::Revocation).len(), 0);

    // The same again, and all is well.
    redis.command(&["REPLICAOF", "NO", "ONE"]);
    assert_eq!(alice.get(app.url("/readyz")).await.status(), 200);
    assert_eq!(sign_out(&alice, &app).await.status(), 303);
    assert_eq!(app.provider.requests_to(Endpoint::Revocation).len(), 1);
    for browser in [&alice, &copy] {
        assert_eq!(who(browser, app.url("/protected")).await, None);
    }
    let page = bob.navigate_following(&callback, 3).await.pop();
    assert_eq!(page.expect("a page").text(), BOB);
}

#[rocket::async_test]
async fn sessions_can_go_through_a_unix_socket() {
    let socket = std::env::temp_dir().join(format!("logto-{}.sock", free_port()));
    let socket = socket.to_str().expect("a UTF-8 path");
    let mut redis = Process::spawn(
        Command::new("redis-server")
            .args(["--port", "0", "--unixsocket", socket])
            .args(["--save", "", "--appendonly", "no"])
            .current_dir(std::env::temp_dir()),
    );
    redis.wait_for_output("to accept connections").await;
    for scheme in ["unix", "redis+unix"] {
        let store = Dict::from([("redis".to_owned(), format!("{scheme}://{socket}").into())]);
        let app = TestApp::with(session_table("store", store), rocket()).await;
        let browser = signed_in(&app, ALICE).await;
        let cookie = browser.cookie("logto_session").expect("a cookie");
        assert!(cookie.value.len() < 256, "{}", cookie.value.len());
    }
    drop(redis);
    std::fs::remove_file(socket).ok();
}

/// The claim reached Redis, and only its answer came too late.
#[rocket::async_test]
async fn a_redis_that_answers_too_late_uses_nothing_up() {
    let (redis, app) = start().await;
    let (bob, back) = app.on_the_way_back(BOB).await;
    let callback = back.location().expect("the callback").to_string();
    app.provider.clear_requests();

    redis.pause();
    is_unavailable(&bob.navigate(&callback).await, "callback");
    redis.resume();
    let page = recovers(&bob, callback).await;
    assert_eq!(page.status(), 303, "{}", page.text());
    assert_eq!(who(&bob, app.url("/protected")).await.as_deref(), Some(BOB));
    assert_eq!(app.provider.requests_to(Endpoint::Token).len(), 1);
}
