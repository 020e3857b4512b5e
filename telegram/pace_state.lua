-- The first half of the limiter's script, which `pace.lua` goes on with: what is kept of the bot's send rate (two GCRAs),
-- its gate and the probe behind it; in one hash, on the server's clock.
-- KEYS: 1 the hash
-- ARGV: 1 verb, 2 configured rate, 3 burst in messages, 4 a name for a state that has to begin anew,
--       5 µs of a clock of the test's own or 0,
--       6 to 9 what the caller remembers: the state's name, µs until the gate opens, the rate (0: as configured),
--       whether that gate is closed or unproved (1), from 10 on the verb's own
-- Rates are in millionths of a message per second, times in µs; all are integers.
local SECOND = 1000000
local KEEP_MS = 8 * 24 * 3600 * 1000 -- longer than the longest gate
local LEAST = 1000000 -- the rate is never cut to less
local GROWTH, CLEAN = 1000000, 30 * SECOND -- what is added for so long a time without a sign of throttling
-- A gate that a caller remembers for longer than it is kept shows a clock that was set forward; less is two clocks' drift.
local DRIFT = SECOND

local FIELDS = {
  'name', -- of this state; another than the caller knows: the server was emptied since
  'seen', -- the last time the script ran
  'at', -- when the rate allows the next message, were there no burst
  'urgent', -- the same of those that urgent messages take before others
  'interval', -- µs per message with which these two are reckoned
  'rate', -- as it was at `since`; 0: nothing has cut it
  'since', -- from when on it grows
  'lowered', -- when it was last cut
  'eased', -- when it was last eased
  'gate', -- when it opens
  'unproved', -- 1 from a gate's closing until its probe has had a clean answer
  'proven', -- 1 once a probe of this state has had one
  'prober', 'probe', -- the probe that is out: when it was granted, which names it; until when it is waited for
  'trips', -- of the breaker since the last proof
  'lane', 'lane_at', 'other_at', -- the last 429: its lane and time; the last one of any other lane
}
local TIMES = {'at', 'urgent', 'since', 'lowered', 'eased', 'gate', 'probe', 'lane_at', 'other_at'}

local configured, burst = tonumber(ARGV[2]), tonumber(ARGV[3])
local now = tonumber(ARGV[5])
if now == 0 then
  local time = redis.call('TIME')
  now = time[1] * SECOND + time[2]
end
local state, interval = {}, 0

-- Without a format a number this large would lose its last digits.
local function save()
  state.seen = now
  local kept = {}
  for _, field in ipairs(FIELDS) do
    kept[#kept + 1] = field
    kept[#kept + 1] = string.format('%.0f', state[field])
  end
  redis.call('HSET', KEYS[1], unpack(kept))
  redis.call('PEXPIRE', KEYS[1], KEEP_MS)
end

local function effective()
  if state.rate == 0 then
    return configured
  end
  local clean = math.max(0, math.floor((now - state.since) / CLEAN))
  return math.min(configured, state.rate + clean * GROWTH)
end

-- What is owed is owed in messages: at another rate it takes another time.
local function adapt()
  interval = math.ceil(SECOND * SECOND / effective())
  for _, field in ipairs({'at', 'urgent'}) do
    if state[field] > now then
      state[field] = now + math.ceil((state[field] - now) * interval / state.interval)
    end
  end
  state.interval = interval
end

-- Holds the rate at what it is, or at less: it grows from `since` on.
local function set_rate(rate, since)
  if rate < effective() then
    state.lowered = now
  end
  state.rate = rate < configured and rate or 0
  state.since = math.max(state.since, since)
  adapt()
end

local function end_probe()
  state.prober, state.probe = 0, 0
end

local function close(until_time)
  state.gate = math.max(state.gate, until_time)
  state.unproved = 1
  end_probe()
  set_rate(effective(), state.gate)
end

-- No state: the server was emptied or is new. Begin with the burst used up, since it may well be.
local function load()
  for _, field in ipairs(FIELDS) do
    state[field] = 0
  end
  local stored = redis.call('HGETALL', KEYS[1])
  for n = 1, #stored, 2 do
    state[stored[n]] = tonumber(stored[n + 1])
  end
  if state.name == 0 then
    state.name, state.lowered = tonumber(ARGV[4]), now
    state.interval = math.ceil(SECOND * SECOND / configured)
    state.at = now + burst * state.interval
  end
end

-- A clock that was set back must not make anybody wait for it to catch up.
local function move_clock()
  local back = state.seen - now
  for _, field in ipairs(back > 0 and TIMES or {}) do
    if state[field] > 0 then
      state[field] = state[field] - back
    end
  end
end

-- What a caller remembers heals a server that has forgotten it; one that has not knows better.
local function heal()
  local gate, rate, unproved = now + tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
  local forgotten = tonumber(ARGV[6]) ~= state.name
  if gate > now and gate > state.gate + (forgotten and 0 or DRIFT) then
    close(gate)
  end
  if forgotten then
    -- One proof is enough for all who remember the gate.
    if state.proven == 0 then
      state.unproved = math.max(state.unproved, unproved)
    end
    if rate > 0 and rate < effective() then
      set_rate(rate, now)
    end
  end
end
