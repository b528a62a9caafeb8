-- How many write units a second a run may use: by --wcu, else by the plan's write_units, a number or a function of the clock.
-- Not for: `control wcu`, which the engine knows of itself, or keeping the rate.
local pace = {}

local MOST = 1000000000 -- beyond any quota

-- What a function gets: the local time's parts, as os.date "*t" has them, and `elapsed`, the seconds since this run began.
local function clock(began)
  local now = os.time()
  local parts = os.date("*t", now)
  parts.elapsed = now - began
  return parts
end

local function place(call)
  local where = debug.getinfo(call, "S")
  return where.what == "C" and "" or ("%s:%d: "):format(where.short_src, where.linedefined)
end

-- Texts as they are; of anything else only what it is: a table's own __tostring would run without a limit.
local function said(value)
  if type(value) == "table" or type(value) == "userdata" then return "a " .. type(value) end
  return tostring(value)
end

-- What was raised, in one line, with its place: `error` gives a text the line that raised it.
local function raised(call, value)
  local text = said(value):gsub("%s*\n%s*", "; ")
  return text:find "^.-:%d+: " and text or ("%sthe function raised %s"):format(place(call), text)
end

local function called(call, began, timeout, core)
  local ok, units, stopped = core.limited(timeout, call, clock(began))
  if stopped then
    return nil, ("write_units: %sthe function ran longer than mapping_timeout allows (%d ms)"):format(place(call), timeout)
  end
  if not ok then return nil, "write_units: " .. raised(call, units) end
  local whole = math.type(units) == "float" and math.tointeger(units // 1) or units
  if math.type(whole) ~= "integer" or whole < 1 or whole > MOST then
    return nil, ("write_units: %sthe function gave %s, no number of write units from 1 to %d"):format(place(call), said(units), MOST)
  end
  return whole
end

-- What hlua.core's migrate asks every second: a function that returns the units, 0 for as many as there are, or nil and a text.
function pace.of(low, options, core)
  local asked, began = options.wcu or low.write_units or 0, os.time()
  return function()
    if type(asked) == "function" then return called(asked, began, low.mapping_timeout_ms, core) end
    return asked
  end
end

-- Asks before anything is read or made: the units, or nil and an error.
function pace.first(ask, core)
  local units, text = ask()
  if units then return units end
  if core.stopping() then error("interrupted", 0) end -- the signal's own error is what the function failed with
  return nil, { kind = "plan", exit = 1, text = text,
    hint = "mend the plan's write_units: a function of the clock that returns a whole number of at least 1" }
end

return pace
