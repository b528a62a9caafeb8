-- `hlua PLAN check`: connects, and shows on real rows what the plan makes of them; writes nothing. With --offline nothing
-- connects: the plan was checked when it was loaded, what is left is to explain it.
local checked    = require "hlua.report.checked"
local closing    = require "hlua.report.closing"
local difference = require "hlua.report.difference"
local encode     = require "hlua.encode"
local explain    = require "hlua.explain"
local failure    = require "hlua.report.failure"
local format     = require "hlua.report.format"
local pace       = require "hlua.pace"
local progress   = require "hlua.report.progress"
local same_key   = require "hlua.report.same_key"

local check = {}

local SAMPLE = 100 -- rows of each table that are mapped
local SHOWN = 3    -- of these are shown, unless --rows says how many

-- Offline -----------------------------------------------------------------------------------------

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

local function offline(context)
  if context.emit then
    context.emit(mark_lists(explain.document(context.low)))
    return 0
  end
  for _, line in ipairs(explain.lines(context.low)) do context.screen:line(format.printable(line)) end
  return 0
end

-- Connected ---------------------------------------------------------------------------------------

-- Reads and maps a table's sample. Returns { rows, picked, sum, twice, difference, warning } or nil and an error.
local function look(context, preview, number)
  local shown = context.options.rows or SHOWN
  local found, err = preview:sample(number, math.max(SAMPLE, shown))
  if not found then return nil, err end
  return {
    rows = found.rows,
    picked = checked.pick(found.rows, shown),
    sum = checked.count(found.rows),
    warning = same_key.warning(context.core, context.low.tables[number], found.source_key),
    twice = found.twice,
    difference = difference.find(context.low.tables[number], found.rows, context.low.functions),
  }
end

-- The first failure in the order in which a run would meet them, after all were told; or what the rows say.
local function verdict(context, all, target, target_error)
  local exit, rejected = 0, 0
  for _, found in ipairs(all) do
    rejected = rejected + found.sum.rejected
    if found.difference then exit = failure.tell(found.difference, context.emit) end
  end
  if target.change then exit = failure.tell(target.change, context.emit) end
  if target_error then
    local code = failure.tell(target_error, context.emit)
    if exit == 0 then exit = code end
  end
  if exit == 0 and rejected > 0 then exit = 5 end
  return exit
end

local function tell_end(context, exit)
  local screen = context.screen
  screen:line("")
  if exit == 0 then
    local before = context.core.status(context.plan, context.options)
    local step = closing.first_step(before, "to begin", context.command, context.options)
    screen:line(screen:paint("green", "nothing was written") .. "; " .. step)
  elseif exit == 5 then
    screen:line(screen:paint("yellow", "nothing was written") .. "; a run would reject rows like those above")
  end
end

local function connected(context)
  local core, screen, low = context.core, context.screen, context.low
  local listener = progress.listener { screen = screen, emit = context.emit, stopping = core.stopping }
  progress.tell_warnings(low, listener)
  local preview, err = core.preview(context.plan, context.options)
  if not preview then return failure.tell(err, context.emit) end
  local server, all = preview:server(), {}
  screen:line(screen:paint("bold", "plan " .. format.printable(low.name)))
  screen:line(format.fold(checked.source_text(server), screen.width, "  "))
  for number, t in ipairs(low.tables) do
    all[number], err = look(context, preview, number)
    if err then return failure.tell(err, context.emit) end
    checked.table_lines(screen, t, all[number], low.tables)
    if all[number].warning then listener.notice("warning: " .. all[number].warning) end
  end
  local target, target_error = core.examine(preview, listener)
  checked.target_lines(screen, target, low.tables)
  local exit = verdict(context, all, target, target_error)
  tell_end(context, exit)
  if context.emit then context.emit(checked.event(low, server, all, target, exit)) end
  return exit
end

function check.run(context)
  local units, why = pace.first(pace.of(context.low, context.options, context.core), context.core)
  if not units then return failure.tell(why, context.emit) end
  return (context.options.offline and offline or connected)(context)
end

return check
