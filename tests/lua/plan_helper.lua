-- What the specs of the plan language share: plans written to a file, run as the program runs them.
local helper = {}

-- A simple checker of templates, in the form of the program's own: it knows braces, and that %Q is no format.
function helper.template_check(source)
  local at = 1
  while at <= #source do
    local two, one = source:sub(at, at + 1), source:sub(at, at)
    if two == "{{" or two == "}}" then
      at = at + 2
    elseif one == "}" then
      return nil, "a } without a {", at, "a literal brace is }}"
    elseif one == "{" then
      local close = source:find("}", at, true)
      if not close then return nil, "a { without a }", at end
      local bad = source:find("%Q", at, true)
      if bad and bad < close then return nil, 'unknown format "%Q" for a time', bad end
      at = close + 1
    else
      at = at + 1
    end
  end
  return true
end

-- A digest of no strength: the program's own is C's.
local function digest(bytes)
  local sum = 5381
  for i = 1, #bytes do sum = (sum * 33 + bytes:byte(i)) & 0xFFFFFFFFFFFF end
  return ("%012x"):format(sum)
end

-- Runs a script's text as a plan file; returns what hlua.load makes of it: the lowered plan, or nil and the errors, in which
-- the file is named plan.lua. `size` is the most bytes of errors.
function helper.load(text, size)
  require("hlua.validate").template_check = helper.template_check
  require("hlua.identity").digest = digest
  local name = os.tmpname()
  local file = assert(io.open(name, "wb"))
  file:write(text)
  file:close()
  local chunk = assert(load(text, "@" .. name))
  local ran, value = pcall(chunk)
  assert(ran, value)
  local before = rawget(_G, "arg")
  rawset(_G, "arg", { [0] = name })
  local low, errors = require("hlua.load")(value, size)
  rawset(_G, "arg", before)
  os.remove(name)
  return low, errors and errors:gsub(name:gsub("%p", "%%%0"), "plan.lua")
end

-- The same for the fields of one table, written into a right plan. Line 5 of the file is the first line of `fields`.
function helper.table(fields)
  return helper.load(('local hlua = require "hlua"\nreturn hlua.plan {\nname = "p", source = hlua.postgres {},\n'
    .. 'hlua.table {\n%s\n} }'):format(fields))
end

-- The same, with the required fields there already; `fields` begins on line 6.
function helper.with(fields)
  return helper.table('from = "t", to = "Target", partition_key = { PK = "{id}" },\n' .. fields)
end

return helper
