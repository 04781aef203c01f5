//! Every store of the crate keeps the promises that the crate's own suite checks;
//! and what memory and Redis promise beyond that.

use std::time::Duration;

use rocket::futures::FutureExt;
use rocket::futures::future::join_all;
use rocket::tokio::time::sleep;
use rocket_logto::internals::measured;
use rocket_logto::testing::session_store_conformance;
use rocket_logto::{
    LockStore, MemoryStore, Record, RedisServers, RedisStore, SessionIndex, SessionStore,
    SharedStore, StoreError, TokenStore,
};

use crate::support::eventually::eventually;
use crate::support::redis::Redis;

const HOUR: Duration = Duration::from_secs(3600);
const SHORT: Duration = Duration::from_millis(150);

#[rocket::async_test]
async fn the_store_in_memory_keeps_its_promises() {
    session_store_conformance(async || MemoryStore::new(1000)).await;
}

#[rocket::async_test]
async fn the_store_in_redis_keeps_its_promises() {
    let redis = Redis::start().await;
    session_store_conformance(async || RedisStore::new(&redis.url(), "app").expect("a store"))
        .await;
}

/// What times the calls of a store passes each of them on, and each answer back.
#[rocket::async_test]
async fn a_store_that_is_measured_keeps_its_promises() {
    session_store_conformance(async || measured(MemoryStore::new(1000))).await;
}

fn record(id: &str) -> Record {
    lasting(id, HOUR)
}

fn lasting(id: &str, lifetime: Duration) -> Record {
    Record::new(id, "sub", format!("data of {id}"), lifetime).with_sid("sid")
}

/// Which of these sessions are there.
async fn live<'a>(store: &dyn SessionStore, ids: &[&'a str]) -> Vec<&'a str> {
    let mut live = Vec::new();
    for id in ids {
        if store.load(id).await.expect("the store answers").is_some() {
            live.push(*id);
        }
    }
    live
}

/// More than the promises ask for, which not every database could keep.
#[rocket::async_test]
async fn memory_and_redis_keep_any_text_as_it_is() {
    let redis = Redis::start().await;
    let in_redis = RedisStore::new(&redis.url(), "app").expect("a store");
    let in_memory = MemoryStore::new(1000);
    let odd = "\0\r\n$5\u{1f980}\"'".repeat(5000);
    for store in [&in_redis as &dyn SharedStore, &in_memory] {
        let large = Record::new("a", "\0sub", odd.clone(), HOUR).with_sid("\0sid");
        store.create(&large).await.unwrap();
        assert_eq!(store.load("a").await, Ok(Some(odd.clone())));
        store.put_token("a", "n", &odd).await.unwrap();
        assert_eq!(store.token("a", "n").await, Ok(Some(odd.clone())));
        store.delete_by_sid("\0").await.unwrap();
        store.delete_by_sub("\0", i64::MAX).await.unwrap();
        assert_eq!(live(store, &["a"]).await, ["a"]);
        store.delete_by_sub("\0sub", i64::MAX).await.unwrap();
        assert_eq!(live(store, &["a"]).await, [""; 0]);
    }
}

#[rocket::async_test]
async fn memory_is_bounded_and_what_would_end_first_goes() {
    let store = MemoryStore::new(3);
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
            let mine = Record::new(format!("{name}{n}"), "sub", "data", lifetime);
            store.create(&mine).await.unwrap();
        }
    };
    create("expired", Duration::from_secs(1)).await;
    create("between", HOUR).await;
    sleep(Duration::from_millis(1100)).await;
    create("live", HOUR).await;
    let held = redis.command(&["ZCARD", &redis.key(":sub:")]);
    let held: usize = held.trim().trim_start_matches(':').parse().unwrap();
    assert_eq!(held, 200);
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
        store.create(&record(id)).await.unwrap();
        store
            .put_token(id, "n", &format!("token of {id}"))
            .await
            .unwrap();
    }
    let before = messages(&redis);
    let (loaded, tokens) = rocket::futures::future::join(
        join_all(ids.iter().map(|id| store.load(id))),
        join_all(ids.iter().map(|id| store.token(id, "n"))),
    )
    .await;
    // One of them is the question itself.
    let sent = messages(&redis) - before - 1;
    for (n, (id, (data, token))) in ids.iter().zip(loaded.into_iter().zip(tokens)).enumerate() {
        let there = |what| (n < 50).then(|| format!("{what} of {id}"));
        assert_eq!(
            (data, token),
            (Ok(there("data")), Ok(there("token"))),
            "{id}"
        );
    }
    // A message of this length may come in two pieces.
    assert!((1..=2).contains(&sent), "{sent}");
}

