-- As fast as the hour allows: 200 write units a second while people are at work, 4,000 by night and at the weekend. The first
-- minute is slow in any case. And never more than two workers at the source.
local hlua = require "hlua"

local function at_work(clock)
  local weekend = clock.wday == 1 or clock.wday == 7
  return not weekend and clock.hour >= 7 and clock.hour < 20
end

return hlua.plan {
  name   = "example-pace",
  source = hlua.postgres { uri = os.getenv "HLUA_SOURCE" },

  write_units     = function(clock) return (at_work(clock) or clock.elapsed < 60) and 200 or 4000 end,
  max_source_load = { connections = 3, latency_ms = 20 },

  hlua.table {
    from = "shop.orders",
    to   = "example-pace",

    partition_key = { PK = "ORDER#{order_id}" },
    attributes    = { hlua.columns { only = { "currency", "placed_at" } } },
  },
}
