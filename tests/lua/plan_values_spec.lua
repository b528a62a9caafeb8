-- Sets, lists, maps, defaults and what else a value can be made of: their normal forms, and what is wrong with them.
package.path = "tests/lua/?.lua;lua/?.lua;lua/?/init.lua;" .. package.path
local helper = require "plan_helper"

local function load_value(text) return helper.with("attributes = { A = " .. text .. " }") end

local function value(text)
  local low, errors = load_value(text)
  assert.is_nil(errors)
  return low.tables[1].attributes[2].value, low
end

local function wrong(text, ...)
  local low, errors = load_value(text)
  assert.is_nil(low)
  for _, wanted in ipairs { ... } do
    assert.is_truthy(errors:find(wanted, 1, true), ("%q is not in:\n%s"):format(wanted, errors))
  end
end

-- A value in a short form: KIND.TYPE.TEXT(parts).
local function short(v)
  local parts = {}
  for i, part in ipairs(v.parts or {}) do parts[i] = (v.names and v.names[i] .. "=" or "") .. short(part) end
  local inside = #parts > 0 and "(" .. table.concat(parts, " ") .. ")" or ""
  return table.concat({ v.kind, v.type or "?", v.text }, ".") .. inside .. (v.fallback and " or " .. short(v.fallback) or "")
end

describe("a value", function()
  it("can be a set", function()
    assert.are.equal("set.SS(constant.S.a template.S.{b} column.S.c constant.S.5)",
      short(value 'hlua.SS { "a", "{b}", hlua.column "c", 5 }'))
    assert.are.equal("set.NS(constant.N.1 template.N.{n} column.N.c)", short(value 'hlua.NS { 1, "{n}", hlua.column "c" }'))
    assert.are.equal("set.BS(constant.B.\xff column.B.c or constant.B.x)",
      short(value 'hlua.BS { "\\xff", hlua.column("c", { default = "x" }) }'))
  end)

  it("can be lists and maps of any others", function()
    local wanted = "map.M(a=list.L(constant.BOOL.true null.NULL map.M) b=json.?.j c=when.?.x d=set.NS(constant.N.1))"
    assert.are.equal(wanted, short(value [[hlua.M {
      a = hlua.L { true, hlua.null, hlua.M {} }, b = hlua.json "j", c = hlua.when("x", hlua.L {}), d = hlua.NS { 1 } }]]))
    assert.are.equal("list.L", short(value "hlua.L {}"))
  end)

  it("can be NULL, true or false", function()
    assert.are.equal("null.NULL", short(value "hlua.null"))
    assert.are.equal("constant.BOOL.true", short(value "hlua.bool(true)"))
    assert.are.equal("column.BOOL.c or constant.BOOL.false", short(value 'hlua.bool(hlua.column("c", { default = false }))'))
  end)

  it("can have a default", function()
    assert.are.equal("column.?.c or constant.S.none", short(value 'hlua.column("c", { default = "none" })'))
    assert.are.equal("column.?.c or column.?.d", short(value 'hlua.column("c", { default = hlua.column "d" })'))
    assert.are.equal("column.N.c or constant.N.0", short(value 'hlua.N(hlua.column("c", { default = 0 }))'))
    assert.are.equal("column.S.c or constant.S.0", short(value 'hlua.S(hlua.column("c", { default = 0 }))'))
    assert.are.equal("column.?.c or constant.BOOL.false", short(value 'hlua.column("c", { default = false })'))
    assert.are.equal("column.?.c", short(value 'hlua.column("c", {})'))
  end)

  it("of a moment can leave out what DynamoDB would ignore", function()
    assert.is_true(value('hlua.epoch("c", { expired = "skip" })').expired_skip)
    assert.is_nil(value('hlua.epoch("c", { expired = "keep" })').expired_skip)
  end)

  it("keeps its place in each level", function()
    local v = value 'hlua.M {\n a = hlua.L {\n "{x}" } }'
    assert.are.equal(6, v.line)
    assert.are.equal("tables[1].attributes.A", v.parts[1].parts[1].path)
  end)
end)

