-- The bytecode of a function without the lines it stands on, which string.dump keeps even when it strips: so that a comment above a
-- function does not change what it is. The format is that of Lua 5.4 (ldump.c); another one is left as it is.
local bytecode = {}

local HEADER = 4 + 1 + 1 + 6 + 3 + 8 + 8 -- signature, version, format, data, sizes, an integer, a number
local INSTRUCTION = 4
local FLOAT, INTEGER, SHORT_STRING, LONG_STRING = 0x13, 0x03, 0x04, 0x14 -- tags of constants with something after them

local reader = {}
reader.__index = reader

-- Seven bits a byte, the highest first; the last byte has the eighth bit.
function reader:size()
  local n = 0
  repeat
    local byte = self.text:byte(self.at)
    self.at = self.at + 1
    n = n << 7 | byte & 0x7F
  until byte & 0x80 ~= 0
  return n
end

function reader:skip(n) self.at = self.at + n end

function reader:string()
  local n = self:size()
  if n > 0 then self:skip(n - 1) end
end

-- What was read since the last call is kept, but for the next two sizes.
function reader:drop_lines()
  self.parts[#self.parts + 1] = self.text:sub(self.kept, self.at - 1)
  self:size()
  self:size()
  self.kept = self.at
end

function reader:constant()
  local tag = self.text:byte(self.at)
  self:skip(1)
  if tag == FLOAT or tag == INTEGER then return self:skip(8) end
  if tag == SHORT_STRING or tag == LONG_STRING then return self:string() end
end

-- Calls `each` as many times as a size says.
function reader:list(each)
  for _ = 1, self:size() do each(self) end
end

local function instruction(self) self:skip(INSTRUCTION) end
local function upvalue(self) self:skip(3) end

function reader:proto()
  self:string() -- source: none in a stripped dump
  self:drop_lines()
  self:skip(3) -- parameters, varargs, stack
  self:list(instruction)
  self:list(self.constant)
  self:list(upvalue)
  self:list(self.proto)
  for _ = 1, 4 do self:size() end -- lines, absolute lines, locals, upvalues' names: none in a stripped dump
end

-- The bytes of a function written in Lua.
function bytecode.of(call)
  local text = string.dump(call, true)
  if text:byte(5) ~= 0x54 or string.packsize "jn" ~= 16 then return text end
  local self = setmetatable({ text = text, at = HEADER + 2, kept = 1, parts = {} }, reader) -- one byte counts upvalues
  self:proto()
  self.parts[#self.parts + 1] = text:sub(self.kept)
  assert(self.at == #text + 1, "a dumped function has an unknown form")
  return table.concat(self.parts)
end

return bytecode
