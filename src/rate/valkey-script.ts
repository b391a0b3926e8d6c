/** 2026-01-01 in seconds. Times count from here, so that doubles keep fractions of a microsecond. */
const EPOCH_SECONDS = 1_767_225_600;

/**
 * `MemoryCounters.take` inside of Valkey, by its own clock: one step that nothing comes between. Takes
 * count, periodMs, burst and cost for each key; answers the debt that is left and the time to wait, in ms,
 * for each key. The arithmetic is that of `bucket.ts`.
 */
export const TAKE_SCRIPT = `
local time = redis.call('TIME')
local now = (tonumber(time[1]) - ${EPOCH_SECONDS}) * 1000 + tonumber(time[2]) / 1000
local debts, waits, tokens = {}, {}, {}
local refused = false
for i = 1, #KEYS do
  local token = tonumber(ARGV[4 * i - 2]) / tonumber(ARGV[4 * i - 3])
  local burst, cost = tonumber(ARGV[4 * i - 1]), tonumber(ARGV[4 * i])
  local fullAt = tonumber(redis.call('GET', KEYS[i]) or now)
  local debt = math.min(math.max(0, fullAt - now), burst * token)
  local wait = 0
  if cost > burst then
    wait = math.huge
  elseif cost > 0 then
    wait = debt + cost * token - burst * token
    if wait <= token / 1000 then wait = 0 end
  end
  debts[i], waits[i], tokens[i] = debt, wait, token
  refused = refused or wait > 0
end
local answer = {}
for i = 1, #KEYS do
  local cost = tonumber(ARGV[4 * i])
  if not refused and cost > 0 then
    debts[i] = debts[i] + cost * tokens[i]
    redis.call('SET', KEYS[i], string.format('%.17g', now + debts[i]), 'PX', string.format('%.0f', debts[i] + 1000))
  end
  answer[2 * i - 1] = string.format('%.17g', debts[i])
  answer[2 * i] = waits[i] == math.huge and 'never' or string.format('%.17g', waits[i])
end
return answer
`;
