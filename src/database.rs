//! The app's own database: SQLite, in the file that `web.database` names.

use std::path::PathBuf;

use rocket::fairing::AdHoc;
use rocket::figment::Figment;
use rocket::figment::value::magic::RelativePathBuf;
use rocket::http::Status;
use rocket::request::Outcome;
use rocket::{Build, Request, Rocket};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions};

/// Who is meant by a row of another service is the pair of its issuer and its id there:
/// after a change of provider, an id may be somebody else's.
const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS user (
        id      INTEGER PRIMARY KEY,
        issuer  TEXT NOT NULL,
        sub     TEXT NOT NULL,
        name    TEXT NOT NULL,
        UNIQUE (issuer, sub)
    ) STRICT;
    CREATE TABLE IF NOT EXISTS team (
        id           INTEGER PRIMARY KEY,
        issuer       TEXT NOT NULL,
        organization TEXT NOT NULL,
        -- As last heard; an ID token does not tell it.
        name         TEXT,
        UNIQUE (issuer, organization)
    ) STRICT;
    CREATE TABLE IF NOT EXISTS note (
        id         INTEGER PRIMARY KEY AUTOINCREMENT,
        author     INTEGER NOT NULL REFERENCES user (id),
        -- NULL: for the author alone.
        team       INTEGER REFERENCES team (id),
        text       TEXT NOT NULL,
        -- Seconds since 1970.
        written_at INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX IF NOT EXISTS note_of_author ON note (author, id) WHERE team IS NULL;
    CREATE INDEX IF NOT EXISTS note_of_team ON note (team, id) WHERE team IS NOT NULL;
";

/// Managed state of the app.
#[derive(Clone)]
pub struct Database(pub SqlitePool);

impl Database {
    /// For guards.
    pub fn of<'r, E>(request: &'r Request<'_>) -> Outcome<&'r Database, E> {
        match request.rocket().state() {
            Some(database) => Outcome::Success(database),
            None => Outcome::Forward(Status::InternalServerError),
        }
    }
}

/// The answer where the database gives none.
pub fn unavailable(error: &sqlx::Error) -> Status {
    rocket::error!("the database does not answer: {error}");
    Status::ServiceUnavailable
}

/// Opens the database, and makes the tables that are missing.
pub fn fairing() -> AdHoc {
    AdHoc::try_on_ignite("Database", |rocket: Rocket<Build>| async {
        let file = file(rocket.figment());
        match open(file.clone()).await {
            Ok(pool) => Ok(rocket.manage(Database(pool))),
            Err(error) => {
                let file = file.unwrap_or_default();
                rocket::error!("web.database, {}: {error}", file.display());
                Err(rocket)
            }
        }
    })
}

/// A path in `Rocket.toml` is relative to it.
fn file(figment: &Figment) -> Option<PathBuf> {
    let written: String = figment.extract_inner("web.database").ok()?;
    let path: RelativePathBuf = figment.extract_inner("web.database").ok()?;
    (!written.is_empty()).then(|| path.relative())
}

pub async fn open(file: Option<PathBuf>) -> Result<SqlitePool, sqlx::Error> {
    let options = SqliteConnectOptions::new().foreign_keys(true);
    let pool = SqlitePoolOptions::new();
    let pool = match file {
        Some(file) => {
            let options = options
                .filename(file)
                .create_if_missing(true)
                // Readers do not wait for a writer.
                .journal_mode(SqliteJournalMode::Wal);
            pool.max_connections(4).connect_with(options).await?
        }
        None => {
            rocket::warn!("web.database names no file, so notes are kept until the app stops");
            // Each connection would be a database of its own.
            let pool = pool
                .max_connections(1)
                .idle_timeout(None)
                .max_lifetime(None);
            pool.connect_with(options.in_memory(true)).await?
        }
    };
    sqlx::raw_sql(SCHEMA).execute(&pool).await?;
    Ok(pool)
}
