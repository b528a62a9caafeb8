-- `hlua PLAN rejects`: lists the rows that were not written, and why. One of them is explained by rejects_explain.lua.
local encode  = require "hlua.encode"
local explain = require "hlua.commands.rejects_explain"
local failure = require "hlua.report.failure"
local format  = require "hlua.report.format"

local rejects = {}

local KEY_WIDTH, REASON_WIDTH = 28, 16 -- columns; longer ones push the rest to the right

local function pad(text, columns) return text .. (" "):rep(columns - format.width(text)) end

local function event(reject)
  return encode.object {
    { "table", reject.table },
    { "key", reject.key },
    { "reason", reject.reason },
    { "message", reject.message },
    { "item", reject.item ~= "" and reject.item or encode.null },
    { "at", reject.at },
  }
end

-- Writes them as they come: a heading for each table, a line for each row.
local function list(screen)
  local last
  return function(reject)
    if reject.table ~= last then screen:line(screen:paint("bold", format.printable(reject.table))) end
    last = reject.table
    screen:line(("  %s  %s  %s"):format(pad(format.printable(reject.key), KEY_WIDTH),
      pad(format.printable(reject.reason), REASON_WIDTH), format.printable(reject.message)))
  end
end

function rejects.run(context)
  if context.options.explain then return explain.run(context) end
  local count, show = 0, list(context.screen)
  local _, err = context.core.rejects(context.plan, context.options, function(reject)
    count = count + 1
    if context.emit then context.emit(event(reject)) else show(reject) end
  end)
  if err then return failure.tell(err, context.emit) end
  context.screen:line(count == 0 and "no rejected rows" or format.plural(count, "rejected row"))
  return 0
end

return rejects
