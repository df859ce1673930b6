-- Ends a lease once: of any further call nothing comes. KEYS 3 and 4 are of the lease's own hour and month.
--
-- ARGV: 3 settle|release|give_up, 4 request id, 5 key, 6 hour and 7 month of the lease, 8 tokens used, 9 how long
-- an account that is cold may take to be filled, and a late reserve to arrive.

local verb, id = ARGV[3], ARGV[4]
local used, patience = tonumber(ARGV[8]), tonumber(ARGV[9])
local lease = lease_of(id)

-- Kept beside the leases until it is due.
local function mark(state, tokens)
  keep(id, { state = state, key = ARGV[5], hour = ARGV[6], month = ARGV[7], reserved = tokens, granted = 0 },
    now + patience)
  for _, name in ipairs({ LEASES, DUE }) do
    if redis.call('TTL', name) < patience then redis.call('EXPIRE', name, 2 * patience) end
  end
end

if not lease then
  if verb == 'settle' and redis.call('EXISTS', KEYS[4]) == 0 then mark('m', used) end
  if verb == 'give_up' then mark('d', 0) end
  return { 'unknown', now_ms }
end
if lease.state == 'm' or lease.state == 'd' then return { 'ended', now_ms } end

if lease.state == 'r' then add(lease.key, 'month', lease.month, 'reserved', -lease.reserved) end
drop(id)
if verb == 'settle' then
  add(lease.key, 'month', lease.month, 'settled', used)
else
  add(lease.key, 'hour', lease.hour, 'settled', -1)
end
if verb == 'give_up' then mark('d', 0) end
return { 'done', now_ms }
