-- What the fields that say what a row becomes say of each other: keys, attributes, items, map.
local node         = require "hlua.node"
local values       = require "hlua.values"
local types        = require "hlua.types"
local nearest      = require "hlua.nearest"
local definitions  = require "hlua.definitions"
local check_policy = require "hlua.policy_rules"

-- DynamoDB's limits of a key's value in bytes (developer guide, "Quotas").
local PARTITION_VALUE_MOST, SORT_VALUE_MOST = 2048, 1024
local TTL_NAME_MOST = 255

-- Types without values --------------------------------------------------------------------------------------------------

-- Calls each(at, raw) for what stands under a field's names.
local function each_value(at, pair, each)
  for _, name in ipairs(types.sorted_keys(pair or {})) do each(at:field(name), pair[name]) end
end

-- A value is needed: a type alone is an error.
local function needs_value(problems)
  return function(at, raw)
    local marker = node.marker(raw)
    if not marker then return end
    problems:add(at, ("hlua.%s alone says a type, and here a value is needed"):format(marker),
      ('such as hlua.%s "{LoanId}"; types alone are for a table with map or items'):format(marker))
  end
end

-- A type is needed: a value is an error.
local function needs_type(word, problems)
  return function(at, raw)
    if node.marker(raw) then return end
    problems:add(at, ("with %s the table declares types alone"):format(word),
      ("such as { PK = hlua.S }; the values come from %s"):format(word))
  end
end

local VALUES = { "partition_key", "sort_key", "attributes", "time_to_live" }

local function check_declared_table(at, fields, problems)
  local word = fields.map and "map" or "items"
  if fields.map and fields.items then
    return problems:add(at:field "map", "map and items are both given", "leave one out")
  end
  for _, name in ipairs(VALUES) do each_value(at:field(name), fields[name], needs_type(word, problems)) end
  for _, index in ipairs(definitions.indexes(fields, at)) do
    for _, key in ipairs { "partition_key", "sort_key" } do
      local said = index.fields[key]
      if type(said) == "table" and said[1] == nil then each_value(index.at:field(key), said, needs_type(word, problems)) end
    end
  end
  for _, name in ipairs { "nulls", "empty_strings" } do
    if fields.map and fields[name] then
      problems:add(at:field(name), ("%s is for columns and templates: map makes its items itself"):format(name), "leave it out")
    end
  end
end

local function check_types_alone(at, fields, problems)
  if definitions.declares(fields) then return check_declared_table(at, fields, problems) end
  for _, name in ipairs(VALUES) do each_value(at:field(name), fields[name], needs_value(problems)) end
end

-- Registered for hlua.item: its own fields, whatever the table says.
function types.rules.item(at, fields, problems)
  for _, name in ipairs(VALUES) do each_value(at:field(name), fields[name], needs_value(problems)) end
end

-- Keys ------------------------------------------------------------------------------------------------------------------

