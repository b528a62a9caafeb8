-- The whole row by one function: map returns no item, one, or several, and hlua.to sends one to another table of the plan.
-- The tables declare their keys by type alone. JSON columns are tables here, their numbers exact.
local hlua = require "hlua"

local function event(row)
  return {
    PK = "KIND#" .. row.kind,
    SK = row.happened_at:format("%Y-%m-%dT%H:%M:%SZ") .. ("#%08d"):format(row.event_id),
    Id = row.event_id,
    Price = row.price,                            -- nil leaves the attribute out
    Digest = row.digest and hlua.B(row.digest),   -- a string is S, unless hlua.B says that it is bytes
    Payload = row.payload,
  }
end

return hlua.plan {
  name   = "example-map",
  source = hlua.postgres { uri = os.getenv "HLUA_SOURCE" },

  hlua.table {
    name = "events",
    from = "shop.events",
    to   = "example-map",
    partition_key = { PK = hlua.S },
    sort_key      = { SK = hlua.S },
    global_secondary_indexes = {
      hlua.index { "ById", partition_key = { Id = hlua.N }, projection = "KEYS_ONLY" },
    },
    map = function(row)
      if not row.digest then return nil end       -- no item: the row counts as filtered
      local item = event(row)
      if row.kind ~= "Sale" then return item end
      return item, hlua.to("sales", { Month = row.happened_at:format("%Y-%m"), Source = item.SK, Total = row.price })
    end,
  },

  hlua.table {                                    -- rows of its own, and what events sends
    name = "sales",
    from = "shop.orders",
    to   = "example-map-sales",
    partition_key = { Month = hlua.S },
    sort_key      = { Source = hlua.S },
    map = function(row)
      return { Month = row.placed_at:format("%Y-%m"), Source = "ORDER#" .. row.order_id, Total = row.total }
    end,
  },
}
