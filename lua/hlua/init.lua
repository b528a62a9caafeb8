-- The plan language: the constructors that a plan script calls. They only note what was said and where; nothing connects,
-- and nothing is judged before the whole plan is there (hlua.validate), so that all its errors are shown at once.
local schema  = require "hlua.schema"
local place   = require "hlua.place"
local nearest = require "hlua.nearest"
local node    = require "hlua.node"

local hlua = {}

-- One constructor for each of the schema's: `hlua.table { ... }` keeps its fields, `hlua.json(a, b)` its arguments.
for kind, spec in pairs(schema.constructors) do
  if spec.fields then
    hlua[kind] = function(...)
      local fields = ...
      return node.new { kind = kind, fields = fields, extra = select("#", ...) > 1, where = place.here() }
    end
  else
    hlua[kind] = function(...)
      return node.new { kind = kind, arguments = table.pack(...), where = place.here() }
    end
  end
end

return setmetatable(hlua, {
  __index = function(_, name)
    local message = ("hlua has no constructor %q"):format(tostring(name))
    local best = type(name) == "string" and nearest.pick(name, schema.names)
    if best then message = message .. ("\nhint: did you mean hlua.%s?"):format(best) end
    error(message, 2)
  end,
})
