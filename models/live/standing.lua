-- The counters as they stand. ARGV: 3 hour, 4 month, 5 and 6 when the month begins and ends. Answers
-- {turned|cold, ms} or {standing, ms, due, running, counts of each layer}.

if turned(ARGV[3], ARGV[5], ARGV[6]) then return { 'turned', now_ms } end
local due = count_due()
local counted = counts()
if not counted then return { 'cold', now_ms } end
return { 'standing', now_ms, due, 0, unpack(counted) }
