-- A worker's own state: reads the plan from the same bytes as the main state did (hlua.sources), and hands its functions to
-- src/lua/mapper.c. Returns the lowered plan, and the metatable of what constructors make.
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

return function(frozen)
  local chunk, words = sources.thaw(frozen)
  guard.globals(debug.getinfo(chunk, "S").source)
  guard.determinism()
  local value = quietly(chunk, table.unpack(words))
  if not node.is(value, "plan") then error("the script returned a plan when it was first read, and now none", 0) end
  local low, problems = require "hlua.load"(value)
  if not low then error(problems, 0) end
  place.rest()
  return low, node.meta
end
