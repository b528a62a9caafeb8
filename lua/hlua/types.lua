-- One checker for each field type of the schema: does this value, alone, have the form that its field asks for?
-- A checker is called with (at, value, field, problems) and adds what is wrong to the problems. What an attribute or a key can
-- be is in hlua.value_types; what two fields say of each other is hlua.rules' matter.
local schema  = require "hlua.schema"
local node    = require "hlua.node"
local nearest = require "hlua.nearest"
local meant   = require "hlua.meant"

local types = {}

-- DynamoDB's naming rules (developer guide, "Naming rules and data types"; API reference for key and tag lengths).
local TABLE_NAME_LEAST, TABLE_NAME_MOST = 3, 255
types.TABLE_NAME_MOST = TABLE_NAME_MOST
local ATTRIBUTE_NAME_MOST = 65535
local TAGS_MOST, TAG_KEY_MOST, TAG_VALUE_MOST = 50, 128, 256
local PLAN_NAME_MOST = 200 -- it becomes a file's name, with an ending

function types.expected(problems, at, what, value, hint)
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
function types.plain_table(at, value, what, problems, hint)
  if type(value) == "table" and getmetatable(value) == nil then return value end
  if type(value) == "table" and not node.is(value) then
    -- What it holds could change with each look.
    what, hint = what .. " without a metatable", "copy it into a plain table"
  end
  types.expected(problems, at, what, value, hint)
  return nil
end

-- Simple values ---------------------------------------------------------------------------------------------------------

function types.string(at, value, field, problems)
  if type(value) ~= "string" then
    return types.expected(problems, at, "a string", value)
  end
  if value == "" then return problems:add(at, "is empty", "leave the field out, or give it a value") end
  if value:find("\0", 1, true) then
    return problems:add(at, field.secret and "holds a zero byte" or ("%s holds a zero byte"):format(problems.quote(value)))
  end
end

function types.boolean(at, value, _, problems)
  if type(value) ~= "boolean" then types.expected(problems, at, "true or false", value) end
end

function types.number(at, value, _, problems)
  if type(value) ~= "number" or value ~= value or math.abs(value) > 1e6 then
    types.expected(problems, at, "a number (at most a million)", value)
  end
end

function types.integer(at, value, field, problems)
  if math.type(value) ~= "integer" or value < field.min then
    types.expected(problems, at, ("a whole number of at least %d"):format(field.min), value)
  end
end

-- Write units a second, or a function that is asked for them while the run goes on.
function types.write_units(at, value, _, problems)
  if type(value) == "function" or math.type(value) == "integer" and value >= 1 and value <= 1000000000 then return end
  types.expected(problems, at, "a whole number of write units from 1 to 1000000000, or a function", value)
end

