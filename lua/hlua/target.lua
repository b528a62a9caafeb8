-- The DynamoDB table that a plan's table declares, in the flat form that C reads (src/dynamodb/schema.h). Tables that share a
-- target are compared in this form.
local definitions = require "hlua.definitions"
local schema      = require "hlua.schema"
local types       = require "hlua.types"

local target = {}

-- { a = "x", b = "y" } as a list of { first, second }, sorted by the first.
function target.pair_list(map, first, second)
  local list = {}
  for i, key in ipairs(types.sorted_keys(map or {})) do list[i] = { [first] = key, [second] = map[key] } end
  return list
end

local function lower_keys(found, key)
  local list = {}
  for i, name in ipairs(definitions.key_names(key)) do list[i] = { name = name, type = definitions.key_type(found, name) } end
  return list
end

local function lower_index(index, fields, found)
  local said = index.fields
  local projection = said.projection or schema.default("index", "projection")
  local units = said.provisioned or {}
  return {
    name = said[1],
    is_local = index.is_local,
    partition = lower_keys(found, index.is_local and fields.partition_key or said.partition_key),
    sort = lower_keys(found, said.sort_key),
    projection = type(projection) == "table" and "INCLUDE" or projection,
    include = type(projection) == "table" and table.move(projection, 1, #projection, 1, {}) or {},
    read_units = units.read or 0,
    write_units = units.write or 0,
  }
end

-- Whether a `to` names columns: then it is a table for each text that it gives.
function target.is_template(to) return to:find("{", 1, true) ~= nil end

-- `found` is the table's collection (hlua.definitions).
function target.lower(fields, found, at)
  local units = fields.provisioned or {}
  local low = {
    name = fields.to,
    partition = lower_keys(found, fields.partition_key)[1],
    sort = lower_keys(found, fields.sort_key)[1],
    indexes = {},
    provisioned = fields.billing_mode == "PROVISIONED",
    read_units = units.read or 0,
    write_units = units.write or 0,
    point_in_time_recovery = fields.point_in_time_recovery or false,
    stream = fields.stream,
    tags = target.pair_list(fields.tags, "key", "value"),
    deletion_protection = fields.deletion_protection or false,
    table_class = fields.table_class,
    time_to_live = definitions.time_to_live(fields),
  }
  for i, index in ipairs(definitions.indexes(fields, at)) do low.indexes[i] = lower_index(index, fields, found) end
  return low
end

-- How two targets can differ ----------------------------------------------------------------------------------------------

local function key_text(keys)
  local texts = {}
  for i, key in ipairs(keys) do texts[i] = key.name .. (key.type and " " .. key.type or "") end
  return #texts > 0 and table.concat(texts, ", ") or "nothing"
end

-- A type that is not known is no difference: it is compared when the source is connected.
local function same_keys(a, b)
  if #a ~= #b then return false end
  for i, key in ipairs(a) do
    if key.name ~= b[i].name or key.type and b[i].type and key.type ~= b[i].type then return false end
  end
  return true
end

local function plain_text(value) return value == nil and "nothing" or tostring(value) end

local function tags_text(tags)
  local texts = {}
  for i, tag in ipairs(tags) do texts[i] = tag.key .. " = " .. tag.value end
  return #texts > 0 and table.concat(texts, ", ") or "nothing"
end

local function index_rest(index)
  local include = #index.include > 0 and " " .. table.concat(index.include, ", ") or ""
  return ("%s, projection %s%s, %d read and %d write units"):format(index.is_local and "local" or "global", index.projection, include,
    index.read_units, index.write_units)
end

local function by_name(list)
  local map = {}
  for _, entry in ipairs(list) do map[entry.name] = entry end
  return map
end

-- The first difference of two lists of indexes.
local function indexes_difference(a, b)
  local others = by_name(b)
  for _, index in ipairs(a) do
    local other = others[index.name]
    if not other then return "index " .. index.name, "declared", "not declared" end
    others[index.name] = nil
    for _, key in ipairs { "partition", "sort" } do
      if not same_keys(index[key], other[key]) then
        return ("%s key of index %s"):format(key, index.name), key_text(index[key]), key_text(other[key])
      end
    end
    if index_rest(index) ~= index_rest(other) then return "index " .. index.name, index_rest(index), index_rest(other) end
  end
  local missing = next(others)
  if missing then return "index " .. missing, "not declared", "declared" end
  return nil
end

local SETTINGS = { "provisioned", "read_units", "write_units", "point_in_time_recovery", "stream", "deletion_protection", "table_class" }

-- The first difference of two lowered targets: what differs, what the first says, what the second says; or nil. A time to live that
-- one of them does not name is no difference: its rows do not expire.
function target.difference(a, b)
  for key, name in pairs { partition = "partition_key", sort = "sort_key" } do
    if not same_keys({ a[key] }, { b[key] }) then return name, key_text { a[key] }, key_text { b[key] } end
  end
  local what, first, second = indexes_difference(a.indexes, b.indexes)
  if what then return what, first, second end
  if a.time_to_live and b.time_to_live and a.time_to_live ~= b.time_to_live then
    return "time_to_live", a.time_to_live, b.time_to_live
  end
  for _, name in ipairs(SETTINGS) do
    if a[name] ~= b[name] then return name, plain_text(a[name]), plain_text(b[name]) end
  end
  if tags_text(a.tags) ~= tags_text(b.tags) then return "tags", tags_text(a.tags), tags_text(b.tags) end
  return nil
end

return target
