-- Writes an entry and gives its lock back, if the lock is still the caller's.
--
-- KEYS  entry, lock
-- ARGV  token; entry; its life in ms
-- Gives {1, token} if it was written, {0, token} if the lock was lost and nothing was.
if redis.pcall('GET', KEYS[2]) ~= ARGV[1] then
    return {0, ARGV[1]}
end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
redis.call('DEL', KEYS[2])
return {1, ARGV[1]}
