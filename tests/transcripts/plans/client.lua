-- The client's failures and misuse, without a server.
local dynamodb = require "hlua.dynamodb"
print(dynamodb.connect {})
print(pcall(dynamodb.connect, { regon = "x" }))
print(dynamodb.connect { region = "eu-west-1", endpoint = "http://example.com:8000" })
