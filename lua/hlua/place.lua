-- Where a plan says what: the file and line of any field, for messages.
--
-- A constructor knows the line of its own call. The line of a field inside it is found by reading the script's tokens, when
-- a message needs it: not by running anything. A constructor that was tail-called (`return hlua.plan { ... }`) has no line;
-- its place is found from a constructor inside it.
--
-- A cursor says which field is meant: { path = text for people, owner = the innermost node with a known place,
-- steps = keys from that node to the field }.
local node = require "hlua.node"

local place = {}

local resting = false

-- From now on constructors have no place: the plan is loaded, and what they make are values of rows.
function place.rest() resting = true end
function place.wake() resting = false end

-- The place of the call of the constructor that calls this; nil when it has none.
function place.here()
  if resting or debug.getinfo(2, "t").istailcall then return nil end
  local caller = debug.getinfo(3, "Sl")
  if not caller or caller.source:sub(1, 1) ~= "@" or caller.currentline < 1 then return nil end
  return { file = caller.source:sub(2), line = caller.currentline }
end

-- Tokens of a Lua source -----------------------------------------------------------------------------------------------

local openers = { ["{"] = true, ["("] = true, ["["] = true, ["function"] = true, ["if"] = true, ["do"] = true,
  ["repeat"] = true }
local closers = { ["}"] = true, [")"] = true, ["]"] = true, ["end"] = true, ["until"] = true }

local function count_lines(text)
  local _, n = text:gsub("\n", "")
  return n
end

-- The end of a quoted string that begins at `at`; its raw text without the quotes.
local function quoted(source, at)
  local quote, i = source:sub(at, at), at + 1
  while i <= #source do
    local c = source:sub(i, i)
    if c == "\\" then
      i = i + 1
    elseif c == quote or c == "\n" then
      break
    end
    i = i + 1
  end
  return i, source:sub(at + 1, i - 1)
end

-- The end of a long bracket that begins at `at` ("[[" or "[=["), or nil when there is none.
local function long_bracket(source, at)
  local equals = source:match("^%[(=*)%[", at)
  if not equals then return nil end
  local _, last = source:find("]" .. equals .. "]", at, true)
  return last or #source, source:sub(at + #equals + 2, (last or #source) - #equals - 2)
end

