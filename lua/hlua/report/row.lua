-- A row and what becomes of it, side by side: its columns on the left, the attributes that came of them on the right. Rows
-- are as hlua.core's previews give them.
local attribute = require "hlua.report.attribute"
local format    = require "hlua.report.format"

local row = {}

local NAME_MAX = 20 -- columns of a name; longer ones are cut in their middle
local TYPE_WIDTH = 4

-- How wide the names of a side are: values have the most of it.
local function name_width(list, width)
  local longest = 0
  for _, named in ipairs(list) do longest = math.max(longest, format.width(format.printable(named.name))) end
  return math.min(longest, NAME_MAX, width * 2 // 5)
end

local function left_lines(shown, width)
  local names, lines = name_width(shown.columns or {}, width), {}
  for _, column in ipairs(shown.columns or {}) do
    local name = format.left(format.cut_middle(format.printable(column.name), names), names)
    lines[#lines + 1] = format.cut(("  %s  %s"):format(name, column.text and format.printable(column.text) or "NULL"), width)
  end
  if not shown.columns then lines[1] = format.cut("  (the server cannot give it)", width) end
  return lines
end

local function attribute_lines(attributes, width, lines)
  local names = name_width(attributes, width)
  for _, a in ipairs(attributes) do
    local kind, text = attribute.read(a.json)
    local name = format.left(format.cut_middle(format.printable(a.name), names), names)
    lines[#lines + 1] = format.cut(("  %s  %s %s"):format(name, format.left(kind, TYPE_WIDTH), format.printable(text)), width)
  end
end

-- The DynamoDB table that an item goes to.
function row.target(item, tables) return item.target or tables[item.table].target.name end

-- "Orders: 139 bytes, 2 write units"
function row.item_text(item, tables)
  return ("%s: %s, %s"):format(format.printable(row.target(item, tables)), format.plural(item.size, "byte"),
    format.plural(item.write_units, "write unit"))
end

-- The right side; its headings are marked, so that they can be painted.
local function right_lines(outcome, tables, width)
  local lines, headings = {}, {}
  local function heading(text)
    lines[#lines + 1] = format.cut(text, width)
    headings[#lines] = true
  end
  for _, item in ipairs(outcome.items) do
    heading(row.item_text(item, tables))
    attribute_lines(item.attributes, width, lines)
  end
  if outcome.result == "filtered" then heading "no item: the row is filtered" end
  if not outcome.reason then return lines, headings end
  local mended = outcome.result ~= "rejected"
  heading((mended and "mended by on_reject: " or "rejected: ") .. outcome.reason)
  for line in format.fold(format.printable(outcome.message), width, "  "):gmatch "[^\n]+" do
    lines[#lines + 1] = format.cut(line, width)
  end
  if not mended and #outcome.attributes > 0 then
    heading "the item so far"
    attribute_lines(outcome.attributes, width, lines)
  end
  return lines, headings
end

-- The lines of one row. `tables` are the plan's, lowered.
function row.lines(shown, tables, screen)
  local room = screen.width - 2 - 3 -- an indent, and what stands between the two sides
  local left_width = room * 9 // 20
  local right_width = room - left_width
  local key = shown.key ~= "" and format.printable(shown.key) or "(no key)"
  local left = left_lines(shown, left_width)
  table.insert(left, 1, format.cut(key, left_width))
  local right, headings = right_lines(shown.outcome, tables, right_width)
  local lines = {}
  for i = 1, math.max(#left, #right) do
    local one, other = format.left(left[i] or "", left_width), right[i] or ""
    if i == 1 then one = screen:paint("bold", one) end
    if headings[i] then other = screen:paint(shown.outcome.result == "rejected" and "red" or "bold", other) end
    lines[i] = (("  %s | %s"):format(one, other):gsub("%s+$", ""))
  end
  return lines
end

return row
