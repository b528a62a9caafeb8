-- What `check` and `rejects --explain` show, without a server: rows side by side, sums, differences, advice, the event.
local advice     = require "hlua.report.advice"
local attribute  = require "hlua.report.attribute"
local checked    = require "hlua.report.checked"
local difference = require "hlua.report.difference"
local encode     = require "hlua.encode"
local format     = require "hlua.report.format"
local row        = require "hlua.report.row"
local same_key   = require "hlua.report.same_key"
local screen     = require "hlua.report.screen"

-- A screen that remembers its lines.
local function a_screen(width, colour)
  local file = { text = "", flush = function() end }
  function file.write(self, ...) self.text = self.text .. table.concat { ... } return self end
  return screen.new { file = file, width = width, colour = colour }, file
end

local tables = { { name = "orders", from = "public.orders", target = { name = "Orders" }, attributes = {}, items = {}, map = -1 } }

local function an_item(attributes, size, units)
  local list, json = {}, {}
  for i = 1, #attributes, 2 do
    list[#list + 1] = { name = attributes[i], json = attributes[i + 1] }
    json[#json + 1] = encode.text(attributes[i]) .. ":" .. attributes[i + 1]
  end
  return { table = 1, json = "{" .. table.concat(json, ",") .. "}", attributes = list, size = size or 10, write_units = units or 1 }
end

local function a_row(attributes, changes)
  local shown = {
    key = "id=7",
    columns = { { name = "id", type = "integer", text = "7", bytes = 1 }, { name = "note", type = "text" } },
    outcome = { result = "item", items = { an_item(attributes or { "PK", '{"S":"A#7"}' }) } },
  }
  for name, value in pairs(changes or {}) do shown[name] = value end
  return shown
end

local function rejected(message)
  return { result = "rejected", items = {}, reason = "value", message = message or "attribute SK: it is infinity",
    partial = '{"PK":{"S":"A#7"}}', attributes = { { name = "PK", json = '{"S":"A#7"}' } } }
end

describe("an attribute's text", function()
  for json, wanted in pairs {
    ['{"S":"a \\"b\\""}'] = { "S", 'a "b"' },
    ['{"N":"12345678901234567890.10"}'] = { "N", "12345678901234567890.10" },
    ['{"BOOL":false}'] = { "BOOL", "false" },
    ['{"NULL":true}'] = { "NULL", "null" },
    ['{"B":"AP8="}'] = { "B", "AP8=" },
    ['{"L":[]}'] = { "L", "[]" },
    ['{"L":[{"N":"1"},{"S":"x"},{"M":{}}]}'] = { "L", '[1, "x", {}]' },
    ['{"M":{"b":{"NULL":true},"a":{"L":[{"BOOL":true}]}}}'] = { "M", '{"a": [true], "b": null}' },
    ['{"SS":["a","b"]}'] = { "SS", '{"a", "b"}' },
    ['{"NS":["1","2.50"]}'] = { "NS", "{1, 2.50}" },
    ['{"S":'] = { "?", '{"S":' },
    ["[]"] = { "?", "[]" },
  } do
    it(json, function() assert.same(wanted, { attribute.read(json) }) end)
  end
end)

describe("a row", function()
  it("stands beside its item", function()
    assert.same({
      "  id=7                              | Orders: 10 bytes, 1 write unit",
      "    id    7                         |   PK  S    A#7",
      "    note  NULL                      |",
    }, row.lines(a_row(), tables, a_screen(80)))
  end)
  it("stands beside all its items", function()
    local shown = a_row()
    shown.outcome.items[2] = an_item({ "PK", '{"S":"B"}', "n", '{"N":"1"}' }, 2, 2)
    assert.same({
      "  id=7                              | Orders: 10 bytes, 1 write unit",
      "    id    7                         |   PK  S    A#7",
      "    note  NULL                      | Orders: 2 bytes, 2 write units",
      "                                    |   PK  S    B",
      "                                    |   n   N    1",
    }, row.lines(shown, tables, a_screen(80)))
  end)
  it("stands beside why it is rejected, and the item so far", function()
    assert.same({
      "  id=7                              | rejected: value",
      "    id    7                         |   attribute SK: it is infinity",
      "    note  NULL                      | the item so far",
      "                                    |   PK  S    A#7",
    }, row.lines(a_row(nil, { outcome = rejected() }), tables, a_screen(80)))
  end)
  it("says that it is filtered", function()
    local lines = row.lines(a_row(nil, { outcome = { result = "filtered", items = {} } }), tables, a_screen(80))
    assert.truthy(lines[1]:find("no item: the row is filtered", 1, true))
  end)
  it("may be one that the server cannot give", function()
    local shown = { key = "", outcome = rejected() }
    shown.outcome.attributes = {}
    local lines = row.lines(shown, tables, a_screen(80))
    assert.truthy(lines[1]:find("(no key)", 1, true))
    assert.truthy(lines[2]:find("(the server cannot give it)", 1, true))
  end)
  for _, width in ipairs { 40, 80, 100 } do
    it(("fits %d columns, whatever is in it"):format(width), function()
      local shown = a_row({ ("漢"):rep(60), '{"S":"' .. ("é漢"):rep(200) .. '"}', "b", '{"M":{"a":{"S":"' .. ("x"):rep(500) .. '"}}}' }, {
        key = "name=" .. ("漢字"):rep(60),
        columns = { { name = ("n"):rep(63), text = ("👩"):rep(90) }, { name = "a", text = "\27[2J\n" .. ("y"):rep(300) } },
      })
      for _, outcome in ipairs { shown.outcome, rejected(("long words "):rep(20) .. ("z"):rep(200)) } do
        shown.outcome = outcome
        for _, line in ipairs(row.lines(shown, tables, a_screen(width))) do
          assert.is_true(format.width(line) <= width, line)
          assert.is_nil(line:find "%c")
          assert.truthy(utf8.len(line))
        end
      end
    end)
  end
  it("is painted only where there are colours", function()
    assert.truthy(row.lines(a_row(), tables, a_screen(80, true))[1]:find("\27[1m", 1, true))
    assert.falsy(row.lines(a_row(), tables, a_screen(80))[1]:find("\27", 1, true))
  end)
end)

describe("a sample", function()
  local filtered = a_row(nil, { outcome = { result = "filtered", items = {} } })
  local reject = a_row(nil, { outcome = rejected() })
  it("is counted", function()
    local sum = checked.count { a_row(), a_row(), filtered, reject }
    assert.same({ rows = 4, items = 2, bytes = 20, write_units = 2, rejected = 1, filtered = 1 }, sum)
    assert.equal("of 4 rows looked at: 2 become 2 items of 10 bytes and 1 write unit on average; 1 is filtered; 1 would be rejected",
      checked.sum_text(sum))
    assert.equal("of 1 row looked at: 1 becomes 1 item of 10 bytes and 1 write unit on average",
      checked.sum_text(checked.count { a_row() }))
    assert.equal("of 1 row looked at: 1 would be rejected", checked.sum_text(checked.count { reject }))
    assert.equal("no rows", checked.sum_text(checked.count {}))
  end)
  it("is shown from its beginning to its end, without the rejects", function()
    local rows = {}
    for i = 1, 10 do rows[i] = a_row(nil, { key = "id=" .. i }) end
    rows[5].outcome = rejected()
    local function keys(wanted)
      local list = {}
      for i, shown in ipairs(checked.pick(rows, wanted)) do list[i] = shown.key end
      return table.concat(list, " ")
    end
    assert.equal("id=1 id=6 id=10", keys(3))
    assert.equal("id=1", keys(1))
    assert.equal("id=1 id=2 id=3 id=4 id=6 id=7 id=8 id=9 id=10", keys(100))
    assert.same({ reject }, checked.pick({ reject }, 3))
    assert.same({}, checked.pick({}, 3))
  end)
end)

describe("rows that differ in a second state", function()
  local function plan_table(changes)
    local t = { name = "orders", items = {}, map = -1, attributes = {
      { name = "F", value = { kind = "function", file = "plan.lua", line = 14 } },
    } }
    for name, value in pairs(changes or {}) do t[name] = value end
    return t
  end
  local function outcome(...) return { result = "item", items = { an_item { ... } } } end
  local function found(again, t, first)
    first = first or outcome("PK", '{"S":"a"}', "F", '{"N":"1"}')
    return difference.find(t or plan_table(), { a_row(nil, { outcome = first, again = again }) }, { print })
  end
  it("are none", function() assert.is_nil(difference.find(plan_table(), { a_row() }, {})) end)
  it("are told with the attribute, its place and both values", function()
    local err = found(outcome("PK", '{"S":"a"}', "F", '{"N":"2"}'))
    assert.same({ "plan", 1, difference.hint }, { err.kind, err.exit, err.hint })
    assert.equal("plan.lua:14: table orders: attribute F is not the same each time: row id=7 gives N 1, then N 2", err.text)
    assert.truthy(err.hint:find("hlua.started", 1, true))
  end)
  it("may have an attribute once only", function()
    assert.truthy(found(outcome("PK", '{"S":"a"}')).text:find("N 1, then nothing", 1, true))
    assert.truthy(found(outcome("PK", '{"S":"a"}', "F", '{"N":"1"}', "G", '{"N":"2"}')).text:find("attribute G .* nothing, then N 2"))
  end)
  it("may be more or fewer items, or none", function()
    assert.truthy(found({ result = "filtered", items = {} }).text:find("what becomes of a row .* 1 item, then no item"))
    assert.truthy(found(rejected()).text:find("1 item, then a reject (value)", 1, true))
  end)
  it("have the place of the map where there is one", function()
    local function map() end
    local err = difference.find(plan_table { map = 0, attributes = {} },
      { a_row(nil, { again = outcome("PK", '{"S":"b"}') }) }, { map })
    local where = debug.getinfo(map, "S")
    assert.equal(("%s:%d: table orders: "):format(where.short_src, where.linedefined), err.text:match "^.-:%d+: table orders: ")
  end)
  it("are told once for each attribute, at most five", function()
    local one, other = {}, {}
    for i = 1, 8 do
      table.move({ "A" .. i, '{"N":"1"}' }, 1, 2, #one + 1, one)
      table.move({ "A" .. i, '{"N":"2"}' }, 1, 2, #other + 1, other)
    end
    local err = found(outcome(table.unpack(other)), nil, outcome(table.unpack(one)))
    local _, lines = err.text:gsub("\n", "\n")
    assert.equal(5, lines)
    assert.truthy(err.text:find("and 3 differences like these", 1, true))
  end)
end)

describe("advice", function()
  -- The words of src/mapping/mapper.h.
  local words = {}
  for line in io.lines "src/mapping/mapper.h" do
    words[#words + 1] = line:match '^#define REJECT_[%u_]+ "([^"]+)"'
  end
  it("knows the words of the mapping", function() assert.is_true(#words >= 11) end)
  for _, word in ipairs(words) do
    it("is there for " .. word, function()
      local told = assert(advice.reasons[word], "no advice for the reason " .. word .. " in lua/hlua/report/advice.lua")
      assert.equal("string", type(told.rule))
      assert.is_true(#told.mend >= 1)
      assert.equal(told, advice.of(word))
    end)
  end
  it("is there for no word that is gone", function()
    local known = {}
    for _, word in ipairs(words) do known[word] = true end
    for word in pairs(advice.reasons) do assert.is_true(known[word], word) end
  end)
  it("has something for a word of a newer ledger", function() assert.equal("string", type(advice.of("unheard-of").rule)) end)
end)

describe("the target", function()
  local target = { region = "eu-west-1", region_from = "AWS_REGION", endpoint = "https://dynamodb.eu-west-1.amazonaws.com",
    endpoint_from = "region", keys_from = "environment", tables = {
      { seen = true, exists = true, ours = true, status = "ACTIVE", arn = "arn:aws:dynamodb:eu-west-1:123456789012:table/Orders" } } }
  local function lines(found, all)
    local on, file = a_screen(100)
    checked.target_lines(on, setmetatable({ tables = found }, { __index = target }), all or tables)
    return file.text
  end
  it("is told with region, account, address and credentials", function()
    assert.truthy(lines(target.tables):gsub("\n", " "):find("region eu-west-1 (AWS_REGION), account 123456789012, "
      .. "https://dynamodb.eu-west-1.amazonaws.com (region), credentials by environment", 1, true))
  end)
  it("is told with what a run would find", function()
    assert.truthy(lines(target.tables):find("Orders is there, with the plan's keys and indexes; this plan has written to it", 1, true))
    assert.truthy(lines { { seen = true, exists = false } }:find("Orders will be created", 1, true))
    assert.falsy(lines { { seen = false } }:find("Orders", 1, true))
  end)
  it("is told once where two tables share it", function()
    local _, count = lines({ target.tables[1], target.tables[1] }, { tables[1], tables[1] }):gsub("Orders is there", "")
    assert.equal(1, count)
  end)
  it("has no account at a local engine", function()
    assert.is_nil(checked.account { tables = { { arn = "arn:aws:dynamodb:ddblocal:000000000000:table/Orders" }, {} } })
  end)
end)

describe("the event", function()
  it("is one document", function()
    local shown = a_row(nil, { key = "id=8", outcome = rejected() })
    local all = { { rows = { a_row(), shown }, picked = { a_row() }, sum = checked.count { a_row(), shown }, twice = true } }
    local event = checked.event({ name = "plan", tables = tables }, { database = "d", version = "15.1", user = "u" }, all,
      { tables = {} }, 5)
    assert.equal('{"event":"check","plan":"plan","source":{"database":"d","version":"15.1","user":"u"},"target":{},'
      .. '"tables":[{"name":"orders","from":"public.orders","to":"Orders","rows":[{"key":"id=7","columns":'
      .. '[{"name":"id","type":"integer","value":"7"},{"name":"note","type":"text","value":null}],"result":"item","items":'
      .. '[{"to":"Orders","item":"{\\"PK\\":{\\"S\\":\\"A#7\\"}}","bytes":10,"write_units":1}]}],'
      .. '"sampled":{"rows":2,"items":1,"bytes":10,"write_units":1,"rejected":1,"filtered":0},'
      .. '"rejects":[{"key":"id=8","reason":"value","message":"attribute SK: it is infinity"}],"deterministic":true}],"exit":5}',
      encode.text(event))
  end)
end)

describe("rows that come to one key", function()
  local core = { template_columns = function(source)
    local names = {}
    for name in source:gmatch "{([^}:]+)" do names[#names + 1] = name end
    return names
  end }

  local function warning(key, source_key, changes)
    local t = { name = "orders", target = { name = "Orders" }, expressions = {}, attributes = {
      { name = "PK", role = "table_key", value = key }, { name = "id", role = "plain", value = { kind = "column", text = "id" } } } }
    for name, value in pairs(changes or {}) do t[name] = value end
    return same_key.warning(core, t, source_key)
  end
  local function template(text) return { kind = "template", text = text } end

  it("are warned of where the key leaves out the source's", function()
    local text = warning(template "C#{customer}", { "id" })
    assert.truthy(text:find("orders: the key in DynamoDB does not have id of the source's key", 1, true), text)
    assert.truthy(warning(template "C#{loan}", { "loan", "payment" }):find("does not have payment of", 1, true))
    assert.truthy(warning({ kind = "function", columns = { "customer" } }, { "id" }))
    assert.truthy(warning({ kind = "constant", text = "id" }, { "id" }))
  end)
  it("are not where it has it, or nothing can be told", function()
    assert.is_nil(warning(template "C#{customer}#{id:%05d}", { "id" }))
    assert.is_nil(warning({ kind = "column", text = "id" }, { "id" }))
    assert.is_nil(warning({ kind = "function", columns = { "id" } }, { "id" }))
    assert.is_nil(warning({ kind = "function" }, { "id" }))
    assert.is_nil(warning(template "{customer}", {}))
    assert.is_nil(warning(template "{customer}", { "id" }, { keep = "updated" }))
    assert.is_nil(warning(template "{customer}", { "id" }, { query = "SELECT" }))
    assert.is_nil(warning(template "{pk}", { "id" }, { expressions = { { name = "pk", sql = "'A' || id" } } }))
    assert.is_nil(warning(template "{customer}", { "id" }, { attributes = {}, map = 1 }))
    assert.is_nil(warning(template "{customer}", { "id" }, { to_template = {}, target = { name = "Orders-{id}" } }))
  end)
end)
