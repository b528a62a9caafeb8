-- The order of names in pairs() and next, in the two states whose results `check` compares: rising in one, falling in the other. Lua's own
-- is another in each state, by chance: of two names it is the same every second time.
local raw_next, get_metatable, kind_of = next, debug.getmetatable, type

-- Keys that are no names stay in Lua's order, before the names.
local function keys_of(t, comes_before)
  local keys, names = {}, {}
  for key in raw_next, t do
    local to = kind_of(key) == "string" and names or keys
    to[#to + 1] = key
  end
  table.sort(names, comes_before)
  return table.move(names, 1, #names, #keys + 1, keys)
end

-- The way through a table is found when it begins, and stays while fields are cleared.
local function begin(t, comes_before)
  local way = { keys = keys_of(t, comes_before), at = {} }
  for i, key in ipairs(way.keys) do way.at[key] = i end
  return way
end

-- Where a name is that was cleared before a loop within the loop began another way; nil for what is no name.
local function where_it_was(way, name, comes_before)
  if kind_of(name) ~= "string" then return nil end
  for i, key in ipairs(way.keys) do
    if kind_of(key) == "string" and comes_before(name, key) then return i - 1 end
  end
  return #way.keys
end

local function ordered_next(comes_before)
  local ways = setmetatable({}, { __mode = "k" })
  return function(t, key)
    if kind_of(t) ~= "table" then
      error(("bad argument #1 to '%s' (table expected, got %s)"):format(debug.getinfo(1, "n").name or "next", kind_of(t)), 2)
    end
    if key == nil or not ways[t] then ways[t] = begin(t, comes_before) end
    local way = ways[t]
    local at = key == nil and 0 or way.at[key] or where_it_was(way, key, comes_before)
    if not at then return raw_next(t, key) end
    for i = at + 1, #way.keys do
      local value = rawget(t, way.keys[i])
      if value ~= nil then return way.keys[i], value end
    end
    return nil
  end
end

-- Replaces pairs and next for all that is called from now on. `direction` is "rising" or "falling".
return function(direction)
  local raw_pairs = pairs
  _G.next = ordered_next(direction == "falling" and function(a, b) return a > b end or function(a, b) return a < b end)
  function _G.pairs(...)
    local t = ...
    local meta = get_metatable(t)
    if select("#", ...) == 0 or (meta and rawget(meta, "__pairs") ~= nil) then return raw_pairs(...) end
    return _G.next, t, nil
  end
end
