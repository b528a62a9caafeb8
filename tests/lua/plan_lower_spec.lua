-- Right plans: the flat form that C reads, the identity, and the explanation.
package.path = "tests/lua/?.lua;lua/?.lua;lua/?/init.lua;" .. package.path
local helper = require "plan_helper"
local explain = require "hlua.explain"

local function right(fields)
  local low, errors = helper.with(fields)
  assert.is_nil(errors)
  return low.tables[1], low
end

local function names(list)
  local result = {}
  for i, entry in ipairs(list) do result[i] = entry.name end
  return table.concat(result, " ")
end

local function attribute(t, name)
  for _, entry in ipairs(t.attributes) do
    if entry.name == name then return entry end
  end
end

describe("a plan", function()
  it("is lowered with its defaults", function()
    local t, low = right ""
    assert.are.equal("p", low.name)
    assert.is_nil(low.source.uri)
    assert.is_false(low.target.allow_http)
    assert.are.equal("Target", t.name)
    assert.are.equal("Target", t.target.name)
    assert.are.equal(1000, t.max_rejects)
    assert.is_false(t.keep_nulls)
    assert.is_nil(t.existing)
    assert.is_nil(t.columns)
    assert.is_false(t.target.provisioned)
    assert.are.same({ name = "PK", type = "S" }, t.target.partition)
    assert.is_nil(t.target.sort)
  end)

  it("keeps what it says", function()
    local t = right [[
name = "logs", where = "a > 1", key = { "a", "b" }, columns = { z = "1", a = "a::text" }, nulls = "keep", existing = "replace",
billing_mode = "PROVISIONED", provisioned = { read = 5, write = 7 }, point_in_time_recovery = true, stream = "NEW_IMAGE",
tags = { B = "2", A = "" }, deletion_protection = true, table_class = "STANDARD", max_rejects = 3,
global_secondary_indexes = { hlua.index { "GSI", partition_key = "PK", projection = { "X" }, provisioned = { read = 1, write = 2 } } }]]
    assert.are.equal("logs", t.name)
    assert.are.same({ "a", "b" }, t.key)
    assert.are.same({ { name = "a", sql = "a::text" }, { name = "z", sql = "1" } }, t.expressions)
    assert.are.same({ { key = "A", value = "" }, { key = "B", value = "2" } }, t.target.tags)
    assert.is_true(t.target.provisioned and t.target.point_in_time_recovery and t.target.deletion_protection and t.keep_nulls)
    assert.are.equal(7, t.target.write_units)
    local index = t.target.indexes[1]
    assert.are.equal("INCLUDE", index.projection)
    assert.are.same({ "X" }, index.include)
    assert.are.equal(2, index.write_units)
  end)
end)

describe("attributes", function()
  it("come keys first, then by name, then the time to live", function()
    local t = right [[
sort_key = { SK = "{b}" },
global_secondary_indexes = {
  hlua.index { "GSI2", partition_key = { Z2 = "{c}" }, sort_key = { A2 = "{d}" } },
  hlua.index { "GSI1", partition_key = { B1 = "{c}" }, sort_key = "SK" },
},
local_secondary_indexes = { hlua.index { "LSI", sort_key = { L = "{e}" } } },
attributes = { hlua.columns {}, Zeta = 1, Alpha = true },
time_to_live = { Expires = hlua.epoch("t", { days = 1, hours = 2 }) }]]
    assert.are.equal("PK SK Z2 A2 B1 L Alpha Zeta Expires", names(t.attributes))
    local a2 = attribute(t, "A2")
    assert.are.same({ "index_key", 0, true }, { a2.role, a2.index, a2.sort })
    assert.are.same({ "table_key", -1, false }, { t.attributes[1].role, t.attributes[1].index, t.attributes[1].sort })
    assert.are.equal(2, attribute(t, "L").index)
    assert.are.same({ { name = "PK", type = "S" } }, t.target.indexes[3].partition)
    assert.are.equal(93600, attribute(t, "Expires").value.add)
    assert.are.equal("Expires", t.target.time_to_live)
  end)

  it("that serve two ends are nobody's alone", function()
    local t = right [[
global_secondary_indexes = {
  hlua.index { "GSI1", partition_key = { A = "{a}" }, sort_key = { S = "{s}" } },
  hlua.index { "GSI2", partition_key = { B = "{b}" }, sort_key = { S = "{s}" } },
  hlua.index { "GSI3", partition_key = { PK = "{id}" }, sort_key = { C = "{c}" } },
},
attributes = { C = "{c}" }]]
    assert.are.equal("PK A B C S", names(t.attributes))
    assert.are.same({ "plain", -1 }, { attribute(t, "S").role, attribute(t, "S").index })
    assert.are.equal("plain", attribute(t, "C").role)
    assert.are.equal("table_key", attribute(t, "PK").role)
  end)

  it("have their place", function()
    local t = right '\nattributes = {\n  A = 1,\n  B = hlua.when("x",\n hlua.column "y") }'
    assert.are.equal(8, attribute(t, "A").value.line)
    assert.are.equal("tables[1].attributes.A", attribute(t, "A").value.path)
    assert.are.equal(9, attribute(t, "B").value.inner.line)
    assert.are.equal(4, t.line)
  end)
end)

