//! Sessions in Redis: several instances of an app share them, with locks and
//! ends that all of them see at once.

mod reads;

use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::io::tcp::TcpSettings;
use redis::{Client, IntoConnectionInfo, RedisError, Script};

use self::reads::Reads;
use super::store::{Record, SessionStore, StoreError};

/// Redis is next door: what takes longer is down.
const TIMEOUT: Duration = Duration::from_secs(1);
/// A connection over which nothing has been acknowledged for so long is dead.
#[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
const GIVEN_UP: Duration = Duration::from_secs(5);

/// Sessions in Redis (or Valkey), one hash each, with expiry:
///
/// | key | holds |
/// |---|---|
/// | `logto:<app id>:session:<id>` | `data` (sealed), `version`, `sid`, `sub`, `begun`, notes `n:<name>` |
/// | `logto:<app id>:sid:<sid>`, `…:sub:<sub>` | the ids of sessions to end |
/// | `logto:<app id>:lock:<name>` | who holds the lock |
///
/// Reads that come at the same moment share one round trip.
///
/// Nothing is contacted until the first session is needed, and a connection
/// that was lost is made again by itself.
pub struct RedisStore {
    connection: ConnectionManager,
    reads: Reads,
    prefix: String,
}

impl RedisStore {
    /// A store at `url` (`redis://[user:password@]host[:port][/db]`, or
    /// `unix:///path/of/the/socket`) for the sessions of `app_id`. Touches no
    /// network; must be called on a runtime.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] for a URL that names no Redis, and for
    /// `rediss://`: TLS to Redis is not built in.
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

    /// Runs a script on the session `id`; `ARGV[1]` is the key prefix.
    async fn on_session<T: redis::FromRedisValue>(
        &self,
        script: &str,
        id: &str,
        arguments: &[impl AsRef<str>],
    ) -> Result<T, StoreError> {
        let script = Script::new(script);
        let mut call = script.key(self.key("session", id));
        call.arg(&self.prefix);
        for argument in arguments {
            call.arg(argument.as_ref());
        }
        call.invoke_async(&mut self.connection())
            .await
            .map_err(unavailable)
    }

