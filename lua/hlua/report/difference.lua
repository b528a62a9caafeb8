-- Where two states of a plan's functions made different items of one row: said so that the place can be found.
local attribute = require "hlua.report.attribute"
local format    = require "hlua.report.format"

local difference = {}

local SHOWN = 5        -- differences that are told; the first of each attribute
local VALUE_WIDTH = 60 -- columns of a value

difference.hint = "a function may depend on its row alone, since any worker may map any row, and map it again: keep nothing in "
  .. "globals or upvalues from row to row, do not rely on the order of pairs(), and take the time from hlua.started"

local function value_text(found)
  if not found then return "nothing" end
  local kind, text = attribute.read(found.json)
  return ("%s %s"):format(kind, format.cut(format.printable(text), VALUE_WIDTH))
end

local function outcome_text(outcome)
  if outcome.result == "rejected" then return ("a reject (%s)"):format(outcome.reason) end
  return outcome.result == "filtered" and "no item" or format.plural(#outcome.items, "item")
end

local function by_name(attributes)
  local found = {}
  for _, a in ipairs(attributes) do found[a.name] = a end
  return found
end

-- The attributes that differ between two items: { name, first, then }. An item that only orders them otherwise has none.
local function attributes_that_differ(one, other)
  local list, seen = {}, by_name(other.attributes)
  for _, a in ipairs(one.attributes) do
    local b = seen[a.name]
    if not b or b.json ~= a.json then list[#list + 1] = { a.name, a, b } end
    seen[a.name] = nil
  end
  for _, b in ipairs(other.attributes) do
    if seen[b.name] then list[#list + 1] = { b.name, nil, b } end
  end
  return list
end

-- What differs in one row: a list of { attribute name or nil, text }.
local function differences(shown)
  local one, other, list = shown.outcome, shown.again, {}
  if one.result ~= other.result or #one.items ~= #other.items or one.reason ~= other.reason then
    return { { nil, ("%s, then %s"):format(outcome_text(one), outcome_text(other)) } }
  end
  for i, item in ipairs(one.items) do
    for _, found in ipairs(attributes_that_differ(item, other.items[i])) do
      list[#list + 1] = { found[1], ("%s, then %s"):format(value_text(found[2]), value_text(found[3])) }
    end
  end
  if #list == 0 then list[1] = { nil, "items of other bytes" } end
  return list
end

-- "plan.lua:14: ", where the function that makes an attribute of table t is known; else "".
local function place(t, name, functions)
  local lists = { t.attributes }
  for _, item in ipairs(t.items) do lists[#lists + 1] = item.attributes end
  for _, attributes in ipairs(lists) do
    for _, a in ipairs(attributes) do
      if a.name == name and a.value.line then return ("%s:%d: "):format(a.value.file, a.value.line) end
    end
  end
  local map = functions[t.map + 1]
  if not map then return "" end
  local where = debug.getinfo(map, "S")
  return ("%s:%d: "):format(where.short_src, where.linedefined)
end

-- The error for the rows of table t (lowered) that differ, or nil. `functions` are the plan's.
function difference.find(t, rows, functions)
  local lines, told, more = {}, {}, 0
  for _, shown in ipairs(rows) do
    for _, found in ipairs(shown.again and differences(shown) or {}) do
      local what = found[1] and "attribute " .. format.printable(found[1]) or "what becomes of a row"
      if not told[what] and #lines < SHOWN then
        lines[#lines + 1] = ("%stable %s: %s is not the same each time: row %s gives %s"):format(place(t, found[1], functions),
          format.printable(t.name), what, format.printable(shown.key ~= "" and shown.key or "(no key)"), found[2])
      else
        more = more + 1
      end
      told[what] = true
    end
  end
  if #lines == 0 then return nil end
  if more > 0 then lines[#lines + 1] = ("and %s like these"):format(format.plural(more, "difference")) end
  return { kind = "plan", exit = 1, text = table.concat(lines, "\n"), hint = difference.hint }
end

return difference
