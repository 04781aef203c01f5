//! Notes in the database. Each statement names the place it is about (`?1` is the team, if
//! any, and `?2` the author), so that a number from a form never reaches a note elsewhere.

use rocket::serde::Serialize;
use rocket::time::OffsetDateTime;
use sqlx::SqlitePool;

use crate::shown::{Time, visible};

/// In one place, so that nobody fills the disk.
pub const MOST: i64 = 500;

/// Whose notes.
#[derive(Clone, Copy)]
pub enum Place {
    /// Those that a user keeps alone.
    Own { author: i64 },
    /// Those of a team, for a member; `keeper` may delete what others wrote.
    Team { id: i64, author: i64, keeper: bool },
}

impl Place {
    fn author(self) -> i64 {
        match self {
            Place::Own { author } | Place::Team { author, .. } => author,
        }
    }

    fn team(self) -> Option<i64> {
        match self {
            Place::Own { .. } => None,
            Place::Team { id, .. } => Some(id),
        }
    }

    fn may_delete(self, author: i64) -> bool {
        let keeper = matches!(self, Place::Team { keeper: true, .. });
        keeper || author == self.author()
    }
}

/// As pages show it.
#[derive(Serialize)]
#[serde(crate = "rocket::serde")]
pub struct Note {
    id: i64,
    text: String,
    author: String,
    written_at: Time,
    may_delete: bool,
}

/// What came of a wish to delete one.
#[derive(Debug, PartialEq)]
pub enum Deleted {
    Yes,
    /// Perhaps by somebody else, just now.
    Gone,
    NotAllowed,
}

/// The newest first.
pub async fn list(pool: &SqlitePool, place: Place) -> sqlx::Result<Vec<Note>> {
    let rows: Vec<(i64, String, i64, String, i64)> = sqlx::query_as(
        "SELECT note.id, note.text, note.author, user.name, note.written_at
         FROM note JOIN user ON user.id = note.author
         WHERE note.team IS ?1 AND (?1 IS NOT NULL OR note.author = ?2)
         ORDER BY note.id DESC",
    )
    .bind(place.team())
    .bind(place.author())
    .fetch_all(pool)
    .await?;
    let note = |(id, text, author, name, written_at): (i64, String, i64, String, i64)| Note {
        id,
        text: visible(&text),
        author: visible(&name),
        written_at: Time::at(
            OffsetDateTime::from_unix_timestamp(written_at).unwrap_or(OffsetDateTime::UNIX_EPOCH),
        ),
        may_delete: place.may_delete(author),
    };
    Ok(rows.into_iter().map(note).collect())
}

/// Whether there was room.
pub async fn add(pool: &SqlitePool, place: Place, text: &str) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "INSERT INTO note (team, author, text, written_at)
         SELECT ?1, ?2, ?3, ?4 WHERE ?5 > (
             SELECT count(*) FROM note
             WHERE note.team IS ?1 AND (?1 IS NOT NULL OR note.author = ?2)
         )",
    )
    .bind(place.team())
    .bind(place.author())
    .bind(text)
    .bind(OffsetDateTime::now_utc().unix_timestamp())
    .bind(MOST)
    .execute(pool)
    .await?;
    Ok(done.rows_affected() == 1)
}

pub async fn delete(pool: &SqlitePool, place: Place, id: i64) -> sqlx::Result<Deleted> {
    let author: Option<(i64,)> = sqlx::query_as(
        "SELECT author FROM note
         WHERE note.team IS ?1 AND (?1 IS NOT NULL OR note.author = ?2) AND id = ?3",
    )
    .bind(place.team())
    .bind(place.author())
    .bind(id)
    .fetch_optional(pool)
    .await?;
    let Some((author,)) = author else {
        return Ok(Deleted::Gone);
    };
    if !place.may_delete(author) {
        return Ok(Deleted::NotAllowed);
    }
    let done = sqlx::query("DELETE FROM note WHERE id = ?1").bind(id);
    Ok(match done.execute(pool).await?.rows_affected() {
        0 => Deleted::Gone,
        _ => Deleted::Yes,
    })
}

/// The team of an organization, and the name it had when it was last heard.
pub async fn team(
    pool: &SqlitePool,
    issuer: &str,
    organization: &str,
    name: Option<&str>,
) -> sqlx::Result<(i64, Option<String>)> {
    sqlx::query_as(
        "INSERT INTO team (issuer, organization, name) VALUES (?1, ?2, ?3)
         ON CONFLICT (issuer, organization) DO UPDATE SET name = coalesce(?3, name)
         RETURNING id, name",
    )
    .bind(issuer)
    .bind(organization)
    .bind(name)
    .fetch_one(pool)
    .await
}
