use sqlx::SqlitePool;

use super::store::{self, Deleted, MOST, Place};
use crate::database;

/// An empty database with the users 1 and 2, and the teams 1 and 2.
async fn pool() -> SqlitePool {
    let pool = database::open(None).await.expect("a database");
    for sub in ["ada", "bob"] {
        let user = sqlx::query("INSERT INTO user (issuer, sub, name) VALUES ('i', ?1, ?1)");
        user.bind(sub).execute(&pool).await.expect("a user");
    }
    for organization in ["acme", "globex"] {
        let named = store::team(&pool, "i", organization, None).await;
        named.expect("a team");
    }
    pool
}

const ADAS: Place = Place::Own { author: 1 };
const BOBS: Place = Place::Own { author: 2 };

const fn team(id: i64, author: i64, keeper: bool) -> Place {
    Place::Team { id, author, keeper }
}

async fn count(pool: &SqlitePool, place: Place) -> usize {
    store::list(pool, place).await.expect("notes").len()
}

#[rocket::async_test]
async fn a_note_is_where_it_was_written_and_nowhere_else() {
    let pool = pool().await;
    assert!(store::add(&pool, ADAS, "own").await.expect("room"));
    assert!(
        store::add(&pool, team(1, 1, false), "acme")
            .await
            .expect("room")
    );
    for (place, notes) in [
        (ADAS, 1),
        (BOBS, 0),
        (team(1, 1, false), 1),
        (team(1, 2, false), 1),
        (team(2, 1, true), 0),
    ] {
        assert_eq!(count(&pool, place).await, notes);
    }
}

/// By the number of a note that is elsewhere.
#[rocket::async_test]
async fn no_note_is_deleted_from_another_place() {
    let pool = pool().await;
    store::add(&pool, ADAS, "own").await.expect("room");
    store::add(&pool, team(1, 1, false), "acme")
        .await
        .expect("room");
    for place in [BOBS, team(1, 1, true), team(2, 2, true)] {
        let deleted = store::delete(&pool, place, 1).await.expect("an answer");
        assert_eq!(deleted, Deleted::Gone);
    }
    for place in [ADAS, BOBS, team(2, 1, true)] {
        let deleted = store::delete(&pool, place, 2).await.expect("an answer");
        assert_eq!(deleted, Deleted::Gone);
    }
    assert_eq!(count(&pool, ADAS).await, 1);
    assert_eq!(count(&pool, team(1, 1, false)).await, 1);
    let deleted = store::delete(&pool, ADAS, 1).await.expect("an answer");
    assert_eq!(deleted, Deleted::Yes);
    assert_eq!(count(&pool, ADAS).await, 0);
}

#[rocket::async_test]
async fn members_delete_their_own_and_keepers_any() {
    let pool = pool().await;
    for _ in 0..2 {
        store::add(&pool, team(1, 1, false), "by Ada")
            .await
            .expect("room");
    }
    let by = async |place, note| store::delete(&pool, place, note).await.expect("an answer");
    assert_eq!(by(team(1, 2, false), 1).await, Deleted::NotAllowed);
    assert_eq!(by(team(1, 1, false), 1).await, Deleted::Yes);
    assert_eq!(by(team(1, 2, true), 2).await, Deleted::Yes);
    assert_eq!(by(team(1, 2, true), 2).await, Deleted::Gone);
}

#[rocket::async_test]
async fn a_full_place_takes_no_more_and_others_do() {
    let pool = pool().await;
    for _ in 0..MOST {
        assert!(store::add(&pool, ADAS, "x").await.expect("room"));
    }
    assert!(!store::add(&pool, ADAS, "x").await.expect("an answer"));
    assert!(store::add(&pool, BOBS, "x").await.expect("room"));
    assert!(
        store::add(&pool, team(1, 1, false), "x")
            .await
            .expect("room")
    );
    store::delete(&pool, ADAS, 1).await.expect("an answer");
    assert!(store::add(&pool, ADAS, "x").await.expect("room"));
}

/// An id of another provider's is another team.
#[rocket::async_test]
async fn teams_belong_to_their_issuer_and_keep_their_name() {
    let pool = pool().await;
    let (first, name) = store::team(&pool, "i", "acme", Some("Acme GmbH"))
        .await
        .expect("a team");
    assert_eq!(name.as_deref(), Some("Acme GmbH"));
    let again = store::team(&pool, "i", "acme", None).await.expect("a team");
    assert_eq!(again, (first, name));
    let other = store::team(&pool, "other", "acme", None)
        .await
        .expect("a team");
    assert_ne!(other.0, first);
    assert_eq!(other.1, None);
}
