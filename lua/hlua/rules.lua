-- What several fields of a plan say of each other: contradictions are errors, oddities are warnings. Runs on fields that
-- hlua.types found well-formed; registered there by constructor.
local node        = require "hlua.node"
local types       = require "hlua.types"
local values      = require "hlua.values"
local nearest     = require "hlua.nearest"
local definitions = require "hlua.definitions"

local rules = types.rules

-- DynamoDB's limits (developer guide, "Quotas"): local indexes are a hard limit, global ones a quota that can be raised.
local LOCAL_INDEXES_MOST, GLOBAL_INDEXES_QUOTA, INCLUDED_MOST = 5, 20, 100
local PARTITION_VALUE_MOST, SORT_VALUE_MOST = 2048, 1024

-- The source ------------------------------------------------------------------------------------------------------------

local function check_source(at, fields, problems)
  if fields.from and fields.query then
    problems:add(at:field "query", "from and query are both given", "a table reads a relation or a query: leave one out")
  elseif not fields.from and not fields.query then
    problems:add(at, "neither from nor query is given", [[such as from = 'dbo."IntegrationLogs"']])
  end
  if not fields.query then return end
  local _, ranges = fields.query:gsub("{range}", "")
  if ranges > 0 and not fields.key then
    problems:add(at:field "query", "{range} stands in the query, but there is no key", 'say whose bounds go there: key = { "LogId" }')
  elseif not fields.key then
    problems:warn(at:field "query", "a query without a key is read in one piece and cannot be resumed")
  end
end

-- Capacity --------------------------------------------------------------------------------------------------------------

local function check_capacity(at, fields, problems)
  local provisioned = fields.billing_mode == "PROVISIONED"
  if provisioned and not fields.provisioned then
    problems:add(at:field "billing_mode", '"PROVISIONED" without provisioned', "add provisioned = { read = 5, write = 500 }")
  elseif fields.provisioned and not provisioned then
    problems:add(at:field "provisioned", 'units are for billing_mode = "PROVISIONED"',
      'add billing_mode = "PROVISIONED", or leave provisioned out')
  end
  for _, index in ipairs(definitions.indexes(fields, at)) do
    local units_at = index.at:field "provisioned"
    if index.fields.provisioned and index.is_local then
      problems:add(units_at, "a local index shares its table's units", "leave provisioned out")
    elseif index.fields.provisioned and not provisioned then
      problems:add(units_at, 'units are for a table with billing_mode = "PROVISIONED"', "leave provisioned out")
    end
  end
end

-- Indexes ---------------------------------------------------------------------------------------------------------------