describe("index keys by name", function()
  it("take the type of what they name, when it is known", function()
    local t = right [[
attributes = { hlua.columns { rename = { x = "Renamed" } }, Num = hlua.N "{n}", Col = hlua.column "c" },
global_secondary_indexes = {
  hlua.index { "GSI1", partition_key = "Num", sort_key = "Col" },
  hlua.index { "GSI2", partition_key = { "PK", "Num" }, sort_key = { "Renamed", "Other" } },
}]]
    assert.are.same({ { name = "Num", type = "N" } }, t.target.indexes[1].partition)
    assert.are.same({ { name = "Col" } }, t.target.indexes[1].sort)
    assert.are.same({ { name = "PK", type = "S" }, { name = "Num", type = "N" } }, t.target.indexes[2].partition)
    assert.are.same({ { name = "Renamed" }, { name = "Other" } }, t.target.indexes[2].sort)
    assert.are.equal("PK Col Num", names(t.attributes))
  end)
end)

describe("values", function()
  local function value(text)
    local low = attribute(right("attributes = { A = " .. text .. " }"), "A").value
    return { low.kind, low.type or "any", low.text, low.invalid, low.add }
  end

  it("have a normal form", function()
    assert.are.same({ "template", "S", "a{b}" }, value '"a{b}"')
    assert.are.same({ "constant", "S", "a{b}" }, value '"a{{b}}"')
    assert.are.same({ "template", "S", "{{{b}" }, value '"{{{b}"')
    assert.are.same({ "constant", "N", "5" }, value "5")
    assert.are.same({ "constant", "N", "0.1" }, value "0.1")
    assert.are.same({ "constant", "N", "2" }, value "2.0")
    assert.are.same({ "constant", "N", "0" }, value "-0.0")
    assert.are.same({ "constant", "N", "9223372036854775807" }, value "math.maxinteger")
    assert.are.same({ "constant", "BOOL", "false" }, value "false")
    assert.are.same({ "constant", "N", "007.50" }, value 'hlua.N "007.50"')
    assert.are.same({ "constant", "S", "7" }, value "hlua.S(7)")
    assert.are.same({ "constant", "B", "\xff\0x" }, value 'hlua.B "\\xff\\0x"')
    assert.are.same({ "template", "N", "{c}" }, value 'hlua.N "{c}"')
    assert.are.same({ "column", "any", "c" }, value 'hlua.column "c"')
    assert.are.same({ "column", "B", "c" }, value 'hlua.B(hlua.column "c")')
    assert.are.same({ "json", "any", "c", "reject" }, value 'hlua.json "c"')
    assert.are.same({ "json", "any", "c", "absent" }, value 'hlua.json("c", { invalid = "absent" })')
    assert.are.same({ "epoch", "N", "c", nil, 0 }, value 'hlua.epoch "c"')
    assert.are.same({ "epoch", "N", "c", nil, 1800 }, value 'hlua.epoch("c", { hours = 0.5 })')
    assert.are.same({ "when", "any", "c" }, value 'hlua.when("c", 1)')
  end)

  it("know DynamoDB's numbers", function()
    local problem = require("hlua.numbers").problem
    for _, good in ipairs { "0", "-0", "1E125", "9.99e125", "1E-130", "0.1e-129", ("9"):rep(38), "1" .. ("0"):rep(100), "000.0" } do
      assert.is_nil(problem(good), good)
    end
    for _, bad in ipairs { "", "+1", ".5", "5.", "1e", "0x10", "1 ", "NaN", "1E126", "1E-131", ("9"):rep(39), "1e99999999" } do
      assert.is_string(problem(bad), bad)
    end
  end)
end)

describe("hlua.columns", function()
  it("keeps its lists", function()
    local t = right 'attributes = { hlua.columns { only = { "b", "a" }, rename = { b = "B" } } }'
    assert.are.same({ "b", "a" }, t.columns.only)
    assert.are.same({ { from = "b", to = "B" } }, t.columns.rename)
    assert.are.same({}, t.columns.except)
  end)
end)

