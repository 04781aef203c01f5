//! Sessions in a Redis whose master Sentinels choose: the app follows it, and what
//! an empty server says signs nobody out.

use std::time::Duration;

use rocket::figment::value::{Dict, Value};
use rocket::tokio::time::sleep;
use rocket_logto::testing::session_store_conformance;
use rocket_logto::{Record, RedisServers, RedisStore, SessionStore, StoreError};

use crate::support::app::{ALICE, TestApp};
use crate::support::eventually::eventually;
use crate::support::redis_sentinels::{RedisSentinels, SERVICE};
use crate::support::session_load::Load;
use crate::support::sessions::{rocket, session_table, signed_in};

const HOUR: Duration = Duration::from_secs(3600);

fn why(error: Option<StoreError>) -> String {
    match error {
        Some(StoreError::Unavailable(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[rocket::async_test]
async fn the_store_behind_sentinels_keeps_its_promises() {
    let redis = RedisSentinels::start().await;
    let servers = redis.servers();
    let store = RedisStore::at(&servers, "app").expect("a store");
    session_store_conformance(async || store.clone()).await;
}

/// The master dies, another one takes its place, and it comes back: for some seconds
/// with nothing in it, and calling itself master.
#[rocket::async_test]
async fn a_master_that_dies_under_load_signs_nobody_out() {
    let mut redis = RedisSentinels::start().await;
    let load = Load::start(&redis.servers(), 200).await;
    sleep(Duration::from_millis(300)).await;
    let rest = load.rest(&redis.nodes[0]).await;
    redis.nodes[0].kill();
    drop(rest);
    redis.is_master(1).await;
    redis.nodes[0].restart().await;
    let info = redis.nodes[0].command(&["INFO", "replication"]);
    println!("back as {:?}", info.lines().nth(2));
    let seen = load.finish().await;
    assert_eq!(seen.signed_out, [""; 0]);
    assert!(seen.unavailable > 0, "nothing has happened");
    assert!(seen.longest < Duration::from_secs(20), "{:?}", seen.longest);
}

/// It hangs until another one has taken its place, and goes on as if nothing had been.
#[rocket::async_test]
async fn a_master_that_hangs_and_wakes_up_signs_nobody_out() {
    let redis = RedisSentinels::start().await;
    let load = Load::start(&redis.servers(), 200).await;
    sleep(Duration::from_millis(300)).await;
    let rest = load.rest(&redis.nodes[0]).await;
    redis.nodes[0].pause();
    drop(rest);
    redis.is_master(1).await;
    // New sessions are created, of which it knows nothing.
    let before = load.created();
    eventually("sessions are created at the new master", async || {
        load.created() > before + 5
    })
    .await;
    redis.nodes[0].resume();
    let seen = load.finish().await;
    assert_eq!(seen.signed_out, [""; 0]);
    assert!(seen.longest < Duration::from_secs(20), "{:?}", seen.longest);
}

/// A connection to the old master is open and nothing was sent over it meanwhile.
#[rocket::async_test]
async fn what_an_old_master_does_not_know_is_no_answer() {
    let redis = RedisSentinels::start().await;
    let [quiet, busy] = [(); 2].map(|()| RedisStore::at(&redis.servers(), "app").expect("a store"));
    let first = Record::new("first", "sub", "data", HOUR);
    quiet.create(&first).await.expect("a session");
    assert_eq!(busy.load("first").await, Ok(Some("data".into())));
    redis.nodes[0].pause();
    redis.is_master(1).await;
    let later = Record::new("later", "sub", "data", HOUR);
    eventually("a session is created at the new master", async || {
        busy.create(&later).await.is_ok()
    })
    .await;
    redis.nodes[0].resume();
    for _ in 0..200 {
        let loaded = quiet.load("later").await;
        assert_ne!(loaded, Ok(None), "it would have signed the user out");
        sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(quiet.load("later").await, Ok(Some("data".into())));
    assert_eq!(quiet.load("never").await, Ok(None), "and this is one");
}

#[rocket::async_test]
async fn a_planned_failover_costs_seconds_and_no_session() {
    let redis = RedisSentinels::start().await;
    let load = Load::start(&redis.servers(), 100).await;
    sleep(Duration::from_millis(300)).await;
    let said = redis.ask(0, &["SENTINEL", "FAILOVER", SERVICE]);
    assert!(!said.starts_with('-'), "{said}");
    redis.is_master(1).await;
    let seen = load.finish().await;
    assert_eq!(seen.signed_out, [""; 0]);
    assert!(seen.longest < Duration::from_secs(12), "{:?}", seen.longest);
}

/// A store with the session `a`.
async fn with_a_session(redis: &RedisSentinels) -> RedisStore {
    let store = RedisStore::at(&redis.servers(), "app").expect("a store");
    let session = Record::new("a", "sub", "data", HOUR);
    store.create(&session).await.expect("a session");
    store
}

/// It restarts, empty, before anybody has noticed that it was away.
#[rocket::async_test]
async fn a_master_that_has_lost_its_data_is_not_believed_at_once() {
    let mut redis = RedisSentinels::start().await;
    let store = with_a_session(&redis).await;
    // The replica is not there to take over.
    redis.nodes[1].kill();
    redis.nodes[0].restart().await;
    let begun = std::time::Instant::now();
    let mut said = Vec::new();
    let lost = loop {
        match store.load("a").await {
            Ok(None) => break begun.elapsed(),
            Ok(Some(_)) => panic!("nobody has it"),
            Err(error) => said.push(why(Some(error))),
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "{said:?}");
        sleep(Duration::from_millis(50)).await;
    };
    assert!(lost > Duration::from_secs(8), "after {lost:?}");
    let doubt = "Redis: the master does not hold the data of the one before it";
    assert!(said.iter().any(|why| why == doubt), "{said:?}");
    let lines = crate::support::log::lines_with("the sessions are lost, everybody has to sign in");
    assert!(!lines.is_empty());
    // From then on it is as good as any.
    let again = Record::new("a", "sub", "again", HOUR);
    store.create(&again).await.expect("a session");
    assert_eq!(store.load("a").await, Ok(Some("again".into())));
}

#[rocket::async_test]
async fn a_sentinel_that_is_away_matters_only_to_no_such_session() {
    let mut redis = RedisSentinels::start().await;
    let store = with_a_session(&redis).await;
    redis.stop_sentinel(2);
    assert_eq!(store.load("never").await, Ok(None), "two of three say so");
    redis.stop_sentinel(1);
    assert_eq!(store.load("a").await, Ok(Some("data".into())));
    let doubt = why(store.load("never").await.err());
    assert_eq!(doubt, "Redis: most of the Sentinels do not answer");
    assert_eq!(store.load("a").await, Ok(Some("data".into())));
    // A new instance needs one of them.
    let another = RedisStore::at(&redis.servers(), "app").expect("a store");
    assert_eq!(another.load("a").await, Ok(Some("data".into())));
    redis.stop_sentinel(0);
    assert_eq!(store.load("a").await, Ok(Some("data".into())));
    let another = RedisStore::at(&redis.servers(), "app").expect("a store");
    let none = why(another.load("a").await.err());
    assert_eq!(none, "Redis: connection refused");
}

#[rocket::async_test]
async fn what_is_wrong_with_sentinels_is_named() {
    let redis = RedisSentinels::start().await;
    let unknown = RedisServers::sentinel(redis.urls(), "another");
    let store = RedisStore::at(&unknown, "app").expect("a store");
    let unknown = why(store.load("a").await.err());
    assert!(
        unknown.contains("do not know the service of session.store"),
        "{unknown}"
    );
    let no_sentinel = RedisServers::sentinel([redis.nodes[0].url()], SERVICE);
    let store = RedisStore::at(&no_sentinel, "app").expect("a store");
    let no_sentinel = why(store.load("a").await.err());
    assert!(no_sentinel.contains("Redis: "), "{no_sentinel}");
    let plain = RedisStore::new(&redis.urls()[0], "app").expect("a store");
    let plain = why(plain.load("a").await.err());
    assert!(plain.contains("Sentinels"), "{plain}");
    // The servers have a password that the Sentinels do not have.
    for node in &redis.nodes {
        node.command(&["CONFIG", "SET", "masterauth", "right"]);
    }
    redis.nodes[0].command(&["CONFIG", "SET", "requirepass", "right"]);
    let with = redis.servers().with_password("right");
    let store = RedisStore::at(&with, "app").expect("a store");
    assert_eq!(store.load("a").await, Ok(None));
    let without = RedisStore::at(&redis.servers(), "app").expect("a store");
    let without = why(without.load("a").await.err());
    assert!(without.contains("NOAUTH"), "{without}");
}

/// Over the wire, as the user sees it: never anything but the page or a 503.
#[rocket::async_test]
async fn a_user_is_still_signed_in_after_a_failover() {
    let mut redis = RedisSentinels::start().await;
    let store = Dict::from([
        ("redis_sentinel".to_owned(), Value::from(redis.urls())),
        ("service".to_owned(), SERVICE.into()),
    ]);
    let app = TestApp::with(session_table("store", store), rocket()).await;
    let browser = signed_in(&app, ALICE).await;
    let visit = async || {
        let page = browser.navigate(app.url("/protected")).await;
        match page.status() {
            200 => {
                assert_eq!(page.text(), ALICE);
                true
            }
            503 => false,
            other => panic!("{other}: {}", page.text()),
        }
    };
    assert!(visit().await);
    let master = &redis.nodes[0];
    eventually("the replica has it all", async || master.is_replicated()).await;
    redis.nodes[0].kill();
    eventually("the page is back", visit).await;
    redis.is_master(1).await;
    redis.nodes[0].restart().await;
    for _ in 0..100 {
        visit().await;
        sleep(Duration::from_millis(50)).await;
    }
    eventually("the page is there", visit).await;
    let refreshed = browser.post_form(app.url("/refresh"), &[]).await;
    assert_eq!(refreshed.text(), ALICE);
    let held: Vec<_> = redis.nodes[1].keys();
    assert!(held.iter().any(|key| key.contains(":session:")), "{held:?}");
}
