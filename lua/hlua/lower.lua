-- A right plan brought to the flat form that C reads (src/lua/plan_loader.c): strings, numbers, booleans and lists only,
-- defaults filled in, everything in its final order. See src/engine/plan.h for what each part means.
local definitions = require "hlua.definitions"
local schema      = require "hlua.schema"
local types       = require "hlua.types"
local values      = require "hlua.values"

local function put_place(to, at)
  to.path = at.path
  to.file, to.line = at:locate()
  return to
end

-- A value with its place in each level: a message about the inner one points to the same field.
local function lower_value(value, at)
  local low = {}
  for key, part in pairs(value) do low[key] = part end
  if low.inner then low.inner = lower_value(low.inner, at) end
  return put_place(low, at)
end

-- The type a key has as far as it is known: "S", "N", "B", or nil.
local function key_type(found, name)
  local definition = found.by_name[name]
  return definition and values.type(definition.value) or nil
end

local function lower_keys(found, key)
  local list = {}
  for i, name in ipairs(definitions.key_names(key)) do list[i] = { name = name, type = key_type(found, name) } end
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

-- { a = "x", b = "y" } as a list of { first, second }, sorted by the first.
local function pair_list(map, first, second)
  local list = {}
  for i, key in ipairs(types.sorted_keys(map or {})) do list[i] = { [first] = key, [second] = map[key] } end
  return list
end

local function lower_target(fields, found, at)
  local units = fields.provisioned or {}
  local target = {
    name = fields.to,
    partition = lower_keys(found, fields.partition_key)[1],
    sort = lower_keys(found, fields.sort_key)[1],
    indexes = {},
    provisioned = fields.billing_mode == "PROVISIONED",
    read_units = units.read or 0,
    write_units = units.write or 0,
    point_in_time_recovery = fields.point_in_time_recovery or false,
    stream = fields.stream,
    tags = pair_list(fields.tags, "key", "value"),
    deletion_protection = fields.deletion_protection or false,
    table_class = fields.table_class,
    time_to_live = fields.time_to_live and next(fields.time_to_live) or nil,
  }
  for i, index in ipairs(definitions.indexes(fields, at)) do target.indexes[i] = lower_index(index, fields, found) end
  return target
end

local function lower_attributes(found)
  local list = {}
  for i, definition in ipairs(found.list) do
    list[i] = {
      name = definition.name,
      role = definition.role,
      index = definition.index and definition.index - 1 or -1, -- C counts from 0
      sort = definition.sort or false,
      value = lower_value(definition.value, definition.at),
    }
  end
  return list
end

local function lower_columns(fields, at)
  local columns, columns_at = definitions.columns(fields, at)
  if not columns then return nil end
  return put_place({
    only = columns.only and table.move(columns.only, 1, #columns.only, 1, {}) or nil,
    except = columns.except and table.move(columns.except, 1, #columns.except, 1, {}) or {},
    rename = pair_list(columns.rename, "from", "to"),
  }, columns_at)
end

local function lower_table(fields, at)
  local found = definitions.collect(fields, at)
  return put_place({
    name = fields.name or fields.to,
    from = fields.from,
    query = fields.query,
    key = fields.key and table.move(fields.key, 1, #fields.key, 1, {}) or {},
    where = fields.where,
    expressions = pair_list(fields.columns, "name", "sql"),
    target = lower_target(fields, found, at),
    attributes = lower_attributes(found),
    columns = lower_columns(fields, at),
    keep_nulls = fields.nulls == "keep",
    existing = fields.existing,
    max_rejects = fields.max_rejects or schema.default("table", "max_rejects"),
  }, at)
end

-- The lowered form of a plan that hlua.validate found right; `at` is the cursor it gave.
return function(plan, at)
  local fields = plan.fields
  local target = fields.target and fields.target.fields or {}
  local low = {
    name = fields.name,
    file = plan.where and plan.where.file,
    source = { uri = fields.source.fields.uri },
    target = { region = target.region, endpoint = target.endpoint, profile = target.profile,
      allow_http = fields.allow_http or false },
    tables = {},
  }
  for i, table_node in ipairs(fields) do
    low.tables[i] = lower_table(table_node.fields, at:field(i, ("tables[%d]"):format(i)):enter(table_node))
  end
  return low
end
