//! Sessions in a Redis Cluster of three masters and three replicas: nobody is
//! signed out by what happens to its nodes.

use std::time::Duration;

use rocket::figment::value::{Dict, Value};
use rocket::futures::future::join_all;
use rocket::tokio::time::sleep;
use rocket_logto::testing::session_store_conformance;
use rocket_logto::{Record, RedisStore, SessionIndex, SessionStore, StoreError};

use crate::support::app::{ALICE, TestApp};
use crate::support::browser::Browser;
use crate::support::eventually::eventually;
use crate::support::redis::Redis;
use crate::support::redis_cluster::RedisCluster;
use crate::support::session_load::{Load, id};
use crate::support::sessions::{rocket, session_table, sign_out, signed_in, who};

const HOUR: Duration = Duration::from_secs(3600);

#[rocket::async_test]
async fn the_store_in_a_cluster_keeps_its_promises() {
    let cluster = RedisCluster::start().await;
    let servers = cluster.servers();
    let store = RedisStore::at(&servers, "app").expect("a store");
    session_store_conformance(async || store.clone()).await;
}

#[rocket::async_test]
async fn a_whole_visit_with_a_cluster() {
    let cluster = RedisCluster::start().await;
    // One node is enough to find the others.
    let urls = Value::from(vec![cluster.nodes[1].url()]);
    let store = Dict::from([("redis_cluster".to_owned(), urls)]);
    let app = TestApp::with(session_table("store", store), rocket()).await;
    let browser = signed_in(&app, ALICE).await;
    assert_eq!(browser.navigate(app.url("/userinfo")).await.text(), ALICE);
    let refreshed = browser.post_form(app.url("/refresh"), &[]).await;
    assert_eq!(refreshed.text(), ALICE);
    let ready = Browser::new().get(app.url("/readyz")).await;
    assert_eq!(ready.status(), 200, "{}", ready.text());
    let copy = browser.clone();
    assert_eq!(sign_out(&browser, &app).await.status(), 303);
    assert_eq!(who(&copy, app.url("/protected")).await, None);
    let left: Vec<_> = cluster.nodes.iter().flat_map(Redis::keys).collect();
    assert!(left.iter().all(|key| key.contains(":lock:")), "{left:?}");
}

/// Whose sessions are on all nodes, and so are what they are found by.
#[rocket::async_test]
async fn all_sessions_of_a_user_end_across_the_nodes() {
    let cluster = RedisCluster::start().await;
    let store = RedisStore::at(&cluster.servers(), "app").expect("a store");
    for n in 0..300 {
        let sub = ["alice", "bob"][n % 2];
        let mine = Record::new(format!("{n}"), sub, "data", HOUR).with_sid(format!("{}", n / 2));
        store.create(&mine).await.expect("a session");
    }
    for node in &cluster.nodes[..3] {
        let keys = node.keys();
        let sessions = keys.iter().filter(|key| key.contains(":session:"));
        assert!(sessions.count() > 50, "they are spread over the nodes");
    }
    store.delete_by_sid("7").await.expect("two sessions end");
    store
        .delete_by_sub("alice", i64::MAX)
        .await
        .expect("all end");
    for n in 0..300 {
        let found = store.load(&n.to_string()).await.expect("an answer");
        assert_eq!(found.is_some(), n % 2 == 1 && n != 15, "{n}");
    }
    store.delete_by_sub("bob", i64::MAX).await.expect("all end");
    let left: Vec<_> = cluster.nodes.iter().flat_map(Redis::keys).collect();
    assert_eq!(left, [""; 0]);
}

/// How often the nodes have read from a connection.
fn messages(cluster: &RedisCluster) -> u32 {
    let of = |node: &Redis| {
        let stats = node.command(&["INFO", "commandstats"]);
        let line = stats.lines().find(|line| line.contains("cmdstat_hget:"));
        let calls = line.and_then(|line| line.split_once("calls=")?.1.split(',').next());
        calls.map_or(0, |calls| calls.parse::<u32>().expect("a number"))
    };
    cluster.nodes.iter().map(of).sum()
}

/// One question for each read, whichever node has the session.
#[rocket::async_test]
async fn a_read_is_one_round_trip() {
    let cluster = RedisCluster::start().await;
    let store = RedisStore::at(&cluster.servers(), "app").expect("a store");
    for n in 0..50 {
        let mine = Record::new(id(n), "sub", "data", HOUR);
        store.create(&mine).await.expect("a session");
    }
    let reads = |cluster: &RedisCluster| -> u32 {
        let of = |node: &Redis| {
            let stats = node.command(&["INFO", "stats"]);
            let line = stats
                .lines()
                .find_map(|line| line.strip_prefix("total_reads_processed:"));
            line.expect("Redis counts")
                .parse::<u32>()
                .expect("a number")
        };
        // Each node has read one more for the question itself.
        cluster.nodes[..3].iter().map(of).sum::<u32>() - 3
    };
    let (asked, before) = (messages(&cluster), reads(&cluster));
    // And those of the question before.
    let idle = reads(&cluster) - before;
    let before = reads(&cluster);
    let loads = (0..50).map(|n| {
        let store = &store;
        async move { store.load(&id(n)).await }
    });
    for loaded in join_all(loads.collect::<Vec<_>>()).await {
        assert_eq!(loaded, Ok(Some("data".into())));
    }
    let took = reads(&cluster) - before - idle;
    assert_eq!(messages(&cluster) - asked, 50, "no read was asked twice");
    // The nodes talk with each other meanwhile, and with their replicas.
    println!("50 reads in {took} messages to three nodes");
    assert!(took < 40, "{took} messages");
}

