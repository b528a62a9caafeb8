-- The schema is whole, and the small modules beside it do what they say.
package.path = "lua/?.lua;lua/?/init.lua;" .. package.path
local schema  = require "hlua.schema"
local types   = require "hlua.value_types"
local nearest = require "hlua.nearest"
local place   = require "hlua.place"

describe("the schema", function()
  local function check(field, where)
    for _, part in ipairs { "name", "type", "about", "example", "since" } do
      assert.is_string(field[part], where .. "." .. tostring(field.name) .. " has no " .. part)
    end
    assert.is_function(types[field.type], "no checker for " .. field.type)
    assert.is_truthy(field.about:find "%.$", field.about)
    assert.is_truthy(load("return { " .. field.example .. " }"), field.example)
    for _, inner in ipairs(field.fields or {}) do check(inner, where .. "." .. field.name) end
  end

  it("says everything of every field", function()
    for name, spec in pairs(schema.constructors) do
      assert.is_string(spec.about, name)
      assert.is_string(spec.example, name)
      assert.is_truthy(load(spec.example) or load("return { " .. spec.example .. " }"), spec.example)
      assert.is_string(spec.since, name)
      for _, field in ipairs(spec.fields or spec.arguments) do check(field, name) end
    end
  end)

  it("has a constructor for each of its names", function()
    for _, name in ipairs(schema.names) do
      assert.are.equal(schema.constructors[name].constant and "table" or "function", type(require("hlua")[name]))
    end
  end)
end)

describe("nearest", function()
  it("counts edits", function()
    assert.are.equal(0, nearest.distance("abc", "ABC"))
    assert.are.equal(1, nearest.distance("abc", "acb"))
    assert.are.equal(3, nearest.distance("", "abc"))
    assert.are.equal(3, nearest.distance("kitten", "sitting"))
  end)

  it("picks what is near enough, and nothing else", function()
    local fields = schema.field_names(schema.constructors.table.fields)
    assert.are.equal("partition_key", nearest.pick("partiton_key", fields))
    assert.are.equal("stream", nearest.pick("stream_view_type", fields))
    assert.are.equal("global_secondary_indexes", nearest.pick("global_secondary_index", fields))
    assert.is_nil(nearest.pick("webhook", fields))
    assert.are.equal("columns", nearest.pick("colums", schema.names)) -- column is as near
    assert.are.equal("column", nearest.pick("columm", schema.names))
    assert.is_nil(nearest.pick(("x"):rep(100000), fields))
    assert.are.equal("allowed here: a, b", nearest.hint("zzz", { "a", "b" }))
    assert.is_nil(nearest.hint("zzz", fields))
  end)
end)

describe("place.tokens", function()
  local function texts(source)
    local list = {}
    for i, token in ipairs(place.tokens(source)) do list[i] = token.text .. "@" .. token.line end
    return table.concat(list, " ")
  end

  it("reads Lua", function()
    assert.are.equal("a@2 =@2 b c@2 ,@2", texts '#!/x\na = "b c",')
    assert.are.equal("x@1 ==@1 1.5e3@1 ~=@1 y@2", texts "x == 1.5e3 ~= --[[ c\n]] y")
    assert.are.equal("\n]]@1 z@2", texts "[==[\n]]]==] z")
    assert.are.equal('a\\"b@1 c@1', texts [["a\"b" c]])
  end)

  it("reads anything to its end", function()
    for _, source in ipairs { "", "'", "[[", "--[[", "--", "\\", "#", "[=", "}})", '"\\' } do
      assert.is_table(place.tokens(source))
    end
  end)
end)
