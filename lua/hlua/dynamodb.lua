-- A DynamoDB client for scripts: any operation by its name, and the items of a query or a scan one by one.
--
--   local dynamodb = require "hlua.dynamodb"
--   local client = assert(dynamodb.connect { region = "eu-west-1" })
--   for item in client:query { TableName = "Logs", KeyConditionExpression = "PK = :pk",
--                              ExpressionAttributeValues = { [":pk"] = "loans-2026-07-01" }, limit = 100 } do
--     print(item.SK, item.Message)
--   end
--
-- Fields have DynamoDB's own names (API reference). Misuse raises; a failure from outside gives nil, message, code;
-- the code is the AWS error type. Only the iterators raise it: a loop that ended early would look like a whole one.
-- Not for: writing many items, or being a plan's target (hlua.dynamodb { ... } of the plan language).
local cjson  = require "cjson"
local core   = require "hlua.core.dynamodb"
local encode = require "hlua.encode"
local numbers = require "hlua.numbers"

local dynamodb = {}

local client = {}
client.__index = client

dynamodb.null = cjson.null

-- Misuse is reported where the script called.
local function misuse(level, text, ...) error(text:format(...), level + 1) end

-- Values ----------------------------------------------------------------------------------------

local base64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
local sextet = {}
for i = 1, #base64 do sextet[base64:byte(i)] = i - 1 end