local function check_local_index(index, fields, problems)
  local own, tables = index.fields.partition_key, next(fields.partition_key)
  local names = definitions.key_names(own)
  if own and (#names ~= 1 or names[1] ~= tables) then
    problems:add(index.at:field "partition_key", ("a local index has the table's partition key, %s"):format(problems.quote(tables)),
      "leave partition_key out")
  end
  local sort = definitions.key_names(index.fields.sort_key)
  if #sort == 0 then
    problems:add(index.at, "a local index needs a sort_key")
  elseif #sort > 1 then
    problems:add(index.at:field "sort_key", "several sort key attributes are for global indexes")
  end
end

local function check_key_names(index, problems)
  local seen = {}
  for _, key in ipairs { "partition_key", "sort_key" } do
    for _, name in ipairs(definitions.key_names(index.fields[key])) do
      if seen[name] then
        problems:add(index.at:field(key), ("%s is in the index's key twice"):format(problems.quote(name)))
      end
      seen[name] = true
    end
  end
end

local function check_counts(at, fields, indexes, problems)
  local global, locals, included = 0, 0, 0
  for _, index in ipairs(indexes) do
    if index.is_local then locals = locals + 1 else global = global + 1 end
    if type(index.fields.projection) == "table" then included = included + #index.fields.projection end
  end
  if locals > LOCAL_INDEXES_MOST then
    problems:add(at:field "local_secondary_indexes", ("%d local indexes; DynamoDB allows %d"):format(locals, LOCAL_INDEXES_MOST))
  end
  if locals > 0 and not fields.sort_key then
    problems:add(at:field "local_secondary_indexes", "local indexes need a table with a sort_key")
  end
  if included > INCLUDED_MOST then
    problems:add(at, ("the indexes' projections list %d attributes; DynamoDB allows %d a table"):format(included, INCLUDED_MOST))
  end
  if global > GLOBAL_INDEXES_QUOTA then
    problems:warn(at:field "global_secondary_indexes", ("%d global indexes: above %d the AWS account's quota must be raised")
      :format(global, GLOBAL_INDEXES_QUOTA))
  end
  if locals > 0 then
    problems:warn(at:field "local_secondary_indexes",
      "with a local index the items of one partition key, with their index entries, can be 10 GB at most")
  end
end

local function check_indexes(at, fields, problems)
  local indexes, seen = definitions.indexes(fields, at), {}
  for _, index in ipairs(indexes) do
    local name = index.fields[1]
    if seen[name] then
      problems:add(index.at, ("two indexes have the name %s"):format(problems.quote(name)))
    end
    seen[name] = true
    if index.is_local then
      check_local_index(index, fields, problems)
    elseif not index.fields.partition_key then
      problems:add(index.at, "a global index needs a partition_key", [[such as partition_key = { GSI1PK = "APP#{ApplicationId}" }]])
    end
    check_key_names(index, problems)
  end
  check_counts(at, fields, indexes, problems)
end

-- Attributes ------------------------------------------------------------------------------------------------------------

local function file_line(at)
  local file, line = at:locate()
  return file and line and (" (%s:%d)"):format(file, line) or ""
end

local function check_doubles(found, problems)
  for _, conflict in ipairs(found.conflicts) do
    local first, second = conflict.first, conflict.second
    if second.role == "ttl" and first.role ~= "plain" then
      problems:add(second.at, ("%s is a key already: %s"):format(problems.quote(second.name), first.at.path),
        ('give the time to live a name of its own; an index can name it: %s = %s'):format(first.key, problems.quote(second.name)))
    else
      problems:add(second.at, ("%s has another value in %s%s"):format(problems.quote(second.name), first.at.path,
        file_line(first.at)), "an attribute has one value: leave one of them out")
    end
  end
end

-- The types a key can have; nil (a column's own) is known when the source is.
local KEY_TYPES = { S = true, N = true, B = true }

local function has_bare_constant(raw)
  if node.is(raw, "when") then raw = raw.arguments[2] end
  return type(raw) == "string" and values.is_constant(raw) and raw
end

local function check_key(definition, problems)
  local at, value = definition.at, definition.value
  local bare = has_bare_constant(definition.raw)
  if bare then
    return problems:add(at, ("%s names no column: every item that has this key would have the same"):format(problems.quote(bare)),
      ("a column stands in braces; if a constant is meant: hlua.S %s"):format(problems.quote(bare)))
  end
  local known = values.type(value)
  if known and not KEY_TYPES[known] then
    return problems:add(at, known == "BOOL" and "a key cannot be true or false: it is a string, a number or bytes"
      or "a key cannot be parsed JSON: it is a string, a number or bytes", "such as a template: it gives a string")
  end
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

local function check_references(found, columns, problems)
  for _, reference in ipairs(found.references) do
    local definition = found.by_name[reference.name]
    if definition then
      local known = values.type(definition.value)
      if known and not KEY_TYPES[known] then
        problems:add(reference.at, ("%s is no string, number or bytes, so it cannot be a key"):format(problems.quote(reference.name)),
          ("it is mapped in %s"):format(definition.at.path))
      end
    elseif not definitions.covered(columns, reference.name) then
      local names = {}
      for _, known in ipairs(found.list) do names[#names + 1] = known.name end
      problems:add(reference.at, ("%s is no attribute of this table"):format(problems.quote(reference.name)),
        nearest.hint(reference.name, names) or "map it in attributes")
    end
  end
end

local function check_attributes(at, fields, problems)
  local found = definitions.collect(fields, at)
  local columns = definitions.columns(fields, at)
  check_doubles(found, problems)
  for _, definition in ipairs(found.list) do
    if definition.key then check_key(definition, problems) end
    if definition.role == "ttl" then
      local known = values.type(definition.value)
      if known and known ~= "N" then
        problems:add(definition.at, "a time to live is a number of seconds since 1970",
          'such as hlua.epoch("LogTimestamp", { days = 365 })')
      end
      if #definition.name > 255 then problems:add(definition.at, "the name of a time to live has at most 255 bytes") end
    end
  end
  check_references(found, columns, problems)
  for _, index in ipairs(definitions.indexes(fields, at)) do
    local projection = index.fields.projection
    for _, name in ipairs(type(projection) == "table" and projection or {}) do
      if not found.by_name[name] and not definitions.covered(columns, name) then
        problems:warn(index.at:field "projection", ("%s is projected, but no attribute of this table"):format(problems.quote(name)))
      end
    end
  end
end

-- By constructor --------------------------------------------------------------------------------------------------------

function rules.table(at, fields, problems)
  check_source(at, fields, problems)
  check_capacity(at, fields, problems)
  check_indexes(at, fields, problems)
  check_attributes(at, fields, problems)
end

function rules.columns(at, fields, problems)
  if fields.only and fields.except then
    problems:add(at:field "except", "only and except are both given", "leave one out")
  end
  local targets, read = {}, {}
  for _, column in ipairs(fields.only or {}) do read[column] = true end
  for _, column in ipairs(types.sorted_keys(fields.rename or {})) do
    local rename_at, to = at:field("rename"):field(column), fields.rename[column]
    if targets[to] then problems:add(rename_at, ("two columns become %s"):format(problems.quote(to))) end
    targets[to] = true
    if fields.only and not read[column] then
      problems:add(rename_at, ("%s is not in only"):format(problems.quote(column)))
    end
    for _, left_out in ipairs(fields.except or {}) do
      if left_out == column then problems:add(rename_at, ("%s is left out by except"):format(problems.quote(column))) end
    end
  end
end

-- Reports, the ledger and the target tell tables apart by name.
function rules.plan(at, fields, problems)
  local seen = { name = {}, to = {} }
  for i, table_node in ipairs(fields) do
    local table_at = at:field(i, ("tables[%d]"):format(i)):enter(table_node)
    local said = table_node.fields
    local function once(field, name)
      local first = seen[field][name]
      if first then
        problems:add(table_at:field(field), ("tables[%d] and tables[%d] have the same %s, %s"):format(first, i,
          field == "to" and "target" or "name", problems.quote(name)), field == "name" and "give each a name of its own" or nil)
      end
      seen[field][name] = i
      return first
    end
    if not once("to", said.to) then once("name", said.name or said.to) end
  end
end

return rules
