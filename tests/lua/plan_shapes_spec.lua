-- Several items of a row, several tables in one target, and what happens to items that are there: items, owns, existing, keep.
package.path = "tests/lua/?.lua;lua/?.lua;lua/?/init.lua;" .. package.path
local helper  = require "plan_helper"
local explain = require "hlua.explain"

local function says(errors, ...)
  assert.is_string(errors)
  for _, text in ipairs { ... } do
    assert.is_truthy(errors:find(text, 1, true), ("%q is not in:\n%s"):format(text, errors))
  end
end

local function names(list)
  local result = {}
  for i, entry in ipairs(list) do result[i] = entry.name end
  return table.concat(result, " ")
end

local function items(fields) return helper.table('from = "t", to = "Target", partition_key = { PK = hlua.S }, ' .. fields) end

local SHAPES = [[
sort_key = { SK = hlua.N },
global_secondary_indexes = {
  hlua.index { "GSI1", partition_key = { G = hlua.S }, sort_key = { H = hlua.N } },
  hlua.index { "GSI2", partition_key = "Email" },
},
items = {
  hlua.item { partition_key = { PK = "LOAN#{id}" }, sort_key = { SK = hlua.N "{n}" },
    attributes = { hlua.columns { except = { "e" } }, H = hlua.N "{h}", G = "{g}", Z = 1, Email = "{e}" },
    time_to_live = { TTL = hlua.epoch "t" } },
  hlua.item { when = "e", partition_key = { PK = "EMAIL#{e}" }, sort_key = { SK = hlua.N(hlua.column "n") } },
}]]

