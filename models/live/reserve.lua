-- One claim: all counters of both layers at once, or none.
--
-- ARGV: 3 hour, 4 month, 5 and 6 when the month begins and ends, 7 how long an ended lease is kept, 8 request id,
-- 9 key, 10 tokens of the prompt, 11 wished tokens of output, 12 time to live, then for each layer its limit of
-- requests and its limit of tokens, empty for none.
--
-- Answers {turned|cold|given_up, ms}, {refused, ms, counts} or {lease, ms, hour, month, reserved, granted, counts};
-- counts are per layer, the claim included. A request that holds a lease already is told the same lease.

local month, id = tonumber(ARGV[4]), ARGV[8]
local prompt, granted, ttl = tonumber(ARGV[10]), tonumber(ARGV[11]), tonumber(ARGV[12])

if turned(ARGV[3], ARGV[5], ARGV[6]) then return { 'turned', now_ms } end
sweep(tonumber(ARGV[7]))
local counted = counts()
if not counted then return { 'cold', now_ms } end

local function answer(lease)
  return { 'lease', now_ms, lease.hour, lease.month, lease.reserved, lease.granted, unpack(counted) }
end

local known = lease_of(id)
if known and known.state == 'r' then return answer(known) end
if known and known.state == 'd' then return { 'given_up', now_ms } end

for layer = 0, 1 do
  local requests, settled, reserved = unpack(counted, 3 * layer + 1, 3 * layer + 3)
  local most_requests, most_tokens = tonumber(ARGV[13 + 2 * layer]), tonumber(ARGV[14 + 2 * layer])
  if most_requests and requests >= most_requests then return { 'refused', now_ms, unpack(counted) } end
  if most_tokens then
    local left = most_tokens - settled - reserved
    if left < prompt + 1 then return { 'refused', now_ms, unpack(counted) } end
    granted = math.min(granted, left - prompt)
  end
end

local lease = {
  state = 'r', key = ARGV[9], hour = tonumber(ARGV[3]), month = month, reserved = prompt + granted, granted = granted,
}
for layer = 0, 1 do
  counted[3 * layer + 1] = redis.call('HINCRBY', KEYS[3 + 2 * layer], 'settled', 1)
  counted[3 * layer + 3] = redis.call('HINCRBY', KEYS[4 + 2 * layer], 'reserved', lease.reserved)
end
keep(id, lease, now + ttl)
for _, name in ipairs({ LEASES, DUE }) do
  redis.call('EXPIRE', name, ttl + 2 * tonumber(ARGV[7]))
end
return answer(lease)
