-- The errors and warnings of one plan, collected so that they are shown together, each with its place.
local node = require "hlua.node"

local problems = {}
problems.__index = problems

local MOST_SHOWN = 20

function problems.new(template_check)
  return setmetatable({ errors = {}, warnings = {}, broken = 0, template_check = template_check }, problems)
end

-- A text as it can stand in a line of a message: control characters escaped.
local function escape(text)
  return (text:gsub('[%c"\\]', function(c)
    local short = { ["\n"] = "\\n", ["\t"] = "\\t", ["\r"] = "\\r", ['"'] = '\\"', ["\\"] = "\\\\" }
    return short[c] or ("\\x%02X"):format(c:byte())
  end))
end

-- Cuts to at most n bytes without breaking a UTF-8 character.
local function cut(text, n)
  if #text <= n then return text end
  while n > 0 and (text:byte(n + 1) & 0xC0) == 0x80 do n = n - 1 end
  return text:sub(1, n)
end

-- A text in quotes, cut to a length that fits a line.
function problems.quote(text)
  local short = cut(text, 60)
  return '"' .. escape(short) .. (short ~= text and "..." or "") .. '"'
end

-- What a wrong value is, for "expected ..., got ...".
function problems.describe(value)
  local kind = type(value)
  if kind == "string" then return problems.quote(value) end
  if kind == "nil" then return "nothing" end
  if kind == "table" then return node.is(value) and "hlua." .. value.kind or "a table" end
  if kind == "function" or kind == "userdata" or kind == "thread" then return "a " .. kind end
  return tostring(value)
end

-- An error at a cursor. It also counts as `broken`: rules that look at several fields wait until none is.
function problems:add(at, message, hint)
  self.broken = self.broken + 1
  self.errors[#self.errors + 1] = { at = at, message = message, hint = hint }
end

-- An error inside a template, shown with a caret. `position` is the byte it is about, from 1.
function problems:add_template(at, message, template, position, hint)
  local from = math.max(1, (position or 1) - 50)
  while from > 1 and (template:byte(from) & 0xC0) == 0x80 do from = from - 1 end
  local before = (from > 1 and "..." or "") .. escape(template:sub(from, (position or 1) - 1))
  local shown = cut(template:sub(from), 80)
  local after = from + #shown <= #template and "..." or ""
  local lines = {
    ('  "%s%s%s"'):format(from > 1 and "..." or "", escape(shown), after),
    (" "):rep(3 + (utf8.len(before) or #before)) .. "^",
  }
  self.errors[#self.errors + 1] = { at = at, message = message, detail = table.concat(lines, "\n"), hint = hint }
end

function problems:warn(at, message)
  self.warnings[#self.warnings + 1] = { at = at, message = message }
end

-- The errors in the order of their lines; those without one first.
local function in_order(errors)
  local sorted = {}
  for i, problem in ipairs(errors) do
    problem.file, problem.line = problem.at:locate()
    problem.order = i
    sorted[i] = problem
  end
  table.sort(sorted, function(a, b)
    if a.file ~= b.file then return (a.file or "") < (b.file or "") end
    if a.line ~= b.line then return (a.line or 0) < (b.line or 0) end
    return a.order < b.order
  end)
  return sorted
end

-- "FILE:LINE: PATH: message", with what is known of it.
local function first_line(problem)
  local file, line, parts = problem.file, problem.line, {}
  if file then parts[1] = line and ("%s:%d"):format(file, line) or file end
  if problem.at.path ~= "" then parts[#parts + 1] = problem.at.path end
  parts[#parts + 1] = problem.message
  return table.concat(parts, ": ")
end

local function without_hint(problem)
  local text = first_line(problem)
  return problem.detail and text .. "\n" .. problem.detail or text
end

local function full_text(problem)
  local text = without_hint(problem)
  if problem.hint then text = text .. "\nhint: " .. problem.hint end
  return text
end

-- All errors as one text of at most `size` bytes, in the order of their lines; nil when there is none.
function problems:text(size)
  local shown, length = {}, 0
  for i, problem in ipairs(in_order(self.errors)) do
    local text = full_text(problem)
    local room = size - length - (i < #self.errors and 24 or 0) -- 24: "... and N more"
    if #shown == MOST_SHOWN or (#text + 1 > room and i > 1) then
      shown[#shown + 1] = ("... and %d more"):format(#self.errors - i + 1)
      break
    end
    shown[#shown + 1] = cut(text, math.max(room - 1, 0))
    length = length + #shown[#shown] + 1
  end
  return #shown > 0 and table.concat(shown, "\n") or nil
end

-- The errors as { text =, hint = or nil }, in the order of their lines.
function problems:list()
  local list = {}
  for i, problem in ipairs(in_order(self.errors)) do list[i] = { text = without_hint(problem), hint = problem.hint } end
  return list
end

-- The warnings as plain tables: { path, file, line, message }.
function problems:warning_list()
  local list = {}
  for i, warning in ipairs(self.warnings) do
    local file, line = warning.at:locate()
    list[i] = { path = warning.at.path, file = file, line = line, message = warning.message }
  end
  return list
end

return problems
