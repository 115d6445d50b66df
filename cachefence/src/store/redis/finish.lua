-- Ends a load that was run under one of several tokens, if a slot still holds one of them. This check and the
-- writes are one step, so nothing is stored by a load whose slots an invalidation has emptied.
--
-- KEYS  entry, lease, hedge
-- ARGV  'store': writes the entry, and empties both slots
--         'mark': the same, but a value that is valid stays and is held off
--         'postpone': holds the entry off, and empties the slots that hold a token
--         'release': empties the slots that hold a token
--       what every entry of this key begins with; the new entry; its life in ms; the revision and the
--       retry-at of an entry that is held off; the time in microseconds; the tokens
-- Gives {1, first token} if a slot held one of the tokens, {0, first token} if none did and nothing was done.
local how, prefix = ARGV[1], ARGV[2]
local FIRST_TOKEN = 8

-- Where these stand in a header; see record.rs.
local HEADER, EXPIRY, LIFE, RETRY_AT, KIND = 64, 36, 44, 52, 60

local found = redis.call('MGET', KEYS[2], KEYS[3])
local held = {}
for at = 1, 2 do
    for token = FIRST_TOKEN, #ARGV do
        if found[at] and string.sub(found[at], 1, #ARGV[token] + 1) == ARGV[token] .. ':' then
            table.insert(held, KEYS[at + 1])
        end
    end
end
if #held == 0 then
    return {0, ARGV[FIRST_TOKEN]}
end

-- The header of what stands under the key, if that is an entry of this key; else false.
local function header()
    local bytes = redis.pcall('GETRANGE', KEYS[1], 0, HEADER - 1)
    if type(bytes) == 'table' and not string.find(bytes.err, '^WRONGTYPE') then
        error(bytes)
    end
    return type(bytes) == 'string' and #bytes == HEADER and string.sub(bytes, 1, #prefix) == prefix and bytes
end

local function number(bytes, at)
    local value = 0
    for byte = at + 1, at + 8 do
        value = value * 256 + string.byte(bytes, byte)
    end
    return value
end

local function is_valid_value(bytes)
    local now, expiry = tonumber(ARGV[7]), number(bytes, EXPIRY)
    -- An expiry may be a second further away than its life, because clocks are known only to a round trip.
    return string.byte(bytes, KIND + 1) == 0 and expiry > now and expiry <= now + number(bytes, LIFE) + 1000000
end

local function hold_off()
    -- The entry is changed in place, so that it keeps its own time to live.
    redis.call('SETRANGE', KEYS[1], #prefix, ARGV[5])
    redis.call('SETRANGE', KEYS[1], RETRY_AT, ARGV[6])
end

if how == 'release' or how == 'postpone' then
    if how == 'postpone' and header() then
        hold_off()
    end
    redis.call('DEL', unpack(held))
    return {1, ARGV[FIRST_TOKEN]}
end

local old = how == 'mark' and header()
if old and is_valid_value(old) then
    hold_off()
else
    redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4])
end
redis.call('DEL', KEYS[2], KEYS[3])
return {1, ARGV[FIRST_TOKEN]}
