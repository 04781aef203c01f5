//! Sessions in Redis: several instances of an app share them, and see at once
//! what another one has locked or ended.

mod cause;
mod cluster;
mod connection;
mod reads;
mod scripts;
mod sentinel;
mod servers;
mod slot;

use std::collections::HashMap;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rocket::futures::future::{join_all, try_join_all};

use self::cause::unavailable;
use self::connection::{Answer, Connection};
use self::reads::Reads;
use self::scripts::Lua;
use super::{LockStore, Record, SessionIndex, SessionStore, StoreError, TokenStore};
use crate::config::RedisServers;
use crate::sha256::sha256;

/// Redis is next door: what takes longer is down.
const TIMEOUT: Duration = Duration::from_secs(1);
/// The field of a session's hash that holds the session.
const DATA: &str = "data";
/// What the fields of tokens begin with.
const TOKEN: &str = "token:";
/// How many sessions of one user or `sid` are ended at once.
const AT_ONCE: usize = 100;

/// Sessions in Redis (or Valkey), one hash each, with expiry:
///
/// | key | holds |
/// |---|---|
/// | `logto:<app id>:session:<id>` | `data` (encrypted), `version`, `sid`, `sub`, `begun_at`, `made`; each token (encrypted) in a field `token:<name>` |
/// | `logto:<app id>:sid:<sid>`, `…:sub:<sub>` | the ids of sessions to end, each with its end |
/// | `logto:<app id>:lock:<name>` | the owner of the lock: random, or encrypted |
/// | `logto:<app id>:data` | with Sentinels: a mark by which the data is known |
///
/// Ids, `sid`, `sub` and the names of locks are there as the beginning of their
/// SHA-256, and nowhere in clear.
///
/// A read is one round trip, and reads that come at the same moment share one (in a
/// cluster, one to each node). What belongs to a session is one key, which a script
/// changes as a whole; so a session is in one slot of a Redis Cluster, and the indexes
/// are wherever they are.
///
/// Nothing is contacted until the first session is needed. A connection that was
/// lost is made again by itself; until then requests that need a session get 503.
/// What takes longer than a second counts as lost. Clones share the connection.
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
#[derive(Clone)]
pub struct RedisStore {
    connection: Connection,
    reads: Reads,
    prefix: String,
}

impl RedisStore {
    /// A store at `url`, as [`RedisServers::one`] has it, for the sessions of `app_id`.
    /// Apps with different ids can share one Redis. Touches no network; must be called
    /// on a Tokio runtime.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] for a URL that names no Redis.
    pub fn new(url: &str, app_id: &str) -> Result<RedisStore, StoreError> {
        RedisStore::at(&RedisServers::one(url), app_id)
    }

    /// A store at one server, at a cluster, or where Sentinels say, for the sessions of
    /// `app_id`. Touches no network; must be called on a Tokio runtime.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] for URLs that name no Redis, and for certificates
    /// that are none.
    ///
    /// # Examples
    ///
    /// ```rust
    /// use rocket_logto::{RedisServers, RedisStore};
    ///
    /// # rocket::async_test(async {
    /// let cluster = RedisServers::cluster(["redis://10.0.0.5", "redis://10.0.0.6"]);
    /// let store = RedisStore::at(&cluster, "my-app")?;
    /// # drop(store); Ok::<(), rocket_logto::StoreError>(()) }).unwrap();
    /// ```
    pub fn at(servers: &RedisServers, app_id: &str) -> Result<RedisStore, StoreError> {
        if let Some(mistake) = servers.mistake() {
            return Err(StoreError::Unavailable(format!("session.store {mistake}")));
        }
        let prefix = format!("logto:{app_id}:");
        let connection = Connection::new(servers, &prefix).map_err(unavailable)?;
        Ok(RedisStore {
            reads: Reads::over(connection.clone()),
            connection,
            prefix,
        })
    }

    fn key(&self, kind: &str, digest: &str) -> String {
        format!("{}{kind}:{digest}", self.prefix)
    }

    fn session(&self, id: &str) -> String {
        self.key("session", &digest(id))
    }

