-- Takes the lock of an entry, unless there is a newer entry or a holder.
--
-- KEYS  entry, lock
-- ARGV  token; lease in ms; what every entry of this key begins with; the version that the caller
--       saw, or '' for none; the length of a header; '1' to be told the time
-- Gives {0, false, time} to a caller that holds the lock now,
--       {1, entry, time} for an entry that the caller has not seen,
--       {2, ms left, time} where a flight holds the lock,
--       with false for what was not asked.
local token, lease, prefix, seen, header = ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local time = ARGV[6] == '1' and redis.call('TIME') or {false, false}

-- `MGET` gives nothing for what is no string: whatever somebody has put under these names is no entry
-- and no lock, and is written over.
local found = redis.call('MGET', KEYS[1], KEYS[2])
local entry, holder = found[1], found[2]
if entry
    and string.sub(entry, 1, #prefix) == prefix
    and #entry >= header
    and string.sub(entry, #prefix + 1, #prefix + 8) ~= seen
then
    return {1, entry, time[1], time[2]}
end

if holder and #holder == #token then
    local left = redis.call('PTTL', KEYS[2])
    -- A lock that never ends is no lock of ours.
    if left >= 0 then
        return {2, left, time[1], time[2]}
    end
end

redis.call('SET', KEYS[2], token, 'PX', lease)
return {0, false, time[1], time[2]}
