-- A right plan brought to the flat form that C reads (src/lua/plan_loader.c): strings, numbers, booleans, lists, and functions; defaults
-- filled in, everything in its final order. See src/engine/plan.h for what each part means.
--
-- Functions are numbered from 0 in the order in which the lowered plan comes to them: the same in each state that loads the same
-- bytes. `functions` is the list of them, function number n at place n + 1; `function_columns` has at the same place the columns of an
-- hlua.fn, or false for a function that gets the row.
local definitions = require "hlua.definitions"
local schema      = require "hlua.schema"
local target      = require "hlua.target"

local function put_place(to, at)
  to.path = at.path
  to.file, to.line = at:locate()
  return to
end

-- Functions -------------------------------------------------------------------------------------------------------------

local registry = {}
registry.__index = registry

local function new_registry() return setmetatable({ functions = {}, columns = {}, numbers = {} }, registry) end

-- The number of a function with its columns; what is used twice has one.
function registry:number(call, columns)
  local same = self.numbers[call] or {}
  self.numbers[call] = same
  local key = columns and table.concat(columns, "\0") or false
  if not same[key] then
    same[key] = #self.functions
    self.functions[#self.functions + 1] = call
    self.columns[#self.functions] = columns or false
  end
  return same[key]
end

-- Values ----------------------------------------------------------------------------------------------------------------

-- A value with its place in each level: a message about an inner one points to the same field.
local function lower_value(value, at, functions)
  local low = {}
  for key, part in pairs(value) do low[key] = part end
  if low.call then low["function"] = functions:number(low.call, low.columns) end
  if low.inner then low.inner = lower_value(low.inner, at, functions) end
  if low.fallback then low.fallback = lower_value(low.fallback, at, functions) end
  if low.parts then
    low.parts = {}
    for i, part in ipairs(value.parts) do low.parts[i] = lower_value(part, at, functions) end
  end
  return put_place(low, at)
end

local function lower_attributes(found, functions)
  local list = {}
  for i, definition in ipairs(found.list) do
    list[i] = {
      name = definition.name,
      role = definition.role,
      index = definition.index and definition.index - 1 or -1, -- C counts from 0
      sort = definition.sort or false,
      value = lower_value(definition.value, definition.at, functions),
    }
  end
  return list
end

local function copy(list) return table.move(list, 1, #list, 1, {}) end

local function lower_columns(fields, at)
  local columns, columns_at = definitions.columns(fields, at)
  if not columns then return nil end
  return put_place({
    only = columns.only and copy(columns.only) or nil,
    except = copy(columns.except or {}),
    rename = target.pair_list(columns.rename, "from", "to"),
  }, columns_at)
end

local function lower_items(found, functions)
  local list = {}
  for i, item in ipairs(found.items) do
    list[i] = put_place({
      when = item.fields.when,
      attributes = lower_attributes(item, functions),
      columns = lower_columns(item.fields, item.at),
    }, item.at)
  end
  return list
end

-- Where the keys of each index are said.
local function lower_index_places(fields, at)
  local list = {}
  for i, index in ipairs(definitions.indexes(fields, at)) do
    list[i] = { partition = put_place({}, index.at:field "partition_key"), sort = put_place({}, index.at:field "sort_key") }
  end
  return list
end

-- Tables ----------------------------------------------------------------------------------------------------------------

-- "replace", "keep" or "newer" with its attribute; or nil.
local function lower_existing(existing)
  if type(existing) ~= "table" then return existing, nil end
  return "newer", existing[1]
end

local function lower_table(fields, at, plan, functions)
  local found = definitions.collect(fields, at)
  local existing, newer = lower_existing(fields.existing)
  return put_place({
    name = fields.name or fields.to,
    from = fields.from,
    query = fields.query,
    key = copy(fields.key or {}),
    where = fields.where,
    expressions = target.pair_list(fields.columns, "name", "sql"),
    time_zone = fields.time_zone or plan.time_zone,
    target = target.lower(fields, found, at),
    to_template = target.is_template(fields.to) and put_place({}, at:field "to") or nil,
    map = fields.map and functions:number(fields.map) or -1,
    attributes = definitions.declares(fields) and {} or lower_attributes(found, functions),
    columns = lower_columns(fields, at),
    items = lower_items(found, functions),
    index_places = lower_index_places(fields, at),
    keep_nulls = fields.nulls == "keep",
    empty_strings_absent = fields.empty_strings == "absent",
    existing = existing,
    newer = newer,
    keep = fields.keep and fields.keep[1] or nil,
    owns = copy(fields.owns or {}),
    max_rejects = fields.max_rejects or schema.default("table", "max_rejects"),
    on_reject = fields.on_reject and functions:number(fields.on_reject) or -1,
  }, at)
end

-- A target has one time to live, whichever of its tables names it.
local function share_time_to_live(tables)
  local names = {}
  for _, t in ipairs(tables) do names[t.target.name] = names[t.target.name] or t.target.time_to_live end
  for _, t in ipairs(tables) do t.target.time_to_live = names[t.target.name] end
end

-- The lowered form of a plan that hlua.validate found right; `at` is the cursor it gave.
return function(plan, at)
  local fields = plan.fields
  local said = fields.target and fields.target.fields or {}
  local functions, load = new_registry(), fields.max_source_load or {}
  local low = {
    name = fields.name,
    file = plan.where and plan.where.file,
    source = { uri = fields.source.fields.uri },
    target = { region = said.region, endpoint = said.endpoint, profile = said.profile, allow_http = fields.allow_http or false },
    write_units = fields.write_units,
    source_connections = load.connections,
    source_latency_ms = load.latency_ms,
    mapping_timeout_ms = math.ceil((fields.mapping_timeout or schema.default("plan", "mapping_timeout")) * 1000),
    mapping_memory = fields.mapping_memory or schema.default("plan", "mapping_memory"),
    tables = {},
    functions = functions.functions,
    function_columns = functions.columns,
  }
  for i, table_node in ipairs(fields) do
    low.tables[i] = lower_table(table_node.fields, at:field(i, ("tables[%d]"):format(i)):enter(table_node), fields, functions)
  end
  share_time_to_live(low.tables)
  return low
end
