-- What a table's policies say beside its mapping: existing, keep, owns.
local node        = require "hlua.node"
local values      = require "hlua.values"
local definitions = require "hlua.definitions"

-- What DynamoDB orders: attributes of these types can be compared.
local ORDERED = { S = true, N = true, B = true }

-- The attribute that hlua.newer or hlua.greatest names, in one item: `found` is its collection.
local function check_in_item(at, kind, name, found, problems)
  local definition = found.by_name[name]
  local quoted = problems.quote(name)
  if not definition then
    if not definitions.covered(definitions.columns(found.fields, found.at), name) then
      problems:add(at, ("hlua.%s: %s is no attribute of %s"):format(kind, quoted, found.at.path), "map it in attributes")
    end
    return
  end
  local known = values.type(definition.value)
  if definition.role == "table_key" then
    problems:add(at, ("hlua.%s: %s is a key, so two items with one key have the same"):format(kind, quoted))
  elseif known and not ORDERED[known] then
    problems:add(at, ("hlua.%s: %s is no string, number or bytes as far as the plan says"):format(kind, quoted),
      "say its type with hlua.N or hlua.S")
  end
end

local function check_attribute(at, said, found, problems)
  if not node.is(said) or found.fields.map then return end
  if #found.items == 0 then return check_in_item(at, said.kind, said[1], found, problems) end
  for _, item in ipairs(found.items) do check_in_item(at, said.kind, said[1], item, problems) end
end

-- An item is written by one conditional put: its condition says one thing.
local function check_conditions(at, fields, problems)
  local existing, keep = fields.existing, fields.keep
  if not keep or existing == nil then return end
  if node.is(existing, "newer") then
    if existing[1] ~= keep[1] then
      problems:add(at:field "keep", ("existing compares %s, keep compares %s"):format(problems.quote(existing[1]),
        problems.quote(keep[1])), "both are one condition: name one attribute")
    end
  else
    problems:add(at:field "keep", ('keep cannot go with existing = "%s": what is there already could not be told from the other row')
      :format(existing), ("existing = hlua.newer %s says both"):format(problems.quote(keep[1])))
  end
end

-- The text that every value of a template or constant begins with; nil when nothing is known of it.
local function beginning(low)
  if low.kind == "constant" then return low.text, true end
  if low.kind ~= "template" then return nil end
  local text, at = "", 1
  while true do
    local brace = low.text:find("[{}]", at)
    if not brace then return text .. low.text:sub(at) end
    text = text .. low.text:sub(at, brace - 1)
    local pair = low.text:sub(brace, brace + 1)
    if pair ~= "{{" and pair ~= "}}" then return text end
    text, at = text .. pair:sub(1, 1), brace + 2
  end
end

-- Whether a value that begins like this can begin with a prefix.
local function can_begin(text, whole, prefix)
  local n = whole and #prefix or math.min(#text, #prefix)
  return text:sub(1, n) == prefix:sub(1, n)
end

local function check_owned_key(owns, definition, problems)
  local text, whole = beginning(definition.value)
  if not text then return end
  for _, prefix in ipairs(owns) do
    if can_begin(text, whole, prefix) then return end
  end
  problems:add(definition.at, "every row would be rejected: no value of this key begins with what owns lists",
    "owns = { " .. problems.quote(text) .. " }")
end

-- They are told apart in one filter of DynamoDB's, whose text has 4 KB at most.
local OWNS_MAX = 100

local function check_owns(at, fields, found, problems)
  if #fields.owns > OWNS_MAX then
    problems:add(at:field "owns", ("owns has %d entries, and %d are allowed"):format(#fields.owns, OWNS_MAX))
  end
  local name = next(fields.partition_key)
  local known = definitions.key_type(found, name)
  if known and known ~= "S" then
    return problems:add(at:field "owns", ("owns lists how keys begin, and the partition key %s is no string"):format(
      problems.quote(name)))
  end
  for _, one in ipairs(#found.items > 0 and found.items or { found }) do
    if one.by_name[name] then check_owned_key(fields.owns, one.by_name[name], problems) end
  end
end

-- `found` is the table's collection (hlua.definitions).
return function(at, fields, found, problems)
  check_attribute(at:field "existing", fields.existing, found, problems)
  check_attribute(at:field "keep", fields.keep, found, problems)
  check_conditions(at, fields, problems)
  if fields.owns then check_owns(at, fields, found, problems) end
end
