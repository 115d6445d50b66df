-- Prolongs the slot that holds a token. It never fills a slot that does not, so no lease comes back to life
-- after an invalidation.
--
-- KEYS  lease, hedge
-- ARGV  token; term from now in ms
-- Gives {1, token} if a slot holds it, {0, token} if none does and nothing was done.
local found = redis.call('MGET', KEYS[1], KEYS[2])
for at = 1, 2 do
    if found[at] and string.sub(found[at], 1, #ARGV[1] + 1) == ARGV[1] .. ':' then
        redis.call('SET', KEYS[at], ARGV[1] .. ':' .. ARGV[2], 'PX', ARGV[2])
        return {1, ARGV[1]}
    end
end
return {0, ARGV[1]}
