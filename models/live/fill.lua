-- Sets counters from what the tables know: the cold ones, or all of them when it is told so.
--
-- ARGV: 3 `cold` or `all`, 4 month, 5 when the month ends, 6 how many layers; then for each layer key ('' for the
-- account), requests of the hour, settled tokens of the month; then for each request that the tables know as
-- running: id, key, hour, month, reserved tokens, when its lease ends.
--
-- Where the account's month is cold, its leases are lost too: the running requests get theirs back. One that was
-- settled meanwhile has left a mark and counts as what it used, since the tables do not know it yet.

local HOUR_KEPT, MONTH_KEPT = 3 * 3600, 2 * 86400
local is_all, month, layers = ARGV[3] == 'all', tonumber(ARGV[4]), tonumber(ARGV[6])
local first_running = 7 + 3 * layers

local function is_cold(name, field)
  return redis.call('HEXISTS', name, field) == 0
end

local function each_running(visit)
  for i = first_running, #ARGV, 6 do
    if tonumber(ARGV[i + 3]) == month then visit(unpack(ARGV, i, i + 5)) end
  end
end

local function held(key)
  local sum = 0
  for _, id in ipairs(redis.call('HKEYS', LEASES)) do
    local lease = lease_of(id)
    if lease.state == 'r' and lease.month == month and (key == '' or key == lease.key) then
      sum = sum + lease.reserved
    end
  end
  return sum
end

local function settled_unseen(key)
  local sum = 0
  each_running(function(id, owner)
    local lease = (key == '' or key == owner) and lease_of(id)
    if lease and lease.state == 'm' then sum = sum + lease.reserved end
  end)
  return sum
end

local is_lost = is_cold(KEYS[4], 'settled')
if is_lost and ARGV[7] == '' then
  each_running(function(id, key, hour, month_of_it, reserved, ends)
    if not lease_of(id) then
      keep(id, { state = 'r', key = key, hour = hour, month = month_of_it, reserved = reserved, granted = 0 }, ends)
    end
  end)
end

for layer = 0, layers - 1 do
  local key, requests, tokens = unpack(ARGV, 7 + 3 * layer, 9 + 3 * layer)
  local hourly, monthly = KEYS[3 + 2 * layer], KEYS[4 + 2 * layer]
  if is_all or is_cold(hourly, 'settled') then
    redis.call('HSET', hourly, 'settled', requests)
    redis.call('EXPIRE', hourly, HOUR_KEPT)
  end
  if is_all or is_cold(monthly, 'settled') then
    redis.call('HSET', monthly, 'settled', tonumber(tokens) + settled_unseen(key))
  end
  if is_cold(monthly, 'reserved') then redis.call('HSET', monthly, 'reserved', held(key)) end
  redis.call('EXPIRE', monthly, math.max(0, tonumber(ARGV[5]) - now) + MONTH_KEPT)
end
return { 'filled', now_ms }