    async fn run<T: redis::FromRedisValue>(
        &self,
        script: &Lua,
        key: &str,
        arguments: &[&str],
    ) -> Result<T, StoreError> {
        let answer: Answer<T> = self.connection.run(script, key, arguments).await?;
        Ok(answer.value)
    }

    /// Makes a session be found by its names. Also when it is saved: an entry that was
    /// lost in a failover is there again.
    async fn index(&self, id: &str, names: &Names, lifetime: &str) -> Result<(), StoreError> {
        let added: Vec<_> = names
            .keys(self)
            .map(|index| self.add_to(index, id, lifetime))
            .collect();
        try_join_all(added).await.map(drop)
    }

    async fn add_to(&self, index: String, id: &str, lifetime: &str) -> Result<(), StoreError> {
        self.run(&scripts::ADD, &index, &[id, lifetime]).await
    }

    /// These sessions are gone. An entry that stays although this fails leads nowhere,
    /// and ends with the index.
    async fn remove_from(&self, index: String, ids: Vec<String>) {
        let mut command = redis::cmd("ZREM");
        command.arg(index).arg(ids);
        let removed: Result<Answer<i64>, _> = self.connection.send(&command).await;
        if let Err(error) = removed {
            log::warn!("logto: {error}; what leads to a session that has ended is not removed");
        }
    }

    /// Ends the sessions of an index. Of those with a `sid`, `sid` says whether they are
    /// meant.
    async fn end_indexed(
        &self,
        by: &str,
        name: &str,
        begun_by: i64,
        sid: WithSid,
    ) -> Result<(), StoreError> {
        let name = digest(name);
        let index = self.key(by, &name);
        let mut command = redis::cmd("ZRANGE");
        command.arg(&index).arg(0).arg(-1);
        let mut answer: Answer<Vec<String>> = self.connection.send(&command).await?;
        let begun_by = begun_by.to_string();
        let spared = match sid {
            WithSid::Meant => "",
            WithSid::Spared => "sid",
        };
        let arguments = [by, &name, &begun_by, spared];
        let mut ids = std::mem::take(&mut answer.value).into_iter().peekable();
        while ids.peek().is_some() {
            let ended: Vec<_> = ids
                .by_ref()
                .take(AT_ONCE)
                .map(|id| self.end(id, &arguments))
                .collect();
            let mut entries: HashMap<String, Vec<String>> = HashMap::new();
            for (id, names) in try_join_all(ended).await?.into_iter().flatten() {
                let others = names.keys(self).filter(|key| *key != index);
                for key in others.chain([index.clone()]) {
                    entries.entry(key).or_default().push(id.clone());
                }
            }
            let removed: Vec<_> = entries
                .into_iter()
                .map(|(index, ids)| self.remove_from(index, ids))
                .collect();
            join_all(removed).await;
        }
        // Otherwise they may be there again.
        self.connection.confirm(&answer).await
    }

    /// The session and its names, if it has ended.
    async fn end(
        &self,
        id: String,
        arguments: &[&str],
    ) -> Result<Option<(String, Names)>, StoreError> {
        let key = self.key("session", &id);
        let found = self.run(&scripts::END, &key, arguments).await?;
        Ok(Names::found(found).map(|names| (id, names)))
    }
}

/// Whether sessions that have a `sid` are to end.
#[derive(Clone, Copy)]
enum WithSid {
    Meant,
    Spared,
}

/// By what a session is found.
struct Names {
    sub: String,
    /// Empty where there is none.
    sid: String,
}

impl Names {
    fn of(record: &Record) -> Names {
        Names {
            sub: digest(&record.sub),
            sid: record.sid.as_deref().map(digest).unwrap_or_default(),
        }
    }

    /// As the scripts give them.
    fn found(words: Vec<String>) -> Option<Names> {
        let [sub, sid] = <[String; 2]>::try_from(words).ok()?;
        Some(Names { sub, sid })
    }

