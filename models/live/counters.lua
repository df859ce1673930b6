-- Stands before each of the other scripts: what one account keeps in Redis, and the time it is.
--
-- KEYS: 1 the account's leases (hash: request id -> lease), 2 when they are due (sorted set), then for each layer,
-- the account first, the counter of its hour and the counter of its month. ARGV: 1 the prefix of all keys of the
-- account (its braces put them into one slot), 2 the time in ms, or 0: then it is the server's.
--
-- A counter is a hash of `settled` and, for a month, `reserved`. One that is missing is cold: nothing here ever
-- takes it for 0, and nothing but fill.lua creates it.
--
-- A lease is `state:key:hour:month:reserved:granted`. States: r running; a and k running too, but the month of the
-- account or of the key, filled after the request's final row was written, holds its usage already; d ended,
-- remembered for a while. Beside the leases the hash has `n:<key>`, how many of them run, and `v:<key>` and `v:`, which change whenever counters of the key or of the
-- account are filled or forgotten.

local LEASES, DUE, PREFIX = KEYS[1], KEYS[2], ARGV[1]
local AT_ONCE, REMEMBERED_S, KEPT_S = 100, 600, 2 * 86400

local now_ms = tonumber(ARGV[2])
if now_ms == 0 then
  local time = redis.call('TIME')
  now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
end
local now = math.floor(now_ms / 1000)

local function parsed(text)
  local state, key, hour, month, reserved, granted = string.match(text, '^(%a):(%d+):(%d+):(%d+):(%d+):(%d+)$')
  if not state then return nil end
  return {
    state = state, key = key, hour = tonumber(hour), month = tonumber(month),
    reserved = tonumber(reserved), granted = tonumber(granted),
  }
end

local function lease_of(id)
  local text = redis.call('HGET', LEASES, id)
  return text and parsed(text) or nil
end

local function runs(lease)
  return lease ~= nil and (lease.state == 'r' or lease.state == 'a' or lease.state == 'k')
end

local function keep(id, lease, due)
  local text = string.format('%s:%s:%.0f:%.0f:%.0f:%.0f',
    lease.state, lease.key, lease.hour, lease.month, lease.reserved, lease.granted)
  redis.call('HSET', LEASES, id, text)
  redis.call('ZADD', DUE, due, id)
  redis.call('EXPIRE', LEASES, KEPT_S)
  redis.call('EXPIRE', DUE, KEPT_S)
end

local function drop(id)
  redis.call('HDEL', LEASES, id)
  redis.call('ZREM', DUE, id)
end

local function count_running(key, change)
  redis.call('HINCRBY', LEASES, 'n:' .. key, change)
end

local function remember(id, lease, state)
  lease.state = state
  keep(id, lease, now + REMEMBERED_S)
end

local function counter(owner, window, number)
  return string.format('%s%s:%s:%.0f', PREFIX, owner, window, number)
end

-- False where the counter is cold; never below 0.
local function add(name, field, amount)
  local count = tonumber(redis.call('HGET', name, field) or nil)
  if not count then return false end
  redis.call('HSET', name, field, math.max(0, count + amount))
  return true
end

local function version(key)
  local both = redis.call('HMGET', LEASES, 'v:', 'v:' .. key)
  return (both[1] or '') .. '/' .. (both[2] or '')
end

-- How many running leases are due to be looked up; marks that are due are dropped, a bounded number per call.
local function count_due()
  local due = 0
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', DUE, '-inf', now, 'LIMIT', 0, AT_ONCE)) do
    if runs(lease_of(id)) then due = due + 1 else drop(id) end
  end
  return due
end

-- Per layer: requests of the hour, settled and reserved tokens of the month. Nil when any of them is cold.
local function counts()
  local found = {}
  for i = 3, #KEYS, 2 do
    local requests = redis.call('HGET', KEYS[i], 'settled')
    local tokens = redis.call('HMGET', KEYS[i + 1], 'settled', 'reserved')
    if not (requests and tokens[1] and tokens[2]) then return nil end
    for _, count in ipairs({ requests, tokens[1], tokens[2] }) do
      table.insert(found, tonumber(count))
    end
  end
  return found
end

-- Whether the caller named the counters of another hour or month than the one it is.
local function turned(hour, month_begins, month_ends)
  return math.floor(now / 3600) ~= tonumber(hour) or now < tonumber(month_begins) or now >= tonumber(month_ends)
end
