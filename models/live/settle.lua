-- Ends a lease once: of any further call nothing comes.
--
-- ARGV: 3 settle|release, 4 request id, 5 key, 6 hour and 7 month of the lease, 8 tokens used.
--
-- A settlement comes after the final row is committed, so whoever fills a cold counter from now on finds it there; one
-- who has read the tables before must read them again. Where Redis does not know the lease, counters that are warm may
-- have been filled before its row was there: they are forgotten too.

local verb, id, key = ARGV[3], ARGV[4], ARGV[5]
local lease = lease_of(id)

if not lease then
  if verb ~= 'settle' then return { 'unknown', now_ms } end
  for _, owner in ipairs({ 'account', 'key:' .. key }) do
    redis.call('DEL', counter(owner, 'hour', tonumber(ARGV[6])), counter(owner, 'month', tonumber(ARGV[7])))
  end
  redis.call('HDEL', LEASES, 'v:', 'v:' .. key)
  return { 'forgot', now_ms }
end
if not runs(lease) then return { 'ended', now_ms } end

drop(id)
count_running(lease.key, -1)
for _, layer in ipairs({ { 'account', 'a', '' }, { 'key:' .. lease.key, 'k', lease.key } }) do
  local owner, counted, version_of = unpack(layer)
  local hourly, monthly = counter(owner, 'hour', lease.hour), counter(owner, 'month', lease.month)
  if lease.state ~= counted then
    add(monthly, 'reserved', -lease.reserved)
    if verb == 'settle' then add(monthly, 'settled', tonumber(ARGV[8])) end
  end
  if verb == 'release' then add(hourly, 'settled', -1) end
  if redis.call('EXISTS', hourly, monthly) < 2 then redis.call('HDEL', LEASES, 'v:' .. version_of) end
end
return { 'done', now_ms }
