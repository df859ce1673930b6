-- The first step of filling: the ids of all leases that run, behind the version of the account's and the key's counters,
-- which the last step gives back: nothing was filled, forgotten, lost or settled while cold in between.
--
-- ARGV: 3 what no version was before, 4 the key, or empty.

for _, owner in ipairs({ '', ARGV[4] }) do redis.call('HSETNX', LEASES, 'v:' .. owner, ARGV[3]) end
redis.call('EXPIRE', LEASES, KEPT_S)
local found = { 'leases', now_ms, version(ARGV[4]) }
local all = redis.call('HGETALL', LEASES)
for i = 1, #all, 2 do
  local lease = parsed(all[i + 1])
  if lease and lease.state ~= 'd' then table.insert(found, all[i]) end
end
return found
