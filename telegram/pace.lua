-- The second half of the limiter's script: what the state of `pace_state.lua` is asked and told.
-- Every verb answers {granted, µs to wait, µs until the gate opens, now, rate, of those granted by precedence,
--   whether it is the probe, whether the gate is closed or unproved, the state's name}.
local TOGETHER = 5 * SECOND -- 429s of two lanes within this concern the bot
local EASE_EVERY = 5 * SECOND
local TRIP_LONGEST = 60 * SECOND
local OWED_LONGEST = 60 * SECOND -- however much is owed, it holds nobody up for longer than this and a burst
local PROBE_LASTS, PROBE_LOOK = 40 * SECOND, SECOND / 10

-- How many of `want` fit in below `limit`, where the next stands at `at` and each takes `each`; never fewer than none.
local function fit(want, limit, at, each)
  return math.max(0, math.min(want, math.floor((limit - math.max(now, at)) / each)))
end

-- Ordinary messages leave a part of the burst to urgent ones. These take what the others leave first, a little later
-- than they so that it is theirs when both wait for it, and then the whole burst; of that, four fifths of the rate.
local function take(want, ordinary, urgent)
  local limit, whole = now + ordinary * interval, now + burst * interval
  local later = urgent and math.floor(interval / 8) or 0
  local granted, ahead = fit(want, limit, state.at + later, interval), 0
  state.at = math.max(state.at, now) + granted * interval
  local wait = state.at + later + interval - limit
  if urgent then
    local each = math.ceil(interval * 5 / 4)
    local most = now + burst * each
    ahead = math.min(fit(want - granted, whole, state.at, interval), fit(want - granted, most, state.urgent, each))
    state.at = state.at + ahead * interval
    state.urgent = math.max(state.urgent, now) + ahead * each
    local precedence = math.max(state.at + interval - whole, state.urgent + each - most)
    wait = math.min(state.at + later + interval - limit, precedence)
  end
  return granted + ahead, ahead, granted + ahead < want and wait or 0
end

local function answer(granted, wait, ahead, probe)
  local gate = math.max(0, state.gate - now)
  return {granted or 0, wait or 0, gate, now, effective(), ahead or 0, probe or 0, state.unproved, state.name}
end

local verbs = {}

-- 10 how many are wanted, 11 the part of the burst for ordinary messages, 12 whether these are urgent (1)
function verbs.reserve()
  local want, ordinary, urgent = tonumber(ARGV[10]), tonumber(ARGV[11]), ARGV[12] == '1'
  if state.gate > now then
    return answer(0, want > 0 and state.gate - now or 0)
  end
  if state.unproved == 0 then
    local granted, ahead, wait = take(want, ordinary, urgent)
    return answer(granted, wait, ahead)
  end
  if state.probe > now then
    return answer(0, want > 0 and math.min(state.probe - now, PROBE_LOOK) or 0)
  end
  local granted, ahead, wait = take(math.min(want, 1), ordinary, urgent)
  if granted == 1 then
    state.prober, state.probe = now, now + PROBE_LASTS
    wait = want > 1 and PROBE_LOOK or 0
  end
  return answer(granted, wait, ahead, granted)
end

-- 10 how many were not used, 11 when they were reserved, 12 how many of the grant had precedence
function verbs.give_back()
  local unused, taken, ahead = tonumber(ARGV[10]), tonumber(ARGV[11]), tonumber(ARGV[12])
  if state.prober == taken then
    end_probe()
  end
  -- Time has refilled at another rate than today's, or by another clock: nobody can say how much.
  if taken < state.lowered or taken > now then
    return answer()
  end
  -- If they had never been reserved, the burst may have been whole, and time would have refilled nothing: what it
  -- has refilled since is theirs already, and to give that back too would exceed the rate. Only the age is safe to
  -- reckon with: the limiter's state at the grant is not, where an earlier grant was given back in between.
  local function credit(at, each, count)
    return math.max(math.min(at, now), at - math.max(0, count * each - (now - taken)))
  end
  state.at = credit(state.at, interval, unused)
  state.urgent = credit(state.urgent, math.ceil(interval * 5 / 4), math.min(unused, ahead))
  return answer()
end

-- 10 the lane whose message had the 429, 11 how long to wait, 12 whether it concerns the whole bot (1), 13 the
-- probe that the caller holds
function verbs.flood()
  local lane, delay, bot_wide = tonumber(ARGV[10]), tonumber(ARGV[11]), ARGV[12] == '1'
  if lane ~= state.lane then
    state.other_at = state.lane_at
  end
  state.lane, state.lane_at = lane, now
  if not (bot_wide or (state.other_at > 0 and now - state.other_at <= TOGETHER)) then
    -- A probe whose own chat has to wait has shown nothing: another one tries.
    if state.prober == tonumber(ARGV[13]) then
      end_probe()
    end
    return answer()
  end
  local halves = state.gate <= now
  close(now + delay)
  if halves then
    set_rate(math.max(math.min(configured, LEAST), math.floor(effective() / 2)), state.gate)
  end
  return answer(1)
end

-- The gate of a breaker that trips again and again stays closed twice as long each time.
function verbs.trip()
  if state.gate <= now then
    state.trips = math.min(state.trips + 1, 7)
    close(now + math.min(TRIP_LONGEST, SECOND * 2 ^ (state.trips - 1)))
  end
  return answer()
end

-- 10 how long
function verbs.rest()
  close(now + tonumber(ARGV[10]))
  return answer()
end

-- 10 the probe that the caller holds: it had a clean answer
function verbs.prove()
  if state.prober == tonumber(ARGV[10]) then
    end_probe()
    state.unproved, state.proven, state.trips = 0, 1, 0
    state.at = math.max(state.at, now + burst * interval)
  end
  return answer()
end

-- 10 the probe that the caller holds: it has shown nothing
function verbs.retry_probe()
  if state.prober == tonumber(ARGV[10]) then
    end_probe()
  end
  return answer()
end

function verbs.ease()
  local rate = effective()
  if now - state.eased >= EASE_EVERY then
    state.eased = now
    rate = math.min(rate, math.max(LEAST, math.floor(rate * 9 / 10)))
  end
  set_rate(rate, now)
  return answer()
end

-- 10 how many messages went out without having been reserved
function verbs.owe()
  local most = now + burst * interval + OWED_LONGEST
  state.at = math.max(state.at, math.min(most, math.max(state.at, now) + tonumber(ARGV[10]) * interval))
  return answer()
end

function verbs.look()
  return answer()
end

load()
move_clock()
adapt()
heal()
local answered = verbs[ARGV[1]]()
save()
return answered
