-- What an attribute can be: each kind of value brought to its normal form, the one that C reads:
--   { kind = "template" | "column" | "constant" | "json" | "epoch" | "when", type = "S", "N", ... or nil, text = ...,
--     invalid = (json), add = (epoch, seconds), inner = (when) }
-- A type of nil is a column's own, known when the source is. Only values that hlua.types accepted may be brought here.
local node = require "hlua.node"

local values = {}

-- The most digits and the exponents of a DynamoDB number (API reference, AttributeValue: N).
local MOST_DIGITS, LEAST_EXPONENT, MOST_EXPONENT = 38, -130, 125

-- A number of Lua as decimal text, the shortest that reads back the same.
function values.number_text(n)
  if math.type(n) == "integer" then return ("%d"):format(n) end
  if n == 0 then return "0" end
  for digits = 15, 17 do
    local text = ("%." .. digits .. "g"):format(n)
    if tonumber(text) == n then return text end
  end
  return ("%.17g"):format(n)
end

-- Why a text is no number that DynamoDB can hold; nil when it is one.
function values.number_problem(text)
  local mantissa, exponent = text:match "^-?([%d.]+)[eE]([+-]?%d+)$"
  if not mantissa then mantissa, exponent = text:match "^-?([%d.]+)$", "0" end
  if not mantissa or not (mantissa:find "^%d+$" or mantissa:find "^%d+%.%d+$") or #exponent > 6 then
    return "is not a number"
  end
  local whole, fraction = mantissa:match "^(%d*)%.?(%d*)$"
  local digits = (whole .. fraction):gsub("^0+", "")
  if digits == "" then return nil end
  if #(digits:gsub("0+$", "")) > MOST_DIGITS then return "has more than 38 significant digits" end
  local magnitude = #digits - #fraction + math.tointeger(tonumber(exponent)) - 1
  if magnitude < LEAST_EXPONENT or magnitude > MOST_EXPONENT then return "is out of DynamoDB's range (1E-130 to 9.99E+125)" end
  return nil
end

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
function lowers.number(value) return { kind = "constant", type = "N", text = values.number_text(value) } end
function lowers.boolean(value) return { kind = "constant", type = "BOOL", text = tostring(value) } end

function lowers.column(value) return { kind = "column", text = value.arguments[1] } end

local function lower_typed(value)
  local inner = value.arguments[1]
  if type(inner) == "string" then return lower_text(inner, value.kind) end
  local low = values.lower(inner)
  low.type = value.kind
  return low
end
lowers.S, lowers.N, lowers.B = lower_typed, lower_typed, lower_typed

function lowers.json(value)
  local options = value.arguments[2] or {}
  return { kind = "json", text = value.arguments[1], invalid = options.invalid or "reject" }
end

local function epoch_seconds(value)
  local options = value.arguments[2] or {}
  return (options.days or 0) * 86400 + (options.hours or 0) * 3600
end

function lowers.epoch(value)
  return { kind = "epoch", type = "N", text = value.arguments[1], add = math.tointeger(epoch_seconds(value)) }
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
  return { kind = "when", text = value.arguments[1], inner = values.lower(value.arguments[2]) }
end

-- The normal form of a value.
function values.lower(value)
  return lowers[node.is(value) and value.kind or type(value)](value)
end

-- The type that a value is known to have without connecting: "S", "N", "B", "BOOL", "JSON" (a map, a list or any other),
-- or nil for a column's own.
function values.type(low)
  if low.kind == "when" then return values.type(low.inner) end
  if low.kind == "json" then return "JSON" end
  return low.type
end

-- The value itself, without the condition around it.
function values.core(low) return low.kind == "when" and low.inner or low end

-- True when two normal forms say the same.
function values.equal(a, b)
  if a.kind ~= b.kind or a.type ~= b.type or a.text ~= b.text or a.invalid ~= b.invalid or a.add ~= b.add then
    return false
  end
  return a.inner == b.inner or (a.inner ~= nil and b.inner ~= nil and values.equal(a.inner, b.inner))
end

-- A text in double quotes on one line; every distinct text has its own form.
function values.quote(text)
  return '"' .. text:gsub('[%c"\\]', function(c)
    if c == '"' or c == "\\" then return "\\" .. c end
    return ("\\x%02X"):format(c:byte())
  end) .. '"'
end

-- What is added to a moment, in the largest unit that is exact.
local function span(seconds)
  if seconds % 86400 == 0 then return ("%d days"):format(seconds // 86400) end
  if seconds % 3600 == 0 then return ("%d hours"):format(seconds // 3600) end
  return ("%d seconds"):format(seconds)
end

local texts = {
  template = function(low) return "template " .. values.quote(low.text) end,
  column   = function(low) return "column " .. values.quote(low.text) end,
  constant = function(low)
    return "constant " .. ((low.type == "N" or low.type == "BOOL") and low.text or values.quote(low.text))
  end,
  json = function(low)
    return ("JSON of column %s, invalid: %s"):format(values.quote(low.text), low.invalid)
  end,
  epoch = function(low)
    local text = ("seconds since 1970 of column %s"):format(values.quote(low.text))
    return low.add == 0 and text or ("%s plus %s"):format(text, span(low.add))
  end,
  when = function(low)
    return ("when column %s: %s"):format(values.quote(low.text), values.text(low.inner))
  end,
}

-- A value in words, one line: for people, and as its canonical form.
function values.text(low) return texts[low.kind](low) end

return values