#[rocket::async_test]
async fn slots_that_move_under_load_lose_no_session() {
    let cluster = RedisCluster::start().await;
    let load = Load::start(&cluster.servers(), 200).await;
    let slots = cluster.slots_in_use(0);
    assert!(slots.len() > 30, "{slots:?}");
    for slot in &slots[..30] {
        cluster.move_slot(*slot, 0, 1);
        sleep(Duration::from_millis(10)).await;
    }
    let seen = load.finish().await;
    assert_eq!(seen.signed_out, [""; 0]);
    assert!(seen.good > 100, "{seen:?}");
    // What moves is found where it goes.
    assert_eq!(seen.unavailable, 0, "{:?}", seen.errors);
}

/// That of the first master.
async fn replica_takes_over(cluster: &RedisCluster) {
    eventually("its replica takes over", async || {
        let info = cluster.nodes[3].command(&["INFO", "replication"]);
        info.contains("role:master")
    })
    .await;
}

async fn all_are_there(store: &RedisStore, sessions: u32) {
    eventually("all sessions are there", async || {
        let loads = (0..sessions).map(|n| async move { store.load(&id(n)).await });
        let loads = join_all(loads.collect::<Vec<_>>()).await;
        loads.iter().all(|loaded| matches!(loaded, Ok(Some(_))))
    })
    .await;
}

#[rocket::async_test]
async fn a_master_that_dies_under_load_loses_no_session() {
    let mut cluster = RedisCluster::start().await;
    let load = Load::start(&cluster.servers(), 200).await;
    sleep(Duration::from_millis(300)).await;
    let rest = load.rest(&cluster.nodes[0]).await;
    cluster.nodes[0].kill();
    drop(rest);
    replica_takes_over(&cluster).await;
    cluster.is_whole().await;
    all_are_there(load.store(), 200).await;
    // It comes back, empty, and is a replica by then.
    cluster.nodes[0].restart().await;
    cluster.is_whole().await;
    let seen = load.finish().await;
    assert_eq!(seen.signed_out, [""; 0]);
    assert!(seen.unavailable > 0, "nothing has happened");
    assert!(seen.longest < Duration::from_secs(20), "{:?}", seen.longest);
    for error in &seen.errors {
        assert!(error.contains("Redis: "), "{error}");
    }
}

#[rocket::async_test]
async fn a_master_that_hangs_under_load_loses_no_session() {
    let cluster = RedisCluster::start().await;
    let load = Load::start(&cluster.servers(), 200).await;
    sleep(Duration::from_millis(300)).await;
    let rest = load.rest(&cluster.nodes[0]).await;
    cluster.nodes[0].pause();
    drop(rest);
    replica_takes_over(&cluster).await;
    all_are_there(load.store(), 200).await;
    cluster.nodes[0].resume();
    cluster.is_whole().await;
    let seen = load.finish().await;
    assert_eq!(seen.signed_out, [""; 0]);
    // A request waits for a second or two at most.
    assert!(seen.slowest < Duration::from_secs(8), "{:?}", seen.slowest);
}

/// Who says "one" of a cluster, or "cluster" of one, is told which it is.
#[rocket::async_test]
async fn a_cluster_that_is_none_and_one_that_is_taken_for_a_server_are_named() {
    let cluster = RedisCluster::start().await;
    let why = |error: Option<StoreError>| match error {
        Some(StoreError::Unavailable(why)) => why,
        other => panic!("{other:?}"),
    };
    let store = RedisStore::new(&cluster.nodes[0].url(), "app").expect("a store");
    let mut moved = String::new();
    for n in 0..20 {
        if let Err(error) = store.load(&id(n)).await {
            moved = why(Some(error));
        }
    }
    assert!(
        moved.contains("MOVED") && moved.contains("redis_cluster"),
        "{moved}"
    );
    let alone = Redis::start().await;
    let servers = rocket_logto::RedisServers::cluster([alone.url()]);
    let store = RedisStore::at(&servers, "app").expect("a store");
    let none = why(store.load("a").await.err());
    assert!(none.contains("it is no Redis Cluster"), "{none}");
    let nobody = Redis::nobody();
    let servers = rocket_logto::RedisServers::cluster([nobody.url()]);
    let store = RedisStore::at(&servers, "app").expect("a store");
    let nobody = why(store.load("a").await.err());
    assert_eq!(nobody, "Redis: connection refused");
}
