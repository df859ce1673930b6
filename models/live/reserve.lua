-- One claim: all counters of both layers and the key's running requests at once, or none.
--
-- ARGV: 3 hour, 4 month, 5 and 6 when the month begins and ends, 7 request id, 8 key, 9 tokens of the prompt,
-- 10 wished tokens of output, 11 time to live, 12 how many requests of the key may run (empty: any number), then for
-- each layer its limit of requests and its limit of tokens, empty for none.
--
-- Answers {turned|cold, ms}, {refused, ms, due, running, counts} or {lease, ms, due, running, hour, reserved, counts};
-- `due` leases should be looked up; counts are per layer, the claim included. A request that holds a lease already is
-- told the same lease.

local id, key = ARGV[7], ARGV[8]
local prompt, granted, ttl, at_once = tonumber(ARGV[9]), tonumber(ARGV[10]), tonumber(ARGV[11]), tonumber(ARGV[12])

if turned(ARGV[3], ARGV[5], ARGV[6]) then return { 'turned', now_ms } end
local due = count_due()
local counted = counts()
if not counted then return { 'cold', now_ms } end
local running = tonumber(redis.call('HGET', LEASES, 'n:' .. key) or 0)

local function answer(lease)
  return { 'lease', now_ms, due, running, lease.hour, lease.reserved, unpack(counted) }
end

local known = lease_of(id)
if runs(known) then return answer(known) end

local is_refused = at_once and running >= at_once
for layer = 0, 1 do
  local requests, settled, reserved = unpack(counted, 3 * layer + 1, 3 * layer + 3)
  local most_requests, most_tokens = tonumber(ARGV[13 + 2 * layer]), tonumber(ARGV[14 + 2 * layer])
  if most_requests and requests >= most_requests then is_refused = true end
  if most_tokens then
    local left = most_tokens - settled - reserved
    if left < prompt + 1 then is_refused = true end
    granted = math.min(granted, left - prompt)
  end
end
if is_refused then return { 'refused', now_ms, due, running, unpack(counted) } end

local lease = {
  state = 'r', key = key, hour = tonumber(ARGV[3]), month = tonumber(ARGV[4]),
  reserved = prompt + granted, granted = granted,
}
for layer = 0, 1 do
  counted[3 * layer + 1] = redis.call('HINCRBY', KEYS[3 + 2 * layer], 'settled', 1)
  counted[3 * layer + 3] = redis.call('HINCRBY', KEYS[4 + 2 * layer], 'reserved', lease.reserved)
end
keep(id, lease, now + ttl)
count_running(key, 1)
return answer(lease)
