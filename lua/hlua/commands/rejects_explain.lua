-- `hlua PLAN rejects --explain KEY`: one rejected row as it is now, what becomes of it now, the rule it breaks, and what
-- would mend it. Writes nothing.
local advice  = require "hlua.report.advice"
local checked = require "hlua.report.checked"
local closing = require "hlua.report.closing"
local encode  = require "hlua.encode"
local failure = require "hlua.report.failure"
local format  = require "hlua.report.format"
local row     = require "hlua.report.row"
local usage   = require "hlua.usage"

local explain = {}

local LABEL = 14 -- columns of the left of what is said below the row
local KEY_CUT = 590 -- bytes from which on a recorded key may be a key's beginning (KEY_MAX in src/engine/preview.c)

-- Finding -----------------------------------------------------------------------------------------

-- A key as rejects lists it, LogId=17, or the value alone where it is one column's.
local function is_meant(listed, given) return listed == given or listed:match "^[^=]*=(.*)$" == given end

-- The ledger's rejects with the key: several when tables have rows with one key. Or nil and an error.
local function recorded(context)
  local list = {}
  local _, err = context.core.rejects(context.plan, context.options, function(reject)
    if is_meant(reject.key, context.options.explain) then list[#list + 1] = reject end
  end)
  if err then return nil, err end
  return list
end

local function table_number(low, name)
  for number, t in ipairs(low.tables) do
    if t.name == name then return number end
  end
  return nil
end

-- The error when no reject has the key: whether there is such a row at all.
local function not_recorded(context, preview)
  local given = context.options.explain
  for number, t in ipairs(context.low.tables) do
    local found, err = preview:find(number, given)
    if not found and err.kind ~= "usage" and err.kind ~= "plan" then return err end
    if found and #found.rows > 0 then
      return failure.usage(("row %s of %s is in the source, and was not rejected"):format(found.rows[1].key, t.name),
        ("what becomes of it:  %s check --where SQL"):format(context.command))
    end
  end
  return failure.usage(("no rejected row has the key %s"):format(given),
    ("the keys as they are to be written:  %s"):format(closing.next_command(context.command, "rejects", context.options)))
end

-- Telling -----------------------------------------------------------------------------------------

-- Whether what stopped the row is gone. What DynamoDB refused was a whole item for the mapping.
local function is_mended(reject, now) return now and now.outcome.result ~= "rejected" and reject.reason ~= "target" end

-- How to write what was mended: the commands that there are.
local function next_command(context, restart)
  if usage.has_option("rejects", "retry") and not restart then
    return closing.next_command(context.command, "rejects", context.options) .. " --retry"
  end
  return closing.next_command(context.command, nil, context.options) .. " --restart"
end

local function say(screen, label, text)
  local lines = format.fold(format.printable(text), screen.width - LABEL)
  for line in lines:gmatch "[^\n]+" do
    screen:line(("  %s%s"):format(format.left(label, LABEL - 2), line))
    label = ""
  end
end

-- The row as it is now beside what becomes of it; when it is gone, the item that the ledger has of it.
local function show_row(context, reject, now)
  local screen = context.screen
  screen:line(screen:paint("bold", format.printable(reject.table)) .. ("  %s, rejected %s"):format(format.printable(reject.key),
    reject.at))
  if now then
    for _, line in ipairs(row.lines(now, context.low.tables, screen)) do screen:line(line) end
  elseif reject.item ~= "" then
    say(screen, "item so far", format.cut(reject.item, 1000))
  end
  screen:line("")
end

local function show_advice(context, reject, now)
  local screen = context.screen
  local reason, message = reject.reason, reject.message
  if is_mended(reject, now) then
    say(screen, "was", ("%s: %s"):format(reason, message))
    say(screen, "now", "the row maps: what stopped it is mended")
    say(screen, "to write it", next_command(context))
    return
  end
  if now and now.outcome.result == "rejected" then reason, message = now.outcome.reason, now.outcome.message end
  local told = advice.of(reason)
  say(screen, "reason", ("%s: %s"):format(reason, message))
  say(screen, "rule", told.rule)
  for i, way in ipairs(told.mend) do say(screen, i == 1 and "mend" or "or", way) end
  if reject.key:find "^ctid=" then say(screen, "note", "the table has no key: another row may have taken that place") end
  say(screen, "then", next_command(context, told.restart))
end

local function event(context, reject, now)
  local reason = now and now.outcome.result == "rejected" and now.outcome.reason or reject.reason
  local told, mended = advice.of(reason), is_mended(reject, now)
  return encode.object {
    { "event", "explain" },
    { "table", reject.table },
    { "key", reject.key },
    { "reason", reject.reason },
    { "message", reject.message },
    { "item", reject.item ~= "" and reject.item or encode.null },
    { "at", reject.at },
    { "columns", now and checked.columns_event(now.columns) or encode.null },
    { "now", now and encode.object(checked.outcome_fields(now.outcome, context.low.tables)) or encode.null },
    { "mended", mended or false },
    { "rule", not mended and told.rule or nil },
    { "mend", not mended and encode.array(told.mend) or nil },
  }
end

local function plan_error(hint, text, ...) return { kind = "plan", exit = 1, text = text:format(...), hint = hint } end

-- The error when a rejected row cannot be found again.
local function gone(reject, found)
  if found.left_out then
    return plan_error("a run from the beginning (--restart) does not read it",
      "row %s of %s is in the source, but where leaves it out", reject.key, reject.table)
  end
  if #reject.key >= KEY_CUT then
    return plan_error("look for it by the beginning of its key",
      "the row of %s cannot be found again: its key is too long to be recorded whole", reject.table)
  end
  return plan_error("it was deleted, or has another key now; a run from the beginning (--restart) forgets the reject",
    "row %s of %s is not in the source any more", reject.key, reject.table)
end

local function explain_one(context, preview, reject)
  local number = table_number(context.low, reject.table)
  if not number then
    return failure.tell(plan_error("the reject is of an earlier form of the plan", "the plan has no table %s any more", reject.table),
      context.emit)
  end
  local found, err = preview:find(number, reject.key)
  if not found then return failure.tell(err, context.emit) end
  local now = found.rows[1]
  if context.emit then context.emit(event(context, reject, now)) end
  show_row(context, reject, now)
  if not now then return failure.tell(gone(reject, found), context.emit) end
  show_advice(context, reject, now)
  return 0
end

function explain.run(context)
  local list, err = recorded(context)
  if not list then return failure.tell(err, context.emit) end
  local preview, problem = context.core.preview(context.plan, context.options)
  if not preview then return failure.tell(problem, context.emit) end
  if #list == 0 then return failure.tell(not_recorded(context, preview), context.emit) end
  local exit = 0
  for i, reject in ipairs(list) do
    if i > 1 then context.screen:line("") end
    local code = explain_one(context, preview, reject)
    if exit == 0 then exit = code end
  end
  return exit
end

return explain
