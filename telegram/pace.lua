-- The bot's send rate (GCRA) and its gate, on the server's clock, in one hash slot.
-- KEYS: 1 the theoretical arrival time of the next message (µs), 2 the gate's end (µs)
-- ARGV: 1 verb, 2 µs per message, 3 burst in messages, 4 gate the caller remembers (µs still to wait),
--       5 µs of a clock of the test's own or 0, 6 and 7 the verb's own
-- Every verb answers {granted, µs to wait, gate's µs to wait, now in µs}.
local interval, burst = tonumber(ARGV[2]), tonumber(ARGV[3])
local KEEP_MS = 7 * 24 * 3600 * 1000

local now = tonumber(ARGV[5])
if now == 0 then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
end

-- Without a format a number this large would lose its last digits.
local function keep(key, value)
  redis.call('SET', key, string.format('%.0f', value), 'PX', KEEP_MS)
end

local function arrival()
  local full = now + burst * interval
  -- No key: the server was emptied or is new. Begin with the burst used up, since it may well be;
  -- a key beyond the burst: the clock was set back, and nobody shall wait for it to catch up.
  return math.max(now, math.min(tonumber(redis.call('GET', KEYS[1])) or full, full))
end

-- What a caller remembers of the gate heals a server that has forgotten it.
local function gate()
  local stored = tonumber(redis.call('GET', KEYS[2])) or 0
  local remembered = now + tonumber(ARGV[4])
  if remembered > now and remembered > stored then
    keep(KEYS[2], remembered)
    stored = remembered
  end
  return math.max(0, stored - now)
end

local verbs = {}

-- 6 how many are wanted, 7 the part of the burst this caller may use (messages)
function verbs.reserve()
  local want, usable = tonumber(ARGV[6]), tonumber(ARGV[7])
  local at, closed = arrival(), gate()
  local free = math.floor((now + usable * interval - at) / interval)
  local granted = closed > 0 and 0 or math.max(0, math.min(want, free))
  local after = at + granted * interval
  keep(KEYS[1], after)
  local wait = granted < want and math.max(closed, after + interval - usable * interval - now) or 0
  return {granted, wait, closed, now}
end

-- 6 how many were not used, 7 when they were reserved (µs)
function verbs.give_back()
  -- If they had never been reserved, the burst may have been whole, and time would have refilled nothing: what it
  -- has refilled since is theirs already, and to give that back too would exceed the rate. Only the age is safe to
  -- reckon with: the limiter's state at the grant is not, where an earlier grant was given back in between.
  local age = math.max(0, now - tonumber(ARGV[7]))
  local credit = math.max(0, tonumber(ARGV[6]) * interval - age)
  keep(KEYS[1], math.max(now, arrival() - credit))
  return {0, 0, gate(), now}
end

-- The gate that is to be closed comes as the one the caller remembers: it never opens a longer one.
function verbs.look()
  return {0, 0, gate(), now}
end

return verbs[ARGV[1]]()
