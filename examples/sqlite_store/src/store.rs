//! A session store on SQLite, for the instances of an app on one machine.
//!
//! # On PostgreSQL
//!
//! The same statements, with these replaced, keep the promises there:
//!
//! | here | there |
//! |---|---|
//! | `?1` | `$1` |
//! | `unixepoch('subsec')` | `extract(epoch FROM clock_timestamp())::float8` |
//! | `REAL`, `INTEGER`, `STRICT` | `DOUBLE PRECISION`, `BIGINT`, nothing |
//! | `SqlitePool`, `SqliteConnectOptions`, … | `PgPool`, `PgConnectOptions`, …, without the PRAGMAs |
//!
//! Leave the text columns in a deterministic collation, as they are by default. Delete what has expired
//! in a task of its own when many people sign in at once, and `WHERE id = $1 AND expires_at <= …` in
//! `create`, `WHERE name = $1 AND …` in `lock`.

use std::path::Path;
use std::time::Duration;

use rocket_logto::{LockStore, Record, SessionIndex, SessionStore, StoreError, TokenStore};
use sqlx::sqlite::{
    SqliteArguments, SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{Error, Sqlite};

/// A call has to end within a second or so.
const PATIENCE: Duration = Duration::from_secs(1);

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS session (
        id         TEXT PRIMARY KEY,
        -- The session at the provider, when the provider named one.
        sid        TEXT,
        -- The user.
        sub        TEXT NOT NULL,
        -- Encrypted: nobody can read it here.
        data       TEXT NOT NULL,
        -- Grows with each refresh.
        version    INTEGER NOT NULL,
        -- When the user signed in, in seconds since 1970.
        begun_at   INTEGER NOT NULL,
        -- When the session ends, in seconds since 1970. From then on the row does not count; the
        -- next sign-in deletes it.
        expires_at REAL NOT NULL
    ) STRICT;
    -- For logouts that the provider tells of.
    CREATE INDEX IF NOT EXISTS session_by_sid ON session (sid) WHERE sid IS NOT NULL;
    CREATE INDEX IF NOT EXISTS session_by_sub ON session (sub);
    -- For cleaning up.
    CREATE INDEX IF NOT EXISTS session_by_end ON session (expires_at);

    -- Access tokens, which end with their session.
    CREATE TABLE IF NOT EXISTS token (
        session_id TEXT NOT NULL REFERENCES session (id) ON DELETE CASCADE,
        name       TEXT NOT NULL,
        sealed     TEXT NOT NULL,
        PRIMARY KEY (session_id, name)
    ) STRICT;

    CREATE TABLE IF NOT EXISTS lock (
        -- One row for each lock that is held.
        name       TEXT PRIMARY KEY,
        owner      TEXT NOT NULL,
        expires_at REAL NOT NULL
    ) STRICT;
    CREATE INDEX IF NOT EXISTS lock_by_end ON lock (expires_at);
";

/// Sessions in a SQLite database.
pub struct SqliteStore {
    pool: SqlitePool,
}

impl SqliteStore {
    /// Opens the database at `path`, and creates what is missing in it.
    pub async fn open(path: impl AsRef<Path>) -> Result<SqliteStore, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            // Readers do not wait for a writer.
            .journal_mode(SqliteJournalMode::Wal)
            // A loss of power may cost the last sessions, never the database.
            .synchronous(SqliteSynchronous::Normal)
            // SQLite does not look at REFERENCES otherwise.
            .foreign_keys(true)
            .busy_timeout(PATIENCE);
        let pool = SqlitePoolOptions::new()
            .max_connections(4)
            .acquire_timeout(PATIENCE)
            .connect_with(options)
            .await
            .map_err(unavailable)?;
        let schema = sqlx::raw_sql(SCHEMA).execute(&pool).await;
        schema.map_err(unavailable)?;
        Ok(SqliteStore { pool })
    }

    /// Runs a statement; how many rows it has changed.
    async fn run(&self, statement: Statement) -> Result<u64, StoreError> {
        let done = statement.execute(&self.pool).await.map_err(unavailable)?;
        Ok(done.rows_affected())
    }
}

type Statement = sqlx::query::Query<'static, Sqlite, SqliteArguments>;

fn statement(sql: &'static str) -> Statement {
    sqlx::query(sql)
}

/// What went wrong, without a value: the text goes into the log.
fn unavailable(error: Error) -> StoreError {
    StoreError::Unavailable(match &error {
        Error::Database(error) => format!("SQLite: {}", error.message()),
        error => format!("SQLite: {error}"),
    })
}

#[rocket::async_trait]
impl SessionStore for SqliteStore {
    async fn create(&self, record: &Record) -> Result<(), StoreError> {
        // First, so that the id of a session that has expired is free. There are not many: the
        // sign-in before this one has done the same.
        let expired = "DELETE FROM session WHERE expires_at <= unixepoch('subsec')";
        self.run(statement(expired)).await?;
        let insert = statement(
            "INSERT INTO session (id, sid, sub, data, version, begun_at, expires_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, unixepoch('subsec') + ?7)
             ON CONFLICT (id) DO NOTHING",
        )
        .bind(record.id.clone())
        .bind(record.sid.clone())
        .bind(record.sub.clone())
        .bind(record.data.clone())
        .bind(i64::from(record.version))
        .bind(record.begun_at)
        .bind(record.lifetime.as_secs_f64());
        match self.run(insert).await? {
            0 => Err(StoreError::Collision),
            _ => Ok(()),
        }
    }

    async fn load(&self, id: &str) -> Result<Option<String>, StoreError> {
        sqlx::query_scalar(
            "SELECT data FROM session WHERE id = ?1 AND expires_at > unixepoch('subsec')",
        )
        .bind(id)
        .fetch_optional(&self.pool)
        .await
        .map_err(unavailable)
    }

