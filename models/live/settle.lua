-- Ends a lease once: of any further call nothing comes.
--
-- ARGV: 3 settle|release, 4 request id, 5 key, 6 hour and 7 month of the lease, 8 tokens used.
--
-- A settlement comes after the final row is committed. So where the account is warm and yet does not know the lease,
-- its counters were filled before the row was there: they are forgotten, and filled from the tables at the next claim.

local verb, id, key = ARGV[3], ARGV[4], ARGV[5]
local hour, month, used = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local owners = { 'account', 'key:' .. key }
local lease = lease_of(id)

if not lease then
  if verb ~= 'settle' then return { 'unknown', now_ms } end
  local is_cold = false
  for _, owner in ipairs(owners) do
    if redis.call('HEXISTS', counter(owner, 'month', month), 'settled') == 0 then is_cold = true end
  end
  if is_cold then
    remember(id, { key = key, hour = hour, month = month, reserved = used, granted = 0 }, 'm')
    return { 'marked', now_ms }
  end
  for _, owner in ipairs(owners) do
    redis.call('DEL', counter(owner, 'hour', hour), counter(owner, 'month', month))
  end
  redis.call('HDEL', LEASES, 'v:', 'v:' .. key)
  return { 'forgot', now_ms }
end
if not runs(lease) then return { 'ended', now_ms } end

drop(id)
count_running(lease.key, -1)
local is_cold = false
for _, owner in ipairs(owners) do
  local is_counted = lease.state == (owner == 'account' and 'a' or 'k')
  local name = counter(owner, 'month', lease.month)
  if not is_counted then
    add(name, 'reserved', -lease.reserved)
    if verb == 'settle' and not add(name, 'settled', used) then is_cold = true end
  end
  -- An hour that is over is not filled any more.
  if lease.hour == math.floor(now / 3600) and redis.call('HEXISTS', counter(owner, 'hour', lease.hour), 'settled') == 0
  then is_cold = verb == 'settle' end
  if verb == 'release' then add(counter(owner, 'hour', lease.hour), 'settled', -1) end
end
if is_cold then
  lease.reserved = used
  remember(id, lease, 'm')
end
return { 'done', now_ms }
