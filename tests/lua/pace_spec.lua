-- How many write units a second a run is asked to use.
local failure = require "hlua.report.failure"
local helper = require "tests.lua.plan_helper"
local pace   = require "hlua.pace"

-- The program's calls with a time limit; here one that gives "late" has reached it.
local core = {
  limited = function(ms, call, clock)
    assert.equal(250, ms)
    local ok, value = pcall(call, clock)
    return ok, value, value == "late"
  end,
  stopping = function() return false end,
}

local function of(asked, options) return pace.of({ write_units = asked, mapping_timeout_ms = 250 }, options or {}, core) end

describe("the pace", function()
  it("is --wcu, then what the plan says, then none", function()
    assert.equal(70, of(500, { wcu = 70 })())
    assert.equal(500, of(500)())
    assert.equal(0, of(nil)())
    assert.equal(0, pace.first(of(nil), core))
  end)

  it("may be a function of the clock, asked anew each time", function()
    local given, answer = nil, 4000
    local ask = of(function(clock) given = clock; return answer end)
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
      local units, text = of(call)()
      assert.is_nil(units)
      assert.truthy(text:find("^write_units: [^:]*pace_spec.lua:%d+: "), text)
      for _, part in ipairs { ... } do assert.truthy(text:find(part, 1, true), text) end
    end
    refused(function() error "no moon" end, "write_units: ", "pace_spec.lua:", "no moon")
    refused(function() error "no\nmoon" end, "no; moon")
    refused(function() error { moon = "none" } end, "the function raised a table")
    refused(function() error() end, "the function raised nil")
    refused(function() return "late" end, "the function ran longer than mapping_timeout allows (250 ms)")
    refused(function() return {} end, "the function gave a table, no number")
    refused(function() return nil end, "the function gave nil")
    refused(function() return "4000" end, "the function gave 4000")
    refused(function() return 0 end, "the function gave 0")
    refused(function() return 0 / 0 end, "no number of write units")
    refused(function() return math.huge end, "no number of write units")
    refused(function() return 1e18 end, "no number of write units")
  end)

  it("is refused the same way whatever is wrong, by the commands as well", function()
    for _, call in ipairs { function() error "no moon" end, function() return 0 end } do
      local units, err = pace.first(of(call), core)
      assert.is_nil(units)
      assert.equal("plan 1", err.kind .. " " .. err.exit)
      assert.truthy(failure.text(err):find("^hlua: write_units: .*pace_spec.lua:%d+: .*\nhint: mend the plan's write_units"))
    end
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
