-- A run while it goes on: a live line a table on a terminal, otherwise a line every ten seconds; with --json an event a
-- line as well. `progress.listener` makes what hlua.core's runs call.
local encode = require "hlua.encode"
local format = require "hlua.report.format"
local throttling = require "hlua.report.throttling"

local progress = {}

local PLAIN_SECONDS = 10 -- between two lines of a table where nothing can be redrawn
local JSON_SECONDS  = 1  -- between two progress events

-- Columns of the live block after the table's name: heading, width, and what stands there.
local columns = {
  { "done", 5, function(t) return format.percent(t.done) end },
  { "rows", 8, function(t) return format.short(t.rows_read) end },
  { "items/s", 8, function(t) return format.short(t.items_per_second) end },
  { "WU/s", 8, function(t) return format.short(t.units_per_second) end },
  { "flight", 7, function(t) return format.short(t.in_flight) end },
  { "retries", 8, function(t) return format.short(t.retries) end },
  { "rejects", 8, function(t) return format.short(t.rows_rejected) end },
  { "left", 8, function(t) return progress.left(t) end },
}
local columns_width = 0
for _, column in ipairs(columns) do columns_width = columns_width + column[2] end

-- The time that is left, in words.
function progress.left(t)
  if t.done >= 1 then return "-" end
  return t.eta_seconds and format.duration(t.eta_seconds) or "?"
end

-- The state of the whole run in words.
function progress.state(p)
  local parts = { p.state, format.duration(p.elapsed_seconds) }
  if p.snapshot_age_seconds and p.snapshot_age_seconds >= 60 then
    parts[#parts + 1] = "snapshot " .. format.duration(p.snapshot_age_seconds) .. " old"
  end
  if p.write_units_asked then
    parts[#parts + 1] = ("at most %s write units/s"):format(format.count(p.write_units_asked))
  end
  parts[#parts + 1] = throttling.state(p)
  if p.detail then parts[#parts + 1] = format.printable(p.detail) end
  return table.concat(parts, ", ")
end

-- The live block: a heading, a line a table, the state. `paint` colours a text.
function progress.block(p, width, paint)
  local name_width = math.max(8, width - columns_width)
  local heading = { format.left("table", name_width) }
  for _, column in ipairs(columns) do heading[#heading + 1] = format.right(column[1], column[2]) end
  local lines = { paint("dim", table.concat(heading)) }
  for _, t in ipairs(p.tables) do
    local cells = { format.left(format.cut_middle(t.name, name_width - 1), name_width) }
    for _, column in ipairs(columns) do
      local cell = format.right(column[3](t), column[2])
      if column[1] == "rejects" and t.rows_rejected > 0 then cell = paint("red", cell) end
      cells[#cells + 1] = cell
    end
    lines[#lines + 1] = table.concat(cells)
  end
  lines[#lines + 1] = format.cut(progress.state(p), width)
  return lines
end

-- One table's line where nothing can be redrawn.
function progress.plain(t, p)
  return ("%s: %s done, %s, %s items/s, %s write units/s, %s in flight, %s, %s, %s left (%s)"):format(
    t.name, format.percent(t.done), format.plural(t.rows_read, "row"), format.count(t.items_per_second),
    format.count(t.units_per_second), format.count(t.in_flight), format.plural(t.retries, "retry", "retries"),
    format.plural(t.rows_rejected, "reject"), progress.left(t), progress.state(p))
end

-- The counts of a table, as every event has them, after its names.
function progress.counts(t)
  return {
    { "rows_read", t.rows_read },
    { "rows_written", t.rows_written },
    { "rows_rejected", t.rows_rejected },
    { "rows_filtered", t.rows_filtered },
    { "rows_superseded", t.rows_superseded },
    { "items_written", t.items_written },
    { "bytes", t.bytes },
    { "write_units", t.write_units },
  }
end

-- What DynamoDB counted, as an object of an event; null when it was not asked.
function progress.consumed(t)
  local found = t.consumed
  return found and encode.object { { "units", found.units }, { "computed", found.computed } } or encode.null
end

-- What this process has written, as an object of an event; null when it has written nothing.
function progress.this_time(t)
  local found = t.this_time
  return found and encode.object { { "items_written", found.items_written }, { "write_units", found.write_units },
    { "items_unfinished", found.items_unfinished } } or encode.null
end

-- A progress event.
function progress.event(p)
  local tables = {}
  for i, t in ipairs(p.tables) do
    local fields = { { "name", t.name }, { "done", t.done } }
    table.move(progress.counts(t), 1, 8, #fields + 1, fields)
    for _, name in ipairs { "items_per_second", "units_per_second", "in_flight", "retries" } do
      fields[#fields + 1] = { name, t[name] }
    end
    fields[#fields + 1] = { "eta_seconds", t.eta_seconds or encode.null }
    fields[#fields + 1] = { "pace", t.pace or encode.null }
    fields[#fields + 1] = { "consumed", progress.consumed(t) }
    fields[#fields + 1] = { "throttling", throttling.event(t) }
    tables[i] = encode.object(fields)
  end
  return encode.object {
    { "event", "progress" },
    { "state", p.state },
    { "detail", p.detail or encode.null },
    { "write_units_asked", p.write_units_asked or encode.null },
    { "elapsed_seconds", p.elapsed_seconds },
    { "snapshot_age_seconds", p.snapshot_age_seconds },
    { "tables", encode.array(tables) },
  }
end

-- A ticker: true once every `seconds` of the run's own time, the first time after `seconds` unless `at_once`.
local function every(seconds, at_once)
  local due = at_once and 0 or seconds
  return function(elapsed)
    if elapsed < due then return false end
    due = elapsed + seconds
    return true
  end
end

-- What hlua.core calls during a run. `out` is { screen =, emit = function(event) or nil, stopping = function() };
-- emit writes an event to standard output.
function progress.listener(out)
  local screen = out.screen
  local plain_due, json_due = every(PLAIN_SECONDS, false), every(JSON_SECONDS, true)
  local stopping = false
  local listener = {}

  -- The interrupt wrote its line below the block, once: what is drawn next must not wipe it.
  local function mind_interrupt()
    if stopping or not out.stopping() then return end
    stopping = true
    screen:keep()
  end

  function listener.notice(text)
    mind_interrupt()
    screen:line(format.printable(text))
    if out.emit then out.emit(encode.object { { "event", "notice" }, { "text", text } }) end
  end

  function listener.progress(p)
    mind_interrupt()
    if screen.live then
      screen:draw(progress.block(p, screen.width - 1, function(...) return screen:paint(...) end))
    elseif plain_due(p.elapsed_seconds) then
      for _, t in ipairs(p.tables) do screen:line(progress.plain(t, p)) end
    end
    local last = p.state == "done" or p.state == "stopped"
    if out.emit and (json_due(p.elapsed_seconds) or last) then out.emit(progress.event(p)) end
  end

  -- The run is over: takes the block away. For the command, not for hlua.core.
  function listener.finish()
    mind_interrupt()
    screen:wipe()
  end

  return listener
end

-- What the plan's own check found worth saying.
function progress.tell_warnings(low, listener)
  for _, warning in ipairs(low.warnings) do
    local where = warning.line and ("%s:%d: "):format(warning.file, warning.line) or ""
    listener.notice(("warning: %s%s: %s"):format(where, warning.path, warning.message))
  end
end

return progress