describe("items", function()
  it("are several of a row", function()
    local low, errors = items(SHAPES)
    assert.is_nil(errors)
    local t = low.tables[1]
    assert.are.same({}, t.attributes)
    assert.are.equal(-1, t.map)
    assert.are.equal("TTL", t.target.time_to_live)
    assert.are.same({ name = "SK", type = "N" }, t.target.sort)
    assert.are.same({ { name = "Email", type = "S" } }, t.target.indexes[2].partition)
    local first, second = t.items[1], t.items[2]
    assert.are.equal("PK SK G H Email Z TTL", names(first.attributes))
    assert.are.equal("PK SK", names(second.attributes))
    local g, h = first.attributes[3], first.attributes[4]
    assert.are.same({ "index_key", 0, false, "index_key", 0, true }, { g.role, g.index, g.sort, h.role, h.index, h.sort })
    assert.are.equal("plain", first.attributes[5].role)
    assert.are.same({ "e" }, first.columns.except)
    assert.is_nil(first.when)
    assert.are.equal("e", second.when)
    assert.are.same({ "tables[1].items[2]", 14 }, { second.path, second.line })
    assert.is_truthy(low.identity:find('tables.Target.items[1].attributes.G = S template "{g}", a key of index "GSI1"', 1, true))
    assert.is_truthy(low.identity:find('tables.Target.items[2].when = "e"', 1, true))
  end)

  it("are searched for what an index projects", function()
    local low = items [[global_secondary_indexes = { hlua.index { "GSI1", partition_key = "PK", projection = { "A", "Nope" } } },
      items = { hlua.item { partition_key = { PK = "{id}" }, attributes = { A = 1 } } }]]
    assert.are.equal(1, #low.warnings)
    says(low.warnings[1].message, '"Nope" is projected, but no attribute of this table')
  end)

  it("are explained", function()
    local low = items(SHAPES)
    local lines = explain.lines(low)
    for _, line in ipairs(lines) do assert.is_true(utf8.len(line) <= 100, line) end
    says(table.concat(lines, "\n"), "item 1       always", 'item 2       where column "e" is true or not NULL', "as the items give it",
      'S     template "EMAIL#{e}"')
    local document = explain.document(low)
    assert.are.equal("e", document.tables[1].items[2].when)
  end)

  it("have the table's keys, with values of their types", function()
    local function wrong(fields, ...) says(select(2, items(fields)), ...) end
    wrong("items = {}", "the list has no hlua.item")
    wrong("items = hlua.item { }", "put it between braces")
    wrong('items = { hlua.item { partition_key = { XK = "{id}" } } }', 'the table\'s key is "PK", not "XK"')
    wrong('items = { hlua.item { partition_key = { PK = "{id}" }, sort_key = { SK = "{a}" } } }', "the table has no sort key")
    wrong('sort_key = { SK = hlua.S }, items = { hlua.item { partition_key = { PK = "{id}" } } }', "items[1]: sort_key is missing")
    wrong("items = { hlua.item { } }", "items[1]: partition_key is missing", "such as partition_key")
    wrong('items = { hlua.item { partition_key = { PK = hlua.N "{id}" } } }', '"PK" is N here and declared S in tables[1].partition_key.PK')
    wrong("items = { hlua.item { partition_key = { PK = hlua.S } } }", "items[1].partition_key.PK: hlua.S alone says a type")
    wrong('items = { hlua.item { partition_key = { PK = "FIXED" } } }', '"FIXED" names no column')
    wrong('items = { hlua.item { partition_key = { PK = "{id}" }, attributes = { PK = "{x}" } } }', '"PK" has another value in')
    wrong('items = { hlua.item { partition_key = { PK = "{id}" }, whenn = "x" } }', 'did you mean "when"?')
    wrong('attributes = { A = "{a}" }, items = { hlua.item { partition_key = { PK = "{id}" } } }', "with items the table declares types")
    wrong([[time_to_live = { T = hlua.N }, items = { hlua.item { partition_key = { PK = "{id}" },
      time_to_live = { U = hlua.epoch "t" } } }]], 'the table\'s time to live is "T", not "U"')
    wrong([[global_secondary_indexes = { hlua.index { "GSI1", partition_key = { G = hlua.N } } },
      items = { hlua.item { partition_key = { PK = "{id}" }, attributes = { G = "{g}" } } }]], '"G" is S here and declared N')
    wrong([[global_secondary_indexes = { hlua.index { "GSI1", partition_key = { G = hlua.S } } },
      items = { hlua.item { partition_key = { PK = "{id}" }, attributes = { G = "OPEN" } } }]], 'hlua.S "OPEN"')
    wrong([[global_secondary_indexes = { hlua.index { "GSI1", partition_key = "G" } },
      items = { hlua.item { partition_key = { PK = "{id}" }, attributes = { hlua.columns {} } } }]], 'the type of "G" is not known')
  end)
end)

describe("a target that is a template", function()
  local function load(to, more)
    return helper.table(('from = "t", to = %q, partition_key = { PK = "{id}" }, %s'):format(to, more or ""))
  end

  it("is a template for C, with its place", function()
    local low, errors = load "Logs-{LogTimestamp:%Y-%m}"
    assert.is_nil(errors)
    local t = low.tables[1]
    assert.are.equal("Logs-{LogTimestamp:%Y-%m}", t.target.name)
    assert.are.equal(t.target.name, t.name)
    assert.are.equal("tables[1].to", t.to_template.path)
    assert.are.equal(5, t.to_template.line)
    says(low.identity, 'to = "Logs-{LogTimestamp:%Y-%m}"')
    says(table.concat(explain.lines(low), "\n"), "Logs-{LogTimestamp:%Y-%m}, a table for each name that the source gives")
    assert.is_nil(helper.with("").tables[1].to_template)
  end)

  it("may be columns alone, with any format that gives names", function()
    for _, to in ipairs { "{a}", "{a}.{b}", "{a:%05d}-{b:shard(16)}_{c:lower}", "L-{at:%Y_%j.%H}", "x{a:%.2f}" } do
      local low, errors = load(to)
      assert.is_nil(errors)
      assert.is_table(low.tables[1].to_template)
    end
  end)

  it("is shared by tables that declare it alike", function()
    local plan = [[
local hlua = require "hlua"
return hlua.plan { name = "p", source = hlua.postgres {},
  hlua.table { name = "a", from = "a", to = "L-{at:%%Y}", partition_key = { PK = "{id}" }, },
  hlua.table { name = "b", from = "b", to = "L-{at:%%Y}", partition_key = { PK = %s }, },
}]]
    assert.is_nil(select(2, helper.load(plan:format '"B{id}"')))
    says(select(2, helper.load(plan:format 'hlua.N "{id}"')), 'share the target "L-{at:%Y}" and declare it differently')
  end)
end)

describe("tables of one target", function()
  local function two(first, second)
    return helper.load(([[
local hlua = require "hlua"
return hlua.plan { name = "p", source = hlua.postgres {},
  hlua.table { name = "a", from = "a", to = "Target", partition_key = { PK = "A#{id}" }, sort_key = { SK = "{n}" }, %s },
  hlua.table { name = "b", from = "b", to = "Target", partition_key = { PK = "B#{id}" }, %s },
}]]):format(first, second))
  end

  it("declare it alike", function()
    local low, errors = two('stream = "KEYS_ONLY", time_to_live = { T = hlua.epoch "t" },'
      .. 'global_secondary_indexes = { hlua.index { "GSI1", partition_key = { G = "{g}" } } }',
      'stream = "KEYS_ONLY", sort_key = { SK = hlua.column "n" },'
      .. 'global_secondary_indexes = { hlua.index { "GSI1", partition_key = { G = hlua.S } } }')
    assert.is_nil(errors)
    assert.are.equal("T", low.tables[2].target.time_to_live)
    assert.are.equal("PK SK", names(low.tables[2].attributes))
    assert.are.same({ { name = "G", type = "S" } }, low.tables[2].target.indexes[1].partition)
    says(table.concat(explain.lines(low), "\n"), "partition key, in no row of this table")
  end)

  it("that declare it differently are an error that shows both", function()
    local function wrong(first, second, ...)
      local low, errors = two(first, second)
      assert.is_nil(low)
      says(errors, 'tables[1] and tables[2] share the target "Target" and declare it differently', ...)
    end
    wrong("", "", "sort_key is SK S in tables[1] (plan.lua:3), and nothing here")
    wrong("", 'sort_key = { SK = hlua.N "{n}" }', "sort_key is SK S in tables[1] (plan.lua:3), and SK N here")
    wrong('stream = "KEYS_ONLY"', 'sort_key = { SK = "{n}" }', "stream is KEYS_ONLY in tables[1] (plan.lua:3), and nothing here")
    wrong('tags = { a = "b" }', 'sort_key = { SK = "{n}" }, tags = { a = "c" }', "tags is a = b in", "and a = c here")
    wrong('global_secondary_indexes = { hlua.index { "GSI1", partition_key = "SK" } }', 'sort_key = { SK = "{n}" }',
      "index GSI1 is declared in", "and not declared here")
    wrong('global_secondary_indexes = { hlua.index { "GSI1", partition_key = "SK" } }', [[sort_key = { SK = "{n}" },
      global_secondary_indexes = { hlua.index { "GSI1", partition_key = "PK" } }]],
      "partition key of index GSI1 is SK S in", "and PK S here")
    wrong('time_to_live = { T = hlua.epoch "t" }',
      'sort_key = { SK = "{n}" }, time_to_live = { U = hlua.epoch "t" }', "time_to_live is T in")
  end)
end)

describe("policies", function()
  local function policy(fields)
    local low, errors = helper.with(fields)
    assert.is_nil(errors)
    return low.tables[1], low
  end
  local function wrong(fields, ...) says(select(2, helper.with(fields)), ...) end

  it("are lowered", function()
    local t, low = policy [[
attributes = { hlua.columns {}, At = hlua.N "{at}" }, existing = hlua.newer "At", keep = hlua.greatest "At", empty_strings = "absent",
time_zone = "Europe/Madrid", owns = { "X", "A#" }]]
    assert.are.same({ "newer", "At", "At", true, "Europe/Madrid" }, { t.existing, t.newer, t.keep, t.empty_strings_absent, t.time_zone })
    assert.are.same({ "X", "A#" }, t.owns)
    says(low.identity, 'existing = newer "At"\n', 'keep = greatest "At"\n', "empty_strings = absent\n", 'time_zone = "Europe/Madrid"\n',
      'owns = "X", "A#"\n')
    says(table.concat(explain.lines(low), " "):gsub("%s+", " "), "the one with the greater At stays",
      "an empty string leaves its attribute out", "time zone Europe/Madrid")
    assert.are.equal("keep", policy('existing = "keep"').existing)
    assert.are.equal("c", policy('attributes = { hlua.columns {} }, keep = hlua.greatest "c"').keep)
  end)

  it("of a plan spare its source", function()
    local function low(text)
      return helper.load(([[
local hlua = require "hlua"
return hlua.plan { name = "p", source = hlua.postgres {}, %s
  hlua.table { from = "a", to = "One", partition_key = { PK = "{id}" } } }]]):format(text))
    end
    local both = low "max_source_load = { connections = 3, latency_ms = 7 },"
    assert.are.same({ 3, 7 }, { both.source_connections, both.source_latency_ms })
    says(table.concat(explain.lines(both), " "):gsub("%s+", " "), "at most 3 connections, more slowly while it answers in more than 7 ms")
    assert.is_nil(low("").source_connections)
    assert.are.equal(both.identity, low("").identity)
  end)

  it("of a plan hold for its tables", function()
    local low = helper.load [[
local hlua = require "hlua"
return hlua.plan { name = "p", source = hlua.postgres {}, time_zone = "UTC", mapping_timeout = 0.0125, mapping_memory = 1 << 21,
  hlua.table { from = "a", to = "One", partition_key = { PK = "{id}" } },
  hlua.table { from = "a", to = "Two", partition_key = { PK = "{id}" }, time_zone = "Asia/Tokyo" } }]]
    assert.are.same({ "UTC", "Asia/Tokyo" }, { low.tables[1].time_zone, low.tables[2].time_zone })
    assert.are.same({ 13, 2097152 }, { low.mapping_timeout_ms, low.mapping_memory })
    local _, plain = policy ""
    assert.are.same({ 1000, 67108864 }, { plain.mapping_timeout_ms, plain.mapping_memory })
    assert.is_nil(plain.tables[1].time_zone)
  end)

  it("name attributes that can be compared", function()
    wrong('existing = hlua.newer "Nope"', 'hlua.newer: "Nope" is no attribute of tables[1]')
    wrong('attributes = { F = true }, keep = hlua.greatest "F"', 'hlua.greatest: "F" is no string, number or bytes')
    wrong('attributes = { F = function(row) return row.f end }, keep = hlua.greatest "F"', "as far as the plan says")
    wrong('keep = hlua.greatest "PK"', '"PK" is a key')
    wrong("existing = hlua.newer()", "hlua.newer: its attribute is missing")
    wrong('existing = hlua.greatest "x"', "expected hlua.newer(...), got hlua.greatest")
    wrong('keep = "x"', 'expected hlua.greatest(...), got "x"')
    says(select(2, items [[existing = hlua.newer "At", items = {
      hlua.item { partition_key = { PK = "{id}" }, attributes = { At = "{at}" } },
      hlua.item { partition_key = { PK = "{e}" } } }]]), '"At" is no attribute of tables[1].items[2]')
  end)

  it("do not contradict each other", function()
    local with = 'attributes = { A = "{a}", B = "{b}" }, keep = hlua.greatest "A", existing = '
    wrong(with .. '"keep"', 'keep cannot go with existing = "keep"', 'existing = hlua.newer "A" says both')
    wrong(with .. '"replace"', 'keep cannot go with existing = "replace"')
    wrong(with .. 'hlua.newer "B"', 'existing compares "B", keep compares "A"')
    policy(with .. 'hlua.newer "A"')
  end)

  it("own keys that there can be", function()
    wrong("owns = {}", "the list is empty")
    wrong('sort_key = { SK = "{b}" }, owns = "A#"', 'write { "A#" }')
    local function owns(key, list)
      return helper.table(('from = "t", to = "Target", partition_key = { PK = %s }, owns = { %s }'):format(key, list))
    end
    assert.is_table(owns('"CUST#{id}"', '"CUST#"'))
    assert.is_table(owns('"C{id}"', '"CUST#"'))
    assert.is_table(owns('"{{{id}"', '"{"'))
    assert.is_table(owns('hlua.S "CUST#1"', '"X", "CUST#"'))
    assert.is_table(owns('hlua.column "id"', '"CUST#"'))
    says(select(2, owns('"ORDER#{id}"', '"CUST#"')), "every row would be rejected")
    says(select(2, owns('hlua.S "C"', '"CUST#"')), "every row would be rejected")
    says(select(2, owns('hlua.N "{id}"', '"CUST#"')), 'the partition key "PK" is no string')
    local many = {}
    for i = 1, 101 do many[i] = ('"CUST#%d"'):format(i) end
    assert.is_table(owns('"CUST#{id}"', table.concat(many, ", ", 1, 100)))
    says(select(2, owns('"CUST#{id}"', table.concat(many, ", "))), "owns has 101 entries, and 100 are allowed")
    says(select(2, owns('"CUST#{id}"', '"CUST#", ""')), "owns[2]")
    says(table.concat(explain.lines(owns('"CUST#{id}"', '"CUST#"')), "\n"), "a target that holds others' items with its",
      'begin with "CUST#"')
  end)

  it("have sensible values", function()
    wrong('empty_strings = "drop"', 'expected one of "keep", "absent"')
    wrong('time_zone = "Europe Madrid"', '"Europe Madrid" is not the name of a time zone')
    wrong("time_zone = 1", "expected a string, got 1")
    local function plan(fields)
      return select(2, helper.load(('local hlua = require "hlua" return hlua.plan { name = "p", source = hlua.postgres {}, %s, '
        .. 'hlua.table { from = "t", to = "Target", partition_key = { PK = "{id}" } } }'):format(fields)))
    end
    says(plan "max_source_load = { connections = 1 }", "expected a whole number of at least 2, got 1")
    says(plan "max_source_load = { latency = 5 }", 'allowed here: connections, latency_ms')
    says(plan "max_source_load = 3", "expected a table such as max_source_load")
    says(plan "max_source_load = {}", "max_source_load", "is empty: it can hold connections and latency_ms", "such as max_source_load = {")
    says(plan "mapping_timeout = 0", "expected a number of seconds from 0.001 to 3600, got 0")
    says(plan "mapping_timeout = 0/0", "expected a number of seconds")
    says(plan "mapping_memory = 1000", "expected a whole number of at least 1048576, got 1000")
  end)
end)
