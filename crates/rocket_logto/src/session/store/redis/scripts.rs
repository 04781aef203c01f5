//! What Redis does in one step. Nothing comes between the commands of a script,
//! so that two instances of the app cannot get in each other's way.
//!
//! Each script has one key, so that it runs in a Redis Cluster, too. Each may be
//! run again when nobody knows whether it has run: an answer may be lost, and the
//! client of a cluster repeats what was not answered.

use std::sync::LazyLock;

use redis::{Cmd, Script};

/// A script, which Redis knows by its hash after it has run once.
pub(super) struct Lua {
    code: &'static str,
    hash: LazyLock<String>,
}

macro_rules! lua {
    ($code:literal) => {
        Lua {
            code: $code,
            hash: LazyLock::new(|| Script::new($code).get_hash().to_owned()),
        }
    };
}

impl Lua {
    /// By its hash.
    pub(super) fn known(&self, key: &str, arguments: &[&str]) -> Cmd {
        call("EVALSHA", &self.hash, key, arguments)
    }

    /// By its text.
    pub(super) fn whole(&self, key: &str, arguments: &[&str]) -> Cmd {
        call("EVAL", self.code, key, arguments)
    }
}

fn call(command: &str, script: &str, key: &str, arguments: &[&str]) -> Cmd {
    let mut call = redis::cmd(command);
    call.arg(script).arg(1).arg(key).arg(arguments);
    call
}

/// KEYS: the session. ARGV: this attempt, and see `RedisStore::create`. 0 when the id
/// is taken.
pub(super) static CREATE: Lua = lua!(
    r"
local session = KEYS[1]
local made, data, lifetime, version, sub, sid, begun_at = unpack(ARGV)
local taken = redis.call('HGET', session, 'made')
if taken == made then return 1 end
if taken then return 0 end
redis.call('HSET', session, 'made', made, 'data', data, 'version', version, 'sub', sub, 'sid', sid, 'begun_at', begun_at)
redis.call('PEXPIRE', session, lifetime)
return 1"
);

/// KEYS: the session. ARGV: see `RedisStore::save`. By what names it is found and
/// whether this is a newer version, or nothing when the session is gone.
pub(super) static SAVE: Lua = lua!(
    r"
local session = KEYS[1]
local data, lifetime, version = unpack(ARGV)
local kept_version, sub, sid = unpack(redis.call('HMGET', session, 'version', 'sub', 'sid'))
if not kept_version then return {} end
if tonumber(kept_version) <= tonumber(version) then
  redis.call('HSET', session, 'data', data, 'version', version)
  redis.call('PEXPIRE', session, lifetime)
end
local newer = tonumber(kept_version) < tonumber(version)
return {sub, sid, newer and 'newer' or ''}"
);

/// KEYS: the session. By what names it was found.
pub(super) static DELETE: Lua = lua!(
    r"
local session = KEYS[1]
local sub, sid = unpack(redis.call('HMGET', session, 'sub', 'sid'))
redis.call('DEL', session)
if not sub then return {} end
return {sub, sid}"
);

/// Adds a session to an index, which lives as long as the last of its sessions. What
/// has expired leaves it, or the index of a user who never stays away would grow for
/// ever.
///
/// KEYS: the index. ARGV: the session, its lifetime.
pub(super) static ADD: Lua = lua!(
    r"
local index = KEYS[1]
local session, lifetime = ARGV[1], tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', index, '-inf', now)
redis.call('ZADD', index, now + lifetime, session)
if redis.call('PTTL', index) < lifetime then redis.call('PEXPIRE', index, lifetime) end
return 1"
);

/// Ends a session of an index that was begun in time.
///
/// KEYS: the session. ARGV: `sub` or `sid`, the name there, the last `begun_at` that
/// is meant, and `sid` where a session that has one is not. By what names it was found, or nothing when it is to stay. One that is
/// gone, or has another name by now, was found by no more than this.
pub(super) static END: Lua = lua!(
    r"
local session = KEYS[1]
local by, name, begun_by, spared = unpack(ARGV)
local held, sub, sid, begun_at = unpack(redis.call('HMGET', session, by, 'sub', 'sid', 'begun_at'))
if held ~= name then return {'', ''} end
if tonumber(begun_at) > tonumber(begun_by) then return {} end
if spared == 'sid' and sid ~= '' then return {} end
redis.call('DEL', session)
return {sub, sid}"
);

/// KEYS: the session. ARGV: the token's field, the token.
pub(super) static PUT_TOKEN: Lua = lua!(
    r"
local session = KEYS[1]
if redis.call('EXISTS', session) == 0 then return 0 end
redis.call('HSET', session, ARGV[1], ARGV[2])
return 1"
);

/// KEYS: the session. ARGV: what the fields of tokens begin with.
pub(super) static CLEAR_TOKENS: Lua = lua!(
    r"
local session, begin = KEYS[1], ARGV[1]
for _, field in ipairs(redis.call('HKEYS', session)) do
  if string.sub(field, 1, string.len(begin)) == begin then redis.call('HDEL', session, field) end
end
return 1"
);

/// KEYS: the lock. ARGV: this attempt of the owner, the lifetime.
pub(super) static LOCK: Lua = lua!(
    r"
local lock, attempt, lifetime = KEYS[1], ARGV[1], ARGV[2]
local held = redis.call('GET', lock)
if held == attempt then return 1 end
if held then return 0 end
redis.call('SET', lock, attempt, 'PX', lifetime)
return 1"
);

/// KEYS: the lock. ARGV: how the attempts of the owner begin, the lifetime.
pub(super) static RENEW: Lua = lua!(
    r"
local lock, owner, lifetime = KEYS[1], ARGV[1], ARGV[2]
local held = redis.call('GET', lock)
if not held or string.sub(held, 1, string.len(owner)) ~= owner then return 0 end
redis.call('PEXPIRE', lock, lifetime)
return 1"
);

/// KEYS: the lock. ARGV: how the attempts of the owner begin.
///
/// By its text: a Redis that does not know the hash would say so, and nobody hears
/// of that when answers come too late.
pub(super) static UNLOCK: Lua = lua!(
    r"
local lock, owner = KEYS[1], ARGV[1]
local held = redis.call('GET', lock)
if held and string.sub(held, 1, string.len(owner)) == owner then redis.call('DEL', lock) end
return 1"
);