-- The bytes of base64 text, as DynamoDB writes it: four characters for three bytes, padded.
local function bytes_of(text)
  local parts = {}
  for i = 1, #text, 4 do
    local a, b, c, d = text:byte(i, i + 3)
    local bits = sextet[a] << 18 | sextet[b] << 12 | (sextet[c] or 0) << 6 | (sextet[d] or 0)
    local three = string.char(bits >> 16, bits >> 8 & 255, bits & 255)
    parts[#parts + 1] = three:sub(1, sextet[d] and 3 or sextet[c] and 2 or 1)
  end
  return table.concat(parts)
end

-- An integer when a Lua integer holds it in the same digits; else the exact text, so that nothing is rounded.
local function number_of(text)
  local integer = text:find "^-?%d+$" and math.tointeger(tonumber(text))
  return integer and ("%d"):format(integer) == text and integer or text
end

local function map(list, convert)
  local out = {}
  for i, part in ipairs(list) do out[i] = convert(part) end
  return out
end

local decoders = {
  S    = function(text) return text end,
  N    = number_of,
  B    = bytes_of,
  BOOL = function(value) return value end,
  NULL = function() return cjson.null end,
  SS   = function(list) return map(list, tostring) end,
  NS   = function(list) return map(list, number_of) end,
  BS   = function(list) return map(list, bytes_of) end,
  L    = function(list) return map(list, dynamodb.decode) end,
  M    = function(item) return dynamodb.decode_item(item) end,
}

-- An attribute value as DynamoDB writes it ({ S = "x" }) as a plain Lua value: N an integer when one holds it exactly,
-- else its text; B bytes; NULL dynamodb.null; sets lists.
function dynamodb.decode(value)
  local kind, inner = next(value)
  local decode = decoders[kind]
  if not decode then misuse(2, "no attribute value of DynamoDB: type %s", tostring(kind)) end
  return decode(inner)
end

-- An item ({ name = attribute value }) as plain values.
function dynamodb.decode_item(item)
  local out = {}
  for name, value in pairs(item) do out[name] = dynamodb.decode(value) end
  return out
end

-- A plain string, number or boolean as an attribute value; tables and null pass as they are ({ S = "x" }).
function dynamodb.encode(value)
  local kind = type(value)
  if kind == "string" then return { S = value } end
  if kind == "number" then
    if value - value ~= 0 then misuse(2, "DynamoDB has no number %s", value) end -- NaN and the infinities
    return { N = numbers.text(value) }
  end
  if kind == "boolean" then return { BOOL = value } end
  if value == cjson.null then return { NULL = true } end
  if kind ~= "table" then misuse(2, "a %s cannot be an attribute value", kind) end
  return value
end

-- Requests --------------------------------------------------------------------------------------

-- Empty tables are objects in JSON, but for the values of these: an empty list, and sets.
local list_fields = { L = true, SS = true, NS = true, BS = true }

-- The request with its empty lists marked; nothing of the caller's is changed.
local function marked(value, field)
  if type(value) ~= "table" or getmetatable(value) then return value end
  if next(value) == nil then return list_fields[field] and encode.array {} or encode.object {} end
  local out = {}
  for name, part in pairs(value) do out[name] = marked(part, name) end
  return out
end

-- cjson reads every number as a float; those of a response are counts and times.
local function with_integers(value)
  if type(value) == "number" then return math.tointeger(value) or value end
  if type(value) ~= "table" then return value end
  for name, part in pairs(value) do value[name] = with_integers(part) end
  return value
end

-- client:call(operation, request) -> the response as a table | nil, message, code. The request is a table in the form
-- of the API reference, or a text of JSON.
function client:call(operation, request)
  if type(operation) ~= "string" or not operation:find "^%a+$" then
    misuse(2, "an operation is a name like GetItem, not %s", tostring(operation))
  end
  if type(request) ~= "table" and type(request) ~= "string" then
    misuse(2, "a request is a table or a text of JSON, not a %s", type(request))
  end
  local body = type(request) == "string" and request or encode.text(marked(request))
  local text, message, code = self.handle:call(operation, body)
  if not text then return nil, message, code end
  if text == "" then return {} end
  local ok, response = pcall(cjson.decode, text)
  if not ok then return nil, ("%s: the answer is no JSON: %s"):format(operation, response), "" end
  return with_integers(response)
end

function client:close() self.handle:close() end
client.__close = client.close

-- The request of an iterator: plain values converted, `limit` taken out.
local function page_request(name, fields)
  if type(fields) ~= "table" then misuse(3, "%s needs a table of fields", name) end
  local request = {}
  for field, value in pairs(fields) do
    if field ~= "limit" then
      if type(field) ~= "string" or not field:find "^%u" then
        misuse(3, "%s: unknown field %s; fields have DynamoDB's names, beside limit", name, tostring(field))
      end
      request[field] = value
    end
  end
  if type(request.TableName) ~= "string" then misuse(3, "%s: TableName must be a string", name) end
  local limit = fields.limit
  if limit ~= nil and (math.type(limit) ~= "integer" or limit < 1) then
    misuse(3, "%s: limit must be a whole number from 1 on", name)
  end
  local plain = request.ExpressionAttributeValues
  if plain then
    request.ExpressionAttributeValues = {}
    for name_in, value in pairs(plain) do request.ExpressionAttributeValues[name_in] = dynamodb.encode(value) end
  end
  return request, limit or math.maxinteger
end

-- An iterator over the items of all pages.
local function items_of(self, operation, name, fields)
  local request, left = page_request(name, fields)
  local page, at, last = {}, 0, false
  return function()
    if left == 0 then return nil end
    while at == #page do
      if last then return nil end
      if left < 1000 and not request.Limit and not request.FilterExpression then request.Limit = left end
      local response, message = self:call(operation, request)
      if not response then error(message, 2) end
      page, at = response.Items or {}, 0
      request.ExclusiveStartKey = response.LastEvaluatedKey
      last = response.LastEvaluatedKey == nil
    end
    at, left = at + 1, left - 1
    return dynamodb.decode_item(page[at])
  end
end

-- client:query { TableName =, KeyConditionExpression =, ..., limit = } -> an iterator over its items as plain values,
-- pages followed. Values of ExpressionAttributeValues may be plain strings, numbers, booleans. `limit`: items in all.
function client:query(fields) return items_of(self, "Query", "query", fields) end

-- The same over a whole table.
function client:scan(fields) return items_of(self, "Scan", "scan", fields) end

-- Connecting ------------------------------------------------------------------------------------

local wishes = { region = "string", endpoint = "string", profile = "string", allow_http = "boolean" }

-- connect { region =, endpoint =, profile =, allow_http = } -> client | nil, message, code. What is not said is found
-- by AWS's rules: environment, profiles.
function dynamodb.connect(options)
  options = options or {}
  for name, value in pairs(options) do
    if not wishes[name] then misuse(2, "connect: unknown field %s", tostring(name)) end
    if type(value) ~= wishes[name] then misuse(2, "connect: %s must be a %s", name, wishes[name]) end
  end
  local handle, message, code = core.connect(options.region, options.endpoint, options.profile, options.allow_http)
  if not handle then return nil, message, code end
  return setmetatable({ handle = handle }, client)
end

return dynamodb
