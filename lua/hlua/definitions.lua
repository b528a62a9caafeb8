-- The attributes that a table's plan defines, in the order that the row program writes them: keys first (partition, sort,
-- each index's own), then the other attributes by name, then the time to live. Both the rules and the lowering read this.
--
-- A key can also be declared only: { PK = hlua.S } says its type. So are the keys of a table with `map` or `items`, and index
-- keys whose value, if a row has one, stands in attributes.
local node   = require "hlua.node"
local values = require "hlua.values"
local types  = require "hlua.types"

local definitions = {}

-- The indexes of a table in the schema's order: { fields, at, is_local }.
function definitions.indexes(fields, at)
  local list = {}
  for _, place in ipairs { "global_secondary_indexes", "local_secondary_indexes" } do
    for i, index in ipairs(fields[place] or {}) do
      list[#list + 1] = {
        fields = index.fields, at = at:field(place):field(i):enter(index), is_local = place == "local_secondary_indexes",
      }
    end
  end
  return list
end

-- The hlua.columns among the attributes, its cursor; or nil.
function definitions.columns(fields, at)
  for i, entry in next, fields.attributes or {} do
    if node.is(entry, "columns") then return entry.fields, at:field("attributes"):field(i):enter(entry) end
  end
  return nil
end

-- True when the table declares its keys only, and `map` or `items` make the items.
function definitions.declares(fields) return fields.map ~= nil or fields.items ~= nil end

-- The names that an index key consists of, in its order.
function definitions.key_names(key)
  if key == nil then return {} end
  if type(key) == "string" then return { key } end
  if key[1] ~= nil then return key end
  return { (next(key)) }
end

local collection = {}
collection.__index = collection

