-- The reference against the schema: hlua reference.lua lua/REFERENCE.md. Each field of the language is told, with its default,
-- and none that does not exist. Prints what is wrong; exit code 1 if something is.
local schema = require "hlua.schema"

local file = assert(io.open(arg[1]))
local text = file:read "a"
file:close()

local wrong = 0
local function complain(...)
  wrong = wrong + 1
  print(string.format(...))
end

-- The rows of the first table after a heading: name -> line.
local function rows_after(heading)
  local rows, at = {}, text:find("\n### " .. heading .. "\n", 1, true)
  if not at then return complain("there is no section %s", heading) or rows end
  local section = text:sub(at + 1):match "^(.-)\n##" or text:sub(at)
  for line in section:gmatch "[^\n]+" do
    local name = line:match "^| `([%w_]+)` |"
    if name then rows[name] = line end
  end
  return rows
end

local function default_text(value)
  if type(value) == "string" then return '`"' .. value .. '"`' end
  return tostring(value)
end

for _, kind in ipairs { "plan", "table", "index", "item" } do
  local rows, known = rows_after("hlua." .. kind), {}
  for _, field in ipairs(schema.constructors[kind].fields) do
    known[field.name] = true
    local line = rows[field.name]
    if not line and not field.key then complain("hlua.%s: %s is not told", kind, field.name) end
    local default = field.default
    if line and default ~= nil and not line:find("| " .. default_text(default) .. " |", 1, true) then
      complain("hlua.%s: %s: the default is %s", kind, field.name, default_text(default))
    end
    for _, value in ipairs(field.values or {}) do
      if line and not line:find('"' .. value .. '"', 1, true) then complain("hlua.%s: %s: %s is not told", kind, field.name, value) end
    end
  end
  for name in pairs(rows) do
    if not known[name] then complain("hlua.%s has no field %s", kind, name) end
  end
end

for _, kind in ipairs(schema.names) do
  if not text:find("hlua." .. kind, 1, true) then complain("hlua.%s is not told", kind) end
end
for _, kind in ipairs { "postgres", "dynamodb", "columns" } do
  local shown = text:match("`hlua%." .. kind .. " {(.-)}`") or ""
  for _, field in ipairs(schema.constructors[kind].fields) do
    if not shown:find(field.name .. " =", 1, true) then complain("hlua.%s: %s is not told", kind, field.name) end
  end
end
for kind in text:gmatch "hlua%.(%a[%w_]*)[%(%s]*[\"{%(]" do
  if not schema.constructors[kind] then complain("there is no hlua.%s", kind) end
end

os.exit(wrong == 0 and 0 or 1)
