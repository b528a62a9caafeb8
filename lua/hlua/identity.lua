-- The plan's part of a run's identity: canonical lines "path = value", sorted. Two plans that write the same items have the
-- same lines, in whatever order they are written; two that do not differ in a line that names what changed.
--
-- In it: what is read, and what each row becomes and where. Not in it: addresses, secrets, pacing (max_rejects, units) and
-- settings of the table that change no item (tags, backups, streams, protection, class).
local values = require "hlua.values"

local function quote_list(list)
  local quoted = {}
  for i, text in ipairs(list) do quoted[i] = values.quote(text) end
  return table.concat(quoted, ", ")
end

-- A part of a path: quoted when it is not a plain word, so that no two paths look alike.
local function step(name) return name:find "^[%w_-]+$" and name or values.quote(name) end

local function key_text(keys)
  local texts = {}
  for i, key in ipairs(keys) do texts[i] = values.quote(key.name) .. " " .. (key.type or "of the column's type") end
  return #texts > 0 and table.concat(texts, ", ") or "none"
end

local function source_lines(put, t)
  put("from", t.from and values.quote(t.from))
  put("query", t.query and values.quote(t.query))
  put("key", #t.key > 0 and quote_list(t.key))
  put("where", t.where and values.quote(t.where))
  for _, expression in ipairs(t.expressions) do put("columns." .. step(expression.name), values.quote(expression.sql)) end
end

local function target_lines(put, target)
  put("to", values.quote(target.name))
  put("partition_key", key_text { target.partition })
  put("sort_key", key_text { target.sort })
  put("time_to_live", target.time_to_live and values.quote(target.time_to_live))
  for _, index in ipairs(target.indexes) do
    put("indexes." .. step(index.name), ("%s, partition key %s, sort key %s, projection %s%s"):format(
      index.is_local and "local" or "global", key_text(index.partition), key_text(index.sort), index.projection,
      #index.include > 0 and " " .. quote_list(index.include) or ""))
  end
end

local function mapping_lines(put, t)
  for _, attribute in ipairs(t.attributes) do
    local text = (attribute.value.type and attribute.value.type .. " " or "") .. values.text(attribute.value)
    if attribute.role == "index_key" then
      -- It is written only with its index's other keys: that is a part of what the item becomes.
      text = ("%s, a key of index %s"):format(text, values.quote(t.target.indexes[attribute.index + 1].name))
    end
    put("attributes." .. step(attribute.name), text)
  end
  if t.columns then
    put("columns_as_attributes", t.columns.only and "only " .. quote_list(t.columns.only)
      or #t.columns.except > 0 and "except " .. quote_list(t.columns.except) or "all")
    for _, rename in ipairs(t.columns.rename) do
      put("columns_as_attributes." .. step(rename.from), values.quote(rename.to))
    end
  end
  put("nulls", t.keep_nulls and "keep" or "absent")
  put("existing", t.existing)
end

-- The identity of a lowered plan: lines, each with a line feed at its end.
return function(plan)
  local lines = { "name = " .. values.quote(plan.name) }
  for _, t in ipairs(plan.tables) do
    local prefix = "tables." .. step(t.name) .. "."
    local function put(path, value)
      if value then lines[#lines + 1] = prefix .. path .. " = " .. value end
    end
    source_lines(put, t)
    target_lines(put, t.target)
    mapping_lines(put, t)
  end
  table.sort(lines)
  return table.concat(lines, "\n") .. "\n"
end
