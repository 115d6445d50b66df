-- Takes the lock of an entry, unless there is a newer entry or a holder.
--
-- KEYS  entry, lock
-- ARGV  token; lease in ms; what every entry of this key begins with; the version that the caller
--       saw, or '' for none; the length of a header
-- Gives {0, false, time} to a caller that holds the lock now,
--       {1, entry, time} for an entry that the caller has not seen,
--       {2, ms left,  time} where a flight holds the lock.
local token, lease, prefix, seen, header = ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local time = redis.call('TIME')

-- `pcall` and the checks of type: whatever somebody has put under these names is no entry and no
-- lock, and is written over.
local entry = redis.pcall('GET', KEYS[1])
if type(entry) == 'string'
    and string.sub(entry, 1, #prefix) == prefix
    and #entry >= header
    and string.sub(entry, #prefix + 1, #prefix + 8) ~= seen
then
    return {1, entry, time[1], time[2]}
end

local holder = redis.pcall('GET', KEYS[2])
if type(holder) == 'string' and #holder == #token then
    local left = redis.call('PTTL', KEYS[2])
    -- A lock that never ends is no lock of ours.
    if left >= 0 then
        return {2, left, time[1], time[2]}
    end
end

redis.call('SET', KEYS[2], token, 'PX', lease)
return {0, false, time[1], time[2]}
