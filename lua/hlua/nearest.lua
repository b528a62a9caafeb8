-- "Did you mean": the candidate that a misspelt name is nearest to.
local nearest = {}

-- The edit distance of two texts (insertions, deletions, changes and swaps of neighbours), case ignored.
function nearest.distance(a, b)
  a, b = a:lower(), b:lower()
  local rows = { [0] = {} }
  for j = 0, #b do rows[0][j] = j end
  for i = 1, #a do
    local row = { [0] = i }
    rows[i] = row
    for j = 1, #b do
      local same = a:byte(i) == b:byte(j)
      row[j] = math.min(rows[i - 1][j] + 1, row[j - 1] + 1, rows[i - 1][j - 1] + (same and 0 or 1))
      if i > 1 and j > 1 and a:byte(i) == b:byte(j - 1) and a:byte(i - 1) == b:byte(j) then
        row[j] = math.min(row[j], rows[i - 2][j - 2] + 1)
      end
    end
  end
  return rows[#a][#b]
end

-- How many letters two names share at their beginning and their end: it decides between two that are as near. "colums" has lost
-- a letter of "columns" rather than got a wrong one for "column".
local function shared(a, b)
  a, b = a:lower(), b:lower()
  local most, first, last = math.min(#a, #b), 0, 0
  while first < most and a:byte(first + 1) == b:byte(first + 1) do first = first + 1 end
  while last < most - first and a:byte(-last - 1) == b:byte(-last - 1) do last = last + 1 end
  return first + last
end

-- The nearest of a list of names, or nil when none is near enough to be what was meant. A name that begins with the other
-- counts as near: "index" for "indexes", "stream" for "stream_view_type".
function nearest.pick(name, candidates)
  if #name > 255 then return nil end -- no name of ours is that long, and the distance is quadratic
  local best, best_distance
  for _, candidate in ipairs(candidates) do
    local distance = nearest.distance(name, candidate)
    local limit = math.max(1, math.min(#name, #candidate) // 3)
    local prefix = #candidate >= 4 and name:lower():sub(1, #candidate) == candidate:lower()
    if prefix then distance = math.min(distance, limit) end
    if distance <= limit and (not best or distance < best_distance
      or distance == best_distance and shared(name, candidate) > shared(name, best)) then
      best, best_distance = candidate, distance
    end
  end
  return best
end

-- A hint for a name that is not one of the candidates: the nearest, or all of them when they are few; or nil.
function nearest.hint(name, candidates)
  local best = type(name) == "string" and nearest.pick(name, candidates)
  if best then return ('did you mean "%s"?'):format(best) end
  if #candidates > 0 and #candidates <= 8 then return "allowed here: " .. table.concat(candidates, ", ") end
  return nil
end

return nearest
