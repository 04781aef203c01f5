//! Sessions in Redis: several instances of an app share them, and see at once
//! what another one has locked or ended.

mod reads;
mod scripts;

use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::io::tcp::TcpSettings;
use redis::{Client, IntoConnectionInfo, RedisError, Script};

use self::reads::Reads;
use super::{LockStore, Record, SessionIndex, SessionStore, StoreError, TokenStore};

/// Redis is next door: what takes longer is down.
const TIMEOUT: Duration = Duration::from_secs(1);
/// A connection over which nothing has been acknowledged for so long is dead.
#[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
const GIVEN_UP: Duration = Duration::from_secs(5);
/// The field of a session's hash that holds the session.
const DATA: &str = "data";
/// What the fields of tokens begin with.
const TOKEN: &str = "token:";

/// Sessions in Redis (or Valkey), one hash each, with expiry:
///
/// | key | holds |
/// |---|---|
/// | `logto:<app id>:session:<id>` | `data` (encrypted), `version`, `sid`, `sub`, `begun_at`; each token (encrypted) in a field `token:<name>` |
/// | `logto:<app id>:sid:<sid>`, `…:sub:<sub>` | the ids of sessions to end |
/// | `logto:<app id>:lock:<name>` | the owner of the lock |
///
/// A read is one round trip, and reads that come at the same moment share one.
/// A write is one script, which Redis runs as a whole. Not for a Redis Cluster.
///
/// Nothing is contacted until the first session is needed. A connection that was
/// lost is made again by itself; until then requests that need a session get 503.
/// What takes longer than a second counts as lost.
///
/// # Examples
///
/// The configuration `session.store = { redis = "redis://…" }` makes one for the
/// client's own `app_id`. By hand:
///
/// ```rust,no_run
/// use rocket_logto::{Logto, RedisStore};
///
/// #[rocket::launch]
/// fn rocket() -> _ {
///     let store = RedisStore::new("redis://10.0.0.5:6379", "my-app").expect("a URL of Redis");
///     rocket::build().attach(Logto::fairing().session_store(store))
/// }
/// ```
pub struct RedisStore {
    connection: ConnectionManager,
    reads: Reads,
    prefix: String,
}

impl RedisStore {
    /// A store at `url` (`redis://[user:password@]host[:port][/db]`, or
    /// `unix:///path/of/the/socket`) for the sessions of `app_id`. Apps with
    /// different ids can share one Redis. Touches no network; must be called on a
    /// Tokio runtime.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] for a URL that names no Redis, and for
    /// `rediss://`: TLS to Redis is not built in.
    pub fn new(url: &str, app_id: &str) -> Result<RedisStore, StoreError> {
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(TIMEOUT))
            .set_response_timeout(Some(TIMEOUT))
            .set_number_of_retries(1)
            .set_min_delay(Duration::from_millis(50))
            .set_max_delay(Duration::from_millis(500));
        let info = url.into_connection_info().map_err(unavailable)?;
        let client = Client::open(info.set_tcp_settings(tcp())).map_err(unavailable)?;
        let connection =
            ConnectionManager::new_lazy_with_config(client, config).map_err(unavailable)?;
        Ok(RedisStore {
            reads: Reads::over(connection.clone()),
            connection,
            prefix: format!("logto:{app_id}:"),
        })
    }

    fn key(&self, kind: &str, name: &str) -> String {
        format!("{}{kind}:{name}", self.prefix)
    }

    fn connection(&self) -> ConnectionManager {
        self.connection.clone()
    }

    /// Runs a script on the one key it names. What it gets first is the prefix of
    /// all keys, for those that it finds itself.
    async fn run<T: redis::FromRedisValue>(
        &self,
        script: &Script,
        key: String,
        arguments: &[&str],
    ) -> Result<T, StoreError> {
        let mut call = script.key(key);
        call.arg(&self.prefix).arg(arguments);
        call.invoke_async(&mut self.connection())
            .await
            .map_err(unavailable)
    }

    /// CREATE and SAVE take the same arguments.
    async fn write(&self, script: &Script, record: &Record) -> Result<bool, StoreError> {
        let arguments = [
            &record.id,
            &record.data,
            &record.lifetime.as_millis().max(1).to_string(),
            &record.version.to_string(),
            &record.sub,
            record.sid.as_deref().unwrap_or_default(),
            &record.begun_at.to_string(),
        ];
        let key = self.key("session", &record.id);
        self.run(script, key, &arguments).await
    }
}

/// A Redis that has vanished, as by a loss of power, says nothing of it: without
/// these, the connection to it is given up after a quarter of an hour.
fn tcp() -> TcpSettings {
    let settings = TcpSettings::default().set_nodelay(true);
    #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
    let settings = settings.set_user_timeout(GIVEN_UP);
    settings
}

