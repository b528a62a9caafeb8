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

-- How many columns a text takes: one a character of UTF-8 (bytes, where it is none).
function format.width(text) return utf8.len(text) or #text end

-- The text cut to at most `columns`, its end marked.
function format.cut(text, columns)
  local width = format.width(text)
  if width <= columns then return text end
  local mark = columns >= 4 and "..." or ""
  local keep = columns - #mark
  local last = utf8.len(text) and utf8.offset(text, keep + 1) - 1 or keep
  return text:sub(1, last) .. mark
end

-- The text cut in its middle: names of tables differ at their ends.
function format.cut_middle(text, columns)
  local width = format.width(text)
  if width <= columns or columns < 5 or not utf8.len(text) then return format.cut(text, columns) end
  local tail = (columns - 3) // 2
  local head = columns - 3 - tail
  return text:sub(1, utf8.offset(text, head + 1) - 1) .. "..." .. text:sub(utf8.offset(text, -tail))
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
