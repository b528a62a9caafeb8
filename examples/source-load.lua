-- A source that an application uses meanwhile: at most three connections, and slower reading while it answers late.
local hlua = require "hlua"

return hlua.plan {
  name   = "example-source-load",
  source = hlua.postgres { uri = os.getenv "HLUA_SOURCE" },

  max_source_load = { connections = 3, latency_ms = 20 },

  hlua.table {
    from = "shop.orders",
    to   = "example-source-load",

    partition_key = { PK = "ORDER#{order_id}" },
    attributes    = { hlua.columns { only = { "currency", "placed_at" } } },
  },
}
