//! One conformance suite for every `SessionStore`: each promise is checked in
//! memory and in Redis.

use std::sync::Arc;
use std::time::Duration;

use rocket::futures::FutureExt;
use rocket::futures::future::join_all;
use rocket::tokio::time::sleep;
use rocket_logto::{MemoryStore, Record, RedisStore, SessionStore, StoreError};

use crate::support::eventually::eventually;
use crate::support::redis::Redis;

type Store = Arc<dyn SessionStore>;

const HOUR: Duration = Duration::from_secs(3600);
const SHORT: Duration = Duration::from_millis(150);
/// For what must be changed before it ends.
const NOT_SO_SHORT: Duration = Duration::from_secs(2);
const ITS_END: Duration = Duration::from_millis(2200);

/// Runs each promise on each store, as a test of its own.
macro_rules! on_every_store {
    ($($promise:ident),* $(,)?) => {
        mod in_memory {
            use super::*;
            $(
                #[rocket::async_test]
                async fn $promise() {
                    super::$promise(Arc::new(MemoryStore::new(1000))).await;
                }
            )*
        }

        mod in_redis {
            use super::*;
            $(
                #[rocket::async_test]
                async fn $promise() {
                    let redis = Redis::start().await;
                    let store = RedisStore::new(&redis.url(), "app").expect("a store");
                    super::$promise(Arc::new(store)).await;
                }
            )*
        }
    };
}

on_every_store![
    create_keeps_a_new_session_and_fails_on_collision,
    of_many_that_create_one_id_exactly_one_wins,
    save_replaces_what_is_there_and_its_lifetime,
    save_never_brings_back_what_has_ended,
    an_older_version_does_not_replace_a_newer_one,
    delete_ends_one_session,
    delete_by_sid_ends_those_with_it_only,
    delete_by_sub_ends_those_of_the_user_only,
    delete_by_sub_spares_what_was_begun_later,
    names_that_look_alike_are_not_the_same,
    notes_live_and_end_with_their_session,
    a_lock_is_exclusive_and_given_back_by_its_owner_only,
    a_lock_ends_by_itself,
    what_has_expired_is_gone,
    indexes_live_as_long_as_their_longest_session,
];

fn record(id: &str, sid: Option<&str>, sub: &str) -> Record {
    Record::new(id, sid, sub, format!("data of {id}"), HOUR)
}

fn lasting(id: &str, lifetime: Duration) -> Record {
    Record::new(id, Some("sid"), "sub", format!("data of {id}"), lifetime)
}

async fn data(store: &Store, id: &str) -> Option<String> {
    store.load(id).await.expect("the store answers")
}

/// Which of these sessions are there.
async fn live<'a>(store: &Store, ids: &[&'a str]) -> Vec<&'a str> {
    let mut live = Vec::new();
    for id in ids {
        if data(store, id).await.is_some() {
            live.push(*id);
        }
    }
    live
}

async fn create_keeps_a_new_session_and_fails_on_collision(store: Store) {
    assert_eq!(data(&store, "a").await, None);
    store.create(&record("a", None, "sub")).await.unwrap();
    assert_eq!(data(&store, "a").await.as_deref(), Some("data of a"));

    let other = Record::new("a", None, "somebody else", "other data", HOUR);
    assert_eq!(store.create(&other).await, Err(StoreError::Collision));
    assert_eq!(data(&store, "a").await.as_deref(), Some("data of a"));
    store
        .delete_by_sub("somebody else", i64::MAX)
        .await
        .unwrap();
    assert_eq!(live(&store, &["a"]).await, ["a"]);

    // Any text is kept as it is.
    let odd = "\0\r\n$5\u{1f980}\"'".repeat(5000);
    let large = Record::new("b", None, "sub", odd.clone(), HOUR);
    store.create(&large).await.unwrap();
    assert_eq!(data(&store, "b").await, Some(odd));
}

