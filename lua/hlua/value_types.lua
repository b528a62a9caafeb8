-- The checkers of what attributes and keys can be: values, keys of tables and indexes; and of a target's name as a template. They
-- join those of hlua.types.
local schema  = require "hlua.schema"
local node    = require "hlua.node"
local nearest = require "hlua.nearest"
local numbers = require "hlua.numbers"
local types   = require "hlua.types"
local values  = require "hlua.values"

-- DynamoDB's limits (API reference; developer guide, "Naming rules and data types" and "Quotas").
local ATTRIBUTE_NAME_MOST, KEY_NAME_MOST = 65535, 255
local INDEX_KEYS_MOST = 4
local NESTING_MOST = 32
local FN_COLUMNS_MOST = 100 -- arguments of one call

local expected, plain_table, sorted_keys = types.expected, types.plain_table, types.sorted_keys

-- Texts, numbers, functions ---------------------------------------------------------------------------------------------

local ALLOWED = "allowed are a template, a number, true or false, function(row), " .. table.concat(schema.values, ", ")

local function check_template(at, value, problems)
  if not problems.template_check then return end
  local ok, message, position, hint = problems.template_check(value)
  if not ok then problems:add_template(at, message, value, position, type(hint) == "string" and hint or nil) end
end

-- Whether a part of a template can only give bytes of a table's name: the `format` of a column.
local function fits_name(format)
  if not format:find("%", 1, true) then return true end
  return not format:gsub("%%[^T%%]", ""):find "[^%w_.-]" -- %T writes colons, %% a percent sign
end

-- A table's name, or a template of names; which those are, the source says.
function types.target_name(at, value, field, problems)
  if type(value) ~= "string" or not value:find "[{}]" then return types.dynamodb_name(at, value, field, problems) end
  local before = #problems.errors
  check_template(at, value, problems)
  if #problems.errors > before then return end
  local rest = value:gsub("{[^{}:]+:?([^{}]*)}", function(format) return fits_name(format) and "" or "{" end)
  if #rest > types.TABLE_NAME_MOST or rest:find "[^%w_.-]" then
    problems:add(at, ("%s gives no name that DynamoDB allows"):format(problems.quote(value)),
      "beside its columns, 3 to 255 letters, digits, underscores, hyphens and dots")
  end
end

-- A text as hlua.S, hlua.N or hlua.B (`kind`) take it.
local function check_text(at, value, kind, problems)
  local before = #problems.errors
  if kind ~= "B" and not utf8.len(value) then
    return problems:add(at, "the text is not UTF-8", 'bytes are said by hlua.B "..."')
  end
  check_template(at, value, problems)
  if #problems.errors > before or not values.is_constant(value) then return end
  local wrong = kind == "N" and numbers.problem(value)
  if wrong then problems:add(at, ("%s %s"):format(problems.quote(value), wrong), 'such as hlua.N "{CustomerId}"') end
end

local function check_number(at, value, problems)
  local wrong = (value ~= value or math.abs(value) == math.huge) and "is no number that DynamoDB knows"
    or numbers.problem(numbers.text(value))
  if wrong then problems:add(at, ("%s %s"):format(tostring(value), wrong)) end
end

-- A function of the plan: one written in Lua, which can be told apart from another.
function types.row_function(at, value, _, problems)
  if type(value) ~= "function" then return expected(problems, at, "a function", value, "function(row) return ... end") end
  local kind = node.constructor(value)
  if kind then
    return problems:add(at, ("hlua.%s stands without its arguments"):format(kind), "such as " .. schema.constructors[kind].example)
  end
  if debug.getinfo(value, "S").what == "C" then
    problems:add(at, "a function of a library cannot stand here by itself", "call it in one: function(row) return ... end")
  end
end
types.column_function = types.row_function

