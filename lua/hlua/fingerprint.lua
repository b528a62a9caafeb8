-- What a function of a plan is, in bytes: its stripped bytecode, and what it refers to outside of itself (its upvalues), so that a
-- changed helper or constant beside it is a changed function. Equal in each state that loads the same bytes.
-- A required module stands for itself by its name: its source is a part of the identity of its own.
local bytecode = require "hlua.bytecode"

local fingerprint = {}

-- The globals that were there before the plan; what the plan adds is a part of its functions.
local known_globals = {}
for name in next, _G do known_globals[name] = true end

local describe

-- The name of a module that is loaded, or of one of its functions; nil otherwise. Of several names the first in order.
local function module_name(value)
  local best
  local function found(name)
    if not best or name < best then best = name end
  end
  for name, module in next, package.loaded do
    if rawequal(module, value) then found(tostring(name)) end
    for field, member in next, type(value) == "function" and type(module) == "table" and module or {} do
      if rawequal(member, value) and (name ~= "_G" or known_globals[field]) then found(name .. "." .. tostring(field)) end
    end
  end
  return best
end

local function sorted_keys(value)
  local keys, others = {}, 0
  for key in next, value do
    if type(key) == "string" or type(key) == "number" or type(key) == "boolean" then
      keys[#keys + 1] = key
    else
      others = others + 1
    end
  end
  table.sort(keys, function(a, b)
    if type(a) ~= type(b) then return type(a) < type(b) end
    if type(a) == "boolean" then return not a and b end
    return a < b
  end)
  return keys, others
end

local function describe_globals(out)
  local names = {}
  for name in next, _G do
    if not known_globals[name] and type(name) == "string" and name ~= "arg" then names[#names + 1] = name end
  end
  table.sort(names)
  for _, name in ipairs(names) do
    out:add("global " .. name)
    describe(out, rawget(_G, name))
  end
end

local function describe_table(out, value)
  local keys, others = sorted_keys(value)
  out:add("table " .. #keys .. " " .. others)
  for _, key in ipairs(keys) do
    describe(out, key)
    describe(out, value[key])
  end
end

local function describe_function(out, value)
  if debug.getinfo(value, "S").what == "C" then return out:add "function of C" end
  out:add("function " .. bytecode.of(value))
  for i = 1, math.huge do
    local name, upvalue = debug.getupvalue(value, i)
    if not name then break end
    describe(out, upvalue)
  end
end

-- Adds what a value is to `out`. What was there already is named by its number, so that circles end.
function describe(out, value)
  local kind = type(value)
  if kind ~= "table" and kind ~= "function" then
    return out:add(kind == "userdata" or kind == "thread" and kind or kind .. " " .. tostring(value))
  end
  if out.seen[value] then return out:add("again " .. out.seen[value]) end
  out.count = out.count + 1
  out.seen[value] = out.count
  if rawequal(value, _G) then return describe_globals(out) end
  local module = module_name(value)
  if module then return out:add("module " .. module) end
  if kind == "table" then return describe_table(out, value) end
  describe_function(out, value)
end

-- The bytes of a function.
function fingerprint.bytes(call)
  local out = { parts = {}, seen = {}, count = 0 }
  function out:add(text) self.parts[#self.parts + 1] = #text .. ":" .. text end
  describe(out, call)
  return table.concat(out.parts, "\n")
end

return fingerprint
