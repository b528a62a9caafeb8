-- JSON with its keys in a chosen order, and integers as integers: for reports, and for requests.
-- Not for: row values (C writes those), or reading JSON (cjson).
local cjson = require "cjson"

local encode = {}

local array_meta  = { __name = "JSON array" }
local object_meta = { __name = "JSON object" }

-- What stands for null.
encode.null = cjson.null

-- Marks a list, so that it is an array when it is empty as well.
function encode.array(list) return setmetatable(list, array_meta) end

-- An object of pairs { "name", value }, in their order; a pair without a value is left out.
function encode.object(pairs_in_order) return setmetatable(pairs_in_order, object_meta) end

-- cjson escapes the slash as well, which is allowed and hard to read.
local function string_text(text) return (cjson.encode(text):gsub("\\/", "/")) end

-- At most six digits after the point: these are seconds and rates.
local function number_text(number)
  if math.type(number) == "integer" then return ("%d"):format(number) end
  if number ~= number or number == math.huge or number == -math.huge then return "null" end
  local text = ("%.6f"):format(number):gsub("0+$", ""):gsub("%.$", "")
  return text == "-0" and "0" or text
end

local text_of

local function array_text(list)
  local parts = {}
  for i, value in ipairs(list) do parts[i] = text_of(value) end
  return "[" .. table.concat(parts, ",") .. "]"
end

local function object_text(pairs_in_order)
  local parts = {}
  for _, pair in ipairs(pairs_in_order) do
    if pair[2] ~= nil then parts[#parts + 1] = string_text(pair[1]) .. ":" .. text_of(pair[2]) end
  end
  return "{" .. table.concat(parts, ",") .. "}"
end

-- A plain table: a list when it has a first element, else an object with its keys sorted.
local function table_text(value)
  local meta = getmetatable(value)
  if meta == array_meta or (meta ~= object_meta and value[1] ~= nil) then return array_text(value) end
  if meta == object_meta then return object_text(value) end
  local names = {}
  for name in pairs(value) do
    if type(name) ~= "string" then error(("a JSON object cannot have the key %s"):format(tostring(name)), 0) end
    names[#names + 1] = name
  end
  table.sort(names)
  local list = {}
  for i, name in ipairs(names) do list[i] = { name, value[name] } end
  return object_text(list)
end

local texts = {
  string  = string_text,
  number  = number_text,
  boolean = tostring,
  table   = table_text,
}

function text_of(value)
  if value == cjson.null then return "null" end
  local kind = texts[type(value)]
  if not kind then error(("a %s cannot be JSON"):format(type(value)), 0) end
  return kind(value)
end

-- One line of JSON.
encode.text = text_of

return encode
