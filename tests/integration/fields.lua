-- Which fields of the plan language some plans use: hlua fields.lua PLAN... prints a line for each field, argument and option of
-- lua/hlua/schema.lua, "used" or "unused" before its name; an enum has a line for each of its values.
local schema = require "hlua.schema"
local node   = require "hlua.node"

local used = {}

local function note(kind, field, value)
  local name = kind .. "." .. field.name
  used[name] = true
  if type(value) == "string" then used[name .. "=" .. value] = true end
end

local walk

local function walk_fields(kind, fields, given)
  for _, field in ipairs(fields) do
    local value = given[field.key or field.name]
    if value ~= nil then note(kind, field, value) end
    if field.fields and type(value) == "table" then walk_fields(kind .. "." .. field.name, field.fields, value) end
  end
end

local function walk_node(it)
  local spec = schema.constructors[it.kind]
  used[it.kind] = true
  if spec.fields then return walk_fields(it.kind, spec.fields, it.fields), walk(it.fields) end
  for i, argument in ipairs(spec.arguments) do
    if it[i] ~= nil then note(it.kind, argument, it[i]) end
    if argument.fields and type(it[i]) == "table" then walk_fields(it.kind, argument.fields, it[i]) end
    walk(it[i])
  end
end

function walk(value)
  if node.is(value) then return walk_node(value) end
  if node.marker(value) then used[node.marker(value)] = true end
  if type(value) ~= "table" then return end
  for _, inner in next, value do walk(inner) end
end

-- Constructors that stand only inside functions are not in the plan's tables: the text tells them.
local INSIDE = { "to", "stop" }

local function walk_text(text)
  for _, kind in ipairs(INSIDE) do
    local spec = schema.constructors[kind]
    if spec and text:find("hlua%." .. kind .. "%f[^%w_]") then
      used[kind] = true
      for _, argument in ipairs(spec.arguments) do used[kind .. "." .. argument.name] = true end
    end
  end
end

for _, path in ipairs(arg) do
  local file = assert(io.open(path))
  local text = file:read "a"
  file:close()
  walk_text(text)
  local chunk = load(text, "@" .. path)
  local ok, plan = pcall(chunk or error)
  if ok then walk(plan) end
end

local function tell(name) print((used[name] and "used " or "unused ") .. name) end

local function tell_fields(kind, fields)
  for _, field in ipairs(fields) do
    local name = kind .. "." .. field.name
    tell(name)
    for _, value in ipairs(field.values or {}) do tell(name .. "=" .. value) end
    if field.fields and field.type == "options" then
      tell_fields(schema.constructors[kind] and schema.constructors[kind].arguments and kind or name, field.fields)
    end
  end
end

for _, kind in ipairs(schema.names) do
  tell(kind)
  tell_fields(kind, schema.constructors[kind].fields or schema.constructors[kind].arguments)
end
os.exit(0) -- it is no plan itself
