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

local function called(call, began)
  local ok, units = pcall(call, clock(began))
  if not ok then return nil, ("write_units: %s"):format(tostring(units)) end
  local whole = math.type(units) == "float" and math.tointeger(units // 1) or units
  if math.type(whole) ~= "integer" or whole < 1 or whole > MOST then
    return nil, ("write_units: the function gave %s, no number of write units from 1 to %d"):format(tostring(units), MOST)
  end
  return whole
end

-- What hlua.core's migrate asks every second: a function that returns the units, 0 for as many as there are, or nil and a text.
function pace.of(low, options)
  local asked, began = options.wcu or low.write_units or 0, os.time()
  return function()
    if type(asked) == "function" then return called(asked, began) end
    return asked
  end
end

return pace
