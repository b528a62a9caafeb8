-- From what a plan script returned to the form that C reads: check, lower, identity. Called by src/lua/plan_loader.c and by
-- the commands that explain a plan.
local validate = require "hlua.validate"
local lower    = require "hlua.lower"
local identity = require "hlua.identity"

local ERROR_TEXT = 1390 -- what struct error holds (src/base/error.h)

-- The script's name as the user gave it.
local function script()
  local given = rawget(_G, "arg")
  return type(given) == "table" and type(given[0]) == "string" and given[0] or nil
end

-- Returns the lowered plan (with `identity` and `warnings`), or nil, all errors as one text of at most `size` bytes, and a list of
-- them, each { text =, hint = }.
return function(value, size)
  local file = script()
  local problems, at = validate.check(value, file)
  local text = problems:text(size or ERROR_TEXT)
  if text then return nil, text, problems:list() end
  local low = lower(value, at)
  low.file = file or low.file
  low.identity = identity.text(low)
  low.warnings = problems:warning_list()
  return low
end
