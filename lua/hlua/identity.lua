-- The plan's part of a run's identity: canonical lines "path = value", sorted. Two plans that write the same items have the
-- same lines, in whatever order they are written; two that do not differ in a line that names what changed.
--
-- In it: what is read, and what each row becomes and where, functions and the modules they come from included. Not in it:
-- addresses, secrets, pacing (max_rejects, units, limits of functions) and settings of the table that change no item (tags, backups,
-- streams, protection, class).
local fingerprint = require "hlua.fingerprint"
local words       = require "hlua.value_text"

local identity = {}

-- The modules that the plan has required, as { name, digest of their source }: the host fills it while the plan loads.
identity.modules = {}

-- bytes -> hex, 64 characters. By default the host's.
identity.digest = nil

local quote, quote_list = words.quote, words.quote_list

local function digest(bytes)
  local core = package.loaded["hlua.core"]
  local make = identity.digest or type(core) == "table" and core.sha256
  if not make then error("there is no hlua.core to digest the plan's functions", 0) end
  return make(bytes)
end

local function function_digest(call) return digest(fingerprint.bytes(call)) end

-- A part of a path: quoted when it is not a plain word, so that no two paths look alike.
local function step(name) return name:find "^[%w_-]+$" and name or quote(name) end

local function key_text(keys)
  local texts = {}
  for i, key in ipairs(keys) do texts[i] = quote(key.name) .. " " .. (key.type or "of the column's type") end
  return #texts > 0 and table.concat(texts, ", ") or "none"
end

local function source_lines(put, t)
  put("from", t.from and quote(t.from))
  put("query", t.query and quote(t.query))
  put("key", #t.key > 0 and quote_list(t.key))
  put("where", t.where and quote(t.where))
  put("time_zone", t.time_zone and quote(t.time_zone))
  for _, expression in ipairs(t.expressions) do put("columns." .. step(expression.name), quote(expression.sql)) end
end

local function target_lines(put, target)
  put("to", quote(target.name))
  put("partition_key", key_text { target.partition })
  put("sort_key", key_text { target.sort })
  put("time_to_live", target.time_to_live and quote(target.time_to_live))
  for _, index in ipairs(target.indexes) do
    put("indexes." .. step(index.name), ("%s, partition key %s, sort key %s, projection %s%s"):format(
      index.is_local and "local" or "global", key_text(index.partition), key_text(index.sort), index.projection,
      #index.include > 0 and " " .. quote_list(index.include) or ""))
  end
end

-- What one item consists of: the table's own, or one of its items.
local function item_lines(put, t, item)
  for _, attribute in ipairs(item.attributes) do
    local text = words.canonical(attribute.value, function_digest)
    if attribute.role == "index_key" then
      -- It is written only with its index's other keys: that is a part of what the item becomes.
      text = ("%s, a key of index %s"):format(text, quote(t.target.indexes[attribute.index + 1].name))
    end
    put("attributes." .. step(attribute.name), text)
  end
  if item.columns then
    put("columns_as_attributes", item.columns.only and "only " .. quote_list(item.columns.only)
      or #item.columns.except > 0 and "except " .. quote_list(item.columns.except) or "all")
    for _, rename in ipairs(item.columns.rename) do
      put("columns_as_attributes." .. step(rename.from), quote(rename.to))
    end
  end
end

local function mapping_lines(put, plan, t)
  put("map", t.map >= 0 and "function " .. function_digest(plan.functions[t.map + 1]))
  item_lines(put, t, t)
  for i, item in ipairs(t.items) do
    local function put_item(path, value) put(("items[%d].%s"):format(i, path), value) end
    put_item("when", item.when and quote(item.when) or "always")
    item_lines(put_item, t, item)
  end
  put("nulls", t.keep_nulls and "keep" or "absent")
  put("empty_strings", t.empty_strings_absent and "absent")
  put("on_reject", t.on_reject >= 0 and "function " .. function_digest(plan.functions[t.on_reject + 1]))
end

local function policy_lines(put, t)
  put("existing", t.newer and "newer " .. quote(t.newer) or t.existing)
  put("keep", t.keep and "greatest " .. quote(t.keep))
  put("owns", #t.owns > 0 and quote_list(t.owns))
end

-- The identity of a lowered plan: lines, each with a line feed at its end.
function identity.text(plan)
  local lines = { "name = " .. quote(plan.name) }
  for _, module in ipairs(identity.modules) do
    lines[#lines + 1] = ("modules.%s = %s"):format(step(module.name), module.digest)
  end
  for _, t in ipairs(plan.tables) do
    local prefix = "tables." .. step(t.name) .. "."
    local function put(path, value)
      if value then lines[#lines + 1] = prefix .. path .. " = " .. value end
    end
    source_lines(put, t)
    target_lines(put, t.target)
    mapping_lines(put, plan, t)
    policy_lines(put, t)
  end
  table.sort(lines)
  return table.concat(lines, "\n") .. "\n"
end

return identity
