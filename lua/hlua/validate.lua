-- Checks a whole plan before anything connects. All that is wrong is collected, each with its place.
local types    = require "hlua.types"
local node     = require "hlua.node"
local place    = require "hlua.place"
local problems = require "hlua.problems"
require "hlua.value_types" -- they register themselves with the types
require "hlua.rules"

local validate = {}

-- Checks a template's syntax: function(source) -> true | nil, message, position (of the wrong byte, from 1), hint or nil.
-- By default the host's, which is C's own; nil where there is none: then templates are judged when they are compiled.
validate.template_check = nil

local function host_check()
  local core = package.loaded["hlua.core"]
  return type(core) == "table" and core.template_check or nil
end

-- Checks what a plan script returned. `file` is the script, for messages where nothing else tells it; may be nil.
-- Returns the problems (hlua.problems): its `errors` is empty when the plan is right. The second value is the cursor of the
-- plan, for hlua.lower.
function validate.check(value, file)
  local found = problems.new(validate.template_check or host_check())
  if not node.is(value, "plan") then
    local nowhere = place.cursor { kind = "plan", where = file and { file = file } }
    found:add(nowhere, ("the script returned %s instead of a plan"):format(problems.describe(value)),
      'end it with: return hlua.plan { name = "...", source = ..., hlua.table { ... } }')
    return found, nil
  end
  place.forget()
  place.settle(value, file)
  local at = place.cursor(value)
  types.node(at, value, { kind = "plan" }, found)
  return found, at
end

return validate
