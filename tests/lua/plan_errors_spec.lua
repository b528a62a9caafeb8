-- Wrong plans: what is said, and where it points.
package.path = "tests/lua/?.lua;lua/?.lua;lua/?/init.lua;" .. package.path
local helper = require "plan_helper"

-- Asserts that the errors hold each of the texts.
local function says(errors, ...)
  assert.is_string(errors)
  for _, text in ipairs { ... } do
    assert.is_truthy(errors:find(text, 1, true), ("%q is not in:\n%s"):format(text, errors))
  end
end

local function wrong(fields, ...)
  local low, errors = helper.with(fields)
  assert.is_nil(low)
  says(errors, ...)
end

describe("what a script returns", function()
  it("must be a plan", function()
    says(select(2, helper.load "return nil"), "plan.lua: the script returned nothing instead of a plan", "hint: end it with")
    says(select(2, helper.load 'return require("hlua").dynamodb {}'), "the script returned hlua.dynamodb instead of a plan")
    says(select(2, helper.load 'return require("hlua").plan(5)'), "expected a table of fields for hlua.plan, got 5")
  end)

  it("has a name, a source and tables", function()
    local _, errors = helper.load 'local hlua = require "hlua"\n\nreturn hlua.plan {}'
    says(errors, "plan.lua:3: name is missing\nhint: such as name =", "plan.lua:3: source is missing",
      "plan.lua:3: has no hlua.table")
  end)

  it("names constructors that there are", function()
    local ok, message = pcall(function() return require("hlua").tabel {} end)
    assert.is_false(ok)
    says(message, 'hlua has no constructor "tabel"', "did you mean hlua.table?")
    says(select(2, pcall(function() return require("hlua").phases end)), "hint: there are hlua.B, hlua.BS,")
    local calls = { number = "N", nubmer = "N", string = "S", boolean = "bool", map = "M", list = "L", postgress = "postgres" }
    for given, meant in pairs(calls) do
      local _, text = pcall(function() return require("hlua")[given] end)
      says(text, ("hint: did you mean hlua.%s?"):format(meant))
    end
  end)

  it("cannot be added to afterwards", function()
    local index = require("hlua").index { "abc" }
    assert.is_false(pcall(function() index.projection = "ALL" end))
  end)
end)

describe("unknown fields", function()
  it("are named with file, line, path and the nearest name", function()
    wrong('\n\npartition_keys = {}',
      'plan.lua:8: tables[1].partition_keys: unknown field "partition_keys"\nhint: did you mean "partition_key"?')
    wrong('attributes = { hlua.columns { exept = { "a" } } }', 'tables[1].attributes[1].exept: unknown field "exept"')
    wrong('attributes = { J = hlua.json("x", {\n invalld = 1 }) }', 'plan.lua:7: tables[1].attributes.J.invalld: unknown field')
  end)

  it("include what a later version may have", function()
    for _, field in ipairs { "write_units", "phases", "changes", "account" } do
      wrong(field .. " = 1", ('tables[1].%s: unknown field "%s"'):format(field, field))
    end
  end)

  it("that are another constructor's say whose", function()
    local function plan_field(text, ...)
      local _, errors = helper.load('local hlua = require "hlua"\nreturn hlua.plan { name = "p", source = hlua.postgres {},\n' .. text
        .. ',\nhlua.table { from = "t", to = "Target", partition_key = { PK = "{id}" } } }')
      says(errors, ...)
    end
    plan_field("on_rejct = 1", 'plan.lua:3: on_rejct: unknown field "on_rejct"',
      'hint: did you mean "on_reject"? it is a field of hlua.table')
    plan_field('region = "x"', "hint: region is a field of hlua.dynamodb")
    plan_field("targett = 1", 'hint: did you mean "target"?')
    wrong("write_units = 5", "hint: write_units is a field of hlua.plan")
    wrong('global_secondary_indexes = { hlua.index { "abc", partition_key = "PK", tags = {} } }', "hint: tags is a field of hlua.table")
  end)

  it("of an index say where its name goes", function()
    wrong('global_secondary_indexes = { hlua.index { name = "abc", partition_key = "id" } }',
      'unknown field "name"', "hint: the name comes first: hlua.index {", "name is missing")
  end)

  it("are found in any style of writing", function()
    wrong('["attributs"] = {}', 'plan.lua:6: tables[1].attributs')
    wrong('-- tags = 1\n--[[ tags = 2\n]] tags\n = 3', 'plan.lua:8: tables[1].tags: expected a table { name = text }, got 3')
    wrong('where = "tags = { in text",\ntags = (function() local tags = 1 return tags end)()', "plan.lua:7: tables[1].tags")
  end)
end)

