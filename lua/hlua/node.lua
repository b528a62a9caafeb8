-- What a constructor makes: { kind, fields or arguments, where }, told apart from plain tables by its metatable.
-- `where` is hlua.place's { file, line }, or nil when the call left no line of its own (a tail call).
local node = {}

local meta = {
  __name = "hlua value",
  __tostring = function(self) return "hlua." .. self.kind end,
  -- A node is made once; what a script adds afterwards would be lost without a word.
  __newindex = function(self, key)
    error(("hlua.%s is made already: put %s into its constructor"):format(self.kind, tostring(key)), 2)
  end,
}

function node.new(object) return setmetatable(object, meta) end

-- True for what a constructor made; of that kind, when one is given.
function node.is(value, kind)
  return getmetatable(value) == meta and (kind == nil or value.kind == kind)
end

return node