async fn of_many_that_create_one_id_exactly_one_wins(store: Store) {
    let attempts = (0..50).map(|n| {
        let store = store.clone();
        rocket::tokio::spawn(async move {
            let mine = Record::new("a", None, "sub", n.to_string(), HOUR);
            (n, store.create(&mine).await)
        })
    });
    let attempts: Vec<_> = attempts.collect();
    let mut winners = Vec::new();
    for attempt in attempts {
        match attempt.await.expect("no panic") {
            (n, Ok(())) => winners.push(n.to_string()),
            (_, Err(error)) => assert_eq!(error, StoreError::Collision),
        }
    }
    assert_eq!(winners.len(), 1, "{winners:?}");
    assert_eq!(data(&store, "a").await.as_ref(), winners.first());
}

async fn save_replaces_what_is_there_and_its_lifetime(store: Store) {
    store.create(&lasting("a", NOT_SO_SHORT)).await.unwrap();
    let next = Record::new("a", Some("sid"), "sub", "next", HOUR).at_version(1);
    assert_eq!(store.save(&next).await, Ok(true));
    sleep(ITS_END).await;
    assert_eq!(data(&store, "a").await.as_deref(), Some("next"));
    // The same version, used again.
    let rolled = Record::new("a", Some("sid"), "sub", "rolled", HOUR).at_version(1);
    assert_eq!(store.save(&rolled).await, Ok(true));
    assert_eq!(data(&store, "a").await.as_deref(), Some("rolled"));

    let shorter = Record::new("a", Some("sid"), "sub", "rolled", SHORT).at_version(1);
    assert_eq!(store.save(&shorter).await, Ok(true));
    sleep(SHORT * 2).await;
    assert_eq!(data(&store, "a").await, None);
}

async fn save_never_brings_back_what_has_ended(store: Store) {
    let ends: [(&str, &str); 4] = [
        ("never there", ""),
        ("deleted", "id"),
        ("by sid", "sid"),
        ("by sub", "sub"),
    ];
    for (case, by) in ends {
        let mine = record("a", Some("sid"), "sub");
        if !by.is_empty() {
            store.create(&mine).await.unwrap();
        }
        match by {
            "id" => store.delete("a").await.unwrap(),
            "sid" => store.delete_by_sid("sid").await.unwrap(),
            "sub" => store.delete_by_sub("sub", i64::MAX).await.unwrap(),
            _ => {}
        }
        assert_eq!(store.save(&mine.at_version(9)).await, Ok(false), "{case}");
        assert_eq!(data(&store, "a").await, None, "{case}");
    }
    store.create(&lasting("b", SHORT)).await.unwrap();
    sleep(SHORT * 2).await;
    assert_eq!(store.save(&lasting("b", HOUR)).await, Ok(false), "expired");
    assert_eq!(data(&store, "b").await, None, "expired");
}

async fn an_older_version_does_not_replace_a_newer_one(store: Store) {
    let at = |version: u32| {
        Record::new("a", None, "sub", format!("state {version}"), HOUR).at_version(version)
    };
    store.create(&at(9)).await.unwrap();
    assert_eq!(store.save(&at(10)).await, Ok(true));
    // 9 comes after 10 as text.
    assert_eq!(store.save(&at(9)).await, Ok(true));
    assert_eq!(data(&store, "a").await.as_deref(), Some("state 10"));
    assert_eq!(store.save(&at(11)).await, Ok(true));
    assert_eq!(data(&store, "a").await.as_deref(), Some("state 11"));
}

async fn delete_ends_one_session(store: Store) {
    for id in ["a", "b"] {
        store.create(&record(id, Some("sid"), "sub")).await.unwrap();
    }
    store.delete("a").await.unwrap();
    assert_eq!(live(&store, &["a", "b"]).await, ["b"]);
    store.delete("a").await.unwrap();
    store.delete("never there").await.unwrap();
    assert_eq!(live(&store, &["a", "b"]).await, ["b"]);
    // Its id is free again, and the new session is found by its names.
    store
        .create(&record("a", Some("other"), "sub"))
        .await
        .unwrap();
    store.delete_by_sid("sid").await.unwrap();
    assert_eq!(live(&store, &["a", "b"]).await, ["a"]);
    store.delete_by_sub("sub", i64::MAX).await.unwrap();
    assert_eq!(live(&store, &["a", "b"]).await, [""; 0]);
}

