-- DynamoDB's numbers as decimal texts.
local numbers = {}

-- The most digits and the exponents of a DynamoDB number (API reference, AttributeValue: N).
local MOST_DIGITS, LEAST_EXPONENT, MOST_EXPONENT = 38, -130, 125

-- A number of Lua as decimal text, the shortest that reads back the same.
function numbers.text(n)
  if math.type(n) == "integer" then return ("%d"):format(n) end
  if n == 0 then return "0" end
  for digits = 15, 17 do
    local text = ("%." .. digits .. "g"):format(n)
    if tonumber(text) == n then return text end
  end
  return ("%.17g"):format(n)
end

-- The significant digits of a decimal text and the power of ten of the first one; nil when it is not a number.
local function parts(text)
  local mantissa, exponent = text:match "^-?([%d.]+)[eE]([+-]?%d+)$"
  if not mantissa then mantissa, exponent = text:match "^-?([%d.]+)$", "0" end
  if not mantissa or not (mantissa:find "^%d+$" or mantissa:find "^%d+%.%d+$") or #exponent > 6 then return nil end
  local whole, fraction = mantissa:match "^(%d*)%.?(%d*)$"
  local digits = (whole .. fraction):gsub("^0+", "")
  local magnitude = #digits - #fraction + math.tointeger(tonumber(exponent)) - 1
  return (digits:gsub("0+$", "")), magnitude
end

-- Why a text is no number that DynamoDB can hold; nil when it is one.
function numbers.problem(text)
  local digits, magnitude = parts(text)
  if not digits then return "is not a number" end
  if digits == "" then return nil end
  if #digits > MOST_DIGITS then return "has more than 38 significant digits" end
  if magnitude < LEAST_EXPONENT or magnitude > MOST_EXPONENT then return "is out of DynamoDB's range (1E-130 to 9.99E+125)" end
  return nil
end

-- One text for each number, however it is spelt: to compare, not to write.
function numbers.canonical(text)
  local digits, magnitude = parts(text)
  if digits == "" then return "0" end
  return ("%s%se%d"):format(text:sub(1, 1) == "-" and "-" or "", digits, magnitude)
end

return numbers
