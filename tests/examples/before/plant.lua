-- Makes a table with the partition key PK and puts items into it: what others have there before an example runs.
local db = assert(require "hlua.dynamodb".connect())

return function(name, ...)
  assert(db:call("CreateTable", {
    TableName = name, BillingMode = "PAY_PER_REQUEST",
    AttributeDefinitions = { { AttributeName = "PK", AttributeType = "S" } },
    KeySchema = { { AttributeName = "PK", KeyType = "HASH" } },
  }))
  for _, item in ipairs { ... } do assert(db:call("PutItem", { TableName = name, Item = item })) end
end
