//! The user of Redis that the guide to production describes may do what the app
//! needs, and nothing else; and where it may do less, the app is not ready.

use rocket::figment::value::{Dict, Value};
use rocket_logto::testing::session_store_conformance;
use rocket_logto::{RedisServers, RedisStore, SessionStore, StoreError};

use crate::support::app::{ALICE, TestApp};
use crate::support::browser::Browser;
use crate::support::log::lines_with;
use crate::support::redis::Redis;
use crate::support::sessions::{rocket, session_table, sign_out, signed_in};

const GUIDE: &str = include_str!("../../crates/rocket_logto/src/guide/production.md");
/// Only Redis with several servers, or with several databases, needs these.
const ELSEWHERE: [&str; 4] = ["role", "cluster|slots", "asking", "select"];

/// The words of the guide's `ACL SETUSER`, for a user of this name.
fn set_user(name: &str) -> Vec<&str> {
    let line = GUIDE
        .lines()
        .find(|line| line.starts_with("ACL SETUSER rocket "));
    let line = line.expect("the guide has the ACL");
    let words = line.split_whitespace();
    words
        .map(|word| if word == "rocket" { name } else { word })
        .collect()
}

fn commands() -> Vec<String> {
    let words = set_user("rocket").into_iter();
    let allowed = words.filter_map(|word| word.strip_prefix('+'));
    allowed.map(str::to_owned).collect()
}

fn url(redis: &Redis) -> String {
    redis.url().replace("//", "//rocket:password@")
}

#[rocket::async_test]
async fn with_it_the_store_keeps_its_promises() {
    let redis = Redis::start().await;
    redis.command(&set_user("rocket"));
    let servers = RedisServers::one(url(&redis));
    let store = RedisStore::at(&servers, "app").expect("a store");
    session_store_conformance(async || store.clone()).await;
    let denied = redis.command(&["ACL", "LOG"]);
    assert!(!denied.contains("command"), "{denied}");
    // Nothing of anybody else.
    let other = redis.url().replace("//", "//other:password@");
    redis.command(&set_user("other"));
    redis.command(&["ACL", "SETUSER", "other", "resetkeys", "~another:*"]);
    let store = RedisStore::new(&other, "app").expect("a store");
    assert!(store.load("a").await.is_err());
}

#[rocket::async_test]
async fn with_less_the_app_is_not_ready_and_says_what_is_missing() {
    let redis = Redis::start().await;
    redis.command(&set_user("rocket"));
    let store = Dict::from([("redis".to_owned(), Value::from(url(&redis)))]);
    let app = TestApp::with(session_table("store", store), rocket()).await;
    let browser = signed_in(&app, ALICE).await;
    assert_eq!(sign_out(&browser, &app).await.status(), 303);
    let ready = async || {
        // A Redis that has just started knows no script.
        redis.command(&["SCRIPT", "FLUSH"]);
        Browser::new().get(app.url("/readyz")).await.status()
    };
    assert_eq!(ready().await, 200);
    for command in commands() {
        if ELSEWHERE.contains(&&*command) || command == "zrem" {
            continue;
        }
        let said = || {
            let refused = "not ready: the session store is not available: Redis: NOPERM";
            lines_with(refused)
        };
        let before = said().len();
        redis.command(&["ACL", "SETUSER", "rocket", &format!("-{command}")]);
        assert_eq!(ready().await, 503, "without {command}");
        let said = said().split_off(before);
        assert_eq!(said.len(), 1, "without {command}: {said:?}");
        // A script does not say which command it was, before Redis 7.2.
        if ["eval", "evalsha", "zrange"].contains(&&*command) {
            assert!(said[0].contains(&format!("NOPERM ({command})")), "{said:?}");
        }
        redis.command(&["ACL", "SETUSER", "rocket", &format!("+{command}")]);
        assert_eq!(ready().await, 200, "with {command} again");
    }
    // Neither what is full nor what is no master.
    redis.command(&["CONFIG", "SET", "maxmemory", "1"]);
    assert_eq!(ready().await, 503);
    redis.command(&["CONFIG", "SET", "maxmemory", "0"]);
    redis.command(&["REPLICAOF", "127.0.0.1", "1"]);
    assert_eq!(ready().await, 503);
}

/// What the log says of a user that is not let in, and never the password.
#[rocket::async_test]
async fn a_user_or_password_that_is_wrong_is_named_without_it() {
    let redis = Redis::start().await;
    redis.command(&set_user("rocket"));
    let why = async |url: String| {
        let store = RedisStore::new(&url, "app").expect("a store");
        match store.load("a").await {
            Err(StoreError::Unavailable(why)) => why,
            other => panic!("{other:?}"),
        }
    };
    for wrong in ["rocket:canary-5e55", "nobody:canary-5e55", ":canary-5e55"] {
        if wrong.starts_with(':') {
            redis.command(&["CONFIG", "SET", "requirepass", "right"]);
        }
        let said = why(redis.url().replace("//", &format!("//{wrong}@"))).await;
        let expected =
            "Redis: WRONGPASS, it does not let in the user and the password of session.store";
        assert_eq!(said, expected, "{wrong}");
    }
    let said = why(redis.url()).await;
    let expected = "Redis: NOAUTH, it asks for a password, and none is in session.store";
    assert_eq!(said, expected);
}
