/**
 * What happens in Redis, each as one step. Only commands that Redis 6 and Valkey have. All keys of an upload carry its
 * ID in braces, so that they are on one node of a cluster.
 * @module
 */

export interface Keys {
  /** The holder's owner token; expires with its lease. */
  lock: string
  /** The fencing token given out last. */
  fence: string
  /** Somebody waits: for holders that the message did not reach. */
  wanted: string
}

export const keysOf = (prefix: string, id: string): Keys => {
  const lock = `${prefix}{${id}}`
  return { lock, fence: `${lock}:fence`, wanted: `${lock}:wanted` }
}

/** Milliseconds for which the last fencing token of an upload is remembered. After that the time alone is larger. */
export const FENCE_TTL = 3_600_000

/**
 * Takes the lock, or asks its holder to release it. Sent again with the same owner it finds what it did before.
 *
 * Two things outlive the memory of a server that keeps nothing on disk. Tokens are at least the time in microseconds, so
 * they grow. And a server that has been up for less than a lease gives no locks, since it may have forgotten holders.
 *
 * KEYS: lock, fence, wanted. ARGV: owner, ttl, FENCE_TTL, channel, 'quietly' to ask nobody.
 * Returns 'taken' and the token; 'held' and the milliseconds it lasts; or 'young' and the milliseconds to wait.
 */
export const ACQUIRE = `
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then
  if ARGV[5] ~= 'quietly' then
    redis.call('SET', KEYS[3], '1', 'PX', ARGV[2])
    redis.pcall('PUBLISH', ARGV[4], holder)
  end
  return {'held', tostring(redis.call('PTTL', KEYS[1]))}
end
if not holder then
  local info = redis.pcall('INFO', 'server')
  local up = type(info) == 'string' and tonumber(string.match(info, 'uptime_in_seconds:(%d+)'))
  local left = up and tonumber(ARGV[2]) + 1000 - up * 1000
  if left and left > 0 then return {'young', tostring(left)} end
end
local token = redis.call('GET', KEYS[2])
if not (holder and token) then
  local time = redis.call('TIME')
  token = string.format('%.0f', math.max(time[1] * 1000000 + time[2], tonumber(token or '0') + 1))
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('SET', KEYS[2], token, 'PX', ARGV[3])
redis.call('DEL', KEYS[3])
return {'taken', token}`

/**
 * Renews the lease of its owner. A lock that is gone while no later token was given out (the server forgot it) is taken
 * again: nobody had it in between.
 *
 * KEYS: lock, fence, wanted. ARGV: owner, ttl, FENCE_TTL, token. Returns 'lost', 'kept', or 'wanted' if somebody waits.
 */
export const RENEW = `
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 'lost' end
if not holder and (redis.call('GET', KEYS[2]) or ARGV[4]) ~= ARGV[4] then return 'lost' end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('SET', KEYS[2], ARGV[4], 'PX', ARGV[3])
if redis.call('EXISTS', KEYS[3]) == 1 then return 'wanted' end
return 'kept'`

/** Gives the lock back if it is the owner's. KEYS: lock, wanted. ARGV: owner. */
export const RELEASE = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1], KEYS[2])`
