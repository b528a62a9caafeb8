-- A DynamoDB attribute value as people read it, on one line. Numbers stay the text that they are.
local cjson  = require "cjson"
local encode = require "hlua.encode"

local attribute = {}

local plain

local function list_text(list, open, close)
  local parts = {}
  for i, value in ipairs(list) do parts[i] = plain(value) end
  return open .. table.concat(parts, ", ") .. close
end

local function map_text(map)
  local names = {}
  for name in pairs(map) do names[#names + 1] = name end
  table.sort(names)
  for i, name in ipairs(names) do names[i] = encode.text(name) .. ": " .. plain(map[name]) end
  return "{" .. table.concat(names, ", ") .. "}"
end

-- The elements of a set, each as a value of its own.
local function elements(kind, list)
  local values = {}
  for i, value in ipairs(list) do values[i] = { [kind] = value } end
  return values
end

local texts = {
  S = encode.text,
  N = function(value) return value end,
  B = encode.text,
  BOOL = tostring,
  NULL = function() return "null" end,
  L = function(value) return list_text(value, "[", "]") end,
  M = map_text,
  SS = function(value) return list_text(elements("S", value), "{", "}") end,
  NS = function(value) return list_text(elements("N", value), "{", "}") end,
  BS = function(value) return list_text(elements("B", value), "{", "}") end,
}

-- A value inside another: as JSON has it.
function plain(value)
  local kind, inner = next(value)
  return texts[kind] and texts[kind](inner) or encode.text(value)
end

-- The type and the text of DynamoDB JSON, {"S":"..."}; a text stands without quotes. What cannot be read stays as it is.
function attribute.read(json)
  local ok, value = pcall(cjson.decode, json)
  local kind, inner = nil, nil
  if ok and type(value) == "table" then kind, inner = next(value) end
  if not texts[kind] then return "?", json end
  if kind == "S" or kind == "B" then return kind, inner end
  return kind, plain(value)
end

return attribute