async fn several(store: &Store) -> [&'static str; 5] {
    for (id, sid, sub) in [
        ("a", Some("1"), "alice"),
        ("b", Some("1"), "alice"),
        ("c", Some("2"), "alice"),
        ("d", None, "alice"),
        ("e", Some("3"), "bob"),
    ] {
        store.create(&record(id, sid, sub)).await.unwrap();
    }
    ["a", "b", "c", "d", "e"]
}

async fn delete_by_sid_ends_those_with_it_only(store: Store) {
    let all = several(&store).await;
    store.delete_by_sid("nobody's").await.unwrap();
    // What has no sid has not the empty one either.
    store.delete_by_sid("").await.unwrap();
    assert_eq!(live(&store, &all).await, all);
    store.delete_by_sid("1").await.unwrap();
    assert_eq!(live(&store, &all).await, ["c", "d", "e"]);
    store.delete_by_sub("alice", i64::MAX).await.unwrap();
    assert_eq!(live(&store, &all).await, ["e"]);
}

async fn delete_by_sub_ends_those_of_the_user_only(store: Store) {
    let all = several(&store).await;
    store.delete_by_sub("nobody", i64::MAX).await.unwrap();
    assert_eq!(live(&store, &all).await, all);
    store.delete_by_sub("alice", i64::MAX).await.unwrap();
    assert_eq!(live(&store, &all).await, ["e"]);
    // A later session of hers is untouched by what is over.
    store
        .create(&record("f", Some("1"), "alice"))
        .await
        .unwrap();
    assert_eq!(live(&store, &["a", "f"]).await, ["f"]);
    store.delete_by_sid("1").await.unwrap();
    assert_eq!(live(&store, &["a", "e", "f"]).await, ["e"]);
}

async fn delete_by_sub_spares_what_was_begun_later(store: Store) {
    let begun = |id: &str, at| record(id, Some("sid"), "alice").begun_at(at);
    for (id, at) in [("a", 99), ("b", 100), ("c", 101)] {
        store.create(&begun(id, at)).await.unwrap();
    }
    // A refresh is no beginning.
    let refreshed = begun("b", 100).at_version(1);
    assert_eq!(store.save(&refreshed).await, Ok(true));
    store.delete_by_sub("alice", 100).await.unwrap();
    assert_eq!(live(&store, &["a", "b", "c"]).await, ["c"]);
    // And it can still be found.
    store.delete_by_sub("alice", 101).await.unwrap();
    assert_eq!(live(&store, &["c"]).await, [""; 0]);
}

async fn names_that_look_alike_are_not_the_same(store: Store) {
    store.create(&record("a", Some("x"), "y")).await.unwrap();
    for name in ["", "*", "A", "X", "a:", "session:a", "a*", "?", "[a]"] {
        store.delete(name).await.unwrap();
        store.delete_by_sid(name).await.unwrap();
        store.delete_by_sub(name, i64::MAX).await.unwrap();
        assert_eq!(live(&store, &["a"]).await, ["a"], "{name:?}");
    }
    store.delete_by_sid("y").await.unwrap();
    store.delete_by_sub("x", i64::MAX).await.unwrap();
    assert_eq!(
        live(&store, &["a"]).await,
        ["a"],
        "sid and sub are mixed up"
    );
}

