-- Acquires a slot of a key for a token, unless there is a newer entry or others hold what was asked for.
-- One script does it, so that nobody comes between the look at the entry and the taking of the slot.
--
-- KEYS  entry, lease, hedge
-- ARGV  'free': the lease, if both slots are free
--         'beside': the lease if it is free, else the hedge if that is
--         'force': the lease, whoever holds it, and the hedge is emptied
--       token; term in ms; what every entry of this key begins with; the revision that the caller saw,
--       or '' for none; the length of a header; '1' to be told the time
-- Gives {0, false, false, false, false, time} to a caller whose token is in a slot now,
--       {1, entry, false, false, false, time} for an entry that the caller has not seen,
--       {2, lease, ms left, hedge, ms left, time} where others hold what was asked for,
--       with false for a slot that is free and for a time that was not asked for.
local take, token, term, prefix, seen = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local time = ARGV[7] == '1' and redis.call('TIME') or {false, false}

local function give(kind, detail, lease_left, hedge, hedge_left)
    return {kind, detail, lease_left, hedge, hedge_left, time[1], time[2]}
end

local function put_into(slot)
    redis.call('SET', slot, token .. ':' .. term, 'PX', term)
    return give(0, false, false, false, false)
end

if take == 'force' then
    local taken = put_into(KEYS[2])
    redis.call('DEL', KEYS[3])
    return taken
end

-- `MGET` gives nothing for a value that is no string. Such a value is no entry and no slot, and is written
-- over.
local found = redis.call('MGET', KEYS[1], KEYS[2], KEYS[3])
local entry = found[1]
if entry
    and string.sub(entry, 1, #prefix) == prefix
    and #entry >= tonumber(ARGV[6])
    and string.sub(entry, #prefix + 1, #prefix + 8) ~= seen
then
    return give(1, entry, false, false, false)
end

-- A slot holds `<uuid>:<term in ms>`.
local x = '%x%x%x%x'
local FORM = '^' .. x .. x .. '%-' .. x .. '%-' .. x .. '%-' .. x .. '%-' .. x .. x .. x .. ':(%d+)$'

-- What is left of the slot's term; false if the slot is free. A slot is also free if it holds something else,
-- has no end, or ends later than its term allows.
local function left_of(at)
    local own_term = found[at] and string.match(found[at], FORM)
    if not own_term then
        return false
    end
    local left = redis.call('PTTL', KEYS[at])
    return left >= 0 and left <= tonumber(own_term) and left
end

local lease_left, hedge_left = left_of(2), left_of(3)
if not lease_left and (not hedge_left or take == 'beside') then
    return put_into(KEYS[2])
end
if not hedge_left and take == 'beside' then
    return put_into(KEYS[3])
end
return give(2, lease_left and found[2], lease_left, hedge_left and found[3], hedge_left)
