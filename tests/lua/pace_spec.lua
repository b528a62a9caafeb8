-- How many write units a second a run is asked to use.
local helper = require "tests.lua.plan_helper"
local pace   = require "hlua.pace"

describe("the pace", function()
  it("is --wcu, then what the plan says, then none", function()
    assert.equal(70, pace.of({ write_units = 500 }, { wcu = 70 })())
    assert.equal(500, pace.of({ write_units = 500 }, {})())
    assert.equal(0, pace.of({}, {})())
  end)

  it("may be a function of the clock, asked anew each time", function()
    local given, answer = nil, 4000
    local ask = pace.of({ write_units = function(clock) given = clock; return answer end }, {})
    assert.equal(4000, ask())
    assert.equal(tonumber(os.date "%Y"), given.year)
    for _, part in ipairs { "hour", "min", "sec", "wday", "yday", "month", "day", "elapsed" } do
      assert.equal("integer", math.type(given[part]), part)
    end
    assert.truthy(given.elapsed >= 0 and given.elapsed < 10)
    answer = 12.9
    assert.equal(12, ask())
  end)

  it("is refused when the function fails or gives no number of units", function()
    local function refused(call, ...)
      local units, text = pace.of({ write_units = call }, {})()
      assert.is_nil(units)
      for _, part in ipairs { ... } do assert.truthy(text:find(part, 1, true), text) end
    end
    refused(function() error "no moon" end, "write_units: ", "pace_spec.lua:", "no moon")
    refused(function() return nil end, "the function gave nil")
    refused(function() return "4000" end, "the function gave 4000")
    refused(function() return 0 end, "the function gave 0")
    refused(function() return 0 / 0 end, "no number of write units")
    refused(function() return math.huge end, "no number of write units")
    refused(function() return 1e18 end, "no number of write units")
  end)

  it("is said by the plan as a number or a function, and is no part of what the plan is", function()
    local function plan(text)
      return ([[
local hlua = require "hlua"
return hlua.plan { name = "p", source = hlua.postgres {}, %s
  hlua.table { from = "a", to = "One", partition_key = { PK = "{id}" } } }]]):format(text)
    end
    assert.equal(4000, helper.load(plan "write_units = 4000,").write_units)
    local low = helper.load(plan "write_units = function(clock) return clock.hour + 1 end,")
    assert.equal(8, low.write_units { hour = 7 })
    assert.equal(helper.load(plan "").identity, low.identity)
    assert.equal(0, #low.functions)
    for _, wrong in ipairs { "0", "2.5", '"fast"', "true", "1e10" } do
      local _, text = helper.load(plan("write_units = " .. wrong .. ","))
      assert.truthy(tostring(text):find("expected a whole number of write units", 1, true), text)
    end
  end)
end)
