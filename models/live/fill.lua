-- The last step of filling: sets the counters that are cold from what the tables were found to know.
--
-- ARGV: 3 the version, 4 hour, 5 month, 6 when the month ends, 7 a lease's time to live, 8 how many layers, 9 of how many
-- listed leases the tables know as final; then for each layer key ('' for the account), requests of the hour, settled
-- tokens of the month; then the ids of the final ones; then for each open row: id, key, hour, month, reserved tokens.
--
-- The tables were read after the leases were listed. A lease that they do not know is being written just now: it counts
-- from here. One that they know as final is in their sums already: the layer that is filled notes so in its state.

local hour, month, layers, finals = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[8]), tonumber(ARGV[9])
local first_final, first_open = 10 + 3 * layers, 10 + 3 * layers + finals

if version(layers == 2 and ARGV[13] or '') ~= ARGV[3] then return { 'again', now_ms } end

local is_final, is_open = {}, {}
for i = first_final, first_open - 1 do is_final[ARGV[i]] = true end
for i = first_open, #ARGV, 5 do is_open[ARGV[i]] = true end

local function is_cold(name)
  return redis.call('HEXISTS', name, 'settled') == 0
end

local function each_lease(of_key, visit)
  local all = redis.call('HGETALL', LEASES)
  for i = 1, #all, 2 do
    local lease = parsed(all[i + 1])
    if lease and lease.state ~= 'd' and (of_key == '' or of_key == lease.key) then visit(all[i], lease) end
  end
end

-- Where the account's month is cold its leases may be lost too: the open rows get theirs back.
if is_cold(KEYS[4]) then
  for i = first_open, #ARGV, 5 do
    if not lease_of(ARGV[i]) then
      keep(ARGV[i], {
        state = 'r', key = ARGV[i + 1], hour = tonumber(ARGV[i + 2]), month = tonumber(ARGV[i + 3]),
        reserved = tonumber(ARGV[i + 4]), granted = 0,
      }, now + tonumber(ARGV[7]))
      count_running(ARGV[i + 1], 1)
    end
  end
end

local function fill_hour(name, key, requests)
  redis.call('HDEL', LEASES, 'v:' .. key)
  each_lease(key, function(id, lease)
    if lease.hour == hour and not is_final[id] and not is_open[id] then requests = requests + 1 end
  end)
  redis.call('HSET', name, 'settled', requests)
  redis.call('EXPIRE', name, 3 * 3600)
end

local function fill_month(name, key, tokens)
  redis.call('HDEL', LEASES, 'v:' .. key)
  local reserved = 0
  local counted, both = key == '' and 'a' or 'k', key == '' and 'k' or 'a'
  each_lease(key, function(id, lease)
    if lease.month ~= month then return end
    if not is_final[id] then
      reserved = reserved + lease.reserved
    elseif lease.state == both then
      count_running(lease.key, -1)
      remember(id, lease, 'd')
    elseif lease.state == 'r' then
      lease.state = counted
      keep(id, lease, redis.call('ZSCORE', DUE, id) or now)
    end
  end)
  redis.call('HSET', name, 'settled', tokens, 'reserved', reserved)
  redis.call('EXPIRE', name, math.max(0, tonumber(ARGV[6]) - now) + 2 * 86400)
end

for layer = 0, layers - 1 do
  local key, requests, tokens = unpack(ARGV, 10 + 3 * layer, 12 + 3 * layer)
  if is_cold(KEYS[3 + 2 * layer]) then fill_hour(KEYS[3 + 2 * layer], key, tonumber(requests)) end
  if is_cold(KEYS[4 + 2 * layer]) then fill_month(KEYS[4 + 2 * layer], key, tonumber(tokens)) end
end
return { 'filled', now_ms }
