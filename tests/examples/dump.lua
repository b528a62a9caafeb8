-- Prints every item of the tables named, in DynamoDB JSON, sorted: hlua dump.lua TABLE...
local dynamodb = require "hlua.dynamodb"
local encode   = require "hlua.encode"

local db = assert(dynamodb.connect())

for _, name in ipairs(arg) do
  local lines, last = {}, nil
  repeat
    local page = assert(db:call("Scan", { TableName = name, ExclusiveStartKey = last }))
    -- An empty list of cjson's is a table like an empty map's: only L is a list here.
    for _, item in ipairs(page.Items) do
      for _, value in pairs(item) do
        if value.L then encode.array(value.L) end
      end
      lines[#lines + 1] = encode.text(item)
    end
    last = page.LastEvaluatedKey
  until not last
  table.sort(lines)
  print("table " .. name)
  for _, line in ipairs(lines) do print(line) end
end
