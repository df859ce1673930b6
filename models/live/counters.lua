-- Stands before each of the other scripts: what one account keeps in Redis, and the time it is.
--
-- KEYS: 1 the account's leases (hash: request id -> lease), 2 when they are due (sorted set), then for each layer,
-- the account first, the counter of its hour and the counter of its month. ARGV: 1 the prefix of all keys of the
-- account (its braces put them into one slot), 2 the time in ms, or 0: then it is the server's.
--
-- A counter is a hash of `settled` and, for a month, `reserved`. One that is missing is cold: nothing here ever
-- takes it for 0, and nothing but fill.lua creates it.
--
-- A lease is `state:key:hour:month:reserved:granted`. States: r running; x ended by itself, may still be settled;
-- m settled while the account was cold (`reserved` holds what it used); d given up by a caller who got no answer,
-- so that a late reserve of the same id finds it taken.

local LEASES, DUE, PREFIX = KEYS[1], KEYS[2], ARGV[1]
local SWEPT_AT_ONCE = 100

local now_ms = tonumber(ARGV[2])
if now_ms == 0 then
  local time = redis.call('TIME')
  now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
end
local now = math.floor(now_ms / 1000)

local function lease_of(id)
  local text = redis.call('HGET', LEASES, id)
  if not text then return nil end
  local state, key, hour, month, reserved, granted = string.match(text, '^(%a):(%d+):(%d+):(%d+):(%d+):(%d+)$')
  return {
    state = state, key = key, hour = tonumber(hour), month = tonumber(month),
    reserved = tonumber(reserved), granted = tonumber(granted),
  }
end

local function keep(id, lease, due)
  local text = string.format('%s:%s:%.0f:%.0f:%.0f:%.0f',
    lease.state, lease.key, lease.hour, lease.month, lease.reserved, lease.granted)
  redis.call('HSET', LEASES, id, text)
  redis.call('ZADD', DUE, due, id)
end

local function drop(id)
  redis.call('HDEL', LEASES, id)
  redis.call('ZREM', DUE, id)
end

-- Adds to a counter of the account and to that of the key, where they are warm; never below 0.
local function add(key, window, number, field, amount)
  for _, owner in ipairs({ 'account', 'key:' .. key }) do
    local name = string.format('%s%s:%s:%.0f', PREFIX, owner, window, number)
    local count = tonumber(redis.call('HGET', name, field) or nil)
    if count then redis.call('HSET', name, field, math.max(0, count + amount)) end
  end
end

-- Ends leases that nobody settled in time, a bounded number per call.
local function sweep(keep_expired_s)
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', DUE, '-inf', now, 'LIMIT', 0, SWEPT_AT_ONCE)) do
    local lease = lease_of(id)
    if lease and lease.state == 'r' then
      add(lease.key, 'month', lease.month, 'reserved', -lease.reserved)
      lease.state = 'x'
      keep(id, lease, now + keep_expired_s)
    else
      drop(id)
    end
  end
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
