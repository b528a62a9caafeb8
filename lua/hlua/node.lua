-- What a constructor makes, told apart from plain tables by its metatable, node.meta. Its form:
--   called with one table of fields (hlua.table { ... }):  { kind = "table", fields = { ... }, where = ... }
--   called with arguments (hlua.N(5), hlua.when("c", v)):  { kind = "N", n = 1, [1] = 5, where = ... }
--   hlua.to("Other", item):                                { kind = "to", table = "Other", item = item }
--   hlua.stop("why"):                                      { kind = "stop", why = "why" }
--   hlua.null, which is not called:                        { kind = "null", n = 0 }
-- `where` is hlua.place's { file, line }, or nil when the call left no line of its own (a tail call).
--
-- A plan's functions call the same constructors while rows are mapped; src/lua/mapper.c reads what they return. These kinds
-- can stand there, nested at will beside plain values; the arguments are what the script gave, unchecked:
--   S, N, B      [1]: a string, a number, or what else has an exact text (decimals, times; bytes for B). No templates here.
--   bool         [1]: true or false
--   SS, NS, BS   [1]: a list of what S, N, B take
--   L            [1]: a list; M: [1]: a table whose keys are strings; of any values
--   null         the constant
--   to           `table`: the name of a table of the plan (its name field, by default its target); `item`: a plain table; only as
--                what `map` or `on_reject` returns
--   stop         `why`: only as what `on_reject` returns
-- Any other kind is an error of the row. A worker's state calls require "hlua.place".rest() once the plan is loaded: from then on
-- constructors no longer look up their line.
local node = {}

node.meta = {
  __name = "hlua value",
  __tostring = function(self) return "hlua." .. self.kind end,
  -- A node is made once; what a script adds afterwards would be lost without a word.
  __newindex = function(self, key)
    error(("hlua.%s is made already: put %s into its constructor"):format(self.kind, tostring(key)), 2)
  end,
}

local meta = node.meta

function node.new(object) return setmetatable(object, meta) end

-- True for what a constructor made; of that kind, when one is given.
function node.is(value, kind)
  return getmetatable(value) == meta and (kind == nil or value.kind == kind)
end

local constructors = {} -- function -> kind

-- Says that a function is the constructor of a kind.
function node.register(constructor, kind) constructors[constructor] = kind end

-- The kind that a function is the constructor of, or nil.
function node.constructor(value) return constructors[value] end

local TYPES = { S = true, N = true, B = true }

-- "S", "N" or "B" when the value is that constructor itself: `partition_key = { PK = hlua.S }` declares a type. Else nil.
function node.marker(value)
  local kind = constructors[value]
  return TYPES[kind] and kind or nil
end

return node
