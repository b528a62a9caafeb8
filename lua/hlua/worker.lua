-- A worker's own state: reads the plan from the same bytes as the main state did (hlua.sources), and hands its functions to
-- src/lua/mapper.c. `order` is "rising" or "falling" where pairs() is to have one (hlua.order). Returns the lowered plan, and the
-- metatable of what constructors make.
local guard   = require "hlua.guard"
local node    = require "hlua.node"
local place   = require "hlua.place"
local sources = require "hlua.sources"

-- What the plan prints while it is read was printed by the main state already.
local function quietly(run, ...)
  local print, loading = print, true
  function _G.print(...)
    if not loading then print(...) end
  end
  local value = run(...)
  loading = false
  return value
end

-- Checks and lowers the plan. The modules that only do that are forgotten then: the less a state holds, the quicker its garbage
-- is found.
local function lower(value)
  local before = {}
  for name in next, package.loaded do before[name] = true end
  local low, problems = require "hlua.load"(value)
  for name in next, package.loaded do
    if not before[name] then package.loaded[name] = nil end
  end
  if not low then error(problems, 0) end
  return low
end

return function(frozen, order)
  if order then require "hlua.order"(order) end
  local chunk, words = sources.thaw(frozen)
  guard.globals(debug.getinfo(chunk, "S").source)
  guard.determinism()
  local value = quietly(chunk, table.unpack(words))
  if not node.is(value, "plan") then error("the script returned a plan when it was first read, and now none", 0) end
  local low = lower(value)
  place.rest()
  return low, node.meta
end