    async fn end_all(&self, index: &str, begun_by: i64) -> Result<(), StoreError> {
        let script = Script::new(END_ALL);
        let mut call = script.key(index);
        call.arg(&self.prefix).arg(begun_by);
        call.invoke_async(&mut self.connection())
            .await
            .map_err(unavailable)
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

/// Never the value of a command, only what went wrong.
fn unavailable(error: RedisError) -> StoreError {
    StoreError::Unavailable(format!("{:?}", error.kind()))
}

/// ARGV: prefix, id, data, lifetime in ms, sub, sid or "", version, begun. An index lives as
/// long as the last of its sessions; each new one clears away a few that have
/// expired, or the index of a user who never stays away would grow for ever.
const CREATE: &str = r"
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('HSET', KEYS[1], 'data', ARGV[3], 'sub', ARGV[5], 'sid', ARGV[6], 'version', ARGV[7], 'begun', ARGV[8])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
local function index(key)
  for _, id in ipairs(redis.call('SRANDMEMBER', key, 4)) do
    if redis.call('EXISTS', ARGV[1] .. 'session:' .. id) == 0 then redis.call('SREM', key, id) end
  end
  redis.call('SADD', key, ARGV[2])
  if redis.call('PTTL', key) < tonumber(ARGV[4]) then redis.call('PEXPIRE', key, ARGV[4]) end
end
index(ARGV[1] .. 'sub:' .. ARGV[5])
if ARGV[6] ~= '' then index(ARGV[1] .. 'sid:' .. ARGV[6]) end
return 1";

/// As CREATE, for a session that is there.
const SAVE: &str = r"
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
if tonumber(redis.call('HGET', KEYS[1], 'version')) > tonumber(ARGV[7]) then return 1 end
redis.call('HSET', KEYS[1], 'data', ARGV[3], 'version', ARGV[7])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
local function extend(key)
  if redis.call('PTTL', key) < tonumber(ARGV[4]) then redis.call('PEXPIRE', key, ARGV[4]) end
end
extend(ARGV[1] .. 'sub:' .. ARGV[5])
if ARGV[6] ~= '' then extend(ARGV[1] .. 'sid:' .. ARGV[6]) end
return 1";

/// ARGV: prefix, id.
const DELETE: &str = r"
local of = redis.call('HMGET', KEYS[1], 'sub', 'sid')
redis.call('DEL', KEYS[1])
if of[1] then redis.call('SREM', ARGV[1] .. 'sub:' .. of[1], ARGV[2]) end
if of[2] and of[2] ~= '' then redis.call('SREM', ARGV[1] .. 'sid:' .. of[2], ARGV[2]) end
return 1";

/// KEYS: an index. ARGV: prefix, begun by.
const END_ALL: &str = r"
for _, id in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  local key = ARGV[1] .. 'session:' .. id
  local of = redis.call('HMGET', key, 'sub', 'sid', 'begun')
  if tonumber(of[3] or 0) <= tonumber(ARGV[2]) then
    redis.call('DEL', key)
    if of[1] then redis.call('SREM', ARGV[1] .. 'sub:' .. of[1], id) end
    if of[2] and of[2] ~= '' then redis.call('SREM', ARGV[1] .. 'sid:' .. of[2], id) end
    redis.call('SREM', KEYS[1], id)
  end
end
return 1";

/// ARGV: prefix, field, note.
const PUT_NOTE: &str = r"
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('HSET', KEYS[1], ARGV[2], ARGV[3])
return 1";

/// Every field but those of the session itself.
const CLEAR_NOTES: &str = r"
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
  if string.sub(field, 1, 2) == 'n:' then redis.call('HDEL', KEYS[1], field) end
end
return 1";

/// KEYS: a lock. ARGV: owner.
const UNLOCK: &str = r"
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 1";

/// The arguments of CREATE and SAVE after the prefix.
fn arguments(record: &Record) -> [String; 7] {
    [
        record.id.clone(),
        record.data.clone(),
        record.lifetime.as_millis().max(1).to_string(),
        record.sub.clone(),
        record.sid.clone().unwrap_or_default(),
        record.version.to_string(),
        record.begun_at.to_string(),
    ]
}

#[rocket::async_trait]
impl SessionStore for RedisStore {
    async fn create(&self, record: &Record) -> Result<(), StoreError> {
        match self
            .on_session(CREATE, &record.id, &arguments(record))
            .await?
        {
            true => Ok(()),
            false => Err(StoreError::Collision),
        }
    }

    async fn load(&self, id: &str) -> Result<Option<String>, StoreError> {
        self.reads.field(self.key("session", id), "data").await
    }

    async fn save(&self, record: &Record) -> Result<bool, StoreError> {
        self.on_session(SAVE, &record.id, &arguments(record)).await
    }

    async fn delete(&self, id: &str) -> Result<(), StoreError> {
        self.on_session(DELETE, id, &[id]).await
    }

    async fn delete_by_sid(&self, sid: &str) -> Result<(), StoreError> {
        self.end_all(&self.key("sid", sid), i64::MAX).await
    }

    async fn delete_by_sub(&self, sub: &str, begun_by: i64) -> Result<(), StoreError> {
        self.end_all(&self.key("sub", sub), begun_by).await
    }

    async fn put_note(&self, id: &str, name: &str, note: &str) -> Result<(), StoreError> {
        self.on_session(PUT_NOTE, id, &[&format!("n:{name}") as &str, note])
            .await
    }

    async fn note(&self, id: &str, name: &str) -> Result<Option<String>, StoreError> {
        let key = self.key("session", id);
        self.reads.field(key, format!("n:{name}")).await
    }

    async fn clear_notes(&self, id: &str) -> Result<(), StoreError> {
        self.on_session(CLEAR_NOTES, id, &[id]).await
    }

    async fn lock(&self, name: &str, owner: &str, lifetime: Duration) -> Result<bool, StoreError> {
        let lifetime = u64::try_from(lifetime.as_millis()).unwrap_or(u64::MAX);
        let set: Option<String> = redis::cmd("SET")
            .arg(self.key("lock", name))
            .arg(owner)
            .arg("NX")
            .arg("PX")
            .arg(lifetime)
            .query_async(&mut self.connection())
            .await
            .map_err(unavailable)?;
        Ok(set.is_some())
    }

    async fn unlock(&self, name: &str, owner: &str) -> Result<(), StoreError> {
        // Not by its hash, as the others: a Redis that does not know the script
        // would say so, which nobody hears of when answers come too late.
        redis::cmd("EVAL")
            .arg(UNLOCK)
            .arg(1)
            .arg(self.key("lock", name))
            .arg(owner)
            .query_async(&mut self.connection())
            .await
            .map_err(unavailable)
    }
}
