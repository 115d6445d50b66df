-- Gives a lock back after a rebuild that failed, and marks the entry, if the lock is still the caller's.
--
-- KEYS  entry, lock
-- ARGV  token; what every entry of this key begins with; the length of a header; the entry's new
--       version; where the mark stands; the mark
-- Gives {1, token} if the lock was the caller's, {0, token} if it was not and nothing was done.
local prefix, header = ARGV[2], tonumber(ARGV[3])
if redis.pcall('GET', KEYS[2]) ~= ARGV[1] then
    return {0, ARGV[1]}
end
redis.call('DEL', KEYS[2])
local found = redis.pcall('GETRANGE', KEYS[1], 0, header - 1)
if type(found) == 'string' and #found == header and string.sub(found, 1, #prefix) == prefix then
    -- What is written in place keeps the entry's own life.
    redis.call('SETRANGE', KEYS[1], #prefix, ARGV[4])
    redis.call('SETRANGE', KEYS[1], ARGV[5], ARGV[6])
end
return {1, ARGV[1]}
