-- Whether rows can come to one key because the table's key leaves out columns of the source's key. Judged by the columns that it
-- reads: so formats that make values alike are not seen, and nothing is said of `items`, `map` and functions of whole rows, nor of
-- queries and SQL expressions, whose columns may hold the source's key under another name.
local format = require "hlua.report.format"

local same_key = {}

-- Notes the columns that a value reads. False: it can read any.
local function note(core, value, names)
  if value.kind == "function" and not value.columns then return false end
  if value.kind == "template" then
    for _, name in ipairs(core.template_columns(value.text)) do names[name] = true end
  elseif value.kind ~= "constant" and value.text then
    names[value.text] = true
  end
  for _, name in ipairs(value.columns or {}) do names[name] = true end
  for _, part in ipairs { value.inner, value.fallback, table.unpack(value.parts or {}) } do
    if not note(core, part, names) then return false end
  end
  return true
end

-- A sentence that names the columns which the key leaves out; nil when it leaves none out, or nothing can be said. `source_key`
-- lists the source's key; `t` is a lowered table.
function same_key.warning(core, t, source_key)
  if t.keep or t.query or #t.attributes == 0 then return nil end
  local names = {}
  for _, attribute in ipairs(t.attributes) do
    if attribute.role == "table_key" and not note(core, attribute.value, names) then return nil end
  end
  if t.to_template then note(core, { kind = "template", text = t.target.name }, names) end
  for _, expression in ipairs(t.expressions) do
    if names[expression.name] then return nil end
  end
  local missing = {}
  for _, name in ipairs(source_key) do
    if not names[name] then missing[#missing + 1] = format.printable(name) end
  end
  if #missing == 0 then return nil end
  return ("%s: the key in DynamoDB does not have %s of the source's key: rows that differ only there become one item, and which "
    .. "one stays is not defined, unless keep says it"):format(format.printable(t.name), table.concat(missing, " and "))
end

return same_key