    fn keys(&self, store: &RedisStore) -> impl Iterator<Item = String> {
        let names = [("sub", &self.sub), ("sid", &self.sid)].into_iter();
        let names = names.filter(|(_, name)| !name.is_empty());
        names.map(|(by, name)| store.key(by, name))
    }
}

/// What stands for a name in Redis. Whoever reads it there learns no name, and can
/// tell which one it is only if they can guess it.
fn digest(name: &str) -> String {
    URL_SAFE_NO_PAD.encode(&sha256(name)[..16])
}

/// Something that nobody else has.
fn nonce() -> Result<String, StoreError> {
    let mut bytes = [0; 9];
    let filled = aws_lc_rs::rand::fill(&mut bytes);
    filled.map_err(|_| StoreError::Unavailable("no randomness".into()))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

fn millis(lifetime: Duration) -> String {
    let millis = u64::try_from(lifetime.as_millis()).unwrap_or(u64::MAX);
    millis.max(1).to_string()
}

#[rocket::async_trait]
impl SessionStore for RedisStore {
    async fn create(&self, record: &Record) -> Result<(), StoreError> {
        let (id, names) = (digest(&record.id), Names::of(record));
        let lifetime = millis(record.lifetime);
        let arguments = [
            &nonce()?,
            &record.data,
            &lifetime,
            &record.version.to_string(),
            &names.sub,
            &names.sid,
            &record.begun_at.to_string(),
        ];
        let arguments = arguments.map(String::as_str);
        let key = self.key("session", &id);
        let created = self.connection.run(&scripts::CREATE, &key, &arguments);
        let created: Answer<bool> = created.await?;
        if !created.value {
            return Err(StoreError::Collision);
        }
        // Only now: what ends the sessions of a user finds this one or comes first.
        let indexed = self.index(&id, &names, &lifetime).await;
        if indexed.is_err() {
            // It could not be found, so it must not be there.
            let _: Result<Vec<String>, _> = self.run(&scripts::DELETE, &key, &[]).await;
        }
        indexed?;
        self.connection.confirm(&created).await
    }

    async fn load(&self, id: &str) -> Result<Option<String>, StoreError> {
        let answer = self.reads.field(self.session(id), DATA).await?;
        if answer.value.is_none() {
            self.connection.confirm(&answer).await?;
        }
        Ok(answer.value)
    }

    async fn save(&self, record: &Record) -> Result<bool, StoreError> {
        let (id, lifetime) = (digest(&record.id), millis(record.lifetime));
        let version = record.version.to_string();
        let arguments = [&record.data, &lifetime, &version].map(String::as_str);
        let key = self.key("session", &id);
        let run = self.connection.run(&scripts::SAVE, &key, &arguments);
        let mut saved: Answer<Vec<String>> = run.await?;
        let is_newer = saved.value.pop().is_some_and(|newer| !newer.is_empty());
        let names = Names::found(std::mem::take(&mut saved.value));
        if let Some(names) = &names {
            self.index(&id, names, &lifetime).await?;
        }
        // That a session was used is no loss. A new refresh token would be.
        if is_newer || names.is_none() {
            self.connection.confirm(&saved).await?;
        }
        Ok(names.is_some())
    }

    async fn delete(&self, id: &str) -> Result<(), StoreError> {
        let id = digest(id);
        let key = self.key("session", &id);
        let mut deleted: Answer<Vec<String>> =
            self.connection.run(&scripts::DELETE, &key, &[]).await?;
        if let Some(names) = Names::found(std::mem::take(&mut deleted.value)) {
            let removed: Vec<_> = names
                .keys(self)
                .map(|index| self.remove_from(index, vec![id.clone()]))
                .collect();
            join_all(removed).await;
        }
        // Otherwise it may be there again.
        self.connection.confirm(&deleted).await
    }
}

#[rocket::async_trait]
impl SessionIndex for RedisStore {
    async fn delete_by_sid(&self, sid: &str) -> Result<(), StoreError> {
        self.end_indexed("sid", sid, i64::MAX, WithSid::Meant).await
    }

    async fn delete_by_sub(&self, sub: &str, begun_by: i64) -> Result<(), StoreError> {
        self.end_indexed("sub", sub, begun_by, WithSid::Meant).await
    }

    async fn delete_by_sub_without_sid(&self, sub: &str, begun_by: i64) -> Result<(), StoreError> {
        self.end_indexed("sub", sub, begun_by, WithSid::Spared)
            .await
    }

    async fn list_by_sub(&self, sub: &str, limit: usize) -> Result<Vec<String>, StoreError> {
        let name = digest(sub);
        let last = i64::try_from(limit).unwrap_or(i64::MAX);
        if last == 0 {
            return Ok(Vec::new());
        }
        // By their ends: those that have expired come first, and what is asked for last.
        let mut command = redis::cmd("ZRANGE");
        command.arg(self.key("sub", &name)).arg(-last).arg(-1);
        let mut answer: Answer<Vec<String>> = self.connection.send(&command).await?;
        let reads: Vec<_> = std::mem::take(&mut answer.value)
            .iter()
            .map(|id| {
                let mut read = redis::cmd("HMGET");
                read.arg(self.key("session", id)).arg(DATA).arg("sub");
                read
            })
            .collect();
        let mut found = Vec::with_capacity(reads.len());
        for reads in reads.chunks(AT_ONCE) {
            for read in self.connection.read(reads).await? {
                let (data, of): (Option<String>, Option<String>) = read?.read()?.value;
                // An entry may lead nowhere.
                found.extend(data.filter(|_| of.as_ref() == Some(&name)));
            }
        }
        // A session that is missing would not be ended with the others.
        self.connection.confirm(&answer).await?;
        Ok(found)
    }
}

#[rocket::async_trait]
impl TokenStore for RedisStore {
    async fn put_token(&self, id: &str, name: &str, sealed: &str) -> Result<(), StoreError> {
        let arguments = [&field_of(name), sealed];
        self.run(&scripts::PUT_TOKEN, &self.session(id), &arguments)
            .await
    }

    async fn token(&self, id: &str, name: &str) -> Result<Option<String>, StoreError> {
        let answer = self.reads.field(self.session(id), &field_of(name)).await?;
        Ok(answer.value)
    }

    async fn clear_tokens(&self, id: &str) -> Result<(), StoreError> {
        self.run(&scripts::CLEAR_TOKENS, &self.session(id), &[TOKEN])
            .await
    }
}

fn field_of(token: &str) -> String {
    format!("{TOKEN}{token}")
}

#[rocket::async_trait]
impl LockStore for RedisStore {
    async fn lock(&self, name: &str, owner: &str, lifetime: Duration) -> Result<bool, StoreError> {
        let attempt = format!("{}{}:{owner}", owned_by(owner), nonce()?);
        let key = self.key("lock", &digest(name));
        let arguments = [&*attempt, &millis(lifetime)];
        let taken = self.connection.run(&scripts::LOCK, &key, &arguments);
        let taken: Answer<bool> = taken.await?;
        if taken.value {
            self.connection.confirm(&taken).await?;
        }
        Ok(taken.value)
    }

    async fn renew(&self, name: &str, owner: &str, lifetime: Duration) -> Result<bool, StoreError> {
        let key = self.key("lock", &digest(name));
        let arguments = [&*owned_by(owner), &millis(lifetime)];
        self.run(&scripts::RENEW, &key, &arguments).await
    }

    async fn unlock(&self, name: &str, owner: &str) -> Result<(), StoreError> {
        let key = self.key("lock", &digest(name));
        let command = scripts::UNLOCK.whole(&key, &[&owned_by(owner)]);
        let _: Answer<i64> = self.connection.send(&command).await?;
        Ok(())
    }

    async fn owner(&self, name: &str) -> Result<Option<String>, StoreError> {
        let held = self.reads.text(self.key("lock", &digest(name))).await?;
        // Its digest, the attempt, the owner.
        let owner = |held: String| held.splitn(3, ':').nth(2).map(str::to_owned);
        Ok(held.value.and_then(owner))
    }
}

/// How the attempts of this owner begin.
fn owned_by(owner: &str) -> String {
    format!("{}:", digest(owner))
}