    async fn save(&self, record: &Record) -> Result<bool, StoreError> {
        // The version is compared where it is written: between a SELECT and an UPDATE, another
        // instance could write a newer one.
        let update = statement(
            "UPDATE session SET data = ?2, version = ?3, expires_at = unixepoch('subsec') + ?4
             WHERE id = ?1 AND expires_at > unixepoch('subsec') AND version <= ?3",
        )
        .bind(record.id.clone())
        .bind(record.data.clone())
        .bind(i64::from(record.version))
        .bind(record.lifetime.as_secs_f64());
        if self.run(update).await? > 0 {
            return Ok(true);
        }
        // There is a newer one, or none.
        Ok(self.load(&record.id).await?.is_some())
    }

    async fn delete(&self, id: &str) -> Result<(), StoreError> {
        let delete = statement("DELETE FROM session WHERE id = ?1").bind(id.to_owned());
        self.run(delete).await.map(|_| ())
    }
}

#[rocket::async_trait]
impl SessionIndex for SqliteStore {
    async fn delete_by_sid(&self, sid: &str) -> Result<(), StoreError> {
        let delete = statement("DELETE FROM session WHERE sid = ?1").bind(sid.to_owned());
        self.run(delete).await.map(|_| ())
    }

    async fn delete_by_sub(&self, sub: &str, begun_by: i64) -> Result<(), StoreError> {
        let delete = statement("DELETE FROM session WHERE sub = ?1 AND begun_at <= ?2")
            .bind(sub.to_owned())
            .bind(begun_by);
        self.run(delete).await.map(|_| ())
    }

    async fn delete_by_sub_without_sid(&self, sub: &str, begun_by: i64) -> Result<(), StoreError> {
        let delete =
            statement("DELETE FROM session WHERE sub = ?1 AND begun_at <= ?2 AND sid IS NULL")
                .bind(sub.to_owned())
                .bind(begun_by);
        self.run(delete).await.map(|_| ())
    }

    async fn list_by_sub(&self, sub: &str, limit: usize) -> Result<Vec<String>, StoreError> {
        sqlx::query_scalar(
            "SELECT data FROM session WHERE sub = ?1 AND expires_at > unixepoch('subsec')
             ORDER BY expires_at DESC LIMIT ?2",
        )
        .bind(sub)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(&self.pool)
        .await
        .map_err(unavailable)
    }
}

#[rocket::async_trait]
impl TokenStore for SqliteStore {
    async fn put_token(&self, id: &str, name: &str, sealed: &str) -> Result<(), StoreError> {
        // No session, no row.
        let insert = statement(
            "INSERT INTO token (session_id, name, sealed)
             SELECT id, ?2, ?3 FROM session WHERE id = ?1 AND expires_at > unixepoch('subsec')
             ON CONFLICT (session_id, name) DO UPDATE SET sealed = excluded.sealed",
        )
        .bind(id.to_owned())
        .bind(name.to_owned())
        .bind(sealed.to_owned());
        self.run(insert).await.map(|_| ())
    }

    async fn token(&self, id: &str, name: &str) -> Result<Option<String>, StoreError> {
        sqlx::query_scalar(
            "SELECT sealed FROM token JOIN session ON session.id = session_id
             WHERE session_id = ?1 AND name = ?2 AND expires_at > unixepoch('subsec')",
        )
        .bind(id)
        .bind(name)
        .fetch_optional(&self.pool)
        .await
        .map_err(unavailable)
    }

    async fn clear_tokens(&self, id: &str) -> Result<(), StoreError> {
        let delete = statement("DELETE FROM token WHERE session_id = ?1").bind(id.to_owned());
        self.run(delete).await.map(|_| ())
    }
}

#[rocket::async_trait]
impl LockStore for SqliteStore {
    async fn lock(&self, name: &str, owner: &str, lifetime: Duration) -> Result<bool, StoreError> {
        let expired = "DELETE FROM lock WHERE expires_at <= unixepoch('subsec')";
        self.run(statement(expired)).await?;
        let insert = statement(
            "INSERT INTO lock (name, owner, expires_at) VALUES (?1, ?2, unixepoch('subsec') + ?3)
             ON CONFLICT (name) DO NOTHING",
        )
        .bind(name.to_owned())
        .bind(owner.to_owned())
        .bind(lifetime.as_secs_f64());
        Ok(self.run(insert).await? > 0)
    }

    async fn renew(&self, name: &str, owner: &str, lifetime: Duration) -> Result<bool, StoreError> {
        let update = statement(
            "UPDATE lock SET expires_at = unixepoch('subsec') + ?3
             WHERE name = ?1 AND owner = ?2 AND expires_at > unixepoch('subsec')",
        )
        .bind(name.to_owned())
        .bind(owner.to_owned())
        .bind(lifetime.as_secs_f64());
        Ok(self.run(update).await? > 0)
    }

    async fn unlock(&self, name: &str, owner: &str) -> Result<(), StoreError> {
        let delete = statement("DELETE FROM lock WHERE name = ?1 AND owner = ?2")
            .bind(name.to_owned())
            .bind(owner.to_owned());
        self.run(delete).await.map(|_| ())
    }
    async fn owner(&self, name: &str) -> Result<Option<String>, StoreError> {
        sqlx::query_scalar(
            "SELECT owner FROM lock WHERE name = ?1 AND expires_at > unixepoch('subsec')",
        )
        .bind(name)
        .fetch_optional(&self.pool)
        .await
        .map_err(unavailable)
    }
}