async fn notes_live_and_end_with_their_session(store: Store) {
    let note = async |id, name| store.note(id, name).await.expect("the store answers");
    store.put_note("a", "n", "lost").await.unwrap();
    assert_eq!(note("a", "n").await, None);
    let mine = record("a", None, "sub");
    store.create(&mine).await.unwrap();
    assert_eq!(note("a", "n").await, None, "kept without a session");

    store.create(&record("b", None, "sub")).await.unwrap();
    for (name, text) in [("n", "one"), ("m", "two"), ("n", "three"), ("data", "four")] {
        store.put_note("a", name, text).await.unwrap();
    }
    store.put_note("b", "n", "b's").await.unwrap();
    assert_eq!(note("a", "n").await.as_deref(), Some("three"));
    assert_eq!(note("a", "m").await.as_deref(), Some("two"));
    assert_eq!(data(&store, "a").await.as_deref(), Some("data of a"));

    store.clear_notes("a").await.unwrap();
    store.clear_notes("never there").await.unwrap();
    assert_eq!((note("a", "n").await, note("a", "m").await), (None, None));
    assert_eq!(note("b", "n").await.as_deref(), Some("b's"));
    assert_eq!(data(&store, "a").await.as_deref(), Some("data of a"));

    store.put_note("a", "n", "four").await.unwrap();
    assert_eq!(store.save(&mine.clone().at_version(1)).await, Ok(true));
    assert_eq!(note("a", "n").await.as_deref(), Some("four"));
    store.delete("a").await.unwrap();
    assert_eq!(note("a", "n").await, None);
    store.create(&mine).await.unwrap();
    assert_eq!(note("a", "n").await, None, "came back with its id");
}

async fn a_lock_is_exclusive_and_given_back_by_its_owner_only(store: Store) {
    let attempts = (0..50).map(|n| {
        let store = store.clone();
        rocket::tokio::spawn(async move { store.lock("l", &n.to_string(), HOUR).await })
    });
    let attempts: Vec<_> = attempts.collect();
    let mut holders = Vec::new();
    for (n, attempt) in attempts.into_iter().enumerate() {
        if attempt.await.expect("no panic").expect("the store answers") {
            holders.push(n.to_string());
        }
    }
    assert_eq!(holders.len(), 1, "{holders:?}");
    let holder = &holders[0];
    assert_eq!(store.lock("l", holder, HOUR).await, Ok(false), "twice");
    assert_eq!(store.lock("m", "x", HOUR).await, Ok(true), "another lock");

    store.unlock("l", "somebody else").await.unwrap();
    store.unlock("l", "").await.unwrap();
    store.unlock("never taken", holder).await.unwrap();
    assert_eq!(store.lock("l", "x", HOUR).await, Ok(false));
    store.unlock("l", holder).await.unwrap();
    assert_eq!(store.lock("l", "x", HOUR).await, Ok(true));
    // The one before comes back late.
    store.unlock("l", holder).await.unwrap();
    assert_eq!(store.lock("l", "y", HOUR).await, Ok(false));
}

async fn a_lock_ends_by_itself(store: Store) {
    assert_eq!(store.lock("l", "x", SHORT).await, Ok(true));
    eventually("the lock is free", async || {
        store.lock("l", "y", HOUR).await == Ok(true)
    })
    .await;
    store.unlock("l", "x").await.unwrap();
    assert_eq!(store.lock("l", "z", HOUR).await, Ok(false));
}

async fn what_has_expired_is_gone(store: Store) {
    store.create(&lasting("a", SHORT)).await.unwrap();
    store.put_note("a", "n", "text").await.unwrap();
    store.create(&lasting("b", HOUR)).await.unwrap();
    sleep(SHORT * 2).await;
    assert_eq!(live(&store, &["a", "b"]).await, ["b"]);
    assert_eq!(store.note("a", "n").await, Ok(None));
    store.put_note("a", "n", "text").await.unwrap();
    assert_eq!(store.note("a", "n").await, Ok(None));
    // The id is free.
    assert_eq!(store.create(&lasting("a", HOUR)).await, Ok(()));
    assert_eq!(store.note("a", "n").await, Ok(None));
}

async fn indexes_live_as_long_as_their_longest_session(store: Store) {
    // The short one comes last, the long one first, and the other way round.
    store.create(&lasting("a", HOUR)).await.unwrap();
    store.create(&lasting("b", SHORT)).await.unwrap();
    let other = |id: &str, lifetime| Record::new(id, Some("2"), "bob", "data", lifetime);
    store.create(&other("c", SHORT)).await.unwrap();
    store.create(&other("d", HOUR)).await.unwrap();
    // And one grows old by being used.
    let third = |lifetime| Record::new("e", Some("3"), "eve", "data", lifetime);
    store.create(&third(NOT_SO_SHORT)).await.unwrap();
    assert_eq!(store.save(&third(HOUR)).await, Ok(true));
    sleep(ITS_END).await;
    let all = ["a", "b", "c", "d", "e"];
    assert_eq!(live(&store, &all).await, ["a", "d", "e"]);
    store.delete_by_sid("sid").await.unwrap();
    store.delete_by_sid("2").await.unwrap();
    assert_eq!(live(&store, &all).await, ["e"]);
    store.delete_by_sub("eve", i64::MAX).await.unwrap();
    assert_eq!(live(&store, &all).await, [""; 0]);
}

