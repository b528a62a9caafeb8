-- `hlua PLAN check --offline`: the plan was checked when it was loaded; what is left is to explain its mapping.
local encode  = require "hlua.encode"
local explain = require "hlua.explain"
local failure = require "hlua.report.failure"
local format  = require "hlua.report.format"

local check = {}

local lists = { tables = true, warnings = true, attributes = true, indexes = true, key = true, include = true,
  partition_key = true, sort_key = true }

-- Lists of the document stay lists when they are empty.
local function mark_lists(value)
  if type(value) ~= "table" then return value end
  for name, part in pairs(value) do
    mark_lists(part)
    if lists[name] and type(part) == "table" then encode.array(part) end
  end
  return value
end

function check.run(context)
  if not context.options.offline then
    return failure.tell(failure.usage("check needs --offline: it does not connect yet",
      context.command .. " check --offline"), context.emit)
  end
  if context.emit then
    context.emit(mark_lists(explain.document(context.low)))
    return 0
  end
  for _, line in ipairs(explain.lines(context.low)) do context.screen:line(format.printable(line)) end
  return 0
end

return check