describe("the identity", function()
  local base = [[
attributes = { A = "x{y}", B = 1 }, columns = { c = "1", d = "2" },
global_secondary_indexes = { hlua.index { "GSI1", partition_key = { G = "{g}" } } }]]

  it("is sorted lines, the same in whatever order the plan is written", function()
    local _, first = right(base)
    local _, second = right [[
global_secondary_indexes = { hlua.index { "GSI1", partition_key = { G = "{g}" }, projection = "ALL" } },
columns = { d = "2", c = "1" }, attributes = { B = 1, A = "x{y}" }, nulls = "absent"]]
    assert.are.equal(first.identity, second.identity)
    local lines = {}
    for line in first.identity:gmatch "[^\n]+" do lines[#lines + 1] = line end
    for i = 2, #lines do assert.is_true(lines[i - 1] < lines[i]) end
    assert.is_truthy(first.identity:find('\ntables.Target.attributes.A = S template "x{y}"\n', 1, true))
  end)

  it("changes with what an item becomes, and not with pacing, settings or addresses", function()
    local _, first = right(base)
    for _, more in ipairs { 'where = "x"', 'existing = "replace"', 'nulls = "keep"', 'sort_key = { S = "{s}" }',
      'time_to_live = { T = hlua.epoch "t" }', 'key = { "a" }' } do
      local _, other = right(base .. "," .. more)
      assert.are_not.equal(first.identity, other.identity, more)
    end
    for _, more in ipairs { "max_rejects = 5", 'tags = { a = "b" }', 'stream = "KEYS_ONLY"', "point_in_time_recovery = true",
      'billing_mode = "PROVISIONED", provisioned = { read = 1, write = 1 }', 'table_class = "STANDARD"' } do
      local _, other = right(base .. "," .. more)
      assert.are.equal(first.identity, other.identity, more)
    end
    assert.is_nil(helper.load([[local hlua = require "hlua"
return hlua.plan { name = "p", source = hlua.postgres { uri = "postgresql://u:secret@h/d" },
  hlua.table { from = "t", to = "Target", partition_key = { PK = "{id}" } } }]]).identity:find "secret")
  end)

  it("keeps apart what looks alike", function()
    local _, first = right 'attributes = { ["a.b"] = "x\\ny" }'
    assert.is_truthy(first.identity:find([[tables.Target.attributes."a.b" = S constant "x\x0Ay"]], 1, true))
  end)
end)

describe("warnings", function()
  it("do not stop a plan", function()
    local indexes = {}
    for i = 1, 21 do indexes[i] = ('hlua.index { "GSI%d", partition_key = "PK" }'):format(i) end
    local _, low = right('sort_key = { SK = "{b}" }, local_secondary_indexes = { hlua.index { "LSI", sort_key = "SK" } },'
      .. "global_secondary_indexes = {" .. table.concat(indexes, ",") .. "}")
    assert.are.equal(2, #low.warnings)
    assert.is_truthy(low.warnings[1].message:find "21 global indexes")
    assert.are.equal(6, low.warnings[1].line)
    low = helper.table 'query = "SELECT 1 AS a", to = "Target", partition_key = { PK = hlua.S "X" }'
    assert.are.equal(2, #low.warnings)
  end)
end)

describe("the explanation", function()
  local _, low = right([[
columns = { LogTimestamp = '"LogTimestamp"::timestamp' }, where = "a\n  > 1",
global_secondary_indexes = { hlua.index { "GSI1", partition_key = { G = "]] .. ("{x}"):rep(60) .. [[" }, sort_key = "Col" } },
attributes = { hlua.columns { except = { "e" } }, J = hlua.json("j", { invalid = "string" }), Col = hlua.column "c" },
time_to_live = { TTL = hlua.epoch("LogTimestamp", { days = 365 }) },
local_secondary_indexes = {}]])

  it("fits a terminal and names every attribute", function()
    local lines = explain.lines(low)
    for _, line in ipairs(lines) do assert.is_true(utf8.len(line) <= 100, line) end
    local text = table.concat(lines, "\n")
    for _, wanted in ipairs { "plan p", "reads        t", "where        a > 1", "PK  S     partition key, template \"{id}\"",
      'JSON of column "j", invalid: string', 'seconds since 1970 of column "LogTimestamp" plus 365 days', "without e",
      "Col  ?", "?  a column's own type" } do
      assert.is_truthy(text:find(wanted, 1, true), wanted .. " is not in\n" .. text)
    end
  end)

  it("is also plain data", function()
    local document = explain.document(low)
    assert.are.equal("Target", document.tables[1].to)
    assert.are.equal("PK", document.tables[1].attributes[1].name)
    assert.are.equal("table_key", document.tables[1].attributes[1].role)
  end)
end)

describe("the ready migration", function()
  it("is right", function()
    local chunk = assert(loadfile "migrations/integration-logs/plan.lua")
    local ok, plan = pcall(chunk)
    assert.is_true(ok)
    local loaded, errors = require "hlua.load"(plan)
    assert.is_nil(errors)
    assert.are.equal("PK SK GSI1PK GSI1SK GSI2PK GSI2SK GSI3PK GSI3SK TTL", names(loaded.tables[1].attributes))
  end)
end)
