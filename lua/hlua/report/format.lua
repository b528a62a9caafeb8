-- Numbers, sizes and times as people read them, and texts fitted into columns of a screen.
local format = {}

-- 1234567 -> 1,234,567. Fractions are rounded away.
function format.count(n)
  local sign, digits = ("%.0f"):format(n):match "^(-?)(%d+)$"
  if not digits then return "?" end
  local grouped = digits:reverse():gsub("(%d%d%d)", "%1,"):reverse():gsub("^,", "")
  return sign .. grouped
end

-- The same where there is little room: beyond six digits 1.23M, 12.3M, 1.23G.
function format.short(n)
  if n < 999999.5 then return format.count(n) end
  for _, unit in ipairs { { 1e12, "T" }, { 1e9, "G" }, { 1e6, "M" } } do
    local value = n / unit[1]
    if value >= 0.9995 then
      local places = value < 9.995 and 2 or value < 99.95 and 1 or 0
      return ("%." .. places .. "f%s"):format(value, unit[2])
    end
  end
  return "?"
end

-- "1 row", "2 rows".
function format.plural(n, one, many)
  return ("%s %s"):format(format.count(n), n == 1 and one or many or one .. "s")
end

-- Bytes in decimal units: 12.3 MB.
function format.bytes(n)
  local unit = "bytes"
  for _, larger in ipairs { "kB", "MB", "GB", "TB", "PB" } do
    if n < 999.95 then break end
    n, unit = n / 1000, larger
  end
  if unit == "bytes" then return format.plural(n, "byte") end
  return ("%.1f %s"):format(n, unit)
end

-- Seconds: 0.4 s, 12 s, 2m 05s, 3h 07m, 2d 04h.
function format.duration(seconds)
  if seconds < 9.95 then return ("%.1f s"):format(seconds) end
  local whole = math.floor(seconds + 0.5)
  if whole < 60 then return ("%d s"):format(whole) end
  if whole < 3600 then return ("%dm %02ds"):format(whole // 60, whole % 60) end
  if whole < 86400 then return ("%dh %02dm"):format(whole // 3600, whole % 3600 // 60) end
  return ("%dd %02dh"):format(whole // 86400, whole % 86400 // 3600)
end

-- 0..1 as a percentage that says 100 only when all is done.
function format.percent(done)
  if done >= 1 then return "100%" end
  return ("%d%%"):format(math.min(99, math.floor(math.max(0, done) * 100)))
end

-- Code points that take two columns of a terminal (Unicode's East Asian Width: W and F), and those that take none
-- (marks that combine with the character before them).
local WIDE = { 0x1100, 0x115F, 0x2E80, 0x303E, 0x3041, 0xA4CF, 0xA960, 0xA97C, 0xAC00, 0xD7A3, 0xF900, 0xFAFF,
  0xFE30, 0xFE6F, 0xFF01, 0xFF60, 0xFFE0, 0xFFE6, 0x1F300, 0x1F64F, 0x1F680, 0x1F6FF, 0x1F900, 0x1F9FF, 0x20000, 0x3FFFD }
local NONE = { 0x0300, 0x036F, 0x0483, 0x0489, 0x0591, 0x05BD, 0x064B, 0x065F, 0x1AB0, 0x1AFF, 0x1DC0, 0x1DFF,
  0x200B, 0x200F, 0x20D0, 0x20FF, 0xFE00, 0xFE0F, 0xFE20, 0xFE2F }

local function within(ranges, code)
  for i = 1, #ranges, 2 do
    if code < ranges[i] then return false end
    if code <= ranges[i + 1] then return true end
  end
  return false
end

local function columns_of(code) return within(NONE, code) and 0 or within(WIDE, code) and 2 or 1 end

-- How many columns a text takes (bytes, where it is no UTF-8).
function format.width(text)
  if not text:find "[\x80-\xFF]" or not utf8.len(text) then return #text end
  local columns = 0
  for _, code in utf8.codes(text) do columns = columns + columns_of(code) end
  return columns
end

-- As much of the text's beginning as fits.
local function head(text, columns)
  if not utf8.len(text) then return text:sub(1, math.max(columns, 0)) end
  for at, code in utf8.codes(text) do
    columns = columns - columns_of(code)
    if columns < 0 then return text:sub(1, at - 1) end
  end
  return text
end

-- As much of its end.
local function tail(text, columns)
  local at = #text + 1
  while at > 1 do
    local before = utf8.offset(text, -1, at)
    columns = columns - columns_of(utf8.codepoint(text, before))
    if columns < 0 then break end
    at = before
  end
  return text:sub(at)
end

-- The text cut to at most `columns`, its end marked.
function format.cut(text, columns)
  if format.width(text) <= columns then return text end
  local mark = columns >= 4 and "..." or ""
  return head(text, columns - #mark) .. mark
end

-- The text cut in its middle: names of tables differ at their ends.
function format.cut_middle(text, columns)
  if format.width(text) <= columns or columns < 5 or not utf8.len(text) then return format.cut(text, columns) end
  local last = (columns - 3) // 2
  return head(text, columns - 3 - last) .. "..." .. tail(text, last)
end

-- Cut and filled to exactly `columns`, to the left or to the right.
function format.left(text, columns)
  text = format.cut(text, columns)
  return text .. (" "):rep(columns - format.width(text))
end

function format.right(text, columns)
  text = format.cut(text, columns)
  return (" "):rep(columns - format.width(text)) .. text
end

-- Folds a text into lines of at most `columns`; words are not broken. Every line begins with `indent`.
function format.fold(text, columns, indent)
  indent = indent or ""
  local lines, line = {}, nil
  for word in text:gmatch "%S+" do
    if line and format.width(line) + 1 + format.width(word) > columns then
      lines[#lines + 1], line = line, nil
    end
    line = line and line .. " " .. word or indent .. word
  end
  lines[#lines + 1] = line
  return table.concat(lines, "\n")
end

-- A word as it can be typed into a shell.
function format.shell(text)
  if text ~= "" and not text:find "[^%w_@%%+=:,./-]" then return text end
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

-- Control characters made visible, so that data from outside cannot move the cursor.
function format.printable(text)
  return (text:gsub("%c", function(c)
    return c == "\n" and "\\n" or c == "\t" and "\\t" or c == "\r" and "\\r" or ("\\x%02X"):format(c:byte())
  end))
end

return format