-- The types a key can have; nil (a column's own) is known when the source is.
local KEY_TYPES = { S = true, N = true, B = true }

local UNFIT = { BOOL = "true or false", JSON = "parsed JSON", NULL = "NULL", L = "a list", M = "a map", SS = "a set", NS = "a set",
  BS = "a set" }

-- False when it said why a value of this type cannot be a key.
local function fits_key(at, known, problems)
  if not known or KEY_TYPES[known] then return true end
  if known == "ANY" then
    problems:add(at, "the type of what a function returns is not known before it runs",
      "say it: hlua.S(function(row) ... end), or hlua.N, hlua.B; around hlua.fn as well")
  else
    problems:add(at, ("a key cannot be %s: it is a string, a number or bytes"):format(UNFIT[known]),
      "such as a template: it gives a string")
  end
  return false
end

local function bare_constant(raw)
  if node.is(raw, "when") then raw = raw[2] end
  return type(raw) == "string" and values.is_constant(raw) and raw
end

local function check_key(definition, problems)
  local at, value = definition.at, definition.value
  local bare = bare_constant(definition.raw)
  if bare then
    return problems:add(at, ("%s names no column: every item that has this key would have the same"):format(problems.quote(bare)),
      ("a column stands in braces; if a constant is meant: hlua.S %s"):format(problems.quote(bare)))
  end
  if not fits_key(at, values.type(value), problems) then return end
  if definition.role == "table_key" and value.kind == "when" then
    problems:add(at, "hlua.when makes a value that can be absent, and a table's key must be there for every row",
      "use where to leave rows out")
  end
  local core = values.core(value)
  if core.kind ~= "constant" then return end
  local most = (definition.key == "sort_key") and SORT_VALUE_MOST or PARTITION_VALUE_MOST
  if core.text == "" then
    problems:add(at, "a key cannot be empty")
  elseif #core.text > most then
    problems:add(at, ("a key of %d bytes; DynamoDB allows %d here"):format(#core.text, most))
  elseif definition.key == "partition_key" then
    problems:warn(at, "one value for the whole partition key: DynamoDB writes at most 1,000 units a second to it")
  end
end

-- Attributes ------------------------------------------------------------------------------------------------------------

local function check_doubles(found, problems)
  for _, conflict in ipairs(found.conflicts) do
    local first, second = conflict.first, conflict.second
    if second.role == "ttl" and first.role ~= "plain" then
      problems:add(second.at, ("%s is a key already: %s"):format(problems.quote(second.name), first.at.path),
        ('give the time to live a name of its own; an index can name it: %s = %s'):format(first.key, problems.quote(second.name)))
    else
      problems:add(second.at, ("%s has another value in %s"):format(problems.quote(second.name), first.at:text()),
        "an attribute has one value: leave one of them out")
    end
  end
end

local function check_disagreements(found, problems)
  for _, it in ipairs(found.disagreements) do
    problems:add(it.second.at, ("%s is declared %s here and %s in %s"):format(problems.quote(it.name), it.second.type, it.first.type,
      it.first.at:text()), "an attribute has one type in all keys")
  end
end

local function check_time_to_live(definition, problems)
  local known = values.type(definition.value)
  if known == "ANY" then
    problems:add(definition.at, "the type of what a function returns is not known before it runs",
      "say it: hlua.N(function(row) ... end)")
  elseif known and known ~= "N" then
    problems:add(definition.at, "a time to live is a number of seconds since 1970",
      'such as hlua.epoch("LogTimestamp", { days = 365 })')
  end
end

-- What one item consists of; `found` is its collection.
local function check_definitions(found, problems)
  check_doubles(found, problems)
  for _, definition in ipairs(found.list) do
    local declared = found.declared[definition.name]
    local known = values.type(definition.value)
    if definition.key then check_key(definition, problems) end
    if definition.role == "ttl" then check_time_to_live(definition, problems) end
    if declared and not definition.key and not fits_key(definition.at, known, problems) then
      known = nil -- said already
    end
    if declared and KEY_TYPES[known] and known ~= declared.type then
      problems:add(definition.at, ("%s is %s here and declared %s in %s"):format(problems.quote(definition.name), known, declared.type,
        declared.at:text()))
    end
  end
end

local function known_names(found)
  local names = {}
  for _, known in ipairs(found.list) do names[#names + 1] = known.name end
  for name in pairs(found.declared) do names[#names + 1] = name end
  table.sort(names)
  return names
end

-- Index keys that name an attribute mapped elsewhere.
local function check_references(found, columns, problems)
  local declares = definitions.declares(found.fields)
  for _, reference in ipairs(found.references) do
    local known, name = definitions.key_type(found, reference.name), problems.quote(reference.name)
    local definition = found.by_name[reference.name]
    if declares and not known then
      problems:add(reference.at, ("the type of %s is not known"):format(name),
        ("declare it: attributes = { %s = hlua.S }"):format(reference.name))
    elseif known and not KEY_TYPES[known] then
      problems:add(reference.at, known == "ANY" and ("the type of %s is not known before its function runs"):format(name)
        or ("%s is no string, number or bytes, so it cannot be a key"):format(name),
        known == "ANY" and "say it: hlua.S(function(row) ... end)" or definition and ("it is mapped in %s"):format(definition.at.path))
    elseif not known and not definition and not definitions.covered(columns, reference.name) then
      problems:add(reference.at, ("%s is no attribute of this table"):format(name),
        nearest.hint(reference.name, known_names(found)) or "map it in attributes")
    end
  end
end

-- Whether a table has an attribute of this name, as far as is known.
local function has_attribute(found, name)
  if found.fields.map or found.by_name[name] or found.declared[name] then return true end
  if definitions.covered(definitions.columns(found.fields, found.at), name) then return true end
  for _, item in ipairs(found.items) do
    if has_attribute(item, name) then return true end
  end
  return false
end

local function check_projections(found, problems)
  for _, index in ipairs(definitions.indexes(found.fields, found.at)) do
    local projection = index.fields.projection
    for _, name in ipairs(type(projection) == "table" and projection or {}) do
      if not has_attribute(found, name) then
        problems:warn(index.at:field "projection", ("%s is projected, but no attribute of this table"):format(problems.quote(name)))
      end
    end
  end
end

-- Items -----------------------------------------------------------------------------------------------------------------

-- An item's keys are the table's.
local function check_item_keys(fields, item, problems)
  for _, key in ipairs { "partition_key", "sort_key" } do
    local wanted, given = fields[key] and next(fields[key]), item.fields[key] and next(item.fields[key])
    if wanted and not given then
      problems:add(item.at, ("%s is missing"):format(key), ("the table has %s = { %s = ... }"):format(key, wanted))
    elseif given and wanted ~= given then
      problems:add(item.at:field(key), wanted and ("the table's key is %s, not %s"):format(problems.quote(wanted), problems.quote(given))
        or "the table has no sort key")
    end
  end
  local wanted, given = definitions.time_to_live(fields), item.fields.time_to_live and next(item.fields.time_to_live)
  if given and wanted ~= given then
    problems:add(item.at:field "time_to_live", ("the table's time to live is %s, not %s"):format(problems.quote(wanted),
      problems.quote(given)), "a table has one attribute for its time to live")
  end
end

local function check_time_to_live_name(at, fields, problems)
  local name = definitions.time_to_live(fields)
  if name and #name > TTL_NAME_MOST then
    problems:add(at:field "time_to_live", ("the name of a time to live has at most %d bytes"):format(TTL_NAME_MOST))
  end
  if definitions.declares(fields) and fields.time_to_live and node.marker(fields.time_to_live[name]) ~= "N" then
    problems:add(at:field("time_to_live"):field(name), "a time to live is a number of seconds since 1970",
      ("declare it: { %s = hlua.N }"):format(name))
  end
end

-- Checks what a table's rows become.
return function(at, fields, problems)
  local before = problems.broken
  check_types_alone(at, fields, problems)
  if problems.broken > before then return end
  local found = definitions.collect(fields, at)
  check_disagreements(found, problems)
  check_definitions(found, problems)
  for _, item in ipairs(found.items) do
    check_item_keys(fields, item, problems)
    check_definitions(item, problems)
  end
  check_time_to_live_name(at, fields, problems)
  check_references(found, definitions.columns(fields, at), problems)
  check_projections(found, problems)
  check_policy(at, fields, found, problems)
end