#[rocket::async_test]
async fn memory_is_bounded_and_what_would_end_first_goes() {
    let store: Store = Arc::new(MemoryStore::new(3));
    for (id, hours) in [("a", 3), ("b", 1), ("c", 2), ("d", 4)] {
        store.create(&lasting(id, HOUR * hours)).await.unwrap();
    }
    assert_eq!(live(&store, &["a", "b", "c", "d"]).await, ["a", "c", "d"]);
}

#[rocket::async_test]
async fn redis_is_left_empty_by_what_is_over() {
    let redis = Redis::start().await;
    let store = RedisStore::new(&redis.url(), "app").expect("a store");
    store.create(&lasting("a", HOUR)).await.unwrap();
    store.create(&lasting("b", HOUR)).await.unwrap();
    for key in redis.keys() {
        let left = redis.ttl(&key);
        assert!((3_500_000..=3_600_000).contains(&left), "{key}: {left}");
    }
    store.delete("a").await.unwrap();
    store.delete_by_sid("sid").await.unwrap();
    assert_eq!(redis.keys(), [""; 0]);

    store.create(&lasting("c", SHORT)).await.unwrap();
    sleep(SHORT * 2).await;
    assert_eq!(redis.keys(), [""; 0]);
}

#[rocket::async_test]
async fn an_index_in_redis_does_not_grow_with_what_has_expired() {
    let redis = Redis::start().await;
    let store = RedisStore::new(&redis.url(), "app").expect("a store");
    let create = async |name: &str, lifetime| {
        for n in 0..100 {
            let mine = Record::new(format!("{name}{n}"), None, "sub", "data", lifetime);
            store.create(&mine).await.unwrap();
        }
    };
    create("expired", Duration::from_secs(1)).await;
    create("between", HOUR).await;
    sleep(Duration::from_millis(1100)).await;
    create("live", HOUR).await;
    let held = redis.command(&["SCARD", &redis.key(":sub:")]);
    let held: usize = held.trim().trim_start_matches(':').parse().unwrap();
    assert!((200..240).contains(&held), "{held}");
    store.delete_by_sub("sub", i64::MAX).await.unwrap();
    assert_eq!(redis.keys(), [""; 0]);
}

#[rocket::async_test]
async fn two_apps_in_one_redis_do_not_meet() {
    let redis = Redis::start().await;
    let one = RedisStore::new(&redis.url(), "one").expect("a store");
    let two = RedisStore::new(&redis.url(), "two").expect("a store");
    one.create(&lasting("a", HOUR)).await.unwrap();
    assert_eq!(two.load("a").await, Ok(None));
    two.delete_by_sub("sub", i64::MAX).await.unwrap();
    two.delete("a").await.unwrap();
    assert_eq!(two.lock("l", "x", HOUR).await, Ok(true));
    assert_eq!(one.lock("l", "x", HOUR).await, Ok(true));
    assert!(one.load("a").await.unwrap().is_some());
}

/// How often Redis has read from a connection.
fn messages(redis: &Redis) -> u32 {
    let stats = redis.command(&["INFO", "stats"]);
    let line = stats
        .lines()
        .find_map(|line| line.strip_prefix("total_reads_processed:"));
    line.expect("Redis counts").parse().expect("a number")
}

/// On one thread, where nothing is sent before all have asked.
#[test]
fn reads_from_redis_at_the_same_moment_are_one_message() {
    let runtime = rocket::tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(one_message());
}

