-- Beside another writer: an item is written only where none is there, or one that is older by its UpdatedAt.
local hlua = require "hlua"

return hlua.plan {
  name   = "example-newer",
  source = hlua.postgres { uri = os.getenv "HLUA_SOURCE" },

  hlua.table {
    from = "shop.orders",
    to   = "example-newer",

    partition_key = { PK = "ORDER#{order_id}" },
    attributes    = { Total = hlua.column "total", UpdatedAt = hlua.column "placed_at" },
    existing      = hlua.newer "UpdatedAt",
  },
}