-- Skips a comment at `at`; returns the place of its last character.
local function comment_end(source, at)
  local last = long_bracket(source, at + 2)
  return last or (source:find("\n", at, true) or #source + 1) - 1
end

-- A list of { text, line, string = true for a string's contents }.
function place.tokens(source)
  local tokens, line = {}, 1
  local i = source:sub(1, 1) == "#" and (source:find("\n", 1, true) or #source + 1) or 1
  local function push(last, text, is_string)
    tokens[#tokens + 1] = { text = text, line = line, string = is_string }
    line = line + count_lines(source:sub(i, last))
    i = last + 1
  end
  while i <= #source do
    local c = source:sub(i, i)
    local last, text
    if c:find "%s" then
      if c == "\n" then line = line + 1 end
      i = i + 1
    elseif source:sub(i, i + 1) == "--" then
      last = comment_end(source, i)
      line = line + count_lines(source:sub(i, last))
      i = last + 1
    elseif c == '"' or c == "'" then
      last, text = quoted(source, i)
      push(last, text, true)
    elseif long_bracket(source, i) then
      last, text = long_bracket(source, i)
      push(last, text, true)
    else
      text = source:match("^[%a_][%w_]*", i) or source:match("^%d[%w_.]*", i) or source:match("^[=~<>]=", i) or c
      push(i + #text - 1, text)
    end
  end
  return tokens
end

local cache = {} -- file -> tokens, or false when it cannot be read

local function tokens_of(file)
  if cache[file] == nil then
    local handle = io.open(file, "rb")
    local source = handle and handle:read "a"
    if handle then handle:close() end
    cache[file] = source and place.tokens(source) or false
  end
  return cache[file] or nil
end

-- Forgets the files read so far (a test or an interactive session may have changed them).
function place.forget() cache = {} end

-- The token that closes the bracket or block opened at token `at`.
local function closing(tokens, at)
  local depth = 0
  for i = at, #tokens do
    local token = tokens[i]
    if not token.string then
      if openers[token.text] then depth = depth + 1 end
      if closers[token.text] then
        depth = depth - 1
        if depth == 0 then return i end
      end
    end
  end
  return #tokens
end

-- The elements between two brackets: { key = name or position, line, first, last } over the tokens of each value.
local function elements(tokens, open, close)
  local list, position, i = {}, 0, open + 1
  while i < close do
    local first, last = i, i
    while last < close and not (not tokens[last].string and (tokens[last].text == "," or tokens[last].text == ";")) do
      if not tokens[last].string and openers[tokens[last].text] then last = closing(tokens, last) end
      last = last + 1
    end
    local function is(n, text) return n < last and not tokens[n].string and tokens[n].text == text end
    local element = { line = tokens[first].line, first = first, last = last - 1 }
    if is(first + 1, "=") then
      element.key, element.first = tokens[first].text, first + 2
    elseif is(first, "[") and is(first + 2, "]") and is(first + 3, "=") then
      element.key, element.first = tokens[first + 1].text, first + 4
    else
      position = position + 1
      element.key = position
    end
    list[#list + 1] = element
    i = last + 1
  end
  return list
end

-- The bracket that opens a value's contents ("{" of a table or a call), or nil when the value is a plain name or text.
local function opening(tokens, first, last)
  for i = first, last do
    local token = tokens[i]
    if not token.string then
      if token.text == "{" or token.text == "(" then return i end
      if not token.text:find "^[%a_.]" or openers[token.text] then return nil end
    end
  end
  return nil
end

-- The line of the field that `steps` lead to, from the bracket at `open`: as far as the script spells it out.
local function follow(tokens, open, steps)
  local line
  for _, step in ipairs(steps) do
    local found
    for _, element in ipairs(elements(tokens, open, closing(tokens, open))) do
      if element.key == step then found = element end
    end
    if not found then break end
    line = found.line
    open = opening(tokens, found.first, found.last)
    if not open then break end
  end
  return line
end

-- The bracket of the call of constructor `kind` at a line; nil when the script spells it otherwise.
local function call_at(tokens, kind, line)
  for i, token in ipairs(tokens) do
    if token.line == line and token.text == kind and not token.string then
      local after = tokens[i + 1]
      if after and not after.string and (after.text == "{" or after.text == "(") then return i + 1 end
    end
  end
  return nil
end

-- A constructor without a line of its own -------------------------------------------------------------------------------

-- The place of the first constructor inside a node, however deep.
local function known_inside(value, seen)
  if type(value) ~= "table" or seen[value] then return nil end
  seen[value] = true
  local inside = value
  if node.is(value) then
    if value.where then return value.where end
    inside = value.fields or value -- the arguments are in the node itself
    if type(inside) ~= "table" then return nil end
  end
  local best
  for _, child in next, inside do
    local where = known_inside(child, seen)
    if where and (not best or where.line < best.line) then best = where end
  end
  return best
end

-- Gives a root node that was tail-called the place of its call. `file` is the script, for a plan with nothing inside.
function place.settle(root, file)
  if root.where then return end
  local inside = known_inside(root, {})
  local from = inside and inside.file or file
  if not from then return end
  local where = { file = from }
  local tokens = tokens_of(from) or {}
  for i, token in ipairs(tokens) do
    local open = i + 1
    if token.text == root.kind and not token.string and tokens[open] and tokens[open].text:find "^[{(]$" then
      local encloses = not inside or (token.line <= inside.line and tokens[closing(tokens, open)].line >= inside.line)
      if encloses then where.line = token.line end
    end
  end
  rawset(root, "where", where)
end

-- Cursors ---------------------------------------------------------------------------------------------------------------

local cursor = {}
cursor.__index = cursor

-- A cursor at a root node; its path is empty.
function place.cursor(root)
  return setmetatable({ path = "", owner = root, steps = {} }, cursor)
end

local function path_step(path, key)
  if math.type(key) == "integer" then return ("%s[%d]"):format(path, key) end
  key = tostring(key)
  if not key:find "^[%a_][%w_]*$" then return ("%s[%q]"):format(path, #key > 60 and key:sub(1, 57) .. "..." or key) end
  return path == "" and key or path .. "." .. key
end

-- The cursor of a field, or with `path` of an element that people know under another path (a plan's tables).
function cursor:field(key, path)
  local steps = table.move(self.steps, 1, #self.steps, 1, {})
  steps[#steps + 1] = key
  return setmetatable({ path = path or path_step(self.path, key), owner = self.owner, steps = steps }, cursor)
end

-- The same path, seen from a node that stands there, when that node knows its place better.
function cursor:enter(inner)
  if not inner.where then return self end
  return setmetatable({ path = self.path, owner = inner, steps = {} }, cursor)
end

-- file, line of what the cursor points at; nil where unknown.
function cursor:locate()
  local where = self.owner.where
  if not where then return nil, nil end
  local line = where.line
  if line and #self.steps > 0 then
    local tokens = tokens_of(where.file)
    local open = tokens and call_at(tokens, self.owner.kind, line)
    line = open and follow(tokens, open, self.steps) or line
  end
  return where.file, line
end

-- The field as a message about another one names it: its path, and its place if that is known.
function cursor:text()
  local file, line = self:locate()
  return file and line and ("%s (%s:%d)"):format(self.path, file, line) or self.path
end

return place
