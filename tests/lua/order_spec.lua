-- hlua.order: pairs() and next that go through names one way or the other, and else do what Lua's own do.
local raw_next, raw_pairs = next, pairs

-- Runs `body` with pairs and next replaced.
local function ordered(direction, body)
  require "hlua.order"(direction)
  local ok, err = pcall(body)
  _G.next, _G.pairs = raw_next, raw_pairs
  assert(ok, err)
end

local function names(...)
  local found = {}
  for key in ... do found[#found + 1] = tostring(key) end
  return table.concat(found, " ")
end

local fruits = { pear = 1, apple = 2, fig = 3, plum = 4 }

describe("the order of names", function()
  it("rises in one state and falls in the other", function()
    ordered("rising", function()
      assert.equal("apple fig pear plum", names(pairs(fruits)))
      assert.equal("apple fig pear plum", names(next, fruits))
    end)
    ordered("falling", function()
      assert.equal("plum pear fig apple", names(pairs(fruits)))
      assert.equal("plum", (next(fruits)))
      assert.equal("apple", (next(fruits, "fig")))
      assert.is_nil(next(fruits, "apple"))
    end)
  end)

  it("leaves what is no name in Lua's own, before the names", function()
    for _, direction in ipairs { "rising", "falling" } do
      ordered(direction, function()
        assert.equal("1 2 3 only", names(pairs { "a", "b", "c", only = true }))
        assert.is_nil(next {})
        local sum = 0
        for _, value in pairs { 1, 2, 3, [10] = 4, [true] = 5, a = 6, b = 7 } do sum = sum + value end
        assert.equal(28, sum)
      end)
    end
  end)

  it("is kept while fields are cleared, and in loops within loops", function()
    ordered("falling", function()
      local t = { a = 1, b = 2, c = 3, d = 4 }
      for name in pairs(t) do t[name] = nil end
      assert.is_nil(next(t))
      for _, name in ipairs { "a", "b", "c", "d", "e", "f", "g", "h" } do t[name] = 1 end
      for outer in pairs(t) do
        t[outer] = nil
        next(t) -- begins another way through it
      end
      assert.is_nil(next(t))
      t = { a = 1, b = 2, c = 3 }
      local seen = {}
      for outer in pairs(t) do
        for inner in pairs(t) do seen[#seen + 1] = outer .. inner end
      end
      assert.equal("cc cb ca bc bb ba ac ab aa", table.concat(seen, " "))
    end)
  end)

  it("honours __pairs, and nothing else of a metatable", function()
    ordered("falling", function()
      local own = setmetatable({}, { __pairs = function() return function(_, n) return (n or 0) < 2 and (n or 0) + 1 or nil end end })
      assert.equal("1 2", names(pairs(own)))
      local read = setmetatable({ b = 1, a = 2 }, { __index = error, __metatable = false, __len = error })
      assert.equal("b a", names(pairs(read)))
    end)
  end)

  it("tells misuse as Lua does", function()
    ordered("rising", function()
      local _, text = pcall(function() for name in pairs(nil) do fruits[name] = nil end end)
      assert.equal("tests/lua/order_spec.lua:" .. debug.getinfo(1, "l").currentline - 1
        .. ": bad argument #1 to 'for iterator' (table expected, got nil)", text)
      assert.is_false(pcall(pairs))
      assert.is_false(pcall(next, 5))
      assert.is_false(pcall(next, {}, 5))
    end)
  end)
end)
