-- `hlua PLAN rejects`: lists the rows that were not written, and why. What its options ask for instead is in files of their own.
local closing = require "hlua.report.closing"
local encode  = require "hlua.encode"
local explain = require "hlua.commands.rejects_explain"
local failure = require "hlua.report.failure"
local format  = require "hlua.report.format"

local rejects = {}

local KEY_WIDTH, REASON_WIDTH = 28, 16 -- columns; longer ones push the rest to the right

local function pad(text, columns) return text .. (" "):rep(columns - format.width(text)) end

-- A line of an export.
local function record(reject)
  return encode.object {
    { "table", reject.table },
    { "key", reject.key },
    { "reason", reject.reason },
    { "message", reject.message },
    { "item", reject.item ~= "" and reject.item or encode.null },
    { "at", reject.at },
  }
end

-- The same in a stream of events.
local function event(reject)
  local shown = record(reject)
  table.insert(shown, 1, { "event", "reject" })
  return shown
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

local function list_all(context)
  local count, show = 0, list(context.screen)
  local _, err = context.core.rejects(context.plan, context.options, function(reject)
    count = count + 1
    if context.emit then context.emit(event(reject)) else show(reject) end
  end)
  if err then return failure.tell(err, context.emit) end
  context.screen:line(count == 0 and "no rejected rows" or format.plural(count, "rejected row"))
  if count > 0 then
    context.screen:line("mended, they are read again by:  " .. closing.next_command(context.command, "rejects --retry", context.options))
  end
  return 0
end

function rejects.run(context)
  local options = context.options
  local asked = {}
  for _, name in ipairs { "explain", "retry", "export" } do
    if options[name] then asked[#asked + 1] = "--" .. name end
  end
  if #asked > 1 then
    return failure.tell(failure.usage(("%s and %s are two commands"):format(asked[1], asked[2]),
      asked[1] == "--retry" and "retry first, then export what is left" or "run one after the other"), context.emit)
  end
  if options.explain then return explain.run(context) end
  if options.retry then return require "hlua.commands.rejects_retry".run(context) end
  if options.export then return require "hlua.commands.rejects_export".run(context, record) end
  return list_all(context)
end

return rejects
