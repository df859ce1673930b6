-- These leases run still. ARGV: 3 their time to live, then their ids.

for i = 4, #ARGV do
  if runs(lease_of(ARGV[i])) then redis.call('ZADD', DUE, now + tonumber(ARGV[3]), ARGV[i]) end
end
return { 'renewed', now_ms }
