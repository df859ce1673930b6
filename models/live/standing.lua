-- The counters as they stand. ARGV: 3 hour, 4 month, 5 and 6 when the month begins and ends, 7 how long an ended
-- lease is kept. Answers {turned|cold, ms} or {standing, ms, counts of each layer}.

if turned(ARGV[3], ARGV[5], ARGV[6]) then return { 'turned', now_ms } end
sweep(tonumber(ARGV[7]))
local counted = counts()
if not counted then return { 'cold', now_ms } end
return { 'standing', now_ms, unpack(counted) }
