-- Plans of rubbish: whatever stands wherever, the answer is errors or a plan, never a Lua error of our own.
package.path = "lua/?.lua;lua/?/init.lua;" .. package.path
local hlua   = require "hlua"
local schema = require "hlua.schema"
local load   = require "hlua.load"

require("hlua.identity").digest = function(bytes) return tostring(#bytes) end

local SEED, PLANS = 20240115, 300

local function pick(list) return list[math.random(#list)] end

local leaves = {
  function() return "" end, function() return "a{b}" end, function() return "{" end, function() return "ALL" end,
  function() return "abc" end, function() return "\xff\0" end, function() return 0 end, function() return -1 end,
  function() return 1e300 end, function() return 0 / 0 end, function() return true end, function() return false end,
  function() return print end, function() return hlua.S end, function() return hlua.null end,
  function() return function(row) return row.x end end, function() return { "a", "b" } end,
  function() return { A = "{b}" } end, function() return io.stdout end,
  function() return ("x"):rep(70000) end,
  function() return setmetatable({}, { __index = function() return 1 end }) end,
}

local make

local keys = { 1, 2, 3, 5, -1, 0.5, true, "", "a", "PK", "name", "partition_key", "read", "invalid", "only", "rename" }

local function any_table(depth)
  local t = {}
  for _ = 1, math.random(0, 3) do t[pick(keys)] = make(depth - 1) end
  return t
end

-- The fields of a constructor, most of them there, each often of its own kind.
local function fields_of(spec, depth)
  local t = {}
  for _, field in ipairs(spec.fields) do
    if math.random() < 0.6 then
      local kind = field.kind and schema.constructors[field.kind] and field.kind
      local value
      local inner = kind and schema.constructors[kind].fields
      if kind and math.random() < 0.8 then
        value = hlua[kind](inner and fields_of(schema.constructors[kind], depth - 1) or make(depth - 1))
        if field.type == "nodes" then value = { value } end
      elseif field.values and math.random() < 0.8 then
        value = pick(field.values)
      elseif field.type:find "key" and math.random() < 0.8 then
        value = { [pick { "PK", "SK", "G" }] = make(depth - 1) }
      else
        value = make(depth - 1)
      end
      t[field.key or field.name] = value
    end
  end
  return t
end

function make(depth)
  if depth <= 0 or math.random() < 0.4 then return pick(leaves)() end
  if math.random() < 0.3 then return any_table(depth) end
  local name = pick(schema.names)
  local spec = schema.constructors[name]
  if spec.constant then return hlua[name] end
  if spec.fields then return hlua[name](fields_of(spec, depth)) end
  return hlua[name](make(depth - 1), math.random() < 0.5 and make(depth - 1) or nil)
end

describe("rubbish", function()
  it("gives errors or a plan", function()
    math.randomseed(SEED)
    local count = 0
    for i = 1, PLANS do
      local fields = fields_of(schema.constructors.plan, 5)
      fields.name, fields.source = "p", hlua.postgres {}
      fields[1] = hlua.table(fields_of(schema.constructors.table, 5))
      local ok, low, text = pcall(load, hlua.plan(fields))
      assert.is_true(ok, ("plan %d of seed %d: %s"):format(i, SEED, tostring(low)))
      assert.is_true(low ~= nil or (type(text) == "string" and text ~= "" and #text <= 1400))
      if low then count = count + 1 end
    end
    assert.is_true(count < PLANS)
  end)
end)
