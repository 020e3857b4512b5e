-- The mass-unlink guard: sends and refused chats of the last minutes, over all workers.
-- KEYS: 1 hash of counts by time slot, and whether the guard has tripped
-- ARGV: 1 sends, 2 refusals among them, 3 share of refusals allowed, 4 the least number of refusals that counts,
--       5 seconds looked at, 6 seconds of a clock of the test's own or -1
-- Answers {has tripped, has tripped by this very call}.
local SLOTS = 30
local sends, refusals = tonumber(ARGV[1]), tonumber(ARGV[2])
local share, least, window = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])

local now = tonumber(ARGV[6])
if now < 0 then
  now = tonumber(redis.call('TIME')[1])
end
local slot = math.floor(now * SLOTS / window)

redis.call('HINCRBY', KEYS[1], slot .. ':sends', sends)
redis.call('HINCRBY', KEYS[1], slot .. ':refusals', refusals)
redis.call('EXPIRE', KEYS[1], window * 12)

local sums = {sends = 0, refusals = 0}
local counts = redis.call('HGETALL', KEYS[1])
for at = 1, #counts, 2 do
  local number, what = string.match(counts[at], '^(%d+):(%a+)$')
  if number then
    if tonumber(number) > slot - SLOTS then
      sums[what] = sums[what] + tonumber(counts[at + 1])
    else
      redis.call('HDEL', KEYS[1], counts[at])
    end
  end
end

if redis.call('HGET', KEYS[1], 'tripped') then
  return {1, 0}
end
if sums.refusals >= least and sums.refusals > share * sums.sends then
  redis.call('HSET', KEYS[1], 'tripped', 1)
  return {1, 1}
end
return {0, 0}
