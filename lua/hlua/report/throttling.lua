-- What DynamoDB refused for want of capacity: how much, by which limit, which key, and what would help. A table's `throttling`
-- is { refused_units =, reasons = { name = units }, key =, index = }; nil when nothing was refused. It is of this process alone,
-- as is `this_time`.
local encode = require "hlua.encode"
local format = require "hlua.report.format"

local throttling = {}

local BINDS = 0.7 -- a table that is written at so much of its pace is held back by it

-- What would help against a limit, in the order in which it is asked: the first that fits is said. A reason's name is matched.
local remedies = {
  { "MaxOnDemand", "raise the maximum write units that %s was given (OnDemandThroughput)" },
  { "AccountLimit", "ask AWS for a higher quota of write units, or migrate fewer tables at once" },
  { "ProvisionedThroughput", "raise the provisioned write units of %s, or bill by request (PAY_PER_REQUEST) while it is filled" },
  { "", "raise the warm throughput of %s beforehand (a new one takes 4,000 write units a second), or migrate more tables at once" },
}

-- The reasons, the most frequent first.
local function sorted(reasons)
  local names = {}
  for name in pairs(reasons) do names[#names + 1] = name end
  table.sort(names, function(a, b)
    if reasons[a] ~= reasons[b] then return reasons[a] > reasons[b] end
    return a < b
  end)
  return names
end

local words = { UnprocessedItems = "without a reason", HotKey = "for a hot key", Other = "for another reason" }

-- "key day-17 of index ByDay"
function throttling.key_text(found)
  local key = "partition key " .. format.printable(found.key)
  return found.index and ("%s of index %s"):format(key, format.printable(found.index)) or key
end

-- One line: what would help.
function throttling.advice(found)
  local names = sorted(found.reasons)
  local function any(part)
    for _, name in ipairs(names) do
      if name:find(part, 1, true) and not words[name] then return name end
    end
  end
  if found.key then
    return "one partition key takes 1,000 write units a second: spread it over several, as by {Column:shard(16)}"
  end
  for _, remedy in ipairs(remedies) do
    local name = remedy[1] == "" and names[1] or any(remedy[1])
    if name then return (remedy[2]:gsub("%%s", name:find "^Index" and "the index" or "the table")) end
  end
end

-- The lines of the closing screen; empty when nothing was refused.
function throttling.lines(t, width)
  local found = t.throttling
  if not found then return {} end
  local parts = {}
  for _, name in ipairs(sorted(found.reasons)) do
    parts[#parts + 1] = ("%s %s"):format(format.count(found.reasons[name]), words[name] or "by " .. name)
  end
  local sent = (t.this_time and t.this_time.write_units or 0) + found.refused_units
  local lines = { ("throttled: %s refused and sent again, %.1f %% of those sent (%s)"):format(
    format.plural(found.refused_units, "write unit was", "write units were"), 100 * found.refused_units / math.max(sent, 1),
    table.concat(parts, ", ")) }
  if found.key then lines[#lines + 1] = "limited by " .. throttling.key_text(found) end
  lines[#lines + 1] = "what would help: " .. throttling.advice(found)
  for i, line in ipairs(lines) do lines[i] = format.fold(line, width, "  ") end
  return lines
end

-- The same as an object of an event; null when nothing was refused.
function throttling.event(t)
  local found = t.throttling
  if not found then return encode.null end
  local reasons = {}
  for _, name in ipairs(sorted(found.reasons)) do reasons[#reasons + 1] = { name, found.reasons[name] } end
  return encode.object {
    { "refused_units", found.refused_units },
    { "reasons", encode.object(reasons) },
    { "key", found.key or encode.null },
    { "index", found.index or encode.null },
    { "advice", throttling.advice(found) },
  }
end

-- What a table takes, units a second: its pace, where that is what holds it back. Where a rate asked for or a hot key does, the
-- pace is only the most that would be tried.
function throttling.takes(t)
  return t.pace and t.units_per_second >= BINDS * t.pace and t.pace or nil
end

-- What limits a run that goes on, in a few words: what each table takes, the key that limits. Nil: nothing is known to.
function throttling.state(p)
  local parts = {}
  for _, t in ipairs(p.tables) do
    local takes = throttling.takes(t)
    if takes then
      parts[#parts + 1] = ("%s takes %s write units/s"):format(format.printable(t.name), format.short(takes))
    end
    if t.throttling and t.throttling.key then parts[#parts + 1] = "limited by " .. throttling.key_text(t.throttling) end
  end
  return parts[1] and table.concat(parts, ", ")
end

return throttling
