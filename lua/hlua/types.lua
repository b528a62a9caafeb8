-- One checker for each field type of the schema: does this value, alone, have the form that its field asks for?
-- A checker is called with (at, value, field, problems) and adds what is wrong to the problems. What two fields say
-- of each other is hlua.rules' matter.
local schema  = require "hlua.schema"
local node    = require "hlua.node"
local nearest = require "hlua.nearest"
local values  = require "hlua.values"

local types = {}

-- DynamoDB's naming rules (developer guide, "Naming rules and data types"; API reference for key and tag lengths).
local TABLE_NAME_LEAST, TABLE_NAME_MOST = 3, 255
local ATTRIBUTE_NAME_MOST, KEY_NAME_MOST = 65535, 255
local TAGS_MOST, TAG_KEY_MOST, TAG_VALUE_MOST = 50, 128, 256
local INDEX_KEYS_MOST = 4
local PLAN_NAME_MOST = 200 -- it becomes a file's name, with an ending

local function expected(problems, at, what, value, hint)
  problems:add(at, ("expected %s, got %s"):format(what, problems.describe(value)), hint)
end

local function sorted_keys(t)
  local keys = {}
  for key in next, t do keys[#keys + 1] = key end
  table.sort(keys, function(a, b)
    if type(a) == type(b) and (type(a) == "number" or type(a) == "string") then return a < b end
    return type(a) < type(b)
  end)
  return keys
end
types.sorted_keys = sorted_keys

-- A table that no constructor made. Says what is wrong and returns nil otherwise.
local function plain_table(at, value, what, problems, hint)
  if type(value) == "table" and getmetatable(value) == nil then return value end
  if type(value) == "table" and not node.is(value) then
    -- What it holds could change with each look.
    what, hint = what .. " without a metatable", "copy it into a plain table"
  end
  expected(problems, at, what, value, hint)
  return nil
end

-- Simple values ---------------------------------------------------------------------------------------------------------

function types.string(at, value, field, problems)
  if type(value) ~= "string" then
    return expected(problems, at, "a string", value)
  end
  if value == "" then return problems:add(at, "is empty", "leave the field out, or give it a value") end
  if value:find("\0", 1, true) then
    return problems:add(at, field.secret and "holds a zero byte" or ("%s holds a zero byte"):format(problems.quote(value)))
  end
end

function types.boolean(at, value, _, problems)
  if type(value) ~= "boolean" then expected(problems, at, "true or false", value) end
end

function types.number(at, value, _, problems)
  if type(value) ~= "number" or value ~= value or math.abs(value) > 1e6 then
    expected(problems, at, "a number (at most a million)", value)
  end
end

function types.integer(at, value, field, problems)
  if math.type(value) ~= "integer" or value < field.min then
    expected(problems, at, ("a whole number of at least %d"):format(field.min), value)
  end
end

function types.enum(at, value, field, problems)
  for _, allowed in ipairs(field.values) do
    if value == allowed then return end
  end
  local allowed = '"' .. table.concat(field.values, '", "') .. '"'
  local best = type(value) == "string" and nearest.pick(value, field.values)
  expected(problems, at, (#field.values > 1 and "one of " or "") .. allowed, value,
    best and ('did you mean "%s"?'):format(best))
end

function types.plan_name(at, value, field, problems)
  if type(value) ~= "string" or value == "" then return types.string(at, value, field, problems) end
  if value:find "[^%w._-]" or #value > PLAN_NAME_MOST then
    problems:add(at, ("%s is not a plan's name"):format(problems.quote(value)),
      ("letters, digits, dot, underscore and hyphen, at most %d: it names the ledger's file"):format(PLAN_NAME_MOST))
  end
end

function types.dynamodb_name(at, value, field, problems)
  if type(value) ~= "string" or value == "" then return types.string(at, value, field, problems) end
  if value:find "[^%w_.-]" or #value < TABLE_NAME_LEAST or #value > TABLE_NAME_MOST then
    problems:add(at, ("%s is not a name that DynamoDB allows"):format(problems.quote(value)),
      "3 to 255 letters, digits, underscores, hyphens and dots")
  end
end

function types.endpoint(at, value, field, problems)
  if type(value) ~= "string" or value == "" then return types.string(at, value, field, problems) end
  if not value:find "^https?://[^/%s%c]+" or value:find "[%s%c]" then
    -- Not shown whole: an address can carry a password.
    problems:add(at, "is not an http or https address", 'such as endpoint = "http://127.0.0.1:8000"')
  end
end

-- The name of an attribute; `most` is 255 for keys.
local function attribute_name(at, name, most, problems)
  if type(name) ~= "string" then return expected(problems, at, "an attribute's name", name) end
  if name == "" then return problems:add(at, "an attribute's name is empty") end
  if name:find("\0", 1, true) then return problems:add(at, "an attribute's name holds a zero byte") end
  if not utf8.len(name) then return problems:add(at, "an attribute's name is not UTF-8") end
  if #name > most then
    problems:add(at, ("an attribute's name has %d bytes; here at most %d are allowed"):format(#name, most))
  end
end

-- Lists and maps --------------------------------------------------------------------------------------------------------

-- Calls each(at, entry) for a plain table's list; other keys are errors.
local function each_entry(at, list, problems, each)
  local count = 0
  for _, key in ipairs(sorted_keys(list)) do
    if key == count + 1 then
      count = key
      each(at:field(key), list[key])
    elseif math.type(key) == "integer" then
      return problems:add(at, ("entry %d of the list is nil"):format(count + 1))
    else
      problems:add(at:field(key), ("unknown field %s in a list"):format(problems.describe(key)))
    end
  end
end

function types.strings(at, value, field, problems)
  local list = plain_table(at, value, "a list of names", problems,
    type(value) == "string" and ("write { %s }"):format(problems.quote(value)) or nil)
  if not list then return end
  if next(list) == nil then return problems:add(at, "the list is empty", "leave the field out, or name something") end
  local seen = {}
  each_entry(at, list, problems, function(entry_at, entry)
    types.string(entry_at, entry, field, problems)
    if type(entry) ~= "string" then return end
    if seen[entry] then problems:add(entry_at, ("%s is named twice"):format(problems.quote(entry))) end
    seen[entry] = true
  end)
end

-- Calls each(at, key, entry) for a plain table whose keys are all strings.
local function each_pair(at, value, what, problems, each)
  local map = plain_table(at, value, what, problems)
  if not map then return end
  for _, key in ipairs(sorted_keys(map)) do
    if type(key) == "string" then
      each(at:field(key), key, map[key])
    else
      problems:add(at:field(key), ("expected %s, got an entry without a name"):format(what))
    end
  end
end

function types.names(at, value, field, problems)
  each_pair(at, value, "a table { column = attribute }", problems, function(entry_at, key, entry)
    types.string(entry_at, key, field, problems)
    attribute_name(entry_at, entry, ATTRIBUTE_NAME_MOST, problems)
  end)
end

function types.expressions(at, value, field, problems)
  each_pair(at, value, "a table { column = SQL expression }", problems, function(entry_at, key, entry)
    types.string(entry_at, key, field, problems)
    types.string(entry_at, entry, field, problems)
  end)
end

function types.tags(at, value, _, problems)
  local count = 0
  each_pair(at, value, "a table { name = text }", problems, function(entry_at, key, entry)
    count = count + 1
    if type(entry) ~= "string" or entry:find("\0", 1, true) then return expected(problems, entry_at, "a text", entry) end
    if key == "" or (utf8.len(key) or math.huge) > TAG_KEY_MOST or key:find "^aws:" or key:find("\0", 1, true) then
      problems:add(entry_at, ("%s is not a tag's name"):format(problems.quote(key)),
        ("1 to %d characters that do not begin with aws:"):format(TAG_KEY_MOST))
    end
    if (utf8.len(entry) or math.huge) > TAG_VALUE_MOST then
      problems:add(entry_at, ("a tag's text is longer than %d characters, or not UTF-8"):format(TAG_VALUE_MOST))
    end
  end)
  if count > TAGS_MOST then problems:add(at, ("%d tags; DynamoDB allows %d"):format(count, TAGS_MOST)) end
end

-- Fields and nodes ------------------------------------------------------------------------------------------------------

local function check_field(at, value, field, problems)
  if value == nil then
    if field.required then
      problems:add(at, ("%s is missing"):format(field.name), "such as " .. field.example)
    end
    return
  end
  types[field.type](field.key and at:field(field.key, at.path) or at:field(field.name), value, field, problems)
end

-- A table of named fields. `spec` is a constructor of the schema, or a field with `fields`.
local function check_fields(at, given, spec, problems)
  local known = {}
  for _, field in ipairs(spec.fields) do
    known[field.key or field.name] = true
    check_field(at, given[field.key or field.name], field, problems)
  end
  for _, key in ipairs(sorted_keys(given)) do
    if not known[key] and not (spec.entries and math.type(key) == "integer") then
      if math.type(key) == "integer" then
        problems:add(at:field(key), ("an entry without a name: %s"):format(problems.describe(given[key])))
      else
        local hint = spec.mistakes and spec.mistakes[key] or nearest.hint(key, schema.field_names(spec.fields))
        problems:add(at:field(key), ("unknown field %s"):format(problems.describe(key)), hint)
      end
    end
  end
end

-- The entries without a name of a constructor such as hlua.plan: nodes of one kind.
local function check_entries(at, given, entries, problems)
  local count = 0
  for _, key in ipairs(sorted_keys(given)) do
    if key == count + 1 then
      count = key
      types.node(at:field(key, ("%s[%d]"):format(entries.path, key)), given[key], entries, problems)
    elseif math.type(key) == "integer" then
      return problems:add(at, ("the hlua.%s at place %d is nil"):format(entries.kind, count + 1))
    end
  end
  if count == 0 and entries.required then
    problems:add(at, ("has no hlua.%s"):format(entries.kind), schema.constructors[entries.kind].example)
  end
end

function types.options(at, value, field, problems)
  local given = plain_table(at, value, ("a table such as %s"):format(field.example), problems)
  if given then check_fields(at, given, field, problems) end
end

-- What a constructor of fields was given.
function types.node(at, value, field, problems)
  if not node.is(value, field.kind) then
    local hint = type(value) == "table" and not node.is(value) and ("put hlua.%s before the brace"):format(field.kind)
    return expected(problems, at, ("hlua.%s { ... }"):format(field.kind), value, hint or nil)
  end
  at = at:enter(value)
  local spec = schema.constructors[field.kind]
  local given = plain_table(at, value.fields, ("a table of fields for hlua.%s"):format(field.kind), problems, spec.example)
  if not given then return end
  if value.extra then problems:add(at, ("hlua.%s takes one table, and nothing after it"):format(field.kind)) end
  local before = problems.broken
  check_fields(at, given, spec, problems)
  if spec.entries then check_entries(at, given, spec.entries, problems) end
  if problems.broken == before and types.rules[field.kind] then types.rules[field.kind](at, given, problems) end
end

-- What several fields of one constructor say of each other; hlua.rules fills it: kind -> function(at, fields, problems).
types.rules = {}

function types.nodes(at, value, field, problems)
  local list = plain_table(at, value, ("a list of hlua.%s { ... }"):format(field.kind), problems,
    node.is(value, field.kind) and "put it between braces" or nil)
  if not list then return end
  each_entry(at, list, problems, function(entry_at, entry) types.node(entry_at, entry, field, problems) end)
end

-- Values of attributes --------------------------------------------------------------------------------------------------

local ALLOWED = "allowed are a template, a number, true or false, " .. table.concat(schema.values, ", ")

local function check_template(at, value, problems)
  if not problems.template_check then return end
  local ok, message, position, hint = problems.template_check(value)
  if not ok then problems:add_template(at, message, value, position, type(hint) == "string" and hint or nil) end
end

-- A text as hlua.S, hlua.N or hlua.B (`kind`) take it.
local function check_text(at, value, kind, problems)
  local before = #problems.errors
  if kind ~= "B" and not utf8.len(value) then
    return problems:add(at, "the text is not UTF-8", 'bytes are said by hlua.B "..."')
  end
  check_template(at, value, problems)
  if #problems.errors > before or not values.is_constant(value) then return end
  local wrong = kind == "N" and values.number_problem(value)
  if wrong then problems:add(at, ("%s %s"):format(problems.quote(value), wrong), 'such as hlua.N "{CustomerId}"') end
end

local function check_number(at, value, problems)
  local wrong = (value ~= value or math.abs(value) == math.huge) and "is no number that DynamoDB knows"
    or values.number_problem(values.number_text(value))
  if wrong then problems:add(at, ("%s %s"):format(tostring(value), wrong)) end
end

-- What stands inside hlua.S, hlua.N, hlua.B (field.to).
function types.scalar(at, value, field, problems)
  if type(value) == "string" then return check_text(at, value, field.to, problems) end
  if math.type(value) and field.to ~= "B" then return check_number(at, value, problems) end
  if node.is(value, "column") then return types.value(at, value, field, problems) end
  expected(problems, at, field.to == "B" and "a template or hlua.column" or "a template, a number or hlua.column", value)
end

-- The arguments of hlua.column, hlua.json and so on. The path stays the attribute's: arguments have no names in a script.
local function check_arguments(at, value, spec, problems)
  local given = value.arguments
  for i, argument in ipairs(spec.arguments) do
    local argument_at = at:field(i, at.path)
    if given[i] ~= nil then
      types[argument.type](argument_at, given[i], argument, problems)
    elseif argument.required then
      problems:add(at, ("hlua.%s: its %s is missing"):format(value.kind, argument.name), "such as " .. spec.example)
    end
  end
  if given.n > #spec.arguments then
    problems:add(at, ("hlua.%s takes %d argument%s, got %d"):format(value.kind, #spec.arguments,
      #spec.arguments == 1 and "" or "s", given.n))
  end
end

-- Anything that an attribute can be.
function types.value(at, value, _, problems)
  if type(value) == "string" then return check_text(at, value, "S", problems) end
  if type(value) == "number" then return check_number(at, value, problems) end
  if type(value) == "boolean" then return end
  local spec = node.is(value) and schema.constructors[value.kind]
  if spec and spec.value then
    at = at:enter(value)
    if value.kind == "when" and node.is(value.arguments[2], "when") then
      return problems:add(at, "hlua.when stands inside hlua.when", "join the two conditions in an SQL expression under columns")
    end
    check_arguments(at, value, spec, problems)
    local seconds = value.kind == "epoch" and type(value.arguments[2]) == "table" and values.epoch_problem(value)
    if seconds then problems:add(at, seconds) end
    return
  end
  problems:add(at, ("%s cannot be a value here"):format(problems.describe(value)), ALLOWED)
end

-- Keys and attributes ---------------------------------------------------------------------------------------------------

local function key_name(at, name, problems) attribute_name(at, name, KEY_NAME_MOST, problems) end

-- { NAME = value }, exactly one.
local function check_key_pair(at, value, problems, hint)
  local keys = sorted_keys(value)
  if #keys ~= 1 then
    return problems:add(at, ("expected one { NAME = value }, got %d"):format(#keys), hint)
  end
  key_name(at:field(keys[1]), keys[1], problems)
  if type(keys[1]) == "string" then types.value(at:field(keys[1]), value[keys[1]], nil, problems) end
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
      attribute_name(entry_at, key, ATTRIBUTE_NAME_MOST, problems)
      types.value(entry_at, entry, nil, problems)
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
