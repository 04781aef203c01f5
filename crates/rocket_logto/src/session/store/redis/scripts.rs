//! What Redis does in one step. Nothing comes between the commands of a script,
//! so that two instances of the app cannot get in each other's way.
//!
//! The scripts find keys by the ids in an index, which a Redis Cluster does not
//! allow: one Redis, with replicas if you like.

use std::sync::LazyLock;

use redis::Script;

/// KEYS: the session. ARGV: see `RedisStore::write`. 0 when the id is taken.
///
/// An index lives as long as the last of its sessions. Each new session removes a
/// few that have expired, or the index of a user who never stays away would grow
/// for ever.
pub(super) static CREATE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local session = KEYS[1]
local prefix, id, data, lifetime, version, sub, sid, begun_at = unpack(ARGV)
if redis.call('EXISTS', session) == 1 then return 0 end
redis.call('HSET', session, 'data', data, 'version', version, 'sub', sub, 'sid', sid, 'begun_at', begun_at)
redis.call('PEXPIRE', session, lifetime)

local function add_to(index)
  for _, other in ipairs(redis.call('SRANDMEMBER', index, 4)) do
    if redis.call('EXISTS', prefix .. 'session:' .. other) == 0 then redis.call('SREM', index, other) end
  end
  redis.call('SADD', index, id)
  if redis.call('PTTL', index) < tonumber(lifetime) then redis.call('PEXPIRE', index, lifetime) end
end
add_to(prefix .. 'sub:' .. sub)
if sid ~= '' then add_to(prefix .. 'sid:' .. sid) end
return 1",
    )
});

/// KEYS: the session. ARGV: see `RedisStore::write`. 0 when the session is gone.
pub(super) static SAVE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local session = KEYS[1]
local prefix, id, data, lifetime, version = unpack(ARGV)
local kept_version, sub, sid = unpack(redis.call('HMGET', session, 'version', 'sub', 'sid'))
if not kept_version then return 0 end
if tonumber(kept_version) > tonumber(version) then return 1 end
redis.call('HSET', session, 'data', data, 'version', version)
redis.call('PEXPIRE', session, lifetime)

local function extend(index)
  if redis.call('PTTL', index) < tonumber(lifetime) then redis.call('PEXPIRE', index, lifetime) end
end
extend(prefix .. 'sub:' .. sub)
if sid ~= '' then extend(prefix .. 'sid:' .. sid) end
return 1",
    )
});

/// KEYS: the session. ARGV: the prefix, the id.
pub(super) static DELETE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local session = KEYS[1]
local prefix, id = unpack(ARGV)
local sub, sid = unpack(redis.call('HMGET', session, 'sub', 'sid'))
redis.call('DEL', session)
if sub then redis.call('SREM', prefix .. 'sub:' .. sub, id) end
if sid and sid ~= '' then redis.call('SREM', prefix .. 'sid:' .. sid, id) end
return 1",
    )
});

/// For [`DELETE_INDEXED`].
pub(super) const WITHOUT_SID: &str = "without sid";

/// Ends the sessions of an index that were begun in time.
///
/// KEYS: the index. ARGV: the prefix, the last `begun_at` that is meant, and
/// [`WITHOUT_SID`] to spare the sessions that have one.
pub(super) static DELETE_INDEXED: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local index = KEYS[1]
local prefix, begun_by, only = unpack(ARGV)
for _, id in ipairs(redis.call('SMEMBERS', index)) do
  local session = prefix .. 'session:' .. id
  local sub, sid, begun_at = unpack(redis.call('HMGET', session, 'sub', 'sid', 'begun_at'))
  -- One that has expired has no begun_at, and leaves the index, too.
  local spared = only == 'without sid' and sid and sid ~= ''
  if not spared and tonumber(begun_at or 0) <= tonumber(begun_by) then
    redis.call('DEL', session)
    if sub then redis.call('SREM', prefix .. 'sub:' .. sub, id) end
    if sid and sid ~= '' then redis.call('SREM', prefix .. 'sid:' .. sid, id) end
    redis.call('SREM', index, id)
  end
end
return 1",
    )
});

/// KEYS: the session. ARGV: the prefix, the token's field, the token.
pub(super) static PUT_TOKEN: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local session = KEYS[1]
local _, field, token = unpack(ARGV)
if redis.call('EXISTS', session) == 0 then return 0 end
redis.call('HSET', session, field, token)
return 1",
    )
});

/// KEYS: the session. ARGV: the prefix, what the fields of tokens begin with.
pub(super) static CLEAR_TOKENS: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local session = KEYS[1]
local _, begin = unpack(ARGV)
for _, field in ipairs(redis.call('HKEYS', session)) do
  if string.sub(field, 1, string.len(begin)) == begin then redis.call('HDEL', session, field) end
end
return 1",
    )
});

/// KEYS: the lock. ARGV: the owner.
///
/// The text, not a [`Script`], which is called by its hash: a Redis that does not
/// know it would say so, and nobody hears of that when answers come too late.
pub(super) const UNLOCK: &str = r"
local lock, owner = KEYS[1], ARGV[1]
if redis.call('GET', lock) == owner then redis.call('DEL', lock) end
return 1";
