-- What `check --offline` shows: the mapping in words, from a lowered plan (hlua.load). Fits a terminal of 100 columns.
local words = require "hlua.value_text"

local explain = {}

local WIDTH = 100

-- Where a line of at most `room` bytes ends: at a space when there is one, else never inside a UTF-8 character.
local function line_end(text, room)
  local space = text:sub(1, room + 1):match "^.*() "
  if space and space > 1 then return space - 1, space + 1 end
  while room > 1 and (text:byte(room + 1) & 0xC0) == 0x80 do room = room - 1 end
  return room, room + 1
end

-- Adds `label` and `text` as lines; what is too long goes on below the text's beginning.
local function put(lines, label, text)
  local indent = (" "):rep(math.min(#label, WIDTH // 2))
  local prefix = label
  if #label > WIDTH // 2 then
    lines[#lines + 1] = (label:gsub("%s+$", ""))
    prefix = indent
  end
  repeat
    local last, following = #text, #text + 1
    if #prefix + #text > WIDTH then last, following = line_end(text, WIDTH - #prefix) end
    lines[#lines + 1] = ((prefix .. text:sub(1, last)):gsub("%s+$", ""))
    text, prefix = text:sub(following), indent
  until text == ""
end

-- One line of a table's text, whatever line feeds and spaces an SQL text has.
local function flat(text) return (text:gsub("%s+", " "):gsub("^ ", ""):gsub(" $", "")) end

local function pad(text, width) return text .. (" "):rep(width - (utf8.len(text) or #text)) end

local function list_text(list) return table.concat(list, ", ") end

-- Where an attribute comes from, and what it is for ---------------------------------------------------------------------

local function key_purpose(t, name)
  return name == t.target.partition.name and "partition key" or "sort key"
end

local function attribute_of(t, name)
  for _, attribute in ipairs(t.attributes) do
    if attribute.name == name then return attribute end
  end
  return nil
end

local function type_text(value)
  if value.kind == "when" then return type_text(value.inner) end
  return value.type or (value.kind == "json" or value.kind == "function") and "any" or "?"
end

-- The rows of one section: { name, type, text }.
local function put_rows(lines, rows)
  local width = 0
  for _, row in ipairs(rows) do width = math.max(width, math.min(utf8.len(row[1]) or #row[1], 32)) end
  for _, row in ipairs(rows) do
    put(lines, ("    %s  %s  "):format(pad(row[1], width), pad(row[2], 4)), row[3])
  end
end

-- `item` is a table or one of its items.
local function rows_of(item, wanted)
  local rows = {}
  for _, attribute in ipairs(item.attributes) do
    if wanted(attribute) then
      rows[#rows + 1] = { attribute.name, type_text(attribute.value), words.text(attribute.value) }
    end
  end
  return rows
end

-- Sections --------------------------------------------------------------------------------------------------------------

local function source_section(lines, t)
  put(lines, "  reads        ", t.from or flat(t.query))
  if t.where then put(lines, "  where        ", flat(t.where)) end
  if t.time_zone then put(lines, "  time zone    ", t.time_zone .. ", of timestamps without one") end
  for _, expression in ipairs(t.expressions) do
    put(lines, "  column       ", ("%s is %s"):format(expression.name, flat(expression.sql)))
  end
  local key = #t.key > 0 and list_text(t.key) or t.from and "the relation's own key" or "none: read in one piece, not resumable"
  put(lines, "  in ranges of ", key)
end

local function settings_text(target)
  local parts = { target.provisioned and ("PROVISIONED, %d read and %d write units"):format(target.read_units, target.write_units)
    or "PAY_PER_REQUEST" }
  if target.table_class then parts[#parts + 1] = "class " .. target.table_class end
  if target.point_in_time_recovery then parts[#parts + 1] = "point in time recovery" end
  if target.stream then parts[#parts + 1] = "stream " .. target.stream end
  if target.deletion_protection then parts[#parts + 1] = "deletion protection" end
  return list_text(parts)
end

local function target_section(lines, t)
  put(lines, "  writes       ", t.target.name .. (t.to_template and ", a table for each name that the source gives" or ""))
  put(lines, "  settings     ", settings_text(t.target))
  for _, tag in ipairs(t.target.tags) do put(lines, "  tag          ", tag.key .. " = " .. tag.value) end
end

local function index_rows(t, index, position)
  local rows = {}
  for purpose, keys in pairs { ["partition key"] = index.partition, ["sort key"] = index.sort } do
    for i, key in ipairs(keys) do
      local attribute = attribute_of(t, key.name)
      local own = attribute and attribute.role == "index_key" and attribute.index == position
      local text = own and words.text(attribute.value)
        or (t.map >= 0 or #t.items > 0) and "as the items give it"
        or attribute and "the attribute of that name" or t.columns and "the column as an attribute" or "in no row of this table"
      rows[#rows + 1] = { key.name, key.type or "?", purpose .. ", " .. text, order = purpose .. i }
    end
  end
  table.sort(rows, function(a, b) return a.order < b.order end)
  return rows
end

local function index_section(lines, t)
  for i, index in ipairs(t.target.indexes) do
    local projection = index.projection == "INCLUDE" and "keys and " .. list_text(index.include) or index.projection
    local units = index.read_units > 0 and (", %d read and %d write units"):format(index.read_units, index.write_units) or ""
    put(lines, index.is_local and "  local index  " or "  index        ", ("%s, projection %s%s"):format(index.name, projection, units))
    put_rows(lines, index_rows(t, index, i - 1))
  end
end

local function columns_text(columns)
  local text = "each column under its own name, unless named here"
  if columns.only then
    text = "the columns " .. list_text(columns.only)
  elseif #columns.except > 0 then
    text = text .. "; without " .. list_text(columns.except)
  end
  for _, rename in ipairs(columns.rename) do text = text .. ("; %s becomes %s"):format(rename.from, rename.to) end
  return text
end

local function attribute_section(lines, item)
  local rows = rows_of(item, function(attribute) return attribute.role == "plain" end)
  if #rows > 0 or item.columns then lines[#lines + 1] = "  attributes" end
  if item.columns then put(lines, "    ", columns_text(item.columns)) end
  put_rows(lines, rows)
  rows = rows_of(item, function(attribute) return attribute.role == "ttl" end)
  if #rows > 0 then lines[#lines + 1] = "  time to live" end
  put_rows(lines, rows)
end

-- What makes the items where the table declares its keys only.
local function items_section(lines, t)
  if t.map >= 0 then put(lines, "  items        ", "as the table's map returns them") end
  for i, item in ipairs(t.items) do
    put(lines, ("  item %-8d"):format(i), item.when and ("where column %s is true or not NULL"):format(words.quote(item.when)) or "always")
    if item.columns then put(lines, "    ", columns_text(item.columns)) end
    put_rows(lines, rows_of(item, function() return true end))
  end
end

local EXISTING = { replace = "items already there are replaced", keep = "items already there stay" }

local function existing_text(t)
  if t.newer then return "of an item already there and a new one the one with the greater " .. t.newer .. " stays" end
  local others = #t.owns > 0 and "others' items with its keys" or "other items"
  return EXISTING[t.existing] or ("a target that holds %s is refused"):format(others)
end

local function policy_text(t)
  local parts = { "a NULL column " .. (t.keep_nulls and "becomes a NULL" or "leaves its attribute out") }
  if t.empty_strings_absent then parts[#parts + 1] = "an empty string leaves its attribute out" end
  parts[#parts + 1] = existing_text(t)
  if t.keep then parts[#parts + 1] = "of two rows with one key the one with the greater " .. t.keep .. " stays" end
  if #t.owns > 0 then parts[#parts + 1] = "partition keys begin with " .. words.quote_list(t.owns) end
  if t.on_reject >= 0 then parts[#parts + 1] = "a row that cannot be mapped is shown to on_reject" end
  parts[#parts + 1] = ("the run stops at more than %d rejected rows"):format(t.max_rejects)
  return table.concat(parts, "; ")
end

local function key_rows(t)
  if t.map < 0 and #t.items == 0 then
    local rows = rows_of(t, function(attribute) return attribute.role == "table_key" end)
    for _, row in ipairs(rows) do row[3] = key_purpose(t, row[1]) .. ", " .. row[3] end
    return rows
  end
  local rows = { { t.target.partition.name, t.target.partition.type, "partition key" } }
  if t.target.sort then rows[2] = { t.target.sort.name, t.target.sort.type, "sort key" } end
  return rows
end

local function table_section(lines, t)
  put(lines, "table ", t.name)
  source_section(lines, t)
  target_section(lines, t)
  lines[#lines + 1] = "  keys"
  put_rows(lines, key_rows(t))
  index_section(lines, t)
  items_section(lines, t)
  attribute_section(lines, t)
  put(lines, "  policy       ", policy_text(t))
end

local function open_attribute(item)
  for _, attribute in ipairs(item.attributes) do
    if type_text(attribute.value) == "?" then return true end
  end
  return false
end

-- Whether a type can only be known from the source.
local function any_open(plan)
  for _, t in ipairs(plan.tables) do
    if open_attribute(t) then return true end
    for _, item in ipairs(t.items) do
      if open_attribute(item) then return true end
    end
    for _, index in ipairs(t.target.indexes) do
      for _, keys in ipairs { index.partition, index.sort } do
        for _, key in ipairs(keys) do if not key.type then return true end end
      end
    end
  end
  return false
end

-- A lowered plan as a list of lines.
function explain.lines(plan)
  local lines = {}
  put(lines, "plan ", plan.name)
  put(lines, "  from PostgreSQL, ", plan.source.uri and "by the plan's uri" or "by libpq's environment")
  put(lines, "  to DynamoDB, ", ("region %s%s%s"):format(plan.target.region or "by the environment",
    plan.target.endpoint and ", an endpoint of its own" or "", plan.target.profile and ", profile " .. plan.target.profile or ""))
  if plan.write_units then
    put(lines, "  at most ", type(plan.write_units) == "function" and "as many write units a second as write_units says by the clock"
      or ("%d write units a second"):format(plan.write_units))
  end
  if plan.source_connections or plan.source_latency_ms then
    local limits = {}
    if plan.source_connections then limits[1] = ("at most %d connections"):format(plan.source_connections) end
    if plan.source_latency_ms then
      limits[#limits + 1] = ("more slowly while it answers in more than %d ms"):format(plan.source_latency_ms)
    end
    put(lines, "  the source is spared: ", table.concat(limits, ", "))
  end
  for _, t in ipairs(plan.tables) do
    lines[#lines + 1] = ""
    table_section(lines, t)
  end
  if any_open(plan) then
    lines[#lines + 1] = ""
    put(lines, "", "?  a column's own type: known once the source is connected")
  end
  if #plan.warnings > 0 then lines[#lines + 1] = "" end
  for _, warning in ipairs(plan.warnings) do
    local where = warning.line and ("%s:%d: "):format(warning.file, warning.line) or ""
    put(lines, "warning: ", ("%s%s: %s"):format(where, warning.path, warning.message))
  end
  return lines
end

-- The attributes of a table or of one of its items.
local function attribute_document(t, item)
  local list = {}
  for n, attribute in ipairs(item.attributes) do
    local index = attribute.role == "index_key" and t.target.indexes[attribute.index + 1].name or nil
    list[n] = { name = attribute.name, role = attribute.role, index = index, type = type_text(attribute.value),
      value = words.text(attribute.value), line = attribute.value.line }
  end
  return list
end

local function items_document(t)
  local list = {}
  for n, item in ipairs(t.items) do
    list[n] = { when = item.when, attributes = attribute_document(t, item), columns = item.columns and columns_text(item.columns) }
  end
  return #list > 0 and list or nil
end

-- What a table says beyond its name, source and target only where it says it: nil is left out.
local function table_document(t)
  local document = {
    name = t.name, from = t.from, query = t.query, where = t.where, time_zone = t.time_zone, to = t.target.name, key = t.key,
    settings = settings_text(t.target), time_to_live = t.target.time_to_live, max_rejects = t.max_rejects,
    on_reject = t.on_reject >= 0 or nil,
    nulls = t.keep_nulls and "keep" or "absent", empty_strings = t.empty_strings_absent and "absent" or nil,
    existing = t.existing, newer = t.newer, keep = t.keep, owns = #t.owns > 0 and t.owns or nil,
    map = t.map >= 0 or nil, items = items_document(t), attributes = attribute_document(t, t), indexes = {},
    columns = t.columns and columns_text(t.columns),
  }
  for n, index in ipairs(t.target.indexes) do
    document.indexes[n] = { name = index.name, ["local"] = index.is_local, partition_key = index.partition,
      sort_key = index.sort, projection = index.projection, include = index.include }
  end
  return document
end

-- The same as plain data for --json: names, types and texts only, no address and no secret.
function explain.document(plan)
  local document = { event = "plan", plan = plan.name, region = plan.target.region, tables = {}, warnings = {} }
  for i, t in ipairs(plan.tables) do document.tables[i] = table_document(t) end
  for i, warning in ipairs(plan.warnings) do
    document.warnings[i] = { path = warning.path, line = warning.line, message = warning.message }
  end
  return document
end

return explain
