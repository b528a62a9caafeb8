-- What the tables of a plan say beside each other: names, and targets that several of them write to.
local definitions = require "hlua.definitions"
local target      = require "hlua.target"

-- Reports and the ledger tell tables apart by name.
local function check_names(tables, problems)
  local seen = {}
  for i, t in ipairs(tables) do
    local name = t.fields.name or t.fields.to
    if seen[name] then
      problems:add(t.at:field(t.fields.name and "name" or "to"), ("tables[%d] and tables[%d] have the same name, %s"):format(seen[name], i,
        problems.quote(name)), 'give each a name of its own: name = "..."; without one a table has its target\'s')
    end
    seen[name] = seen[name] or i
  end
end

local function check_shared_targets(tables, problems)
  local first = {}
  for i, t in ipairs(tables) do
    t.low = target.lower(t.fields, definitions.collect(t.fields, t.at), t.at)
    local other = first[t.low.name]
    local what, theirs, ours
    if other then what, theirs, ours = target.difference(tables[other].low, t.low) end
    if what then
      problems:add(t.at, ("tables[%d] and tables[%d] share the target %s and declare it differently: %s is %s in %s, and %s here"):format(
        other, i, problems.quote(t.low.name), what, theirs, tables[other].at:text(), ours),
        "tables that share a target declare its keys, indexes and settings alike; a key of an index that a table does not fill "
        .. "is declared by its type: { GSI1PK = hlua.S }")
    end
    first[t.low.name] = other or i
  end
end

return function(at, fields, problems)
  local tables = {}
  for i, table_node in ipairs(fields) do
    tables[i] = { fields = table_node.fields, at = at:field(i, ("tables[%d]"):format(i)):enter(table_node) }
  end
  check_names(tables, problems)
  check_shared_targets(tables, problems)
end
