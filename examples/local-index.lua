-- A local secondary index: the table's partition key, another sort key. It has to be there when the table is created.
local hlua = require "hlua"

return hlua.plan {
  name   = "example-local-index",
  source = hlua.postgres { uri = os.getenv "HLUA_SOURCE" },

  hlua.table {
    from = "shop.orders",
    to   = "example-local-index",

    partition_key = { PK = "CUSTOMER#{customer_id}" },
    sort_key      = { SK = "ORDER#{order_id:%06d}" },

    local_secondary_indexes = {
      hlua.index { "ByTotal", sort_key = { Total = hlua.column "total" } },
    },

    attributes = { hlua.columns { only = { "placed_at", "is_open" } } },
  },
}
