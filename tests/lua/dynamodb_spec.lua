-- The client for scripts (hlua.dynamodb), with a scripted peer in place of the program's own client.
local cjson = require "cjson"

local answers, calls -- what the peer will say, in turn; what it was asked
local peer = {
  call = function(_, operation, body)
    calls[#calls + 1] = { operation, body }
    local answer = table.remove(answers, 1)
    if type(answer) == "table" then return nil, answer[1], answer[2] end
    return answer
  end,
  close = function() calls[#calls + 1] = { "closed" } end,
}
local connected
package.loaded["hlua.core.dynamodb"] = {
  connect = function(...)
    connected = table.pack(...)
    if (...) == "nowhere" then return nil, "no region", "" end
    return peer
  end,
}
local dynamodb = require "hlua.dynamodb"

local client
before_each(function()
  answers, calls = {}, {}
  client = assert(dynamodb.connect { region = "eu-west-1", allow_http = true })
end)

local function all(iterator)
  local list = {}
  for item in iterator do list[#list + 1] = item end
  return list
end

describe("connect", function()
  it("hands over what was said", function()
    assert.same({ "eu-west-1", nil, nil, true, n = 4 }, connected)
    assert(dynamodb.connect())
    assert.same({ n = 4 }, connected)
  end)
  it("gives nil, message, code", function()
    assert.same({ nil, "no region", "" }, { dynamodb.connect { region = "nowhere" } })
  end)
  it("raises on misuse", function()
    assert.error_matches(function() dynamodb.connect { regon = "x" } end, "connect: unknown field regon$")
    assert.error_matches(function() dynamodb.connect { region = 1 } end, "connect: region must be a string$")
  end)
end)

describe("call", function()
  it("sends a table as JSON, empty lists where DynamoDB has lists", function()
    answers = { "{}" }
    client:call("PutItem", { TableName = "T", Item = { a = { L = {} }, b = { M = {} }, c = { SS = { "x" } } } })
    assert.same({ { "PutItem", '{"Item":{"a":{"L":[]},"b":{"M":{}},"c":{"SS":["x"]}},"TableName":"T"}' } }, calls)
  end)
  it("sends a text as it is", function()
    answers = { "" }
    assert.same({}, client:call("GetItem", '{"x":1}'))
    assert.equal('{"x":1}', calls[1][2])
  end)
  it("changes nothing of the caller's", function()
    answers = { "{}" }
    local request = { Item = { a = { L = {} } } }
    client:call("PutItem", request)
    assert.is_nil(getmetatable(request.Item.a.L))
  end)
  it("gives whole numbers as integers", function()
    answers = { '{"Count":3,"ConsumedCapacity":[{"CapacityUnits":0.5}]}' }
    local response = client:call("Query", {})
    assert.equal("integer", math.type(response.Count))
    assert.equal(0.5, response.ConsumedCapacity[1].CapacityUnits)
  end)
  it("gives nil, message, code", function()
    answers = { { "GetItem: ResourceNotFoundException: no table T", "ResourceNotFoundException" } }
    assert.same({ nil, "GetItem: ResourceNotFoundException: no table T", "ResourceNotFoundException" },
      { client:call("GetItem", {}) })
  end)
  it("gives an answer that is no JSON as a failure", function()
    answers = { "<html>" }
    local response, message = client:call("GetItem", {})
    assert.is_nil(response)
    assert.truthy(message:find("GetItem: the answer is no JSON", 1, true))
  end)
  it("raises on misuse", function()
    assert.error_matches(function() client:call(5, {}) end, "an operation is a name like GetItem, not 5$")
    assert.error_matches(function() client:call("GetItem") end, "a request is a table or a text of JSON, not a nil$")
  end)
end)

describe("attribute values", function()
  local function decoded(text) return dynamodb.decode(cjson.decode(text)) end

  it("become plain values", function()
    assert.equal("x", decoded '{"S":"x"}')
    assert.equal("hi\0\255", decoded '{"B":"aGkA/w=="}')
    assert.equal("hi", decoded '{"B":"aGk="}')
    assert.equal("", decoded '{"B":""}')
    assert.equal(false, decoded '{"BOOL":false}')
    assert.equal(dynamodb.null, decoded '{"NULL":true}')
    assert.same({ 1, "x", {} }, decoded '{"L":[{"N":"1"},{"S":"x"},{"M":{}}]}')
    assert.same({ "a", "b" }, decoded '{"SS":["a","b"]}')
    assert.same({ 1, "2.5" }, decoded '{"NS":["1","2.5"]}')
    assert.same({ "a" }, decoded '{"BS":["YQ=="]}')
  end)
  it("keep numbers exact", function()
    for text, value in pairs {
      ["9223372036854775807"] = math.maxinteger, ["-9223372036854775808"] = math.mininteger,
      ["9223372036854775808"] = "9223372036854775808", ["1.50"] = "1.50", ["-0"] = "-0", ["007"] = "007",
      ["1E3"] = "1E3", ["0"] = 0,
    } do assert.equal(value, dynamodb.decode { N = text }) end
  end)
  it("are made of plain values", function()
    assert.same({ S = "x" }, dynamodb.encode "x")
    assert.same({ N = "9007199254740993" }, dynamodb.encode(9007199254740993))
    assert.same({ N = "0.1" }, dynamodb.encode(0.1))
    assert.same({ BOOL = true }, dynamodb.encode(true))
    assert.same({ NULL = true }, dynamodb.encode(dynamodb.null))
    assert.same({ B = "eA==" }, dynamodb.encode { B = "eA==" })
  end)
  it("are not made of what DynamoDB does not have", function()
    for _, value in ipairs { 0 / 0, 1 / 0, -1 / 0 } do assert.has_error(function() dynamodb.encode(value) end) end
    assert.error_matches(function() dynamodb.encode(print) end, "a function cannot be an attribute value$")
  end)
end)

describe("query", function()
  local page1 = '{"Items":[{"PK":{"S":"a"}},{"PK":{"S":"b"}}],"LastEvaluatedKey":{"PK":{"S":"b"}}}'
  local empty = '{"Items":[],"LastEvaluatedKey":{"PK":{"S":"c"}}}'
  local page3 = '{"Items":[{"PK":{"S":"d"}}]}'

  it("follows the pages, empty ones too", function()
    answers = { page1, empty, page3 }
    assert.same({ { PK = "a" }, { PK = "b" }, { PK = "d" } }, all(client:query { TableName = "T" }))
    assert.same({ "Query", '{"TableName":"T"}' }, calls[1])
    assert.same({ "Query", '{"ExclusiveStartKey":{"PK":{"S":"b"}},"TableName":"T"}' }, calls[2])
    assert.equal(3, #calls)
  end)
  it("stops at the limit, and asks for no more", function()
    answers = { page1, page3 }
    assert.same({ { PK = "a" } }, all(client:query { TableName = "T", limit = 1 }))
    assert.same({ { "Query", '{"Limit":1,"TableName":"T"}' } }, calls)
  end)
  it("converts plain values of the expression", function()
    answers = { page3 }
    local given = { [":a"] = "x/y", [":b"] = 5, [":c"] = { B = "eA==" } }
    all(client:query { TableName = "T", ExpressionAttributeValues = given })
    assert.equal('{"ExpressionAttributeValues":{":a":{"S":"x/y"},":b":{"N":"5"},":c":{"B":"eA=="}},"TableName":"T"}',
      calls[1][2])
  end)
  it("raises a failure: the loop must not look complete", function()
    answers = { page1, { "Query: throttled", "ThrottlingException" } }
    assert.error_matches(function() all(client:query { TableName = "T" }) end, "Query: throttled$")
  end)
  it("raises on misuse", function()
    assert.error_matches(function() client:query "T" end, "query needs a table of fields$")
    assert.error_matches(function() client:query {} end, "query: TableName must be a string$")
    assert.error_matches(function() client:query { table = "T" } end,
      "query: unknown field table; fields have DynamoDB's names, beside limit$")
    assert.error_matches(function() client:query { TableName = "T", limit = 0 } end,
      "query: limit must be a whole number from 1 on$")
  end)
  it("has a sister for whole tables", function()
    answers = { page3 }
    assert.same({ { PK = "d" } }, all(client:scan { TableName = "T" }))
    assert.equal("Scan", calls[1][1])
  end)
end)

describe("a client", function()
  it("is closed by the end of its block", function()
    do local other <close> = dynamodb.connect() end -- luacheck: ignore other
    assert.same({ { "closed" } }, calls)
  end)
end)
