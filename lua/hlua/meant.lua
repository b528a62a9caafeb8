-- What a name that is none may mean: a constructor under another name, a field of another constructor.
local schema  = require "hlua.schema"
local nearest = require "hlua.nearest"

local meant = {}

-- What people call a constructor who know other languages and databases.
local aliases = { number = "N", integer = "N", numeric = "N", string = "S", text = "S", template = "S", binary = "B", bytes = "B",
  boolean = "bool", list = "L", array = "L", map = "M", object = "M", ttl = "epoch", gsi = "index", lsi = "index" }

-- The constructor that is meant; nil when none is near.
function meant.constructor(name)
  local names = table.move(schema.names, 1, #schema.names, 1, {})
  for alias in pairs(aliases) do names[#names + 1] = alias end
  table.sort(names)
  local best = nearest.pick(name, names)
  return best and (aliases[best] or best)
end

-- All named fields of the constructors: a sorted list of names, and name -> its constructors as a script writes them.
local function all_fields()
  local names, owners = {}, {}
  for _, kind in ipairs(schema.names) do
    for _, name in ipairs(schema.field_names(schema.constructors[kind].fields or {})) do
      if not owners[name] then names[#names + 1] = name end
      owners[name] = (owners[name] and owners[name] .. ", " or "") .. "hlua." .. kind
    end
  end
  table.sort(names)
  return names, owners
end

-- A hint for a field that is none of `fields`: whose it is, or the nearest, here or elsewhere; or nil.
function meant.field(name, fields)
  local here = schema.field_names(fields)
  if type(name) ~= "string" then return nearest.hint(name, here) end
  local names, owners = all_fields()
  if owners[name] then return ("%s is a field of %s"):format(name, owners[name]) end
  local far = not nearest.pick(name, here) and nearest.pick(name, names)
  if far then return ('did you mean "%s"? it is a field of %s'):format(far, owners[far]) end
  return nearest.hint(name, here)
end

return meant
