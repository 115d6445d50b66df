-- Prolongs a lease or ends it, if the lock is still the caller's.
--
-- KEYS  lock
-- ARGV  token; lease from now in ms, or 0 to release
-- Gives {1, time} if it was the caller's, {0, time} if it was not.
local time = redis.call('TIME')
if redis.pcall('GET', KEYS[1]) ~= ARGV[1] then
    return {0, time[1], time[2]}
end
if ARGV[2] == '0' then
    redis.call('DEL', KEYS[1])
else
    redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return {1, time[1], time[2]}
