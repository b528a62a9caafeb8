-- What an attribute can be: each kind of value brought to its normal form, the one that C reads:
--   { kind = "template" | "column" | "constant" | "json" | "epoch" | "function" | "set" | "list" | "map" | "null" | "when",
--     type = "S", "N", ... or nil, text = ...,
--     invalid = (json), add, expired_skip = (epoch, seconds), inner = (when), fallback = (column: its default),
--     call, columns = (function: what is called; hlua.fn's columns, nil: it gets the row),
--     parts = (set, list, map), names = (map: of the parts, sorted) }
-- A type of nil is a column's own, known when the source is, or of a function whatever it returns. Only values that
-- hlua.value_types accepted may be brought here.
local node    = require "hlua.node"
local numbers = require "hlua.numbers"
local words   = require "hlua.value_text"

local values = {}

-- True for a template that names no column: a constant.
function values.is_constant(template)
  return not template:gsub("{{", ""):find("{", 1, true)
end

-- A string, or what hlua.S, hlua.N or hlua.B say of one.
local function lower_text(template, kind)
  if not values.is_constant(template) then return { kind = "template", type = kind, text = template } end
  return { kind = "constant", type = kind, text = (template:gsub("{{", "{"):gsub("}}", "}")) }
end

local lowers = {}

function lowers.string(value) return lower_text(value, "S") end
function lowers.number(value) return { kind = "constant", type = "N", text = numbers.text(value) } end
function lowers.boolean(value) return { kind = "constant", type = "BOOL", text = tostring(value) } end
lowers["function"] = function(value) return { kind = "function", call = value } end

function lowers.fn(value)
  return { kind = "function", columns = table.move(value[1], 1, #value[1], 1, {}), call = value[2] }
end

function lowers.null() return { kind = "null", type = "NULL" } end

-- hlua.column's default; nil when there is none.
function values.default(column)
  local options = column[2]
  return options and options.default
end

function lowers.column(value)
  local default = values.default(value)
  return { kind = "column", text = value[1], fallback = default ~= nil and values.lower(default) or nil }
end

-- A value that is to be of one type: S, N, B or BOOL. A column's default is then of that type too.
local function lower_as(value, kind)
  if type(value) == "string" then return lower_text(value, kind) end
  local low = values.lower(value)
  low.type = kind
  if low.fallback then low.fallback = lower_as(values.default(value), kind) end
  return low
end

function lowers.S(value) return lower_as(value[1], "S") end
function lowers.N(value) return lower_as(value[1], "N") end
function lowers.B(value) return lower_as(value[1], "B") end
function lowers.bool(value) return lower_as(value[1], "BOOL") end

-- The type of a set's members.
values.MEMBER = { SS = "S", NS = "N", BS = "B" }

local function lower_set(value)
  local parts = {}
  for i, part in ipairs(value[1]) do parts[i] = lower_as(part, values.MEMBER[value.kind]) end
  return { kind = "set", type = value.kind, parts = parts }
end
lowers.SS, lowers.NS, lowers.BS = lower_set, lower_set, lower_set

function lowers.L(value)
  local parts = {}
  for i, part in ipairs(value[1]) do parts[i] = values.lower(part) end
  return { kind = "list", type = "L", parts = parts }
end

function lowers.M(value)
  local names, parts = {}, {}
  for name in next, value[1] do names[#names + 1] = name end
  table.sort(names)
  for i, name in ipairs(names) do parts[i] = values.lower(value[1][name]) end
  return { kind = "map", type = "M", parts = parts, names = names }
end

function lowers.json(value)
  local options = value[2] or {}
  return { kind = "json", text = value[1], invalid = options.invalid or "reject" }
end

local function epoch_seconds(value)
  local options = value[2] or {}
  return (options.days or 0) * 86400 + (options.hours or 0) * 3600
end

function lowers.epoch(value)
  local skip = value[2] and value[2].expired == "skip"
  return { kind = "epoch", type = "N", text = value[1], add = math.tointeger(epoch_seconds(value)), expired_skip = skip or nil }
end

-- Why what an hlua.epoch adds cannot be added; nil when it can. Its options may hold anything.
function values.epoch_problem(value)
  local ok, seconds = pcall(epoch_seconds, value)
  if ok and math.type(seconds) == "float" and not math.tointeger(seconds) then
    return "days and hours do not add up to whole seconds"
  end
  return nil
end

function lowers.when(value)
  return { kind = "when", text = value[1], inner = values.lower(value[2]) }
end

-- The normal form of a value.
function values.lower(value)
  return lowers[node.is(value) and value.kind or type(value)](value)
end

-- The type that a value is known to have without connecting: "S", "N", "B", "BOOL", "SS", "L", ..., "JSON" (a map, a list or
-- any other), "ANY" (what a function returns), or nil for a column's own.
function values.type(low)
  if low.kind == "when" then return values.type(low.inner) end
  if low.kind == "json" then return "JSON" end
  if low.kind == "function" then return low.type or "ANY" end
  return low.type
end

-- The value itself, without the condition around it.
function values.core(low) return low.kind == "when" and low.inner or low end

-- True when two normal forms say the same: functions are the same only when they are one.
function values.equal(a, b)
  return words.canonical(a, tostring) == words.canonical(b, tostring)
end

return values