describe("a wrong value", function()
  it("is a set that holds something twice, or nothing", function()
    wrong('hlua.SS { "a", "b", "a" }', 'tables[1].attributes.A[3]: the set has "a" twice')
    wrong('hlua.SS { "{{", hlua.column "c", "{{" }', 'the set has "{" twice')
    wrong('hlua.NS { 1, "1.0" }', 'the set has "1.0" twice')
    wrong('hlua.NS { "0.10", "1e-1" }', "twice")
    wrong('hlua.NS { 0, "-0" }', "twice")
    wrong('hlua.BS { "a", "a" }', "twice")
    wrong("hlua.SS {}", "a set cannot be empty")
    wrong('hlua.SS { a = "b" }', 'unknown field "a" in a list')
    wrong('hlua.SS "a"', 'expected a list of values, got "a"')
    wrong("hlua.NS { true }", "expected a template, a number, a function or hlua.column, got true")
    wrong('hlua.NS { "x" }', '"x" is not a number')
    wrong('hlua.SS { hlua.S "x" }', "got hlua.S")
    wrong('hlua.BS { 5 }', "expected a template, a function or hlua.column, got 5")
    value 'hlua.NS { 1, 10, "-1", "0.1" }'
    value 'hlua.SS { "{a}", "{a}" }'
  end)

  it("is a list with a hole, a map with a number, a table inside itself", function()
    wrong("hlua.L { 1, nil, 2 }", "entry 2 of the list is nil")
    wrong("hlua.L { a = 1 }", 'unknown field "a" in a list')
    wrong("hlua.M { 1 }", "expected a table { name = value }, got an entry without a name")
    wrong('hlua.M { [""] = 1 }', "an attribute's name is empty")
    wrong("hlua.M { a = { 1 } }", "tables[1].attributes.A.a: a table cannot be a value here")
    wrong("hlua.L(5)", "expected a list of values, got 5")
    wrong("hlua.M { a = hlua.S }", "hlua.S stands without its arguments")
    local deep = ("hlua.L { "):rep(33) .. "1" .. (" }"):rep(33)
    wrong(deep, "nested more than 32 levels deep")
    value(("hlua.L { "):rep(32) .. "1" .. (" }"):rep(32))
    wrong("(function() local t = {} t.a = hlua.M(t) return hlua.M(t) end)()", "nested more than 32 levels deep")
  end)

  it("is of another type than said", function()
    wrong('hlua.bool "x"', 'expected true, false, a function or hlua.column, got "x"')
    wrong("hlua.bool(1)", "expected true, false, a function or hlua.column, got 1")
    wrong('hlua.bool(hlua.column("c", { default = "x" }))', 'A.default: expected true, false, a function or hlua.column, got "x"')
    wrong('hlua.B(hlua.column("c", { default = 5 }))', "A.default: expected a template, a function or hlua.column, got 5")
    wrong('hlua.S(hlua.json "c")', "got hlua.json")
    wrong('hlua.epoch("c", { expired = "sikp" })', 'did you mean "skip"?')
  end)

  it("of a key is a set, a list, a map or NULL", function()
    local function key(text, wanted)
      local _, errors = helper.with("sort_key = { SK = " .. text .. " }")
      assert.is_truthy(errors and errors:find(wanted, 1, true), errors)
    end
    key('hlua.SS { "a" }', "a key cannot be a set")
    key("hlua.L { 1 }", "a key cannot be a list")
    key("hlua.M {}", "a key cannot be a map")
    key("hlua.null", "a key cannot be NULL")
  end)
end)

describe("the identity of values", function()
  it("tells types and parts apart", function()
    local texts = { 'hlua.L { "{a}" }', 'hlua.L { hlua.N "{a}" }', 'hlua.L { "{a}", "{b}" }', 'hlua.M { a = "{a}" }',
      'hlua.M { b = "{a}" }',
      'hlua.SS { "{a}" }', 'hlua.NS { "{a}" }', 'hlua.when("c", "{a}")', 'hlua.when("c", hlua.N "{a}")', 'hlua.column "a"',
      'hlua.column("a", { default = 1 })', 'hlua.column("a", { default = "1" })', 'hlua.S(hlua.column "a")', "hlua.null",
      'hlua.epoch "a"', 'hlua.epoch("a", { expired = "skip" })', 'hlua.L {}', 'hlua.M {}', 'hlua.L { hlua.L {} }' }
    local seen = {}
    for _, text in ipairs(texts) do
      local _, low = value(text)
      local first = seen[low.identity]
      assert.is_nil(first, ("%s and %s have one identity"):format(tostring(first), text))
      seen[low.identity] = text
    end
  end)
end)