describe("places", function()
  it("are found through tail calls", function()
    local _, errors = helper.load [[
local hlua = require "hlua"
-- hlua.plan { in a comment
local function index(n)
  return hlua.index { "GSI" .. n, partition_key = "id", sortkey = "x" }
end
return hlua.plan {
  name = "p",
  sauce = 1,
  source = hlua.postgres {},
  hlua.table { from = "t", to = "Target", partition_key = { id = "{id}" },
    global_secondary_indexes = {
      index(1),
      index(2),
    },
  },
}]]
    says(errors, 'plan.lua:8: sauce: unknown field "sauce"',
      'plan.lua:12: tables[1].global_secondary_indexes[1].sortkey', 'plan.lua:13: tables[1].global_secondary_indexes[2].sortkey')
  end)

  it("are the constructors' own when the plan is put together from variables", function()
    local _, errors = helper.load [[
local hlua = require "hlua"
local index = hlua.index { "GSI1",
  partition_key = { G = true } }
local t = hlua.table {
  from = "t", to = "Target", partition_key = { id = "{id}" }, global_secondary_indexes = { index },
  nulls = "kep",
}
local plan = hlua.plan { name = "p", source = hlua.postgres {}, t }
return plan]]
    says(errors, 'plan.lua:6: tables[1].nulls: expected one of "absent", "keep", got "kep"\nhint: did you mean "keep"?')
    _, errors = helper.load [[
local hlua = require "hlua"
local index = hlua.index { "GSI1",
  partition_key = { G = true } }
local t = hlua.table { from = "t", to = "Target", partition_key = { id = "{id}" }, global_secondary_indexes = { index } }
local plan = hlua.plan { name = "p", source = hlua.postgres {}, t }
return plan]]
    says(errors, "plan.lua:3: tables[1].global_secondary_indexes[1].partition_key.G: a key cannot be true or false")
  end)

  it("come in the order of their lines, at most twenty, cut to the size asked for", function()
    local fields = {}
    for i = 1, 30 do fields[i] = ("wrong%02d = 1,"):format(i) end
    local text = 'local hlua = require "hlua"\nreturn hlua.plan { name = "p", source = hlua.postgres {},\nhlua.table { from = "t", '
      .. 'to = "Target", partition_key = { id = "{id}" },\n' .. table.concat(fields, "\n") .. "} }"
    local _, errors = helper.load(text, 100000)
    says(errors, "plan.lua:4: tables[1].wrong01", "plan.lua:23: tables[1].wrong20", "\n... and 10 more")
    _, errors = helper.load(text, 400)
    assert.is_true(#errors < 450)
    says(errors, "\n... and ")
  end)
end)

describe("templates", function()
  it("are errors with a caret at the character", function()
    wrong('sort_key = { SK = "{ServiceName}-{LogTimestamp:%Q}" }',
      'plan.lua:6: tables[1].sort_key.SK: unknown format "%Q" for a time\n'
      .. '  "{ServiceName}-{LogTimestamp:%Q}"\n'
      .. '                               ^')
  end)

  it("have their caret in the right column beside accents, and are cut when long", function()
    wrong('attributes = { A = "é\\t{x" }', '  "é\\t{x"\n      ^')
    wrong(('attributes = { A = "%s}" }'):format(("é"):rep(200)), ('  "...%s}"\n'):format(("é"):rep(25)),
      (" "):rep(31) .. "^\nhint: a literal brace is }}")
  end)
end)

describe("values", function()
  it("are not plain tables, constructors or C functions", function()
    wrong("attributes = { A = { 1 } }", "a table cannot be a value here", "hint: a map is said by hlua.M { ... }")
    wrong('attributes = { A = hlua.index { "abc" } }', "hlua.index cannot be a value here\n"
      .. "hint: allowed are a template, a number, true or false, function(row), hlua.B, hlua.BS,")
    wrong('attributes = { A = hlua.to("Target", {}) }', "hlua.to cannot be a value here")
    wrong("attributes = { A = hlua.column }", "hlua.column stands without its arguments")
    wrong("attributes = { A = print }", "a function of a library cannot stand here by itself", "function(row) return")
    wrong("attributes = { A = io.stdout }", "a userdata cannot be a value here")
    wrong("sort_key = { SK = hlua.S }", "hlua.S alone says a type, and here a value is needed")
    wrong("attributes = { A = hlua.N }", "hlua.N alone says a type, and here a value is needed")
  end)

  it("take what their constructors take", function()
    wrong("attributes = { A = hlua.column() }", "hlua.column: its column is missing", "hint: such as")
    wrong('attributes = { A = hlua.column("a", {}, 1) }', "hlua.column takes 2 arguments, got 3")
    wrong('attributes = { A = hlua.column("a", { default = {} }) }', "tables[1].attributes.A.default: a table cannot be a value here")
    wrong('attributes = { A = hlua.N(hlua.column("a", { default = "x" })) }', '"x" is not a number')
    wrong('attributes = { A = hlua.N "abc" }', '"abc" is not a number')
    wrong("attributes = { A = hlua.N(true) }", "expected a template, a number, a function or hlua.column, got true")
    wrong("attributes = { A = hlua.B(5) }", "expected a template, a function or hlua.column, got 5")
    wrong('attributes = { A = hlua.json("a", { invalid = "strng" }) }', 'hint: did you mean "string"?')
    wrong('attributes = { A = hlua.epoch("a", { days = "x" }) }', "tables[1].attributes.A.days: expected a number")
    wrong('attributes = { A = hlua.epoch("a", { hours = 0.00001 }) }', "do not add up to whole seconds")
    wrong('attributes = { A = hlua.when("a") }', "hlua.when: its value is missing")
    wrong('attributes = { A = hlua.when("a", hlua.when("b", 1)) }', "hlua.when stands inside hlua.when")
    wrong("attributes = { A = 0/0 }", "is no number that DynamoDB knows")
    wrong("attributes = { A = 1e200 }", "out of DynamoDB's range")
    wrong('attributes = { A = "\\xff" }', "the text is not UTF-8", 'hlua.B "..."')
    wrong('attributes = { "x" }', '"x" has no attribute\'s name')
    wrong('attributes = { [""] = "x" }', "an attribute's name is empty")
    wrong("attributes = { hlua.columns {}, hlua.columns {} }", "a second hlua.columns")
  end)
end)

describe("keys", function()
  local function key(value, ...)
    local low, errors = helper.table('from = "t", to = "Target",\npartition_key = ' .. value)
    assert.is_nil(low)
    says(errors, ...)
  end

  it("name a column", function()
    key('{ PK = "PROFILE" }', "plan.lua:6: tables[1].partition_key.PK", '"PROFILE" names no column', 'hlua.S "PROFILE"')
    key('{ PK = hlua.S "" }', "a key cannot be empty")
    key(('{ PK = hlua.S "%s" }'):format(("x"):rep(2049)), "a key of 2049 bytes; DynamoDB allows 2048")
  end)

  it("are strings, numbers or bytes, for every row", function()
    key("{ PK = true }", "a key cannot be true or false")
    key('{ PK = hlua.json "a" }', "a key cannot be parsed JSON")
    key('{ PK = hlua.when("a", "{b}") }', "hlua.when makes a value that can be absent")
  end)

  it("are one { NAME = value }", function()
    key('"{id}"', 'expected { NAME = value }, got "{id}"', 'partition_key = { PK = "{id}" }')
    key('"id"', 'partition_key = { id = hlua.column "id" }')
    key('{ "id" }', "a list of names is for indexes")
    key('{ A = "{a}", B = "{b}" }', "expected one { NAME = value }, got 2")
    key("{}", "expected one { NAME = value }, got 0")
    key(('{ %s = "{id}" }'):format(("x"):rep(256)), "has 256 bytes; here at most 255")
  end)
end)

describe("indexes", function()
  local function global(fields, ...)
    wrong("global_secondary_indexes = {" .. fields .. "}", ...)
  end
  local function locals(fields, ...)
    wrong('sort_key = { SK = "{b}" }, local_secondary_indexes = {' .. fields .. "}", ...)
  end

  it("have names of their own", function()
    global('hlua.index { "abc", partition_key = "PK" }, hlua.index { "abc", partition_key = "PK" }', 'two indexes have the name "abc"')
    global('hlua.index { "a", partition_key = "PK" }', '"a" is not a name that DynamoDB allows')
    wrong('global_secondary_indexes = hlua.index { "abc" }', "put it between braces")
    global('{ "abc" }', "put hlua.index before the brace")
  end)

  it("have keys that are mapped", function()
    global('hlua.index { "abc" }', "a global index needs a partition_key")
    global('hlua.index { "abc", partition_key = "LoanId" }', '"LoanId" is no attribute of this table')
    global('hlua.index { "abc", partition_key = "PKK" }, hlua.index { "def", partition_key = { GKEY = "{b}" } }', 'did you mean "PK"?')
    global('hlua.index { "abc", partition_key = "{LoanId}" }', "give the attribute a name")
    global('hlua.index { "abc", partition_key = "PK",\nsort_key = { hlua.S "SK" } }',
      "plan.lua:7: ", "expected an attribute's name, got hlua.S", "a value has a name: sort_key = { NAME = value }")
    global('hlua.index { "abc", partition_key = "PK", sort_key = "PK" }', '"PK" is in the index\'s key twice')
    global('hlua.index { "abc", partition_key = { A = "{a}", B = "{b}" } }', "the order of several must be said")
    global('hlua.index { "abc", partition_key = { "A", "B", "C", "D", "E" } }', "5 attributes in a key; DynamoDB allows 4")
    global('hlua.index { "abc", partition_key = { G = "OPEN" } }', 'hlua.S "OPEN"')
    global('hlua.index { "abc", partition_key = { G = hlua.when("a", "OPEN") } }', 'hlua.S "OPEN"')
    wrong('attributes = { F = true }, global_secondary_indexes = { hlua.index { "abc", partition_key = "F" } }',
      '"F" is no string, number or bytes')
    wrong('attributes = { hlua.columns { except = { "X" } } }, global_secondary_indexes = { hlua.index { "abc", partition_key = "X" } }',
      '"X" is no attribute of this table')
  end)

  it("that are local share the table's partition key", function()
    locals('hlua.index { "abc", sort_key = { L = "{c}" }, partition_key = { X = "{c}" } }',
      'a local index has the table\'s partition key, "PK"')
    locals('hlua.index { "abc" }', "a local index needs a sort_key")
    locals('hlua.index { "abc", sort_key = { "PK", "SK" } }', "several sort key attributes are for global indexes")
    wrong('local_secondary_indexes = { hlua.index { "abc", sort_key = { L = "{c}" } } }',
      "local indexes need a table with a sort_key")
    local six = {}
    for i = 1, 6 do six[i] = ('hlua.index { "LSI%d", sort_key = "SK" }'):format(i) end
    locals(table.concat(six, ","), "6 local indexes; DynamoDB allows 5")
  end)

  it("project something there is", function()
    global('hlua.index { "abc", partition_key = "PK", projection = "all" }', 'did you mean "ALL"?')
    global('hlua.index { "abc", partition_key = "PK", projection = {} }', "the list is empty")
  end)
end)

describe("contradictions", function()
  it("of the source", function()
    wrong('query = "SELECT 1"', "from and query are both given")
    local _, errors = helper.table 'to = "Target", partition_key = { PK = "{id}" }'
    says(errors, "plan.lua:4: tables[1]: neither from nor query is given")
    _, errors = helper.table 'query = "SELECT * FROM t WHERE {range}", to = "Target", partition_key = { PK = "{id}" }'
    says(errors, "{range} stands in the query, but there is no key")
    wrong('key = "id"', 'expected a list of names, got "id"\nhint: write { "id" }')
    wrong('key = { "id", "id" }', '"id" is named twice')
  end)

  it("of capacity", function()
    wrong('billing_mode = "PROVISIONED"', '"PROVISIONED" without provisioned')
    wrong("provisioned = { read = 1, write = 1 }", 'add billing_mode = "PROVISIONED"')
    wrong('billing_mode = "PAY_PER_REQUEST", provisioned = { read = 1, write = 1 }', "units are for")
    wrong('billing_mode = "PROVISIONED", provisioned = { read = 0 }', "a whole number of at least 1, got 0", "write is missing")
    wrong('global_secondary_indexes = { hlua.index { "abc", partition_key = "PK", provisioned = { read = 1, write = 1 } } }',
      "units are for a table")
  end)

  it("of attributes", function()
    wrong('\nattributes = { PK = "{other}" }',
      'plan.lua:7: tables[1].attributes.PK: "PK" has another value in tables[1].partition_key.PK (plan.lua:5)')
    wrong('time_to_live = { PK = hlua.epoch "t" }', '"PK" is a key already')
    wrong('attributes = { T = "x" }, time_to_live = { T = hlua.epoch "t" }', '"T" has another value in tables[1].attributes.T')
    wrong('time_to_live = { TTL = "{t}" }', "a time to live is a number of seconds since 1970")
    wrong('attributes = { hlua.columns { only = { "a" }, except = { "b" } } }', "only and except are both given")
    wrong('attributes = { hlua.columns { rename = { a = "x", b = "x" } } }', 'two columns become "x"')
    wrong('attributes = { hlua.columns { only = { "a" }, rename = { b = "x" } } }', '"b" is not in only')
    wrong('attributes = { hlua.columns { except = { "b" }, rename = { b = "x" } } }', '"b" is left out by except')
  end)

  it("of two tables", function()
    local one = 'hlua.table { from = "t", to = "Target", partition_key = { PK = "{id}" } %s }, '
    local plan = 'local hlua = require "hlua" return hlua.plan { name = "p", source = hlua.postgres {}, %s }'
    local _, errors = helper.load(plan:format(one:format "" .. one:format ""))
    says(errors, 'tables[1] and tables[2] have the same name, "Target"', "give each a name of its own")
    _, errors = helper.load(plan:format(one:format ', name = "x"' .. one:format(', name = "x"'):gsub("Target", "Other")))
    says(errors, 'tables[1] and tables[2] have the same name, "x"')
    _, errors = helper.load(plan:format("nil, " .. one:format ""))
    says(errors, "the hlua.table at place 1 is nil")
  end)
end)

describe("fields", function()
  it("have their types", function()
    wrong("point_in_time_recovery = 1", "expected true or false, got 1")
    wrong("on_reject = 1", "tables[1].on_reject: expected a function, got 1")
    wrong("on_reject = hlua.stop", "tables[1].on_reject: hlua.stop stands without its arguments")
    wrong('on_reject = hlua.stop "now"', "tables[1].on_reject: expected a function")
    wrong("max_rejects = 0.5", "expected a whole number of at least 0, got 0.5")
    wrong('stream = "NEW"', 'expected one of "KEYS_ONLY"')
    wrong('existing = "replce"', 'expected one of "replace", "keep", got "replce"', 'did you mean "replace"?')
    wrong('existing = "newer"', 'tables[1].existing: "newer" needs the attribute that is compared',
      'such as existing = hlua.newer "UpdatedAt"')
    wrong("tags = { a = 1 }", "tables[1].tags.a: expected a text, got 1")
    wrong('tags = { ["aws:x"] = "1" }', '"aws:x" is not a tag\'s name')
    wrong('where = ""', "tables[1].where: is empty")
    wrong("where = function() end", "expected a string, got a function")
    wrong('columns = { "x" }', "got an entry without a name")
    local function to(name, ...)
      says(select(2, helper.table(('from = "t", to = %q, partition_key = { PK = "{id}" }'):format(name))), ...)
    end
    to("Logs x", '"Logs x" is not a name that DynamoDB allows')
    to("Logs-{x", "a { without a }")
    to("Logs-{{x}}", '"Logs-{{x}}" gives no name that DynamoDB allows')
    to("Logs/{x}", "letters, digits, underscores, hyphens and dots")
    to("Logs-{x:%H:%M}", "gives no name")
    to("Logs-{x:%T}", "gives no name")
    to("Logs-{x:%d%%}", "gives no name")
    to("Logs-" .. ("x"):rep(251) .. "{x}", "gives no name")
  end)

  it("tell what is no connection string, without a password", function()
    local function error_of(uri)
      local _, errors = helper.load(("local hlua = require 'hlua'\nreturn hlua.plan { name = 'p', source = hlua.postgres { uri = %q }, "
        .. "hlua.table { from = 't', to = 'Target', partition_key = { PK = '{id}' } } }"):format(uri))
      return errors
    end
    local shown = {
      ["localhost:5432/loans"] = "localhost:5432/loans", ["loans"] = "loans", ["mysql://x"] = "mysql://x", ["postgres//x"] = "postgres//x",
      [" postgresql://u:secret@h/d"] = " postgresql://***@h/d", ["localhost:5432/d?password=secret"] = "localhost:5432/d?password=***",
      ["mysql://u:se@secret@h:3306/d?a=secret"] = "mysql://***@h:3306/d?a=***", ["postgres//u:secret@h:5432"] = "postgres//***@h:5432",
      ["u:secret"] = "u:***", ["u:se/cret"] = "u:***", ["h:12secret"] = "h:***", ["u:secret@h"] = "***@h",
    }
    for uri, text in pairs(shown) do
      says(error_of(uri), ('source.uri: "%s" is not a connection string of PostgreSQL'):format(text),
        "postgresql://user@host:5432/database")
    end
    for _, uri in ipairs { "postgresql://u:p@h/d", "postgres:///d", "host=h dbname=d", " service = loans", "" } do
      local errors = error_of(uri)
      assert.is_nil(errors and errors:find "connection string", uri)
    end
    says(error_of "", "source.uri: is empty")
  end)

  it("never show an address", function()
    local _, errors = helper.load [[
local hlua = require "hlua"
return hlua.plan { name = "p", source = hlua.postgres { url = "postgresql://u:secret@h/db", uri = "\0secret" },
  target = hlua.dynamodb { endpoint = "ftp://u:secret@h" }, hlua.table {} }]]
    says(errors, 'unknown field "url"', "source.uri: holds a zero byte", "target.endpoint: is not an http or https address")
    assert.is_nil(errors:find("secret", 1, true))
  end)
end)