-- A second definition must say the same as the first. What serves two ends is written whenever it is there: it is no
-- index's alone, so that one index's absence does not take it from the other.
function collection:add(definition)
  local first = self.by_name[definition.name]
  if not first then
    self.by_name[definition.name] = definition
    self.list[#self.list + 1] = definition
    return
  end
  if definition.role == "ttl" and first.role ~= "plain" or not values.equal(first.value, definition.value) then
    self.conflicts[#self.conflicts + 1] = { first = first, second = definition }
  elseif definition.role == "ttl" then
    first.role = "ttl"
  elseif first.role == "index_key" then
    first.role, first.index, first.sort = "plain", nil, nil
  end
end

-- A key that is declared only. Two indexes may declare one; then it is no index's alone.
function collection:declare(name, kind, at, extra)
  local first = self.declared[name]
  if not first then
    self.declared[name] = { type = kind, at = at, role = extra.role, index = extra.index, sort = extra.sort, key = extra.key,
      place = extra.place }
  elseif first.type ~= kind then
    self.disagreements[#self.disagreements + 1] = { name = name, first = first, second = { type = kind, at = at } }
  elseif first.role == "index_key" and extra.role == "index_key" then
    first.role, first.index, first.sort = "plain", nil, nil
  end
end

-- A definition; `extra` has its role and what goes with it. What was declared an index's key has that role.
local function add_value(self, name, raw, at, extra)
  local marker = node.marker(raw)
  if marker then return self:declare(name, marker, at, extra) end
  local definition = { name = name, raw = raw, value = values.lower(raw), at = node.is(raw) and at:enter(raw) or at }
  local declared = extra.role == "plain" and self.declared[name]
  for key, value in pairs(declared and declared.role == "index_key" and declared or extra) do
    if definition[key] == nil and key ~= "type" then definition[key] = value end
  end
  self:add(definition)
end

local function add_pair(self, pair, at, extra)
  local name, raw = next(pair)
  add_value(self, name, raw, at:field(name), extra)
end

local ORDER = { table_key = 1, index_key = 2, plain = 3, ttl = 4 }

-- Keys keep their order (`place`); the rest goes by name.
local function before(a, b)
  if ORDER[a.role] ~= ORDER[b.role] then return ORDER[a.role] < ORDER[b.role] end
  if a.role == "table_key" or a.role == "index_key" then return a.place < b.place end
  return a.name < b.name
end

local KEYS = { "partition_key", "sort_key" }

local function add_table_keys(self, fields, at)
  for place, key in ipairs(KEYS) do
    if fields[key] then add_pair(self, fields[key], at:field(key), { role = "table_key", key = key, place = place }) end
  end
end

local function add_index_keys(self, fields, at)
  for i, index in ipairs(definitions.indexes(fields, at)) do
    for place, key in ipairs(KEYS) do
      local said, key_at = index.fields[key], index.at:field(key)
      if type(said) == "table" and said[1] == nil then
        add_pair(self, said, key_at, { role = "index_key", index = i, sort = key == "sort_key", key = key, place = 2 * i + place })
      else
        for _, name in ipairs(definitions.key_names(said)) do
          self.references[#self.references + 1] = { name = name, at = key_at }
        end
      end
    end
  end
end

local function add_attributes(self, fields, at)
  local attributes = fields.attributes or {}
  for _, name in ipairs(types.sorted_keys(attributes)) do
    if type(name) == "string" then
      add_value(self, name, attributes[name], at:field("attributes"):field(name), { role = "plain" })
    end
  end
  if fields.time_to_live then add_pair(self, fields.time_to_live, at:field "time_to_live", { role = "ttl" }) end
end

local function new_collection(declared)
  return setmetatable({ list = {}, by_name = {}, conflicts = {}, references = {}, declared = declared, disagreements = {},
    items = {} }, collection)
end

-- What one item defines, where the table (its collection `found`) has declared the keys.
local function collect_item(found, item)
  local self = new_collection(found.declared)
  self.fields, self.at = item.fields, item.at
  add_table_keys(self, item.fields, item.at)
  add_attributes(self, item.fields, item.at)
  table.sort(self.list, before)
  return self
end

-- All of a table's definitions: { list, by_name, conflicts = { { first, second } }, references = { { name, at } },
--   declared = name -> { type, at, role, ... }, disagreements = { { name, first, second } },
--   items = a collection for each item, with its fields and at }.
-- A definition: { name, raw, value (lowered), role, key, index (1..n) and sort of an index key, at }.
function definitions.collect(fields, at)
  local self = new_collection {}
  self.fields, self.at = fields, at
  add_table_keys(self, fields, at)
  add_index_keys(self, fields, at)
  add_attributes(self, fields, at)
  table.sort(self.list, before)
  for i, item in ipairs(fields.items or {}) do
    self.items[i] = collect_item(self, { fields = item.fields, at = at:field("items"):field(i):enter(item) })
  end
  return self
end

-- The name of the time to live of a table: its own, or of the first item that has one; or nil.
function definitions.time_to_live(fields)
  local pair = fields.time_to_live
  for _, item in ipairs(fields.items or {}) do pair = pair or item.fields.time_to_live end
  return pair and next(pair) or nil
end

-- The type of the attribute that a key names, as far as it is known: "S", "N", "B", or nil.
function definitions.key_type(found, name)
  if found.declared[name] then return found.declared[name].type end
  local definition = found.by_name[name]
  for _, item in ipairs(found.items) do definition = definition or item.by_name[name] end
  return definition and values.type(definition.value) or nil
end

-- Whether hlua.columns makes an attribute of this name, as far as can be known without the source's columns.
function definitions.covered(columns, name)
  if not columns then return false end
  local rename = columns.rename or {}
  for _, to in pairs(rename) do
    if to == name then return true end
  end
  if rename[name] then return false end
  if columns.only then
    for _, column in ipairs(columns.only) do
      if column == name then return true end
    end
    return false
  end
  for _, column in ipairs(columns.except or {}) do
    if column == name then return false end
  end
  return true
end

return definitions