#[rocket::async_test]
async fn who_reads_from_redis_at_the_same_moment_does_not_share_its_fate() {
    let redis = Redis::start().await;
    let store = RedisStore::new(&redis.url(), "app").expect("a store");
    for id in ["a", "b"] {
        store.create(&record(id)).await.unwrap();
    }
    store.create(&record("odd")).await.unwrap();
    let mut odd = redis.keys();
    odd.retain(|key| key.contains(":session:"));
    odd.retain(|key| {
        redis
            .command(&["HGET", key, "data"])
            .contains("data of odd")
    });
    redis.command(&["SET", &odd[0], "no hash"]);

    let loads = join_all(["a", "odd", "b"].map(|id| store.load(id))).await;
    assert_eq!(loads[0], Ok(Some("data of a".into())));
    let Err(StoreError::Unavailable(why)) = &loads[1] else {
        panic!("{:?}", loads[1]);
    };
    assert_eq!(
        why, "Redis: WRONGTYPE, a key of ours holds something else",
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
    is_away("renew", store.renew("l", "x", HOUR).await.err());
    is_away("unlock", store.unlock("l", "x").await.err());
    is_away("put token", store.put_token("a", "n", "t").await.err());
    is_away("token", store.token("a", "n").await.err());
    is_away("clear tokens", store.clear_tokens("a").await.err());

    redis.restart().await;
    eventually("it recovers", async || store.create(&mine).await.is_ok()).await;
    redis.pause();
    let paused = store.load("a").await.err();
    is_away("paused", paused.clone());
    let paused = paused.expect("an error").to_string();
    assert!(paused.ends_with("Redis: timed out"), "{paused}");
    redis.resume();
    eventually("it recovers from a pause", async || {
        store.load("a").await.is_ok()
    })
    .await;
    assert_eq!(store.load("a").await, Ok(Some("data of a".to_owned())));
}

#[rocket::async_test]
async fn a_url_that_names_no_redis_makes_no_store() {
    for url in [
        "https://127.0.0.1",
        "redis:",
        "redis://",
        "127.0.0.1:6379",
        "",
        "redis://127.0.0.1/canary-5e55",
        "redis://canary-5e55@127.0.0.1:99999",
        "rediss://:canary-5e55@127.0.0.1#insecure",
    ] {
        let error = RedisStore::new(url, "app").err();
        let refused = matches!(error, Some(StoreError::Unavailable(_)));
        assert!(refused, "{url}: {error:?}");
        let said = error.expect("an error").to_string();
        assert!(!said.contains("canary"), "{said}");
    }
    let none: [&str; 0] = [];
    let one = ["redis://127.0.0.1"];
    for servers in [
        RedisServers::cluster(none),
        RedisServers::sentinel(none, "mymaster"),
        RedisServers::cluster(["redis://127.0.0.1/1"]),
        RedisServers::cluster(["unix:///tmp/redis"]),
        RedisServers::cluster(["redis://127.0.0.1", "rediss://127.0.0.2"]),
        RedisServers::sentinel(["unix:///tmp/redis"], "mymaster"),
        RedisServers::cluster(one).with_ca("in clear"),
    ] {
        assert!(RedisStore::at(&servers, "app").is_err());
    }
    for url in [
        "valkey://127.0.0.1",
        "valkeys://u:p@[::1]:1/2",
        "rediss://h",
        "unix:///s",
    ] {
        assert!(RedisStore::new(url, "app").is_ok(), "{url}");
    }
}

/// The operator reads what to do; nobody reads a password or a value.
#[rocket::async_test]
async fn an_error_names_the_cause_and_no_secret() {
    let mut redis = Redis::start().await;
    let store = RedisStore::new(&redis.url(), "app").expect("a store");
    let why = |error: Option<StoreError>| match error {
        Some(StoreError::Unavailable(why)) => why,
        other => panic!("{other:?}"),
    };
    store.create(&record("a")).await.unwrap();
    redis.command(&["REPLICAOF", "127.0.0.1", "1"]);
    let read_only = why(store.create(&record("b")).await.err());
    assert_eq!(
        read_only,
        "Redis: READONLY, it is a replica, and only its master can be written to"
    );
    redis.command(&["REPLICAOF", "NO", "ONE"]);
    redis.command(&["CONFIG", "SET", "maxmemory", "1"]);
    let full = why(store.create(&record("b")).await.err());
    assert_eq!(full, "Redis: OOM, its memory is full, see its maxmemory");
    redis.command(&["CONFIG", "SET", "maxmemory", "0"]);

    redis.command(&["CONFIG", "SET", "requirepass", "right"]);
    let no_password = RedisStore::new(&redis.url(), "app").expect("a store");
    let no_password = why(no_password.load("a").await.err());
    assert!(no_password.starts_with("Redis: NOAUTH, "), "{no_password}");
    let wrong = redis.url().replace("//", "//:canary-5e55@");
    let wrong = RedisStore::new(&wrong, "app").expect("a store");
    let wrong = why(wrong.load("a").await.err());
    assert!(wrong.starts_with("Redis: WRONGPASS, "), "{wrong}");
    assert!(!wrong.contains("canary"), "{wrong}");

    redis.stop();
    let away = RedisStore::new(&redis.url(), "app").expect("a store");
    let away = why(away.load("a").await.err());
    assert_eq!(away, "Redis: connection refused");

    redis.restart().await;
    let there = RedisStore::new(&redis.url(), "app").expect("a store");
    assert_eq!(there.load("a").await, Ok(None));
    redis.command(&["CONFIG", "SET", "maxclients", "1"]);
    let many = RedisStore::new(&redis.url(), "app").expect("a store");
    let many = why(many.load("a").await.err());
    assert!(many.starts_with("Redis: MAXCLIENTS, "), "{many}");
    let database = RedisStore::new(&format!("{}/99", redis.url()), "app").expect("a store");
    let database = why(database.load("a").await.err());
    assert!(database.starts_with("Redis: "), "{database}");

    let unknown = RedisStore::new("redis://no-such-host.invalid", "app").expect("a store");
    let unknown = why(unknown.load("a").await.err());
    assert!(unknown.starts_with("Redis: DNS, "), "{unknown}");
}
