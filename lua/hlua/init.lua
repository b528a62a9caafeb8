-- The plan language: the constructors that a plan script calls. They only note what was said and where; nothing connects,
-- and nothing is judged before the whole plan is there (hlua.validate), so that all its errors are shown at once.
-- The constructors of values are also what a plan's functions return: their form is in hlua.node.
local schema  = require "hlua.schema"
local meant   = require "hlua.meant"
local place   = require "hlua.place"
local node    = require "hlua.node"
require "hlua.fingerprint" -- it notes which globals are there before the plan

local hlua = {}

local meta, here = node.meta, place.here

-- hlua.table { ... } keeps its fields.
local function of_fields(kind)
  return function(...)
    local fields = ...
    return node.new { kind = kind, fields = fields, extra = select("#", ...) > 1, where = here() }
  end
end

-- hlua.json(a, b) keeps its arguments.
local function of_arguments(kind)
  return function(...)
    return setmetatable({ kind = kind, n = select("#", ...), where = here(), ... }, meta)
  end
end

-- Called for rows only: no place is noted.
local for_rows = {
  to = function(name, item) return setmetatable({ kind = "to", table = name, item = item }, meta) end,
  stop = function(why) return setmetatable({ kind = "stop", why = why }, meta) end,
}

for kind, spec in pairs(schema.constructors) do
  if spec.constant then
    hlua[kind] = node.new { kind = kind, n = 0 }
  else
    hlua[kind] = for_rows[kind] or spec.fields and of_fields(kind) or of_arguments(kind)
    node.register(hlua[kind], kind)
  end
end

return setmetatable(hlua, {
  __index = function(self, name)
    if name == "started" then -- the run's frozen time (src/lua/moment.h)
      rawset(self, name, require "hlua.started")
      return rawget(self, name)
    end
    local message = ("hlua has no constructor %q"):format(tostring(name))
    local best = type(name) == "string" and meant.constructor(name)
    local hint = best and ("did you mean hlua.%s?"):format(best) or "there are hlua." .. table.concat(schema.names, ", hlua.")
    error(("%s\nhint: %s"):format(message, hint), 2)
  end,
})
