-- The first step of filling: the ids of all leases that run or were settled while cold, behind the account's version,
-- which the last step gives back so that nothing was forgotten or lost in between.

redis.call('HSETNX', LEASES, 'v', now_ms)
redis.call('EXPIRE', LEASES, KEPT_S)
local found = { 'leases', now_ms, tonumber(redis.call('HGET', LEASES, 'v')) }
local all = redis.call('HGETALL', LEASES)
for i = 1, #all, 2 do
  local lease = parsed(all[i + 1])
  if lease and lease.state ~= 'd' then table.insert(found, all[i]) end
end
return found
