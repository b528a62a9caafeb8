-- What a rehearsal found: on a screen, and as its event.
local encode = require "hlua.encode"
local format = require "hlua.report.format"

local rehearsed = {}

local MATTERS = 0.05 -- as the engine has it for changes

-- Sums --------------------------------------------------------------------------------------------

local function sum_of(found)
  local sum = { rows = 0, rows_read = 0, items = 0, bytes = 0, write_units = 0, rows_rejected = 0 }
  for _, t in ipairs(found.tables) do
    for name in pairs(sum) do sum[name] = sum[name] + t[name] end
  end
  return sum
end

local function rate(n, seconds) return seconds > 0 and n / seconds or 0 end

-- Whether another duration is worth telling apart: that of the account's other quota, or of a change.
local function matters(found, seconds) return math.abs(seconds - found.seconds) > MATTERS * found.seconds end

-- Words -------------------------------------------------------------------------------------------

local function place_text(limit)
  local table_name = format.printable(limit.table)
  return limit.index and ("index %s of %s"):format(format.printable(limit.index), table_name) or table_name
end

local function key_text(limit)
  local key = limit.key and format.printable(limit.key) or "a partition key"
  local others = (limit.keys or 1) - 1
  return others > 0 and ("%s and %s"):format(key, format.plural(others, "other")) or key
end

local limits = {
  ["client"] = function(_, found)
    return ("this machine: it reads and maps about %s rows a second"):format(format.short(found.client_rows))
  end,
  ["rate asked for"] = function(_, _, units) return ("the rate asked for, %s write units a second"):format(format.count(units)) end,
  ["answers"] = function() return "the answers: every connection waits for one" end,
  ["partition"] = function(limit)
    return ("%s, in %s: a partition takes 1,000 write units a second"):format(key_text(limit), place_text(limit))
  end,
  ["warm throughput"] = function(limit)
    return ("the warm throughput of %s: on demand, it grows with what was written before"):format(place_text(limit))
  end,
  ["provisioned"] = function(limit) return ("the provisioned write units of %s"):format(place_text(limit)) end,
  ["account quota"] = function(limit)
    return ("the account's quota, 40,000 write units a second, at %s"):format(place_text(limit))
  end,
  ["table maximum"] = function(limit) return ("the most that %s may take on demand"):format(place_text(limit)) end,
  ["nothing"] = function() return "nothing" end,
}

-- Rounded up to two digits: a number that somebody asks for.
local function asked(units)
  local step = 10 ^ math.max(0, math.floor(math.log(math.max(units, 1), 10)) - 1)
  return format.count(math.ceil(units / step) * step)
end

local changes = {
  ["warm"] = function(c) return ("tables warmed beforehand to %s write units a second (WarmThroughput)"):format(asked(c.write_units)) end,
  ["provisioned"] = function() return "twice the provisioned write units" end,
  ["shards"] = function(c)
    return ("%d shards in the partition key of %s, such as #{column:shard(%d)}"):format(c.shards, place_text(c), c.shards)
  end,
  ["rate"] = function() return "no limit of its own to the rate" end,
  ["quota"] = function() return "twice the account's quota" end,
  ["all"] = function() return "all of these" end,
  ["key order"] = function() return "not shuffled, but in the order of the source's keys" end,
}

-- The screen --------------------------------------------------------------------------------------

local function target_text(found)
  if found.target_unknown then
    return ("its tables are taken to be new, since the target cannot be looked at: %s"):format(format.printable(found.target_unknown))
  end
  local there, warm = 0, nil
  for _, t in ipairs(found.targets) do
    if t.exists then
      there = there + 1
      warm = t.warm and (not warm or t.warm < warm) and t.warm or warm
    end
  end
  if there == 0 then return #found.targets == 1 and "its table will be new" or "its tables will be new" end
  local some = there == #found.targets and "" or (", %s will be new"):format(format.count(#found.targets - there))
  return ("%s there%s%s"):format(format.plural(there, "table is", "tables are"),
    warm and (", warm for %s write units a second"):format(format.count(warm)) or "", some)
end

-- "3.8 write units": at most one digit after the point.
local function average(n, unit)
  local text = ("%.1f"):format(n):gsub("%.0$", "")
  return ("%s %s%s"):format(text, unit, text == "1" and "" or "s")
end

local function read_text(found, sum)
  if sum.rows == 0 then return "0 rows, all of them read" end
  local text = ("%s of about %s and %s"):format(format.plural(sum.rows, "row"), format.bytes(rate(sum.bytes, sum.rows)),
    average(rate(sum.write_units, sum.rows), "write unit"))
  if not found.sampled and not found.full then return text .. ", all of them read" end
  return ("%s, of which %s were read all over the source%s"):format(text, format.count(sum.rows_read),
    found.full and " (there is no room for more)" or "")
end

local function heading(screen, text)
  screen:line("")
  screen:line(screen:paint("bold", text))
end

