-- The attributes that a table's plan defines, in the order that the row program writes them: keys first (partition, sort,
-- each index's own), then the other attributes by name, then the time to live. Both the rules and the lowering read this.
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

local function add_pair(self, pair, at, extra)
  local name, raw = next(pair)
  local definition = { name = name, raw = raw, value = values.lower(raw), at = at:field(name) }
  for key, value in pairs(extra) do definition[key] = value end
  if node.is(raw) then definition.at = definition.at:enter(raw) end
  self:add(definition)
end

local ORDER = { table_key = 1, index_key = 2, plain = 3, ttl = 4 }

-- Keys keep their order (`place`); the rest goes by name.
local function before(a, b)
  if ORDER[a.role] ~= ORDER[b.role] then return ORDER[a.role] < ORDER[b.role] end
  if a.role == "table_key" or a.role == "index_key" then return a.place < b.place end
  return a.name < b.name
end

-- All of a table's definitions: { list, by_name, conflicts = { { first, second } }, references = { { name, at, what } } }.
-- A definition: { name, raw, value (lowered), role, index (1..n) and sort of an index key, at }.
function definitions.collect(fields, at)
  local self = setmetatable({ list = {}, by_name = {}, conflicts = {}, references = {} }, collection)
  for _, key in ipairs { "partition_key", "sort_key" } do
    if fields[key] then add_pair(self, fields[key], at:field(key), { role = "table_key", key = key }) end
  end
  for i, index in ipairs(definitions.indexes(fields, at)) do
    for _, key in ipairs { "partition_key", "sort_key" } do
      local said, key_at = index.fields[key], index.at:field(key)
      if type(said) == "table" and said[1] == nil then
        add_pair(self, said, key_at, { role = "index_key", index = i, sort = key == "sort_key", key = key })
      else
        for _, name in ipairs(definitions.key_names(said)) do
          self.references[#self.references + 1] = { name = name, at = key_at }
        end
      end
    end
  end
  for i, definition in ipairs(self.list) do definition.place = i end
  local attributes = fields.attributes or {}
  for _, name in ipairs(types.sorted_keys(attributes)) do
    if type(name) == "string" then
      add_pair(self, { [name] = attributes[name] }, at:field "attributes", { role = "plain" })
    end
  end
  if fields.time_to_live then add_pair(self, fields.time_to_live, at:field "time_to_live", { role = "ttl" }) end
  table.sort(self.list, before)
  return self
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
