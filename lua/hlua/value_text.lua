-- A value (hlua.values' normal form) in words, one line: for people, and as its canonical form.
local words = {}

-- A text in double quotes on one line; every distinct text has its own form.
function words.quote(text)
  return '"' .. text:gsub('[%c"\\]', function(c)
    if c == '"' or c == "\\" then return "\\" .. c end
    return ("\\x%02X"):format(c:byte())
  end) .. '"'
end

local quote = words.quote

function words.quote_list(list)
  local quoted = {}
  for i, text in ipairs(list) do quoted[i] = quote(text) end
  return table.concat(quoted, ", ")
end

-- What is added to a moment, in the largest unit that is exact.
local function span(seconds)
  if seconds % 86400 == 0 then return ("%d days"):format(seconds // 86400) end
  if seconds % 3600 == 0 then return ("%d hours"):format(seconds // 3600) end
  return ("%d seconds"):format(seconds)
end

-- Each is called with the value, what puts a value inside it into words, and what puts a function into words.
local texts = {}

function texts.template(low) return "template " .. quote(low.text) end

function texts.column(low, inner)
  local text = "column " .. quote(low.text)
  return low.fallback and ("%s, or where it is NULL %s"):format(text, inner(low.fallback)) or text
end

function texts.constant(low)
  return "constant " .. ((low.type == "N" or low.type == "BOOL") and low.text or quote(low.text))
end

function texts.json(low) return ("JSON of column %s, invalid: %s"):format(quote(low.text), low.invalid) end

function texts.epoch(low)
  local text = ("seconds since 1970 of column %s"):format(quote(low.text))
  if low.add ~= 0 then text = ("%s plus %s"):format(text, span(low.add)) end
  return low.expired_skip and text .. ", absent when over five years past" or text
end

texts["function"] = function(low, _, name)
  local text = "function " .. name(low.call)
  if not low.columns then return text .. " of the row" end
  return ("%s of %s %s"):format(text, #low.columns == 1 and "column" or "columns", words.quote_list(low.columns))
end

local function list_text(low, inner)
  local parts = {}
  for i, part in ipairs(low.parts) do
    parts[i] = (low.names and quote(low.names[i]) .. " = " or "") .. inner(part)
  end
  return ("%s (%s)"):format(low.kind, table.concat(parts, ", "))
end
texts.set, texts.list, texts.map = list_text, list_text, list_text

function texts.null() return "NULL" end

function texts.when(low, inner) return ("when column %s: %s"):format(quote(low.text), inner(low.inner)) end

-- Where a function stands, for people.
local function place_of(call)
  local info = debug.getinfo(call, "S")
  return ("at line %d"):format(info.linedefined)
end

-- For people.
function words.text(low) return texts[low.kind](low, words.text, place_of) end

-- The canonical form: values that are not the same have different ones. `name` gives each function its own text.
function words.canonical(low, name)
  local function inner(part)
    return (part.type and part.type .. " " or "") .. texts[part.kind](part, inner, name)
  end
  return inner(low)
end

return words
