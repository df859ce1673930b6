-- The running leases that are due, a bounded number: {due, ms, id, key, hour, month, ...}.

local found = { 'due', now_ms }
for _, id in ipairs(redis.call('ZRANGEBYSCORE', DUE, '-inf', now, 'LIMIT', 0, AT_ONCE)) do
  local lease = lease_of(id)
  if runs(lease) then
    for _, part in ipairs({ id, lease.key, lease.hour, lease.month }) do table.insert(found, part) end
  else
    drop(id)
  end
end
return found
