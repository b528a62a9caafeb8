-- What a connected `check` found: on a screen, and as its event. Rows are as hlua.core's previews give them.
local encode = require "hlua.encode"
local format = require "hlua.report.format"
local row    = require "hlua.report.row"

local checked = {}

local REJECTS_SHOWN = 10
local KEY_WIDTH, REASON_WIDTH = 28, 16 -- as in the list of rejects

-- Counting ----------------------------------------------------------------------------------------

-- What became of all rows of a sample.
function checked.count(rows)
  local sum = { rows = #rows, items = 0, bytes = 0, write_units = 0, rejected = 0, filtered = 0 }
  for _, shown in ipairs(rows) do
    local outcome = shown.outcome
    if outcome.result ~= "item" then sum[outcome.result] = sum[outcome.result] + 1 end
    for _, item in ipairs(outcome.result == "item" and outcome.items or {}) do
      sum.items = sum.items + 1
      sum.bytes = sum.bytes + item.size
      sum.write_units = sum.write_units + item.write_units
    end
  end
  return sum
end

-- The rows that are shown: at most `wanted`, from the sample's beginning to its end; `of` are all. Rejects are told apart.
function checked.pick(of, wanted)
  local good, picked = {}, {}
  for _, shown in ipairs(of) do
    if shown.outcome.result ~= "rejected" then good[#good + 1] = shown end
  end
  if #good == 0 then good = of end
  local count = math.min(wanted, #good)
  for i = 1, count do picked[i] = good[count == 1 and 1 or 1 + (i - 1) * (#good - 1) // (count - 1)] end
  return picked
end

-- The screen --------------------------------------------------------------------------------------

-- "12.5 bytes": at most one digit after the point.
local function average(sum, n, unit)
  local text = ("%.1f"):format(sum / n):gsub("%.0$", "")
  return ("%s %s%s"):format(text, unit, text == "1" and "" or "s")
end

function checked.sum_text(sum)
  if sum.rows == 0 then return "no rows" end
  local parts = {}
  local became = sum.rows - sum.rejected - sum.filtered
  if became > 0 then
    parts[1] = ("%s %s %s of %s and %s on average"):format(format.count(became), became == 1 and "becomes" or "become",
      format.plural(sum.items, "item"), average(sum.bytes, sum.items, "byte"), average(sum.write_units, sum.items, "write unit"))
  end
  if sum.filtered > 0 then parts[#parts + 1] = ("%s filtered"):format(format.plural(sum.filtered, "is", "are")) end
  if sum.rejected > 0 then parts[#parts + 1] = format.count(sum.rejected) .. " would be rejected" end
  return ("of %s looked at: %s"):format(format.plural(sum.rows, "row"), table.concat(parts, "; "))
end

local function pad(text, columns) return text .. (" "):rep(columns - format.width(text)) end

local function reject_lines(screen, rows)
  local count = 0
  for _, shown in ipairs(rows) do
    local outcome = shown.outcome
    if outcome.result == "rejected" then
      count = count + 1
      if count <= REJECTS_SHOWN then
        screen:line(("  %s  %s  %s"):format(pad(format.printable(shown.key), KEY_WIDTH), pad(outcome.reason, REASON_WIDTH),
          format.printable(outcome.message)))
      end
    end
  end
  if count > REJECTS_SHOWN then screen:line(("  and %s more"):format(format.count(count - REJECTS_SHOWN))) end
end

-- Where the rows come from.
function checked.source_text(server)
  local at = server.host and server.host ~= "" and (" at %s:%s"):format(server.host, server.port or "") or ""
  return ("from PostgreSQL %s, database %s%s, as user %s"):format(server.version, server.database, at, server.user)
end

-- One table: its rows side by side with their items, and what became of the whole sample.
function checked.table_lines(screen, t, found, tables)
  screen:line("")
  screen:line(screen:paint("bold", format.printable(t.name)) .. "  from " .. format.printable(t.from or "a query"))
  for _, shown in ipairs(found.picked) do
    for _, line in ipairs(row.lines(shown, tables, screen)) do screen:line(line) end
    screen:line("")
  end
  screen:line(format.fold(checked.sum_text(found.sum), screen.width, "  "))
  if found.twice and not found.difference then screen:line "  functions: the same items in two states, the second in reverse order" end
  reject_lines(screen, found.rows)
end

-- The account of a table's name in AWS; nil for local engines.
local function account_of(arn)
  local account = arn and arn:match "^arn:[^:]*:dynamodb:[^:]*:(%d+):"
  return account and account:find "[^0]" and account or nil
end

function checked.account(target)
  for _, found in ipairs(target.tables) do
    local account = account_of(found.arn)
    if account then return account end
  end
  return nil
end

local function table_state(found)
  if not found.seen then return nil end
  if (found.targets or 1) ~= 1 then
    return ("stands for %s, of which %s there%s"):format(format.plural(found.targets, "table"), format.plural(found.existing, "is", "are"),
      found.ours and "; this plan has written to them" or "")
  end
  if not found.exists then return "will be created" end
  local status = found.status and found.status ~= "ACTIVE" and ", " .. found.status or ""
  return ("is there%s, with the plan's keys and indexes%s"):format(status, found.ours and "; this plan has written to it" or "")
end

-- Where the items would go, and what stands there; a table that several fill is told once.
function checked.target_lines(screen, target, tables)
  if not target.endpoint then return end
  local account = checked.account(target)
  screen:line("")
  screen:line(format.fold(("to DynamoDB, region %s (%s)%s, %s (%s), credentials by %s"):format(target.region, target.region_from,
    account and ", account " .. account or "", target.endpoint, target.endpoint_from, target.keys_from), screen.width))
  local told = {}
  for i, t in ipairs(tables) do
    local state = target.tables[i] and table_state(target.tables[i])
    if state and not told[t.target.name] then
      screen:line(format.fold(("%s %s"):format(format.printable(t.target.name), state), screen.width, "  "))
    end
    told[t.target.name] = true
  end
end

-- The event ---------------------------------------------------------------------------------------

local function item_event(item, tables)
  return encode.object {
    { "to", row.target(item, tables) },
    { "item", item.json },
    { "bytes", item.size },
    { "write_units", item.write_units },
  }
end

-- A row's columns; `bytes` is there when the text is only its beginning.
function checked.columns_event(columns)
  if not columns then return encode.null end
  local list = {}
  for i, column in ipairs(columns) do
    list[i] = encode.object {
      { "name", column.name },
      { "type", column.type },
      { "value", column.text or encode.null },
      { "bytes", column.text and column.bytes > #column.text and column.bytes or nil },
    }
  end
  return encode.array(list)
end

-- What became of a row: fields for an object.
function checked.outcome_fields(outcome, tables)
  local items = {}
  for i, item in ipairs(outcome.items) do items[i] = item_event(item, tables) end
  return {
    { "result", outcome.result },
    { "items", encode.array(items) },
    { "reason", outcome.reason },
    { "message", outcome.message },
    { "item_so_far", outcome.partial ~= "" and outcome.partial or nil },
  }
end

local function row_event(shown, tables)
  local fields = { { "key", shown.key }, { "columns", checked.columns_event(shown.columns) } }
  return encode.object(table.move(checked.outcome_fields(shown.outcome, tables), 1, 5, 3, fields))
end

local function reject_event(shown)
  return encode.object { { "key", shown.key }, { "reason", shown.outcome.reason }, { "message", shown.outcome.message } }
end

-- Whether two states made the same of all rows; nil when the mapping has no functions.
local function deterministic(found)
  if not found.twice then return nil end
  return found.difference == nil
end

local function table_event(t, found, state, tables)
  local rows, rejects = {}, {}
  for i, shown in ipairs(found.picked) do rows[i] = row_event(shown, tables) end
  for _, shown in ipairs(found.rows) do
    if shown.outcome.result == "rejected" then rejects[#rejects + 1] = reject_event(shown) end
  end
  local sum = found.sum
  return encode.object {
    { "name", t.name }, { "from", t.from or encode.null }, { "to", t.target.name },
    { "target_exists", state and state.seen and state.exists },
    { "rows", encode.array(rows) },
    { "sampled", encode.object { { "rows", sum.rows }, { "items", sum.items }, { "bytes", sum.bytes },
      { "write_units", sum.write_units }, { "rejected", sum.rejected }, { "filtered", sum.filtered } } },
    { "rejects", encode.array(rejects) },
    { "deterministic", deterministic(found) },
  }
end

-- The one event of a check that came as far as rows; `target` as hlua.core.examine gives it.
function checked.event(low, server, all, target, exit)
  local tables = {}
  for i, found in ipairs(all) do tables[i] = table_event(low.tables[i], found, target.tables[i], low.tables) end
  return encode.object {
    { "event", "check" },
    { "plan", low.name },
    { "source", encode.object { { "database", server.database }, { "version", server.version }, { "user", server.user },
      { "host", server.host }, { "port", server.port } } },
    { "target", encode.object { { "region", target.region }, { "region_from", target.region_from },
      { "endpoint", target.endpoint }, { "endpoint_from", target.endpoint_from }, { "credentials_from", target.keys_from },
      { "account", checked.account(target) } } },
    { "tables", encode.array(tables) },
    { "exit", exit },
  }
end

return checked
