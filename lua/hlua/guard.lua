-- What a plan must not lean on: globals that are not there, and in a worker's state clocks and chance.
local nearest = require "hlua.nearest"

local guard = {}

-- A misspelt global in a plan would be nil, and nil in a plan means "not said": so reading one raises there. In a
-- script that does not use the plan language, and in other modules, globals behave as ever. `source` is the script's, as
-- debug.getinfo has it.
function guard.globals(source)
  setmetatable(_G, {
    __index = function(_, name)
      if rawget(package.loaded, "hlua") == nil or debug.getinfo(2, "S").source ~= source then return nil end
      local names = {}
      for known in next, _G do names[#names + 1] = tostring(known) end
      table.sort(names)
      local best = nearest.pick(tostring(name), names)
      error(("there is no global variable %s%s"):format(tostring(name),
        best and ("\nhint: did you mean %s?"):format(best) or ""), 2)
    end,
  })
end

local function refuse(name, instead)
  return function()
    error(("%s differs from call to call, and a mapping must not: %s"):format(name, instead), 2)
  end
end

-- From now on what differs from call to call raises; os.date and os.time of a given time stay.
function guard.determinism()
  local date, time = os.date, os.time
  local clock = "hlua.started is the run's own time"
  local no_time, no_date = refuse("os.time()", clock), refuse("os.date without a time", clock)
  os.clock = refuse("os.clock", clock)
  function os.time(fields)
    if fields == nil then return no_time() end
    return time(fields)
  end
  function os.date(format, at)
    if at == nil then return no_date() end
    return date(format, at)
  end
  math.random = refuse("math.random", "make it of the row's own values")
  math.randomseed = refuse("math.randomseed", "make it of the row's own values")
  -- It would end the whole process, in the middle of other workers' rows.
  function os.exit() error("os.exit cannot be used in a plan's functions; error(...) rejects the row", 2) end
  -- A hook would stay for the rows that follow, and take the place of the one that ends a function that runs too long.
  function debug.sethook() error("debug.sethook cannot be used in a plan's functions", 2) end
end

return guard
