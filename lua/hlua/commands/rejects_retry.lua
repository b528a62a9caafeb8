-- `hlua PLAN rejects --retry`: reads the rejected rows again, and tells what became of them.
local closing  = require "hlua.report.closing"
local encode   = require "hlua.encode"
local failure  = require "hlua.report.failure"
local format   = require "hlua.report.format"
local pace     = require "hlua.pace"
local progress = require "hlua.report.progress"

local retry = {}

local function were_read(t) return t.rows_read + t.gone > 0 end

local function rows_are(count) return format.plural(count, "row is", "rows are") end

-- Why some rows were not read again, or not mended: a list of lines.
local function notes(t, command, options)
  local lines = {}
  if t.gone > 0 then
    lines[#lines + 1] = ("%s not in the source any more: listed as gone"):format(rows_are(t.gone))
  end
  if t.open > 0 then
    lines[#lines + 1] = ("%s of chunks that are not done: the migration reads them again when it goes on:  %s"):format(
      rows_are(t.open), closing.next_command(command, nil, options))
  end
  if t.unknown > 0 then
    lines[#lines + 1] = ("%s without a key to ask for: only a run from the beginning reads them again:  %s"):format(
      rows_are(t.unknown), closing.next_command(command, "--restart", options))
  end
  return lines
end

local function write_table(screen, t, command, options)
  screen:line(screen:paint("bold", format.printable(t.name)))
  if were_read(t) then
    screen:line(format.fold(closing.sum_text(t), screen.width, "  "))
    screen:line(format.fold(closing.written_text(t), screen.width, "  "))
  end
  for _, line in ipairs(notes(t, command, options)) do screen:line("  " .. line) end
end

local function write(context, r)
  local screen, command, options, any = context.screen, context.command, context.options, false
  for _, t in ipairs(r.tables) do
    if t.listed > 0 then write_table(screen, t, command, options) end
    any = any or were_read(t)
  end
  if any and r.mapping_changed then
    screen:line "the mapping has changed since the run began: these rows are mapped as the plan is today"
  end
  if #r.tables == 0 then return screen:line "no rejected rows" end
  if r.left == 0 then return screen:line(screen:paint("green", "no row is rejected any more")) end
  screen:line(screen:paint("yellow", ("%s rejected; to see why:  %s"):format(rows_are(r.left),
    closing.next_command(command, "rejects", options))))
end

local function event(r, exit)
  local tables = {}
  for i, t in ipairs(r.tables) do
    local fields = { { "name", t.name }, { "listed", t.listed } }
    table.move(progress.counts(t), 1, 8, #fields + 1, fields)
    for _, name in ipairs { "gone", "open", "unknown" } do fields[#fields + 1] = { name, t[name] } end
    tables[i] = encode.object(fields)
  end
  return encode.object {
    { "event", "retry" },
    { "tables", encode.array(tables) },
    { "mapping_changed", r.mapping_changed },
    { "left", r.left },
    { "seconds", r.seconds },
    { "exit", exit },
  }
end

function retry.run(context)
  local core, screen, emit = context.core, context.screen, context.emit
  local listener = progress.listener { screen = screen, emit = emit, stopping = core.stopping }
  local ask = pace.of(context.low, context.options, core)
  local units, why = pace.first(ask, core)
  if not units then return failure.tell(why, emit) end
  listener.write_units = ask
  local r, err = core.retry(context.plan, context.options, listener)
  listener.finish()
  local any = false
  for _, t in ipairs(r.tables) do any = any or were_read(t) end
  if not err or any then write(context, r) end
  local exit = r.left > 0 and 5 or 0
  if err then exit = failure.tell(err, emit) end
  if emit then emit(event(r, exit)) end
  return exit
end

return retry
