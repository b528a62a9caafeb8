-- Several rows with one key: each customer's newest order stays, in whatever order the rows come.
local hlua = require "hlua"

return hlua.plan {
  name   = "example-greatest",
  source = hlua.postgres { uri = os.getenv "HLUA_SOURCE" },

  hlua.table {
    from = "shop.orders",
    to   = "example-greatest",

    partition_key = { PK = "LATEST#{customer_id}" },
    attributes    = { OrderId = hlua.column "order_id", PlacedAt = hlua.column "placed_at" },
    keep          = hlua.greatest "PlacedAt",
  },
}