-- Not those that are too short to be told apart from nothing.
local function period_lines(screen, found, units)
  local lines = {}
  for _, p in ipairs(found.periods) do
    local from, to = format.duration(p.from), format.duration(p.to)
    if from ~= to then
      lines[#lines + 1] = format.fold(("  %s to %s  "):format(from, to) .. limits[p.limit](p, found, units), screen.width, "  ")
    end
  end
  if #lines > 0 then heading(screen, "what limits it") end
  for _, line in ipairs(lines) do screen:line(line) end
end

-- One that is part of all, and makes no difference alone, is told as that.
local function change_line(screen, found, c)
  local took, text = format.right(format.duration(c.seconds), 8), changes[c.change](c)
  if matters(found, c.seconds) then
    took = screen:paint(c.seconds < found.seconds and "green" or "yellow", took)
  else
    text = text .. "; no difference alone, but with the others"
  end
  screen:line(("  %s  %s"):format(took, (format.fold(text, screen.width - 12):gsub("\n", "\n" .. (" "):rep(12)))))
end

local function change_lines(screen, found)
  if #found.changes == 0 then return end
  heading(screen, "what a change would make of it")
  for _, c in ipairs(found.changes) do change_line(screen, found, c) end
end

-- What is not as the run will be, a sentence each.
local function unlike_the_run(low, found, sum, units, asked_once)
  local lines, mended = {}, false
  for i, t in ipairs(low.tables) do
    mended = mended or t.on_reject >= 0 and found.tables[i].rows_rejected > 0
  end
  if sum.rows_rejected > 0 then
    lines[#lines + 1] = ("%s of those read %s"):format(format.plural(sum.rows_rejected, "row"),
      mended and "cannot be mapped; what on_reject makes of them is not played" or "would be rejected: check says why")
  end
  if asked_once then
    lines[#lines + 1] = ("played at %s write units a second, as the plan's write_units gives now; the run asks it every second")
      :format(format.count(units))
  end
  return lines
end

-- One screen: how long, what limits it when, what a change would make of it. `asked_once`: the rate came from a function.
function rehearsed.write(screen, low, found, units, asked_once)
  local sum = sum_of(found)
  local takes = found.seconds < 0.05 and "less than 0.1 s" or format.duration(found.seconds)
  screen:line(("plan %s would take %s"):format(format.printable(low.name), screen:paint("bold", takes)))
  screen:line(format.fold(read_text(found, sum), screen.width, "  "))
  screen:line(format.fold(("%s rows a second, %s items, %s write units; in all %s, %s, %s"):format(
    format.count(rate(sum.rows, found.seconds)), format.count(rate(sum.items, found.seconds)),
    format.count(rate(sum.write_units, found.seconds)), format.plural(sum.items, "item"), format.bytes(sum.bytes),
    format.plural(sum.write_units, "write unit")), screen.width, "  "))
  for _, line in ipairs(unlike_the_run(low, found, sum, units, asked_once)) do screen:line(format.fold(line, screen.width, "  ")) end
  screen:line(format.fold(target_text(found), screen.width, "  "))
  if matters(found, found.together_seconds) then
    local text = "%s if the account's quota is that of a table together with its indexes: AWS's guide can be read both ways"
    screen:line(format.fold(text:format(format.duration(found.together_seconds)), screen.width, "  "))
  end
  period_lines(screen, found, units)
  change_lines(screen, found)
  screen:line("")
  screen:line(("nothing was written; this took %s"):format(format.duration(found.took)))
end

-- The event ---------------------------------------------------------------------------------------

local function whole(n) return math.tointeger(math.floor(n + 0.5)) end

local function table_event(t)
  return encode.object {
    { "name", t.name }, { "from", t.from or encode.null }, { "to", t.to }, { "chunks", t.chunks },
    { "rows_read", t.rows_read }, { "rows_rejected", t.rows_rejected }, { "rows_filtered", t.rows_filtered },
    { "rows", whole(t.rows) }, { "items", whole(t.items) }, { "bytes", whole(t.bytes) }, { "write_units", whole(t.write_units) },
  }
end

local function target_event(t)
  return encode.object { { "name", t.name }, { "exists", t.exists }, { "warm", t.warm and whole(t.warm) },
    { "provisioned", t.provisioned and whole(t.provisioned) } }
end

local function limit_fields(limit)
  return { { "limit", limit.limit }, { "table", limit.table }, { "index", limit.index }, { "key", limit.key }, { "keys", limit.keys } }
end

local function period_event(p)
  local fields = { { "from", p.from }, { "to", p.to } }
  return encode.object(table.move(limit_fields(p), 1, 5, 3, fields))
end

local function change_event(c)
  return encode.object {
    { "change", c.change }, { "seconds", c.seconds }, { "table", c.table }, { "index", c.index }, { "shards", c.shards },
    { "write_units", c.write_units and whole(c.write_units) },
  }
end

local function list(from, event)
  local out = {}
  for i, element in ipairs(from) do out[i] = event(element) end
  return encode.array(out)
end

-- `units`: the rate asked for; 0: none.
function rehearsed.event(low, found, units)
  return encode.object {
    { "event", "rehearsal" },
    { "plan", low.name },
    { "seconds", found.seconds },
    { "seconds_quota_together", found.together_seconds },
    { "rate_asked", units > 0 and units or encode.null },
    { "sampled", found.sampled or found.full },
    { "tables", list(found.tables, table_event) },
    { "targets", list(found.targets, target_event) },
    { "target_unknown", found.target_unknown or encode.null },
    { "units_refused", whole(found.refused) },
    { "client_rows_per_second", whole(found.client_rows) },
    { "limits", list(found.periods, period_event) },
    { "changes", list(found.changes, change_event) },
    { "took", found.took },
  }
end

return rehearsed