function types.enum(at, value, field, problems)
  for _, allowed in ipairs(field.values) do
    if value == allowed then return end
  end
  local allowed = '"' .. table.concat(field.values, '", "') .. '"'
  local best = type(value) == "string" and nearest.pick(value, field.values)
  types.expected(problems, at, (#field.values > 1 and "one of " or "") .. allowed, value,
    best and ('did you mean "%s"?'):format(best))
end

function types.seconds(at, value, field, problems)
  if type(value) ~= "number" or not (value >= 0.001 and value <= field.most) then
    types.expected(problems, at, ("a number of seconds from 0.001 to %d"):format(field.most), value)
  end
end

-- Whether there is such a zone is for the source to say.
function types.time_zone(at, value, field, problems)
  if type(value) ~= "string" or value == "" then return types.string(at, value, field, problems) end
  if not value:find "^%a[%w_+/-]*$" or #value > 64 then
    problems:add(at, ("%s is not the name of a time zone"):format(problems.quote(value)), 'such as time_zone = "Europe/Madrid"')
  end
end

-- Judged where it is used.
function types.anything() end

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

-- An address without what may be a password in it: what is before the last @, what stands for a port and is no number, any value.
local function without_password(text)
  local scheme, rest = text:match "^(%s*%a[%w+.-]*:?//)(.*)$"
  rest = (rest or text):gsub("^.*@", "***@"):gsub(":%d*%f[^%d:/?\0].*", ":***"):gsub("=.*", "=***")
  return (scheme or "") .. rest
end

-- Whether libpq can read it is for libpq to say; what it would take for the name of a database is none here.
function types.connection(at, value, field, problems)
  if type(value) ~= "string" or value == "" or value:find("\0", 1, true) then return types.string(at, value, field, problems) end
  if not (value:find "^postgres://" or value:find "^postgresql://" or value:find "^%s*[%w_]+%s*=") then
    problems:add(at, ("%s is not a connection string of PostgreSQL"):format(problems.quote(without_password(value))),
      'write postgresql://user@host:5432/database or "host=... dbname=... user=..."')
  end
end

-- The name of an attribute; `most` is 255 for keys.
function types.check_name(at, name, most, problems)
  if type(name) ~= "string" then return types.expected(problems, at, "an attribute's name", name) end
  if name == "" then return problems:add(at, "an attribute's name is empty") end
  if name:find("\0", 1, true) then return problems:add(at, "an attribute's name holds a zero byte") end
  if not utf8.len(name) then return problems:add(at, "an attribute's name is not UTF-8") end
  if #name > most then
    problems:add(at, ("an attribute's name has %d bytes; here at most %d are allowed"):format(#name, most))
  end
end

-- Lists and maps --------------------------------------------------------------------------------------------------------

-- Calls each(at, entry) for a plain table's list; other keys are errors.
function types.each_entry(at, list, problems, each)
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
  local list = types.plain_table(at, value, "a list of names", problems,
    type(value) == "string" and ("write { %s }"):format(problems.quote(value)) or nil)
  if not list then return end
  if next(list) == nil then return problems:add(at, "the list is empty", "leave the field out, or name something") end
  local seen = {}
  types.each_entry(at, list, problems, function(entry_at, entry)
    types.string(entry_at, entry, field, problems)
    if type(entry) ~= "string" then return end
    if seen[entry] then problems:add(entry_at, ("%s is named twice"):format(problems.quote(entry))) end
    seen[entry] = true
  end)
end

-- Calls each(at, key, entry) for a plain table whose keys are all strings.
function types.each_pair(at, value, what, problems, each)
  local map = types.plain_table(at, value, what, problems)
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
  types.each_pair(at, value, "a table { column = attribute }", problems, function(entry_at, key, entry)
    types.string(entry_at, key, field, problems)
    types.check_name(entry_at, entry, ATTRIBUTE_NAME_MOST, problems)
  end)
end

function types.expressions(at, value, field, problems)
  types.each_pair(at, value, "a table { column = SQL expression }", problems, function(entry_at, key, entry)
    types.string(entry_at, key, field, problems)
    types.string(entry_at, entry, field, problems)
  end)
end

function types.tags(at, value, _, problems)
  local count = 0
  types.each_pair(at, value, "a table { name = text }", problems, function(entry_at, key, entry)
    count = count + 1
    if type(entry) ~= "string" or entry:find("\0", 1, true) then return types.expected(problems, entry_at, "a text", entry) end
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
        local hint = spec.mistakes and spec.mistakes[key] or meant.field(key, spec.fields)
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
  local given = types.plain_table(at, value, ("a table such as %s"):format(field.example), problems)
  if not given then return end
  if next(given) == nil and field.least_one then
    return problems:add(at, ("is empty: it can hold %s"):format(table.concat(schema.field_names(field.fields), " and ")),
      "such as " .. field.example)
  end
  check_fields(at, given, field, problems)
end

local function wrong_node(at, value, kind, problems)
  local spec = schema.constructors[kind]
  local braces = spec.fields and type(value) == "table" and not node.is(value)
  types.expected(problems, at, (spec.fields and "hlua.%s { ... }" or "hlua.%s(...)"):format(kind), value,
    braces and ("put hlua.%s before the brace"):format(kind) or spec.arguments and "such as " .. spec.example or nil)
end

-- What a constructor was given.
function types.node(at, value, field, problems)
  if not node.is(value, field.kind) then return wrong_node(at, value, field.kind, problems) end
  at = at:enter(value)
  local spec = schema.constructors[field.kind]
  if spec.arguments then return types.check_arguments(at, value, spec, problems) end
  local given = types.plain_table(at, value.fields, ("a table of fields for hlua.%s"):format(field.kind), problems, spec.example)
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
  local list = types.plain_table(at, value, ("a list of hlua.%s { ... }"):format(field.kind), problems,
    node.is(value, field.kind) and "put it between braces" or nil)
  if not list then return end
  if field.least and #list < field.least then
    return problems:add(at, ("the list has no hlua.%s"):format(field.kind), "such as " .. field.example)
  end
  types.each_entry(at, list, problems, function(entry_at, entry) types.node(entry_at, entry, field, problems) end)
end

-- A word of an enum, or a node.
function types.existing(at, value, field, problems)
  if node.is(value) then return types.node(at, value, field, problems) end
  if value == field.kind then
    return problems:add(at, ('"%s" needs the attribute that is compared'):format(value), "such as " .. field.example)
  end
  types.enum(at, value, field, problems)
end

-- The arguments of hlua.column, hlua.newer and so on. The path stays the attribute's: arguments have no names in a script.
function types.check_arguments(at, value, spec, problems)
  for i, argument in ipairs(spec.arguments) do
    local argument_at = at:field(i, at.path)
    if value[i] ~= nil then
      types[argument.type](argument_at, value[i], argument, problems)
    elseif argument.required then
      problems:add(at, ("hlua.%s: its %s is missing"):format(value.kind, argument.name), "such as " .. spec.example)
    end
  end
  if value.n > #spec.arguments then
    problems:add(at, ("hlua.%s takes %d argument%s, got %d"):format(value.kind, #spec.arguments,
      #spec.arguments == 1 and "" or "s", value.n))
  end
end

return types
