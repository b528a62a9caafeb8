-- What `control status` shows of a migration that runs in another process: a state, and a paragraph a table.
local closing = require "hlua.report.closing"
local format = require "hlua.report.format"
local throttling = require "hlua.report.throttling"

local running = {}

-- What is true of the whole run, beside its state.
local function run_lines(p)
  local lines = {}
  if p.detail then lines[#lines + 1] = format.printable(p.detail) end
  if p.write_units_asked then
    lines[#lines + 1] = ("at most %s write units/s are asked for"):format(format.count(p.write_units_asked))
  end
  if p.snapshot_age_seconds >= 60 or p.state == "paused" then -- young, it is of no interest; paused, nothing else tells that it is held
    lines[#lines + 1] = ("its snapshot of the source is %s old"):format(format.duration(p.snapshot_age_seconds))
  end
  return lines
end

-- While nothing is sent, what the last seconds say of the rate and of the time left means nothing.
local function moves(p) return p.state ~= "paused" and p.state ~= "stopping" end

local function heading(t, p)
  local left = moves(p) and t.done < 1 and t.eta_seconds and (", about %s left"):format(format.duration(t.eta_seconds)) or ""
  return ("%s: %s done%s"):format(format.printable(t.name), format.percent(t.done), left)
end

local function table_lines(t, p, width)
  local counted = closing.consumed_lines(t, width)
  local rates = moves(p) and ("%s items/s, %s write units/s%s, "):format(format.count(t.items_per_second),
    format.count(t.units_per_second), #counted > 0 and " as computed" or "") or ""
  local lines = {
    ("%s read, %s, %s"):format(format.plural(t.rows_read, "row"), format.plural(t.items_written, "item") .. " written",
      format.plural(t.rows_rejected, "row") .. " rejected"),
    ("%s%s in flight, %s sent again"):format(rates, format.plural(t.in_flight, "item"), format.count(t.retries)),
  }
  local takes = throttling.takes(t)
  if takes then lines[#lines + 1] = ("DynamoDB takes about %s write units/s of it"):format(format.count(takes)) end
  table.move(counted, 1, 1, #lines + 1, lines) -- or the rate would seem to be above what was asked for
  return table.move(throttling.lines(t, width), 1, 4, #lines + 1, lines)
end

-- The lines of the screen. `p` is what the migration answered, `width` the columns there are.
function running.lines(name, p, width)
  local lines = {}
  local function put(text, indent)
    for part in text:gmatch "[^\n]+" do lines[#lines + 1] = format.fold(part, width, indent) end
  end
  put(("plan %s: %s, begun %s ago"):format(format.printable(name), p.state, format.duration(p.elapsed_seconds)), "")
  for _, line in ipairs(run_lines(p)) do put(line, "  ") end
  for _, t in ipairs(p.tables) do
    put(heading(t, p), "")
    for _, line in ipairs(table_lines(t, p, width - 2)) do put(line, "  ") end
  end
  return lines
end

return running