async fn one_message() {
    let redis = Redis::start().await;
    let store = RedisStore::new(&redis.url(), "app").expect("a store");
    let ids: Vec<_> = (0..100).map(|n| n.to_string()).collect();
    for id in &ids[..50] {
        store.create(&record(id, None, "sub")).await.unwrap();
        store
            .put_note(id, "n", &format!("note of {id}"))
            .await
            .unwrap();
    }
    let before = messages(&redis);
    let (loaded, notes) = rocket::futures::future::join(
        join_all(ids.iter().map(|id| store.load(id))),
        join_all(ids.iter().map(|id| store.note(id, "n"))),
    )
    .await;
    // One of them is the question itself.
    let sent = messages(&redis) - before - 1;
    for (n, (id, (data, note))) in ids.iter().zip(loaded.into_iter().zip(notes)).enumerate() {
        let there = |what| (n < 50).then(|| format!("{what} of {id}"));
        assert_eq!((data, note), (Ok(there("data")), Ok(there("note"))), "{id}");
    }
    // A message of this length may come in two pieces.
    assert!((1..=2).contains(&sent), "{sent}");
}

#[rocket::async_test]
async fn who_reads_from_redis_at_the_same_moment_does_not_share_its_fate() {
    let redis = Redis::start().await;
    let store = RedisStore::new(&redis.url(), "app").expect("a store");
    for id in ["a", "b"] {
        store.create(&record(id, None, "sub")).await.unwrap();
    }
    redis.command(&["SET", "logto:app:session:odd", "no hash"]);

    let loads = join_all(["a", "odd", "b"].map(|id| store.load(id))).await;
    assert_eq!(loads[0], Ok(Some("data of a".into())));
    let Err(StoreError::Unavailable(why)) = &loads[1] else {
        panic!("{:?}", loads[1]);
    };
    assert_eq!(
        why, "Extension",
        "what Redis has said, not what became of it"
    );
    assert_eq!(loads[2], Ok(Some("data of b".into())));

    // The first of them, for whom the message is prepared, goes away before it is sent.
    let mut first = Box::pin(store.load("a"));
    let mut second = Box::pin(store.load("b"));
    // However slow this is, there is no answer yet.
    redis.pause();
    assert!((&mut first).now_or_never().is_none());
    assert!((&mut second).now_or_never().is_none());
    drop(first);
    redis.resume();
    assert_eq!(second.await, Ok(Some("data of b".into())));
}

#[rocket::async_test]
async fn a_redis_that_is_away_is_an_error_and_never_an_answer() {
    let mut redis = Redis::nobody();
    let store = RedisStore::new(&redis.url(), "app").expect("no network yet");
    let mine = lasting("a", HOUR);
    let is_away = |what: &str, error: Option<StoreError>| {
        let away = matches!(error, Some(StoreError::Unavailable(_)));
        assert!(away, "{what}: {error:?}");
    };
    is_away("create", store.create(&mine).await.err());
    is_away("load", store.load("a").await.err());
    is_away("save", store.save(&mine).await.err());
    is_away("delete", store.delete("a").await.err());
    is_away("by sid", store.delete_by_sid("sid").await.err());
    is_away("by sub", store.delete_by_sub("sub", i64::MAX).await.err());
    is_away("lock", store.lock("l", "x", HOUR).await.err());
    is_away("note", store.note("a", "n").await.err());

    redis.restart().await;
    eventually("it recovers", async || store.create(&mine).await.is_ok()).await;
    redis.pause();
    is_away("paused", store.load("a").await.err());
    redis.resume();
    eventually("it recovers from a pause", async || {
        store.load("a").await.is_ok()
    })
    .await;
    assert_eq!(store.load("a").await, Ok(Some("data of a".to_owned())));
}

#[rocket::async_test]
async fn a_url_that_names_no_redis_or_wants_tls_makes_no_store() {
    for url in ["https://127.0.0.1", "redis:", "rediss://127.0.0.1"] {
        let error = RedisStore::new(url, "app").err();
        let refused = matches!(error, Some(StoreError::Unavailable(_)));
        assert!(refused, "{url}: {error:?}");
    }
}