/// What went wrong, without a value of the command and without the URL: the kind
/// of error, and the code that Redis gave (`NOAUTH`, `OOM`, `READONLY`, `MOVED`)
/// or what became of the connection.
fn unavailable(error: RedisError) -> StoreError {
    let kind = format!("{:?}", error.kind());
    let code = error.code().filter(|code| is_code(code));
    // What else the client says may hold what it has sent, unless it ends here.
    let text = error.to_string();
    let words = text.strip_suffix(&format!(" - {kind}"));
    let words = words.filter(|_| error.detail().is_none());
    let cause = match code.or(words) {
        Some(cause) => cause,
        None if error.is_connection_refusal() => "connection refused",
        None if error.is_timeout() => "timed out",
        None if error.is_connection_dropped() => "connection lost",
        None => return StoreError::Unavailable(format!("Redis: {kind}")),
    };
    StoreError::Unavailable(format!("Redis: {kind}, {cause}"))
}

/// The code is the first word of what Redis says, which is a text of its own
/// where a script raises the error.
fn is_code(code: &str) -> bool {
    code.len() <= 20 && code.bytes().all(|byte| byte.is_ascii_uppercase())
}

#[rocket::async_trait]
impl SessionStore for RedisStore {
    async fn create(&self, record: &Record) -> Result<(), StoreError> {
        match self.write(&scripts::CREATE, record).await? {
            true => Ok(()),
            false => Err(StoreError::Collision),
        }
    }

    async fn load(&self, id: &str) -> Result<Option<String>, StoreError> {
        self.reads.field(self.key("session", id), DATA).await
    }

    async fn save(&self, record: &Record) -> Result<bool, StoreError> {
        self.write(&scripts::SAVE, record).await
    }

    async fn delete(&self, id: &str) -> Result<(), StoreError> {
        let key = self.key("session", id);
        self.run(&scripts::DELETE, key, &[id]).await
    }
}

#[rocket::async_trait]
impl SessionIndex for RedisStore {
    async fn delete_by_sid(&self, sid: &str) -> Result<(), StoreError> {
        let whenever_begun = i64::MAX.to_string();
        let index = self.key("sid", sid);
        self.run(&scripts::DELETE_INDEXED, index, &[&whenever_begun, ""])
            .await
    }

    async fn delete_by_sub(&self, sub: &str, begun_by: i64) -> Result<(), StoreError> {
        let index = self.key("sub", sub);
        self.run(
            &scripts::DELETE_INDEXED,
            index,
            &[&begun_by.to_string(), ""],
        )
        .await
    }

    async fn delete_by_sub_without_sid(&self, sub: &str, begun_by: i64) -> Result<(), StoreError> {
        let index = self.key("sub", sub);
        let arguments = [&begun_by.to_string(), scripts::WITHOUT_SID];
        self.run(&scripts::DELETE_INDEXED, index, &arguments).await
    }
}

#[rocket::async_trait]
impl TokenStore for RedisStore {
    async fn put_token(&self, id: &str, name: &str, sealed: &str) -> Result<(), StoreError> {
        let key = self.key("session", id);
        self.run(&scripts::PUT_TOKEN, key, &[&field_of(name), sealed])
            .await
    }

    async fn token(&self, id: &str, name: &str) -> Result<Option<String>, StoreError> {
        let key = self.key("session", id);
        self.reads.field(key, field_of(name)).await
    }

    async fn clear_tokens(&self, id: &str) -> Result<(), StoreError> {
        let key = self.key("session", id);
        self.run(&scripts::CLEAR_TOKENS, key, &[TOKEN]).await
    }
}

fn field_of(token: &str) -> String {
    format!("{TOKEN}{token}")
}

#[rocket::async_trait]
impl LockStore for RedisStore {
    async fn lock(&self, name: &str, owner: &str, lifetime: Duration) -> Result<bool, StoreError> {
        let lifetime = u64::try_from(lifetime.as_millis()).unwrap_or(u64::MAX);
        let set: Option<String> = redis::cmd("SET")
            .arg(self.key("lock", name))
            .arg(owner)
            .arg("NX")
            .arg("PX")
            .arg(lifetime.max(1))
            .query_async(&mut self.connection())
            .await
            .map_err(unavailable)?;
        Ok(set.is_some())
    }

    async fn unlock(&self, name: &str, owner: &str) -> Result<(), StoreError> {
        redis::cmd("EVAL")
            .arg(scripts::UNLOCK)
            .arg(1)
            .arg(self.key("lock", name))
            .arg(owner)
            .query_async(&mut self.connection())
            .await
            .map_err(unavailable)
    }
}