local function check_fn(at, value, problems)
  local columns, call = value[1], value[2]
  local info = debug.getinfo(call, "u")
  if #columns > FN_COLUMNS_MOST then
    problems:add(at, ("hlua.fn with %d columns: at most %d are allowed"):format(#columns, FN_COLUMNS_MOST), "use function(row)")
  elseif not info.isvararg and info.nparams ~= #columns then
    problems:add(at, ("the function takes %d arguments and gets %d columns"):format(info.nparams, #columns),
      "each column is one argument, in their order")
  end
end

-- Typed values ----------------------------------------------------------------------------------------------------------

local FORMS = {
  S = "a template, a number, a function or hlua.column", N = "a template, a number, a function or hlua.column",
  B = "a template, a function or hlua.column", BOOL = "true, false, a function or hlua.column",
}

-- What is to be an S, N, B or BOOL.
local function check_scalar(at, value, kind, problems)
  if type(value) == "string" and kind ~= "BOOL" then return check_text(at, value, kind, problems) end
  if math.type(value) and (kind == "S" or kind == "N") then return check_number(at, value, problems) end
  if type(value) == "boolean" and kind == "BOOL" then return end
  if type(value) == "function" and not node.constructor(value) or node.is(value, "fn") then
    return types.value(at, value, nil, problems)
  end
  if not node.is(value, "column") then return expected(problems, at, FORMS[kind], value) end
  local before = problems.broken
  types.value(at, value, nil, problems)
  local default = problems.broken == before and values.default(value)
  if default ~= nil and problems.broken == before and type(value[2]) == "table" then
    check_scalar(at:field("default"), value[2].default, kind, problems)
  end
end

-- What stands inside hlua.S, hlua.N, hlua.B, hlua.bool (field.to).
function types.scalar(at, value, field, problems)
  check_scalar(at, value, field.to == "bool" and "BOOL" or field.to, problems)
end

-- What stands inside hlua.SS, hlua.NS, hlua.BS. Its constants are known: they must differ.
function types.set(at, value, field, problems)
  local list = plain_table(at, value, "a list of values", problems, "such as " .. field.example)
  if not list then return end
  if next(list) == nil then return problems:add(at, "a set cannot be empty", "leave the attribute out") end
  local member, seen = values.MEMBER[field.to], {}
  types.each_entry(at, list, problems, function(entry_at, entry)
    local before = #problems.errors
    check_scalar(entry_at, entry, member, problems)
    if #problems.errors > before or type(entry) ~= "string" and type(entry) ~= "number" then return end
    local low = values.lower(node.new { kind = member, n = 1, entry })
    if low.kind ~= "constant" then return end
    local text = member == "N" and numbers.canonical(low.text) or low.text
    if seen[text] then problems:add(entry_at, ("the set has %s twice"):format(problems.quote(low.text))) end
    seen[text] = true
  end)
end

-- Runs `check` one level deeper; a table that stands inside itself ends there as well.
local function nested(at, problems, check)
  local depth = (problems.depth or 0) + 1
  if depth > NESTING_MOST then
    return problems:add(at, ("values are nested more than %d levels deep: DynamoDB allows no more"):format(NESTING_MOST))
  end
  problems.depth = depth
  check()
  problems.depth = depth - 1
end

function types.value_list(at, value, field, problems)
  local list = plain_table(at, value, "a list of values", problems, "such as " .. field.example)
  if not list then return end
  nested(at, problems, function()
    types.each_entry(at, list, problems, function(entry_at, entry) types.value(entry_at, entry, nil, problems) end)
  end)
end

function types.value_map(at, value, _, problems)
  nested(at, problems, function()
    types.each_pair(at, value, "a table { name = value }", problems, function(entry_at, name, entry)
      types.check_name(entry_at, name, ATTRIBUTE_NAME_MOST, problems)
      types.value(entry_at, entry, nil, problems)
    end)
  end)
end

-- Anything that an attribute can be.
function types.value(at, value, _, problems)
  if type(value) == "string" then return check_text(at, value, "S", problems) end
  if type(value) == "number" then return check_number(at, value, problems) end
  if type(value) == "boolean" then return end
  if type(value) == "function" then return types.row_function(at, value, nil, problems) end
  local spec = node.is(value) and schema.constructors[value.kind]
  if not spec or not spec.value then
    local hint = type(value) == "table" and not node.is(value) and "a map is said by hlua.M { ... }, a list by hlua.L { ... }" or ALLOWED
    return problems:add(at, ("%s cannot be a value here"):format(problems.describe(value)), hint)
  end
  at = at:enter(value)
  if value.kind == "when" and node.is(value[2], "when") then
    return problems:add(at, "hlua.when stands inside hlua.when", "join the two conditions in an SQL expression under columns")
  end
  local before = problems.broken
  types.check_arguments(at, value, spec, problems)
  if value.kind == "fn" and problems.broken == before then check_fn(at, value, problems) end
  local seconds = value.kind == "epoch" and type(value[2]) == "table" and values.epoch_problem(value)
  if seconds then problems:add(at, seconds) end
end

-- A value, or hlua.S, hlua.N or hlua.B itself, which declares a type: hlua.rules says where that is right.
local function value_or_type(at, value, problems)
  if not node.marker(value) then types.value(at, value, nil, problems) end
end

-- Keys and attributes ---------------------------------------------------------------------------------------------------

local function key_name(at, name, problems) types.check_name(at, name, KEY_NAME_MOST, problems) end

function types.attribute_name(at, value, _, problems) types.check_name(at, value, ATTRIBUTE_NAME_MOST, problems) end

-- { NAME = value }, exactly one.
local function check_key_pair(at, value, problems, hint)
  local keys = sorted_keys(value)
  if #keys ~= 1 then
    return problems:add(at, ("expected one { NAME = value }, got %d"):format(#keys), hint)
  end
  key_name(at:field(keys[1]), keys[1], problems)
  if type(keys[1]) == "string" then value_or_type(at:field(keys[1]), value[keys[1]], problems) end
end

local short = { partition_key = "PK", sort_key = "SK" } -- usual names, for hints

function types.table_key(at, value, field, problems)
  if type(value) == "string" then
    local hint = value:find("{", 1, true)
      and ("give the attribute a name: %s = { %s = %s }"):format(field.name, short[field.name], problems.quote(value))
      or ("%s = { %s = hlua.column %s }"):format(field.name, value, problems.quote(value))
    return expected(problems, at, "{ NAME = value }", value, hint)
  end
  if plain_table(at, value, "{ NAME = value }", problems, "such as " .. field.example) then
    if value[1] ~= nil then
      return problems:add(at, "a table's key is { NAME = value }; a list of names is for indexes", "such as " .. field.example)
    end
    check_key_pair(at, value, problems, "a table has one partition key and at most one sort key")
  end
end

function types.index_key(at, value, field, problems)
  if type(value) == "string" then
    if value:find("{", 1, true) then
      return problems:add(at, ("%s is not an attribute's name"):format(problems.quote(value)),
        ("give the attribute a name: %s = { NAME = %s }"):format(field.name, problems.quote(value)))
    end
    return key_name(at, value, problems)
  end
  local what = "{ NAME = value }, an attribute's name, or a list of names"
  if not plain_table(at, value, what, problems, "such as " .. field.example) then return end
  if value[1] == nil then
    return check_key_pair(at, value, problems,
      'the order of several must be said: put them into attributes, and name them here: { "A", "B" }')
  end
  if node.is(value[1]) or node.marker(value[1]) then
    return expected(problems, at:field(1), "an attribute's name", value[1],
      ("a value has a name: %s = { NAME = value }"):format(field.name))
  end
  types.strings(at, value, field, problems)
  for i, name in ipairs(value) do
    if type(name) == "string" and name ~= "" then key_name(at:field(i), name, problems) end
  end
  if #value > INDEX_KEYS_MOST then
    problems:add(at, ("%d attributes in a key; DynamoDB allows %d"):format(#value, INDEX_KEYS_MOST))
  end
end

function types.projection(at, value, field, problems)
  if value == "ALL" or value == "KEYS_ONLY" then return end
  if type(value) ~= "table" or getmetatable(value) ~= nil then
    local best = type(value) == "string" and nearest.pick(value, { "ALL", "KEYS_ONLY" })
    return expected(problems, at, '"ALL", "KEYS_ONLY" or a list of attributes', value,
      best and ('did you mean "%s"?'):format(best) or field.example)
  end
  types.strings(at, value, field, problems)
  for i, name in ipairs(value) do
    if type(name) == "string" and name ~= "" then key_name(at:field(i), name, problems) end
  end
end

function types.attributes(at, value, _, problems)
  local map = plain_table(at, value, "a table of attributes", problems,
    node.is(value, "columns") and "put it between braces: attributes = { hlua.columns {} }" or nil)
  if not map then return end
  local columns_seen = false
  for _, key in ipairs(sorted_keys(map)) do
    local entry_at, entry = at:field(key), map[key]
    if math.type(key) ~= "integer" then
      types.check_name(entry_at, key, ATTRIBUTE_NAME_MOST, problems)
      value_or_type(entry_at, entry, problems)
    elseif node.is(entry, "columns") then
      if columns_seen then problems:add(entry_at, "a second hlua.columns: one a table is allowed") end
      columns_seen = true
      types.node(entry_at, entry, { kind = "columns" }, problems)
    else
      problems:add(entry_at, ("%s has no attribute's name"):format(problems.describe(entry)),
        "write NAME = value; only hlua.columns stands without a name")
    end
  end
end

function types.time_to_live(at, value, field, problems)
  if plain_table(at, value, "{ NAME = value }", problems, "such as " .. field.example) then
    check_key_pair(at, value, problems, "a table has one attribute for its time to live")
  end
end

return types
