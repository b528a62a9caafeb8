-- Functions in plans: where they can stand, how they are numbered, and what they are in the identity.
package.path = "tests/lua/?.lua;lua/?.lua;lua/?/init.lua;" .. package.path
local helper   = require "plan_helper"
local explain  = require "hlua.explain"
local identity = require "hlua.identity"
local node     = require "hlua.node"
local place    = require "hlua.place"

local function right(fields)
  local low, errors = helper.with(fields)
  assert.is_nil(errors)
  return low.tables[1], low
end

local function wrong(fields, ...)
  local low, errors = helper.with(fields)
  assert.is_nil(low)
  for _, text in ipairs { ... } do
    assert.is_truthy(errors:find(text, 1, true), ("%q is not in:\n%s"):format(text, errors))
  end
end

local function value(t, name)
  for _, entry in ipairs(t.attributes) do
    if entry.name == name then return entry.value end
  end
end

describe("functions", function()
  it("are values, alone, of a type, and inside others", function()
    local t, low = right [[
sort_key = { SK = hlua.S(hlua.fn({ "a", "b" }, function(a, b) return a .. b end)) },
attributes = {
  A = function(row) return row.a end,
  M = hlua.M { z = hlua.L { function(row) return row.z end }, n = hlua.N(function(row) return row.n end) },
  S = hlua.SS { "x", function(row) return row.s end },
  W = hlua.when("c", function(row) return row.w end),
  D = hlua.column("d", { default = function(row) return row.e end }),
}]]
    local sk = value(t, "SK")
    assert.are.same({ "function", "S", 0 }, { sk.kind, sk.type, sk["function"] })
    assert.are.same({ "a", "b" }, sk.columns)
    assert.is_nil(value(t, "A").type)
    assert.are.equal(1, value(t, "A")["function"])
    assert.are.equal(2, value(t, "D").fallback["function"])
    assert.are.same({ "n", "z" }, value(t, "M").names)
    assert.are.same({ 3, "N" }, { value(t, "M").parts[1]["function"], value(t, "M").parts[1].type })
    assert.are.equal(4, value(t, "M").parts[2].parts[1]["function"])
    assert.are.same({ 5, "S" }, { value(t, "S").parts[2]["function"], value(t, "S").parts[2].type })
    assert.are.equal(6, value(t, "W").inner["function"])
    assert.are.equal(7, #low.functions)
    assert.are.equal("xy", low.functions[1]("x", "y"))
    assert.are.equal(9, low.functions[2] { a = 9 })
    assert.are.same({ { "a", "b" }, false, false, false, false, false, false }, low.function_columns)
  end)

  it("that are used twice have one number, unless their columns differ", function()
    local low = helper.load [[
local hlua = require "hlua"
local function f(a) return a end
local at = hlua.fn({ "a" }, f)
return hlua.plan { name = "p", source = hlua.postgres {},
  hlua.table { from = "t", to = "Target", partition_key = { PK = hlua.S(at) },
    attributes = { B = hlua.fn({ "b" }, f), A = at, C = at } } }]]
    assert.are.same({ { "a" }, { "b" } }, low.function_columns)
  end)

  it("of keys say their type", function()
    wrong("sort_key = { SK = function(row) return row.a end }", "tables[1].sort_key.SK",
      "the type of what a function returns is not known before it runs", "hlua.S(function(row) ... end)")
    wrong('sort_key = { SK = hlua.fn({ "a" }, function(a) return a end) }', "not known before it runs")
    wrong('sort_key = { SK = hlua.bool(function(row) return true end) }', "a key cannot be true or false")
    wrong([[attributes = { G = function(row) return row.a end },
global_secondary_indexes = { hlua.index { "abc", partition_key = "G" } }]], 'the type of "G" is not known before its function runs')
    wrong("time_to_live = { T = function(row) return 1 end }", "say it: hlua.N(function(row) ... end)")
    wrong('time_to_live = { T = hlua.S(function(row) return 1 end) }', "a time to live is a number")
    local t = right [[
time_to_live = { T = hlua.N(function(row) return row.t end) }, attributes = { G = hlua.B(function(row) return row.a end) },
global_secondary_indexes = { hlua.index { "abc", partition_key = "G" } }]]
    assert.are.same({ { name = "G", type = "B" } }, t.target.indexes[1].partition)
  end)

  it("of columns take as many arguments", function()
    wrong('attributes = { A = hlua.fn({ "a" }, function(a, b) return b end) }', "the function takes 2 arguments and gets 1 columns")
    wrong('attributes = { A = hlua.fn({ "a", "b" }, function(a) return a end) }', "the function takes 1 arguments and gets 2 columns")
    wrong("attributes = { A = hlua.fn({ }, function() end) }", "the list is empty")
    wrong('attributes = { A = hlua.fn("a", function(a) return a end) }', 'expected a list of names, got "a"')
    wrong('attributes = { A = hlua.fn({ "a" }) }', "hlua.fn: its function is missing")
    wrong('attributes = { A = hlua.fn({ "a" }, "x") }', 'expected a function, got "x"')
    wrong('attributes = { A = hlua.fn({ "a" }, print) }', "a function of a library")
    right 'attributes = { A = hlua.fn({ "a", "b" }, function(...) return ... end) }'
  end)

  it("of whole rows leave the keys' types to the table", function()
    local t, low = helper.load [[
local hlua = require "hlua"
return hlua.plan { name = "p", source = hlua.postgres {}, hlua.table { from = "t", to = "Target",
  partition_key = { PK = hlua.S }, sort_key = { SK = hlua.N }, time_to_live = { TTL = hlua.N },
  global_secondary_indexes = {
    hlua.index { "GSI1", partition_key = { G = hlua.B }, sort_key = "SK" },
    hlua.index { "GSI2", partition_key = { "X", "G" } },
  },
  attributes = { X = hlua.S },
  map = function(row) return { PK = row.id } end } }]]
    assert.is_nil(low)
    low, t = t, t.tables[1]
    assert.are.equal(0, t.map)
    assert.are.same({}, t.attributes)
    assert.are.equal(1, #low.functions)
    assert.are.same({ name = "PK", type = "S" }, t.target.partition)
    assert.are.same({ name = "SK", type = "N" }, t.target.sort)
    assert.are.equal("TTL", t.target.time_to_live)
    assert.are.same({ { name = "X", type = "S" }, { name = "G", type = "B" } }, t.target.indexes[2].partition)
    assert.is_truthy(table.concat(explain.lines(low), "\n"):find("as the table's map returns them", 1, true))
  end)

  it("that are asked about rejected rows stand beside any mapping", function()
    local t, low = right [[attributes = { A = function(row) return row.a end },
on_reject = function(row, reject) return hlua.stop(reject.key) end]]
    assert.are.equal(1, t.on_reject)
    assert.are.equal(2, #low.functions)
    local stop = low.functions[2]({}, { key = "id=1" })
    assert.are.same({ "stop", "id=1" }, { stop.kind, stop.why })
    assert.is_truthy(table.concat(explain.lines(low), "\n"):find("shown to\n? *on_reject"))
    assert.is_true(explain.document(low).tables[1].on_reject)
    local plain = right "attributes = { A = function(row) return row.a end }"
    assert.are.equal(-1, plain.on_reject)
  end)

  it("of whole rows stand alone", function()
    local map = "map = function(row) return nil end, "
    wrong(map, "tables[1].partition_key.PK: with map the table declares types alone", "{ PK = hlua.S }")
    local function declared(fields, ...)
      local low, errors = helper.table('from = "t", to = "Target", partition_key = { PK = hlua.S }, ' .. map .. fields)
      assert.is_nil(low)
      for _, text in ipairs { ... } do assert.is_truthy(errors:find(text, 1, true), errors) end
    end
    declared('items = { hlua.item { partition_key = { PK = "{id}" } } }', "map and items are both given")
    declared('attributes = { A = "{a}" }', "attributes.A: with map the table declares types alone")
    declared("attributes = { hlua.columns {} }", "with map the table declares types alone")
    declared('nulls = "keep"', "nulls is for columns and templates")
    declared('time_to_live = { T = hlua.S }', "declare it: { T = hlua.N }")
    declared('global_secondary_indexes = { hlua.index { "abc", partition_key = "G" } }', 'the type of "G" is not known',
      "attributes = { G = hlua.S }")
    declared('global_secondary_indexes = { hlua.index { "abc", partition_key = { G = "{g}" } } }', "with map the table declares")
    declared('global_secondary_indexes = { hlua.index { "abc", partition_key = { PK = hlua.N } } }',
      '"PK" is declared N here and S in tables[1].partition_key.PK')
    wrong("map = 5", "expected a function, got 5")
  end)
end)

describe("the identity of functions", function()
  local function line(text)
    local _, low = right(text)
    return low.identity:match "\n(tables%.Target%.attributes%.A = [^\n]*)"
  end

  it("is what they do, not where they stand", function()
    local first = line 'attributes = { A = function(row) return row.a end }'
    assert.is_truthy(first:find "= function %x+ of the row$")
    assert.are.equal(first, line '\n\n-- moved\nattributes = { A = function(row) return row.a end }')
    assert.are_not.equal(first, line 'attributes = { A = function(row) return row.b end }')
    assert.are_not.equal(first, line 'attributes = { A = hlua.fn({ "a" }, function(row) return row.a end) }')
  end)

  it("holds what they refer to", function()
    local function with(before, body)
      local low = helper.load(('local hlua = require "hlua"\n%s\nreturn hlua.plan { name = "p", source = hlua.postgres {}, hlua.table '
        .. '{ from = "t", to = "Target", partition_key = { PK = "{id}" }, attributes = { A = function(row) %s end } } }')
        :format(before, body))
      return low.identity
    end
    assert.are.equal(with("local days = 5", "return days"), with("local days = 5", "return days"))
    assert.are_not.equal(with("local days = 5", "return days"), with("local days = 6", "return days"))
    assert.are_not.equal(with("local days = 5", "return days"), with('local days = "5"', "return days"))
    assert.are_not.equal(with("local function f(x) return x end", "return f(row)"), with("local function f() end", "return f(row)"))
    local map = "local map = { a = 1, b = { 2, [true] = 'x' } } map.self = map"
    assert.are.equal(with(map, "return map[row.a]"), with(map, "return map[row.a]"))
    assert.are_not.equal(with(map, "return map[row.a]"), with(map:gsub("'x'", "'y'"), "return map[row.a]"))
    assert.are.equal(with("local N, f = hlua.N, string.format", "return N(f('5'))"),
      with("local N, f = hlua.N, string.format", "return N(f('5'))"))
    assert.are_not.equal(with("function spec_helper() return 1 end", "return spec_helper()"),
      with("function spec_helper() return 2 end", "return spec_helper()"))
    rawset(_G, "spec_helper", nil)
  end)

  it("names the modules that the host has recorded", function()
    identity.modules = { { name = "my.helpers", digest = "abc" } }
    local _, low = right ""
    identity.modules = {}
    assert.is_truthy(low.identity:find('\nmodules."my.helpers" = abc\n', 1, true) or low.identity:find('^modules."my.helpers" = abc\n'))
  end)
end)

describe("what functions return", function()
  local hlua = require "hlua"

  it("is made by the same constructors", function()
    local n = hlua.N(5)
    assert.is_true(node.is(n, "N"))
    assert.are.same({ 5, 1 }, { n[1], n.n })
    assert.are.equal(node.meta, getmetatable(hlua.M {}))
    local to = hlua.to("Other", { PK = "x" })
    assert.are.same({ "to", "Other", "x" }, { to.kind, to.table, to.item.PK })
    assert.is_true(node.is(hlua.null, "null"))
  end)

  it("notes no line once the plan is loaded", function()
    local kept = debug.getinfo
    local calls = 0
    place.rest()
    debug.getinfo = function(...) calls = calls + 1 return kept(...) end -- luacheck: ignore
    hlua.S "x"
    debug.getinfo = kept -- luacheck: ignore
    place.wake()
    assert.are.equal(0, calls)
    local s = hlua.S "x"
    assert.is_table(s.where)
  end)
end)
