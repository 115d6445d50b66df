-- Prolongs a lease or ends it, if the lock is still the caller's.
--
-- KEYS  lock
-- ARGV  token; lease from now in ms, or 0 to release
-- Gives {1, token} if it was the caller's, {0, token} if it was not.
if redis.pcall('GET', KEYS[1]) ~= ARGV[1] then
    return {0, ARGV[1]}
end
if ARGV[2] == '0' then
    redis.call('DEL', KEYS[1])
else
    redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return {1, ARGV[1]}
