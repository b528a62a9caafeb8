-- What several fields of a plan say of each other: contradictions are errors, oddities are warnings. Runs on fields that
-- hlua.types found well-formed; registered there by constructor. Source, capacity and indexes of a table are here; what its rows
-- become in hlua.mapping_rules, its policies in hlua.policy_rules, tables beside each other in hlua.plan_rules.
local types         = require "hlua.types"
local definitions   = require "hlua.definitions"
local check_mapping = require "hlua.mapping_rules"

local rules = types.rules

-- DynamoDB's limits (developer guide, "Quotas"): local indexes are a hard limit, global ones a quota that can be raised.
local LOCAL_INDEXES_MOST, GLOBAL_INDEXES_QUOTA, INCLUDED_MOST = 5, 20, 100

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

-- By constructor --------------------------------------------------------------------------------------------------------

function rules.table(at, fields, problems)
  check_source(at, fields, problems)
  check_capacity(at, fields, problems)
  check_indexes(at, fields, problems)
  check_mapping(at, fields, problems)
end

rules.plan = require "hlua.plan_rules"

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

return rules
